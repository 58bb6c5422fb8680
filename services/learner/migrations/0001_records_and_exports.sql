-- The raw record of every finished task, as the coordinator gave it.
CREATE TABLE learner.record (
    task_id     uuid PRIMARY KEY,
    tenant      text NOT NULL,
    -- completed, rejected, failed or cancelled.
    status      text NOT NULL,
    -- Overall score, 0-1; null: never judged.
    quality     double precision,
    -- Whether it reached the task's own threshold; null: never judged.
    passed      boolean,
    finished_at timestamptz NOT NULL,
    ingested_at timestamptz NOT NULL DEFAULT now(),
    -- JSON; text, since it is only ever read whole and must keep its bytes.
    record      text NOT NULL
);
CREATE INDEX record_by_end ON learner.record (tenant, finished_at, task_id) INCLUDE (quality, passed);

-- Tasks whose record could not be had or read. Tried again, more and more rarely.
CREATE TABLE learner.set_aside (
    task_id  uuid PRIMARY KEY,
    reason   text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    retry_at timestamptz NOT NULL
);

-- Where the catch-up stands in the coordinator's list of finished tasks: one row.
CREATE TABLE learner.catch_up (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- Where the next run begins: the end of the run before the last. The overlap covers tasks whose
    -- transaction committed after a later-ended one had been listed.
    begins_at  text NOT NULL,
    -- The end of the last run.
    reached    text NOT NULL,
    ran_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE learner.export (
    export_id   uuid PRIMARY KEY,
    tenant      text NOT NULL,
    -- running, completed or failed.
    state       text NOT NULL DEFAULT 'running',
    -- JSON, normalised.
    options     text NOT NULL,
    -- JSON; null until completed.
    result      text,
    -- Null unless failed.
    error       text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX export_running ON learner.export (created_at) WHERE state = 'running';

-- The bytes of a completed export, in pieces.
CREATE TABLE learner.export_chunk (
    export_id uuid NOT NULL REFERENCES learner.export ON DELETE CASCADE,
    no        integer NOT NULL,
    bytes     bytea NOT NULL,
    PRIMARY KEY (export_id, no)
);
