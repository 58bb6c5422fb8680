-- What may be said of a metric that was reported for a task, looked at until it is settled, and then left as it is.
-- A row is there as soon as a point is, before the task has ended or its record is kept.
CREATE TABLE learner.metric_level (
    tenant     text NOT NULL,
    task_id    uuid NOT NULL,
    name       text NOT NULL,
    noted_at   timestamptz NOT NULL DEFAULT now(),
    -- When it is looked at next; null: it is settled.
    look_at    timestamptz,
    -- What was compared: the segment it was reported for, empty: the whole.
    segment    text NOT NULL DEFAULT '',
    -- 0-3; null: insufficient data.
    level      smallint,
    before     double precision,
    after      double precision,
    effect     double precision,
    -- 95 %.
    lower_end  double precision,
    upper_end  double precision,
    statement  text,
    PRIMARY KEY (task_id, name, tenant)
);
CREATE INDEX metric_level_due ON learner.metric_level (look_at) WHERE look_at IS NOT NULL;

INSERT INTO learner.metric_level (tenant, task_id, name, look_at)
SELECT DISTINCT tenant, task_id, name, now() FROM learner.metric_point JOIN learner.metric_series USING (series_id)
WHERE task_id IS NOT NULL;

-- Records of version 1 hash differently as they are read now. Empty: whatever comes of this id is the same record.
UPDATE learner.imported SET content_hash = '';
