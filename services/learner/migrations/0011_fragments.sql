-- Parts of plans, learned like whole plans.
ALTER TABLE learner.pattern ADD COLUMN kind text NOT NULL DEFAULT 'plan' CHECK (kind IN ('plan', 'fragment'));

-- The parts of the plan that a task ran, each form once. What came of the task is said by its evidence, and repeated here.
CREATE TABLE learner.fragment (
    task_id     uuid NOT NULL,
    form        uuid NOT NULL,
    -- It succeeded, and that was not withdrawn.
    good        boolean NOT NULL,
    quality     double precision,
    finished_at timestamptz NOT NULL,
    -- What tells for and against the part, counted below: kinds, and of each what.
    kinds       smallint[] NOT NULL,
    signs       uuid[] NOT NULL,
    PRIMARY KEY (task_id, form)
);
CREATE INDEX fragment_by_form ON learner.fragment (form, finished_at DESC, task_id);

-- Of the good tasks that ran a part, how many have a sign: another intent, another user, a larger part or plan that it is
-- within. Derived from fragment.
CREATE TABLE learner.fragment_sign (
    form uuid NOT NULL,
    -- 1 intent, 2 user, 3 within something larger, 4 it is the whole plan.
    kind smallint NOT NULL,
    sign uuid NOT NULL,
    good bigint NOT NULL,
    PRIMARY KEY (form, kind, sign)
);
CREATE INDEX fragment_sign_by_good ON learner.fragment_sign (form, kind, good DESC);

-- Tasks whose evidence no longer says what their parts do: a learner of before changes the one without the other. They are
-- put right by a study.
CREATE TABLE learner.fragment_stale (
    task_id uuid PRIMARY KEY
);
CREATE FUNCTION learner.note_stale_fragments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO learner.fragment_stale
    SELECT OLD.task_id WHERE EXISTS (SELECT FROM learner.fragment f WHERE f.task_id = OLD.task_id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER evidence_withdrawn AFTER UPDATE OF withdrawn ON learner.evidence
    FOR EACH ROW WHEN (OLD.withdrawn IS DISTINCT FROM NEW.withdrawn) EXECUTE FUNCTION learner.note_stale_fragments();
CREATE TRIGGER evidence_erased AFTER DELETE ON learner.evidence
    FOR EACH ROW EXECUTE FUNCTION learner.note_stale_fragments();

-- Successes here that speak for what a planner would be shown. A part that was imported keeps a stranger's words until it is
-- shown as a task did it, which takes more than one success.
CREATE FUNCTION learner.own_successes(kind text, exemplar uuid, evidence bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN kind = 'fragment' AND exemplar IS NULL THEN 0 ELSE evidence END
$$;

-- Whether the parts of a record's plan are known. False: an earlier version kept it; it is read once more.
ALTER TABLE learner.record ADD COLUMN mined boolean NOT NULL DEFAULT false;
CREATE INDEX record_unmined ON learner.record (finished_at, task_id) WHERE NOT mined;

-- What tasks ran, whole plans and parts of them, and what came of it.
CREATE VIEW learner.ran AS
    SELECT form, task_id, succeeded AND NOT withdrawn AS good, quality, finished_at FROM learner.evidence
    UNION ALL
    SELECT form, task_id, good, quality, finished_at FROM learner.fragment;

CREATE OR REPLACE FUNCTION learner.plays(pattern uuid, of_form uuid, since timestamptz, most integer)
RETURNS TABLE (finished_at timestamptz, task_id uuid, good boolean) LANGUAGE sql STABLE AS $$
    SELECT * FROM (
        (SELECT r.finished_at, r.task_id, r.good FROM learner.ran r
         WHERE r.form = of_form AND r.finished_at > since ORDER BY r.finished_at DESC, r.task_id LIMIT most)
        UNION
        -- Evidence says whether it went well: a learner of before leaves that out of what became of an offer.
        (SELECT u.finished_at, u.task_id, coalesce(e.succeeded AND NOT e.withdrawn, u.succeeded) FROM learner.pattern_use u
         LEFT JOIN learner.evidence e ON e.task_id = u.task_id
         WHERE u.pattern_id = pattern AND u.decision IN ('adopted', 'adapted') AND u.finished_at > since
         ORDER BY u.finished_at DESC, u.task_id LIMIT most)
    ) AS played
    ORDER BY 1 DESC, 2 LIMIT most
$$;

-- What an import of patterns answered, under its idempotency key.
CREATE TABLE learner.pattern_import (
    tenant          text NOT NULL,
    idempotency_key text NOT NULL,
    -- Of the lines, to tell a replay from something else under the same key.
    body_hash       text NOT NULL,
    -- JSON.
    answer          text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, idempotency_key)
);
