-- Everything the coordinator owns. The search path names the schema.

-- One row a task. `state` is the core's state as compact JSON; what is large or never changes lies in
-- `payload`. No index covers a column that changes at every transition, so that updates stay HOT.
CREATE TABLE task (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    version bigint NOT NULL,
    status text NOT NULL,
    done boolean NOT NULL,
    waiting boolean NOT NULL,
    next_at timestamptz,
    state text NOT NULL,
    request text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX task_due ON task (next_at) WHERE NOT done AND next_at IS NOT NULL;
CREATE INDEX task_of_tenant ON task (tenant, id);
CREATE INDEX task_waiting ON task (tenant, id) WHERE waiting;
CREATE INDEX task_finished ON task (finished_at, id) WHERE done;

-- Submissions, plans, outputs, judgements, deliverables, effect requests and answers. Insert-only.
CREATE TABLE payload (
    task_id uuid NOT NULL,
    no integer NOT NULL,
    kind text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (task_id, no)
);

-- Outputs too large for a message, put here by workers and named by hash in a payload.
CREATE TABLE blob (
    task_id uuid NOT NULL,
    sha256 bytea NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (task_id, sha256)
);

-- One row a commit that told something; the relay's record of what the stream acknowledged.
CREATE TABLE outbox_batch (
    batch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    stream_created bigint,
    first_sequence bigint,
    last_sequence bigint
);
CREATE INDEX outbox_unacknowledged ON outbox_batch (created_at) WHERE last_sequence IS NULL;
CREATE INDEX outbox_recorded ON outbox_batch (stream_created, last_sequence);

-- Events of a task, numbered without gap. Insert-only.
CREATE TABLE event (
    task_id uuid NOT NULL,
    sequence bigint NOT NULL,
    batch bigint NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (task_id, sequence)
);
CREATE INDEX event_of_batch ON event (batch);

CREATE TABLE gate (
    id uuid PRIMARY KEY,
    task_id uuid NOT NULL,
    tenant text NOT NULL,
    kind text NOT NULL,
    step_key text,
    content_hash text NOT NULL,
    opened_at timestamptz NOT NULL,
    expires_at timestamptz,
    action text,
    actor text,
    decided_at timestamptz,
    feedback text
);
CREATE INDEX gate_open ON gate (tenant, opened_at, id) WHERE decided_at IS NULL;
CREATE INDEX gate_of_task ON gate (task_id);

-- The ledger: an outside effect has one row.
CREATE TABLE effect (
    job_id uuid NOT NULL,
    ordinal integer NOT NULL,
    task_id uuid NOT NULL,
    class text NOT NULL,
    state text NOT NULL,
    target text NOT NULL,
    run_id uuid NOT NULL,
    request_no integer NOT NULL,
    response_no integer,
    send_before timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, ordinal)
);
CREATE INDEX effect_open ON effect (task_id) WHERE state IN ('intended', 'sent', 'unknown');

CREATE TABLE cost (
    job_id uuid NOT NULL,
    run_id uuid NOT NULL,
    task_id uuid NOT NULL,
    usd_micros bigint,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    calls bigint NOT NULL,
    model text NOT NULL,
    estimated boolean NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (job_id, run_id)
);
CREATE INDEX cost_of_task ON cost (task_id);

-- Kept as long as the task.
CREATE TABLE idempotency (
    tenant text NOT NULL,
    key text NOT NULL,
    body_hash text NOT NULL,
    task_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, key)
);

CREATE TABLE tool (
    tool_id text PRIMARY KEY,
    spec text NOT NULL,
    version_hash text NOT NULL,
    source text NOT NULL,
    state text NOT NULL,
    announced_by text NOT NULL,
    announced_at timestamptz NOT NULL
);

CREATE TABLE channel (
    name text PRIMARY KEY,
    kind text NOT NULL,
    effects text NOT NULL,
    announced_at timestamptz NOT NULL
);

-- Who serves what; silent for 15 s means gone.
CREATE TABLE beat (
    worker_id text NOT NULL,
    kind text NOT NULL,
    pool text NOT NULL,
    slots integer NOT NULL,
    free_slots integer NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (worker_id, kind, pool)
);
CREATE TABLE coordinator_beat (
    instance text PRIMARY KEY,
    at timestamptz NOT NULL
);
-- Who reads which lane of results. Correctness never depends on it.
CREATE TABLE lane (
    lane integer PRIMARY KEY,
    owner text NOT NULL,
    until timestamptz NOT NULL
);

-- Inputs that could not be processed.
CREATE TABLE quarantine (
    hash text PRIMARY KEY,
    task_id uuid,
    reason text NOT NULL,
    input text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
