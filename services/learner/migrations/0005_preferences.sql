-- What people state to prefer and what their tasks show of it. Append-only: what holds at a time is decided from these
-- rows alone. A statement is taken back by a later one without a value.
CREATE TABLE learner.preference_statement (
    statement_id uuid PRIMARY KEY,
    tenant       text NOT NULL,
    -- user, team or tenant.
    scope        text NOT NULL,
    -- The user or the team; empty: the tenant.
    subject      text NOT NULL,
    key          text NOT NULL,
    -- JSON; null: taken back.
    value        text,
    -- explicit, edit, rating or behaviour.
    source       text NOT NULL,
    -- It speaks against the value.
    against      boolean NOT NULL DEFAULT false,
    weight       double precision NOT NULL DEFAULT 1,
    -- From when on it counts.
    valid_at     timestamptz NOT NULL,
    -- Since when it is known here.
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The task that shows it; null: somebody stated it.
    task_id      uuid,
    -- What of the task shows it: request, edit, decision, or a feedback's id.
    origin       text,
    -- Who stated what is not their own.
    actor        text NOT NULL DEFAULT ''
);
-- A task is told of again and again, and teaches once.
CREATE UNIQUE INDEX preference_shown_once ON learner.preference_statement (task_id, origin, subject, key)
    WHERE task_id IS NOT NULL;
CREATE INDEX preference_stated ON learner.preference_statement (tenant, scope, subject, key, valid_at DESC)
    WHERE source = 'explicit';
CREATE INDEX preference_shown ON learner.preference_statement (tenant, subject, valid_at DESC)
    WHERE source <> 'explicit';
CREATE INDEX preference_shown_in_tenant ON learner.preference_statement (tenant, valid_at DESC)
    WHERE source <> 'explicit';

-- What a planning was told of preferences, the last time it asked.
CREATE TABLE learner.preference_offer (
    task_id    uuid NOT NULL,
    key        text NOT NULL,
    tenant     text NOT NULL,
    -- JSON.
    value      text NOT NULL,
    scope      text NOT NULL,
    subject    text NOT NULL,
    source     text NOT NULL,
    strength   double precision NOT NULL,
    offered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (task_id, key)
);

-- What became of it, told by the plan that was executed and by what came out.
CREATE TABLE learner.preference_use (
    task_id     uuid NOT NULL,
    key         text NOT NULL,
    tenant      text NOT NULL,
    value       text NOT NULL,
    scope       text NOT NULL,
    subject     text NOT NULL,
    source      text NOT NULL,
    -- applied, violated or unclear.
    outcome     text NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (task_id, key)
);
CREATE INDEX preference_use_by_subject ON learner.preference_use (tenant, scope, subject, key) INCLUDE (outcome);

-- What was learned of patterns is learned again without a change; what these tasks show of preferences is new.
UPDATE learner.record SET studied = false WHERE task_id IN (SELECT task_id FROM learner.evidence);

-- Users whose data was deleted: what they began before is not kept again. Hashes alone.
CREATE TABLE learner.erased_user (
    tenant       text NOT NULL,
    user_hash    bytea NOT NULL,
    erased_at    timestamptz NOT NULL,
    -- Exports completed since then may have records of theirs and are still to be dropped; null: none.
    exports_from timestamptz,
    PRIMARY KEY (tenant, user_hash)
);
-- Tasks of theirs, so that no catch-up asks for them again.
CREATE TABLE learner.erased_task (
    task_hash bytea PRIMARY KEY
);

-- Who asked for the task; empty: not known; null: not read yet, as of rows from before, and of those that a learner from
-- before writes still. They are read when they are studied, or when somebody is erased.
ALTER TABLE learner.record ADD COLUMN author text;
CREATE INDEX record_by_author ON learner.record (tenant, author);
CREATE INDEX record_without_author ON learner.record (finished_at, task_id) WHERE author IS NULL;
