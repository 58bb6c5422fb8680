-- What of a record figures are made of. False: written before there were figures; to be read once more.
ALTER TABLE learner.record
    ADD COLUMN studied     boolean NOT NULL DEFAULT false,
    -- Repair rounds used.
    ADD COLUMN refinements integer,
    -- What the task cost, US dollars; null: unknown.
    ADD COLUMN usd         double precision,
    -- It once needed a human's attention.
    ADD COLUMN escalated   boolean,
    -- A human decided otherwise than the score; null: no human decided about the result.
    ADD COLUMN overridden  boolean;
DROP INDEX learner.record_by_end;
CREATE INDEX record_by_end ON learner.record (tenant, finished_at, task_id)
    INCLUDE (quality, passed, status, refinements, usd, escalated, overridden);
CREATE INDEX record_unstudied ON learner.record (finished_at, task_id) WHERE NOT studied;

-- What people said of a task, during it and after. Append-only.
CREATE TABLE learner.feedback (
    feedback_id     uuid PRIMARY KEY,
    tenant          text NOT NULL,
    task_id         uuid NOT NULL,
    -- 1-5.
    rating          smallint,
    comment         text,
    -- The quality dimension it is about; null: the whole.
    dimension       text,
    -- The step it is about; null: the whole.
    step_id         text,
    actor           text NOT NULL,
    created_at      timestamptz NOT NULL,
    idempotency_key text,
    -- Of what was said, to tell a replay from something else under the same key.
    body_hash       text NOT NULL
);
CREATE UNIQUE INDEX feedback_by_key ON learner.feedback (tenant, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX feedback_by_task ON learner.feedback (task_id, created_at);

-- Whether people dislike a task's result: the last rating somebody gave for some part of it is 1 or 2.
CREATE FUNCTION learner.is_disliked(task uuid, owner text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM (
            SELECT DISTINCT ON (actor, dimension, step_id) rating FROM learner.feedback
            WHERE task_id = $1 AND tenant = $2 AND rating IS NOT NULL
            ORDER BY actor, dimension, step_id, created_at DESC, feedback_id DESC
        ) AS last WHERE rating <= 2
    )
$$;

-- One row for each ended task that ran a plan worth learning from, good or bad. The truth about patterns.
CREATE TABLE learner.evidence (
    task_id     uuid PRIMARY KEY,
    tenant      text NOT NULL,
    -- Hash of tenant, form of the plan and cluster of the intent.
    form        uuid NOT NULL,
    -- Approved, and of verified quality.
    succeeded   boolean NOT NULL,
    -- People dislike it: no success, whatever was thought before.
    withdrawn   boolean NOT NULL,
    quality     double precision,
    finished_at timestamptz NOT NULL
);
CREATE INDEX evidence_by_form ON learner.evidence (form, finished_at DESC, task_id);

-- What plans of one form for one kind of intent came to. A pattern once there was a success.
CREATE TABLE learner.pattern (
    pattern_id      uuid PRIMARY KEY,
    form            uuid NOT NULL UNIQUE,
    tenant          text NOT NULL,
    -- The success that ended first; what follows is of its plan. Null: there was none.
    exemplar        uuid,
    exemplar_at     timestamptz,
    intent          text,
    -- What it is searched by.
    subject         text,
    search          tsvector GENERATED ALWAYS AS (to_tsvector('english', subject)) STORED,
    -- JSON: the plan, slots in place of values.
    template        text,
    -- JSON.
    slots           text,
    tools           text[],
    -- Derived from evidence.
    tasks           bigint NOT NULL DEFAULT 0,
    evidence        bigint NOT NULL DEFAULT 0,
    judged          bigint NOT NULL DEFAULT 0,
    quality_sum     double precision NOT NULL DEFAULT 0,
    quality_squares double precision NOT NULL DEFAULT 0,
    first_at        timestamptz,
    last_at         timestamptz,
    -- Derived from pattern_use.
    offered         bigint NOT NULL DEFAULT 0,
    adopted         bigint NOT NULL DEFAULT 0,
    adapted         bigint NOT NULL DEFAULT 0,
    refused         bigint NOT NULL DEFAULT 0
);
CREATE INDEX pattern_by_tenant ON learner.pattern (tenant, pattern_id) WHERE exemplar IS NOT NULL;
CREATE INDEX pattern_search ON learner.pattern USING gin (search);

-- What a planning was offered, once a task; or what was withheld from it, so that others can be compared with it.
CREATE TABLE learner.offer (
    task_id    uuid NOT NULL,
    pattern_id uuid NOT NULL,
    -- From 1, the best first.
    place      smallint NOT NULL,
    withheld   boolean NOT NULL,
    offered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (task_id, pattern_id)
);

-- What became of an offer, told by the plan that was executed.
CREATE TABLE learner.pattern_use (
    task_id     uuid NOT NULL,
    pattern_id  uuid NOT NULL,
    tenant      text NOT NULL,
    -- adopted, adapted, refused or withheld.
    decision    text NOT NULL,
    -- 0-1, of the pattern's plan and the executed one.
    similarity  double precision NOT NULL,
    quality     double precision,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (task_id, pattern_id)
);
CREATE INDEX pattern_use_by_pattern ON learner.pattern_use (pattern_id) INCLUDE (decision, quality);
CREATE INDEX pattern_use_by_end ON learner.pattern_use (tenant, finished_at) INCLUDE (task_id, decision);

-- How alike two texts are by their letters, 0-1, where the server has pg_trgm; else always 0.
DO $$
DECLARE home name;
BEGIN
    BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA learner;
    EXCEPTION WHEN OTHERS THEN
        RAISE NOTICE 'pg_trgm is not available: %', SQLERRM;
    END;
    SELECT nspname INTO home FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_trgm';
    IF home IS NULL THEN
        CREATE FUNCTION learner.alike(text, text) RETURNS real LANGUAGE sql IMMUTABLE AS 'SELECT 0::real';
    ELSE
        EXECUTE format('CREATE FUNCTION learner.alike(text, text) RETURNS real LANGUAGE sql IMMUTABLE AS %L',
                       format('SELECT %I.similarity($1, $2)', home));
    END IF;
END $$;
