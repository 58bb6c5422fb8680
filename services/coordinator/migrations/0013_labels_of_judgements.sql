-- What people said of judgements: one row for each person, judgement and dimension, and their last word counts.
CREATE TABLE judge_label (
    task_id uuid NOT NULL,
    -- The judgement's document: `payload.no`. Another version of the result has another one.
    judgement integer NOT NULL,
    -- `overall`: the whole.
    dimension text NOT NULL,
    actor text NOT NULL,
    tenant text NOT NULL,
    -- JSON of workflow::judge::Judge.
    judge text NOT NULL,
    -- The judge's score, and the least that was good enough.
    score double precision NOT NULL,
    bar double precision NOT NULL,
    -- The judge found it good enough; the whole only where no dimension falls short.
    passed boolean NOT NULL,
    -- What the person said; null: took back what was said before.
    good boolean,
    at timestamptz NOT NULL,
    PRIMARY KEY (task_id, judgement, dimension, actor)
);
CREATE INDEX judge_label_at ON judge_label (at) INCLUDE (tenant, judge, dimension, passed, good);
