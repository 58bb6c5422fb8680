-- What somebody measures of the business, in one segment of it.
CREATE TABLE learner.metric_series (
    series_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant     text NOT NULL,
    name       text NOT NULL,
    -- Empty: the whole.
    segment    text NOT NULL DEFAULT '',
    -- Points kept, those that were corrected included.
    points     bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, name, segment)
);

-- Append-only: of points of one series, time and task the last holds, the others are its history.
CREATE TABLE learner.metric_point (
    point_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id   bigint NOT NULL REFERENCES learner.metric_series,
    at          timestamptz NOT NULL,
    -- The task it is about; null: none.
    task_id     uuid,
    value       double precision NOT NULL,
    -- It came with the task's request: measured before the task did anything.
    requested   boolean NOT NULL,
    -- Who reported it; empty: whoever made the request.
    actor       text NOT NULL,
    ingested_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX metric_point_by_time ON learner.metric_point (series_id, at, task_id, point_id DESC) INCLUDE (value);
CREATE INDEX metric_point_by_task ON learner.metric_point (task_id) WHERE task_id IS NOT NULL;

-- What was answered to reports with an Idempotency-Key.
CREATE TABLE learner.metric_report (
    tenant          text NOT NULL,
    idempotency_key text NOT NULL,
    -- Of what was reported, to tell a replay from something else under the same key.
    body_hash       text NOT NULL,
    -- JSON.
    answer          text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, idempotency_key)
);

-- Figures that came with requests and were not kept, and why: nobody was there to be told.
CREATE TABLE learner.metric_left_out (
    tenant  text NOT NULL,
    reason  text NOT NULL,
    points  bigint NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, reason)
);

-- Whether the figures of a record's request were read. False: kept before there were any.
ALTER TABLE learner.record ADD COLUMN figures_read boolean NOT NULL DEFAULT false;
CREATE INDEX record_figures_unread ON learner.record (finished_at, task_id) WHERE NOT figures_read;
-- When a comparison of before and after begins.
CREATE INDEX record_completed ON learner.record (tenant, finished_at, task_id) WHERE status = 'completed';

-- What an ended task did, of which its success may depend; how it went is in evidence.
CREATE TABLE learner.task_feature (
    task_id   uuid PRIMARY KEY REFERENCES learner.record ON DELETE CASCADE,
    -- tool:…, order:… > …, tier:…, retry:….
    features  text[] NOT NULL,
    -- Of its goal, shortened: tasks with the same are of one kind.
    words     text[] NOT NULL,
    -- It needed no repair.
    first_try boolean NOT NULL
);

-- What is significant of a tenant's tasks, for plannings: a cache of what evidence and features come to.
CREATE TABLE learner.association (
    tenant    text NOT NULL,
    feature   text NOT NULL,
    outcome   text NOT NULL,
    effect    double precision NOT NULL,
    q         double precision NOT NULL,
    n         bigint NOT NULL,
    statement text NOT NULL,
    PRIMARY KEY (tenant, feature, outcome)
);
