-- Jobs that train models at providers with exports.

-- A byte for each line that ends in the piece: 0 train, 1 validation, 2 test. Null: a file without lines, or of before.
ALTER TABLE learner.export_chunk ADD COLUMN parts bytea;

CREATE TABLE learner.fine_tune (
    fine_tune_id    uuid PRIMARY KEY,
    tenant          text NOT NULL,
    export_id       uuid NOT NULL,
    -- When the export was completed: whose user is erased later has what was exported since their first record withdrawn.
    exported_at     timestamptz NOT NULL,
    provider        text NOT NULL,
    model_name      text NOT NULL,
    -- JSON, as asked for.
    wanted          text NOT NULL,
    -- JSON: what there is to train with, and what it is expected to cost.
    examples        text NOT NULL,
    state           text NOT NULL,
    -- Why it is in that state, where there is more to say.
    reason          text,
    -- JSON: what the provider has, and what it said last.
    course          text NOT NULL,
    -- What came of it.
    model_id        uuid,
    cancel_asked_at timestamptz,
    -- The export has, or may have, records of a user who was erased.
    withdrawn_at    timestamptz,
    created_at      timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    deadline_at     timestamptz NOT NULL,
    -- There is something to do; after the end too, until the provider's files are gone.
    is_open         boolean NOT NULL DEFAULT true,
    next_at         timestamptz NOT NULL DEFAULT now(),
    -- Tries in a row that led nowhere.
    failures        integer NOT NULL DEFAULT 0,
    -- Whoever does something has taken a turn, and writes only while it is theirs.
    turn            bigint NOT NULL DEFAULT 0,
    lease_until     timestamptz
);
CREATE INDEX fine_tune_of_tenant ON learner.fine_tune (tenant, created_at DESC, fine_tune_id DESC);
CREATE INDEX fine_tune_due ON learner.fine_tune (next_at) WHERE is_open;
CREATE INDEX fine_tune_of_model ON learner.fine_tune (model_id) WHERE model_id IS NOT NULL;
