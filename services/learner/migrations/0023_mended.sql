-- Exports that may have something of an erased user: those asked for until here, by the database's clock. What is asked for
-- later reads what is left.
ALTER TABLE learner.erased_user ADD COLUMN exports_until timestamptz;
UPDATE learner.erased_user SET exports_until = clock_timestamp() WHERE exports_from IS NOT NULL;
CREATE INDEX erased_user_with_exports ON learner.erased_user (tenant) WHERE exports_from IS NOT NULL;

CREATE FUNCTION learner.is_to_be_dropped(e learner.export) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM learner.erased_user u WHERE u.tenant = e.tenant AND u.exports_from IS NOT NULL
           AND e.created_at <= u.exports_until AND (e.finished_at IS NULL OR e.finished_at >= u.exports_from)
    )
$$;

-- What was left out before counts too: tasks that were given up, and plans too large to be shown.
UPDATE learner.record r SET studied = false
WHERE NOT EXISTS (SELECT FROM learner.evidence e WHERE e.task_id = r.task_id)
  AND (status = 'cancelled' OR EXISTS (SELECT FROM learner.offer o WHERE o.task_id = r.task_id));

-- Comparing reads a tenant's latest tasks, and what nobody read yet, whatever there was before.
CREATE INDEX evidence_by_end ON learner.evidence (tenant, finished_at DESC, task_id);
ALTER TABLE learner.evidence ADD COLUMN features_read boolean NOT NULL DEFAULT false;
UPDATE learner.evidence e SET features_read = true WHERE EXISTS (SELECT FROM learner.task_feature f WHERE f.task_id = e.task_id);
CREATE INDEX evidence_features_unread ON learner.evidence (task_id) WHERE NOT features_read;
-- Counts what was noted of a tenant; up to where its tasks are compared.
ALTER TABLE learner.issue_tenant
    ADD COLUMN news      bigint NOT NULL DEFAULT 1,
    ADD COLUMN compared  bigint NOT NULL DEFAULT 0,
    -- When somebody began to compare, whatever came of it.
    ADD COLUMN looked_at timestamptz;
CREATE INDEX issue_tenant_uncompared ON learner.issue_tenant (looked_at) WHERE compared < news;

-- Who wrote something where they decided about a task, by a hash of the name, as erased users are known.
CREATE TABLE learner.gate_words (
    task_id uuid NOT NULL REFERENCES learner.record ON DELETE CASCADE,
    tenant  text NOT NULL,
    said_by bytea NOT NULL,
    PRIMARY KEY (task_id, said_by)
);
CREATE INDEX gate_words_by_person ON learner.gate_words (tenant, said_by);
-- Read once more; with what somebody else than a person wrote, some too many.
UPDATE learner.record SET author = NULL WHERE record ~ '"feedback":"[^"]';
-- Null: nobody's words, or those of nobody any more.
ALTER TABLE learner.issue_sighting ADD COLUMN said_by bytea;
CREATE INDEX issue_sighting_by_person ON learner.issue_sighting (tenant, said_by) WHERE said_by IS NOT NULL;
UPDATE learner.evidence SET issues_read = false WHERE task_id IN (SELECT task_id FROM learner.issue_sighting WHERE source = 'human');
UPDATE learner.issue_offer SET is_read = false WHERE task_id IN (SELECT task_id FROM learner.issue_sighting WHERE source = 'human');
DELETE FROM learner.issue_sighting WHERE source = 'human';

-- What is pinned is looked through whatever else there is.
CREATE INDEX pattern_pinned ON learner.pattern (tenant, pattern_id) WHERE pinned AND template IS NOT NULL;
