-- The lots drawn for the task favoured a plan from scratch.
ALTER TABLE learner.offer ADD COLUMN passed boolean NOT NULL DEFAULT false;

-- Decisions are adopted, adapted, refused, withheld, or passed: lots favoured a plan from scratch.
ALTER TABLE learner.pattern_use
    -- Whether the task went well; a task that never had a plan did not.
    ADD COLUMN succeeded boolean NOT NULL DEFAULT false;
UPDATE learner.pattern_use u SET succeeded = e.succeeded AND NOT e.withdrawn
FROM learner.evidence e WHERE e.task_id = u.task_id;
DROP INDEX learner.pattern_use_withheld;
DROP INDEX learner.pattern_use_by_pattern;
CREATE INDEX pattern_use_by_pattern ON learner.pattern_use (pattern_id, finished_at DESC, task_id)
    INCLUDE (decision, succeeded, quality);
CREATE INDEX pattern_use_by_scratch ON learner.pattern_use (pattern_id, finished_at DESC, task_id)
    INCLUDE (succeeded, quality) WHERE decision IN ('withheld', 'passed');
CREATE INDEX pattern_use_by_play ON learner.pattern_use (pattern_id, finished_at DESC, task_id)
    INCLUDE (succeeded) WHERE decision IN ('adopted', 'adapted');
DROP INDEX learner.pattern_use_by_end;
CREATE INDEX pattern_use_by_end ON learner.pattern_use (tenant, finished_at) INCLUDE (task_id, decision, succeeded);
DROP INDEX learner.pattern_by_tenant;
CREATE INDEX pattern_by_tenant ON learner.pattern (tenant, pattern_id) WHERE template IS NOT NULL;

ALTER TABLE learner.pattern
    -- candidate, trial, active, demoted or retired.
    ADD COLUMN state            text NOT NULL DEFAULT 'candidate',
    -- People's word: at least this state.
    ADD COLUMN vouched          text,
    -- Always offered, never demoted.
    ADD COLUMN pinned           boolean NOT NULL DEFAULT false,
    ADD COLUMN note             text,
    ADD COLUMN demotions        integer NOT NULL DEFAULT 0,
    -- Tasks up to this one do not count towards a demotion any more.
    ADD COLUMN counts_after     timestamptz NOT NULL DEFAULT '-infinity',
    -- Derived from pattern_use: of the tasks offered it those that went well; those it was withheld from.
    ADD COLUMN offered_went_well  bigint NOT NULL DEFAULT 0,
    ADD COLUMN withheld           bigint NOT NULL DEFAULT 0,
    ADD COLUMN withheld_went_well bigint NOT NULL DEFAULT 0,
    -- The run of tasks that tells for another state: its sum, since when it is above 0, and how many tasks of it went well.
    ADD COLUMN run_sum          double precision NOT NULL DEFAULT 0,
    ADD COLUMN run_since        timestamptz,
    ADD COLUMN run_good         bigint NOT NULL DEFAULT 0,
    ADD COLUMN run_tasks        bigint NOT NULL DEFAULT 0,
    -- The last task that was counted: each counts once.
    ADD COLUMN counted_at       timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN counted_task     uuid,
    -- JSON of what was imported; null: learned here.
    ADD COLUMN imported         text;

UPDATE learner.pattern p SET offered_went_well = n.offered_went_well, withheld = n.withheld,
       withheld_went_well = n.withheld_went_well
FROM (
    SELECT pattern_id, count(*) FILTER (WHERE decision NOT IN ('withheld', 'passed') AND succeeded) AS offered_went_well,
           count(*) FILTER (WHERE decision = 'withheld') AS withheld,
           count(*) FILTER (WHERE decision = 'withheld' AND succeeded) AS withheld_went_well
    FROM learner.pattern_use GROUP BY pattern_id
) AS n
WHERE p.pattern_id = n.pattern_id;

-- Every state a pattern came to. Append-only.
CREATE TABLE learner.pattern_change (
    change_id  uuid PRIMARY KEY,
    pattern_id uuid NOT NULL,
    tenant     text NOT NULL,
    state      text NOT NULL,
    reason     text NOT NULL,
    -- Who said so; null: what came of it.
    actor      text,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX pattern_change_by_pattern ON learner.pattern_change (pattern_id, changed_at DESC, change_id);

-- The latest tasks that ran a pattern: its own form, or a plan that followed it when it was offered.
CREATE FUNCTION learner.plays(pattern uuid, of_form uuid, since timestamptz, most integer)
RETURNS TABLE (finished_at timestamptz, task_id uuid, good boolean) LANGUAGE sql STABLE AS $$
    SELECT * FROM (
        (SELECT e.finished_at, e.task_id, e.succeeded AND NOT e.withdrawn AS good FROM learner.evidence e
         WHERE e.form = of_form AND e.finished_at > since ORDER BY e.finished_at DESC, e.task_id LIMIT most)
        UNION
        -- Evidence says whether it went well: a learner of before leaves that out of what became of an offer.
        (SELECT u.finished_at, u.task_id, coalesce(e.succeeded AND NOT e.withdrawn, u.succeeded) FROM learner.pattern_use u
         LEFT JOIN learner.evidence e ON e.task_id = u.task_id
         WHERE u.pattern_id = pattern AND u.decision IN ('adopted', 'adapted') AND u.finished_at > since
         ORDER BY u.finished_at DESC, u.task_id LIMIT most)
    ) AS played
    ORDER BY 1 DESC, 2 LIMIT most
$$;

-- The latest tasks planned from scratch although a pattern was there for them.
CREATE FUNCTION learner.from_scratch(pattern uuid, since timestamptz, most integer)
RETURNS TABLE (finished_at timestamptz, task_id uuid, good boolean, quality double precision) LANGUAGE sql STABLE AS $$
    SELECT u.finished_at, u.task_id, u.succeeded, u.quality FROM learner.pattern_use u
    WHERE u.pattern_id = pattern AND u.decision IN ('withheld', 'passed') AND u.finished_at > since
    ORDER BY u.finished_at DESC, u.task_id LIMIT most
$$;

-- Whether planners are offered a pattern, given the states that are offered. What was imported has no verified success
-- here: somebody has to vouch for it first.
CREATE FUNCTION learner.is_offered(state text, pinned boolean, evidence bigint, vouched text, offered text[])
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN pinned THEN state NOT IN ('demoted', 'retired')
                ELSE state = ANY(offered) AND (evidence > 0 OR vouched IS NOT NULL) END
$$;
