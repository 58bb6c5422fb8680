-- What was read of an ended task, once: what could have gone wrong in it. What did is in issue_sighting.
CREATE TABLE learner.issue_reading (
    task_id     uuid PRIMARY KEY REFERENCES learner.record ON DELETE CASCADE,
    tenant      text NOT NULL,
    finished_at timestamptz NOT NULL,
    -- Tools that ran, or were to run and were refused.
    tools       text[] NOT NULL,
    -- Codes of issues that could have been seen: who was never judged has no fault a judge found.
    open_to     text[] NOT NULL,
    -- It is not of the null model: it counts for or against what it was told.
    counts      boolean NOT NULL
);
CREATE INDEX issue_reading_by_end ON learner.issue_reading (tenant, finished_at DESC, task_id);

-- What went wrong in an ended task. Append-only; the truth about issues.
CREATE TABLE learner.issue_sighting (
    task_id     uuid NOT NULL REFERENCES learner.record ON DELETE CASCADE,
    -- Hash of tenant, code, tool and condition.
    issue_id    uuid NOT NULL,
    tenant      text NOT NULL,
    code        text NOT NULL,
    tool        text NOT NULL,
    condition   text NOT NULL,
    step_key    text NOT NULL,
    -- Of the judgement or decision that said so last, from 0.
    round       integer NOT NULL,
    times       integer NOT NULL,
    -- What would be better, scrubbed and bounded; empty: nobody said.
    hint        text NOT NULL,
    -- Hash of issue and hint: the same words are one hint, whoever said them.
    hint_key    uuid NOT NULL,
    -- Who says so: check, judge, human or error.
    source      text NOT NULL,
    -- It was gone after the step ran again with the hint.
    repaired    boolean NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (task_id, issue_id)
);
CREATE INDEX issue_sighting_by_end ON learner.issue_sighting (tenant, finished_at DESC, task_id, issue_id);
CREATE INDEX issue_sighting_by_hint ON learner.issue_sighting (issue_id, hint_key);

-- What a planning was told of issues, or was not so that others can be compared with it. Once a task; where there was
-- nothing to tell, one of no issue (the nil UUID).
CREATE TABLE learner.issue_offer (
    task_id    uuid NOT NULL,
    issue_id   uuid NOT NULL,
    -- Of the hint; the nil UUID: nobody's words any more, all who said them are erased.
    hint_key   uuid NOT NULL,
    withheld   boolean NOT NULL,
    -- The task has ended and was read.
    is_read    boolean NOT NULL DEFAULT false,
    offered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (task_id, issue_id)
);
CREATE INDEX issue_offer_by_hint ON learner.issue_offer (issue_id, hint_key, task_id);
CREATE INDEX issue_offer_unread ON learner.issue_offer (task_id, issue_id) WHERE NOT is_read;

-- What sightings, readings and offers come to: a cache for plannings and people.
CREATE TABLE learner.issue (
    issue_id          uuid PRIMARY KEY,
    tenant            text NOT NULL,
    code              text NOT NULL,
    tool              text NOT NULL,
    condition         text NOT NULL,
    -- rare, told, unhelpful or past.
    state             text NOT NULL,
    -- What planners are told, or would be; null: nobody said what would be better, or nothing that was said helped.
    hint              text,
    hint_key          uuid,
    source            text,
    repaired          boolean,
    seen              bigint NOT NULL,
    tasks             bigint NOT NULL,
    first_seen        timestamptz NOT NULL,
    last_seen         timestamptz NOT NULL,
    -- Of late, in tasks that were not told: with the issue, of those that it could be seen in.
    rate_tasks        bigint NOT NULL,
    rate_of           bigint NOT NULL,
    -- Ended tasks that were told this hint, that it was withheld from, and of both those it was seen in and those that went
    -- well.
    told              bigint NOT NULL,
    withheld          bigint NOT NULL,
    recurred_told     bigint NOT NULL,
    recurred_withheld bigint NOT NULL,
    well_told         bigint NOT NULL,
    well_withheld     bigint NOT NULL,
    -- Least share of tasks it is in, by which they are ranked.
    weight            double precision NOT NULL
);
CREATE INDEX issue_by_tenant ON learner.issue (tenant, state, weight DESC, issue_id);

-- Tenants, and whether something is known that their issues do not say yet.
CREATE TABLE learner.issue_tenant (
    tenant     text PRIMARY KEY,
    has_news   boolean NOT NULL DEFAULT true,
    settled_at timestamptz
);

ALTER TABLE learner.evidence ADD COLUMN issues_read boolean NOT NULL DEFAULT false;
CREATE INDEX evidence_issues_unread ON learner.evidence (task_id) WHERE NOT issues_read;
