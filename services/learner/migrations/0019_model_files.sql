-- Files of models on their way to be served. The version itself is in learner.model.

CREATE TABLE learner.model_serving (
    -- May be there for a moment before the version is.
    model_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    -- As asked for, else the only one that serves files; null: it is not known yet.
    provider text,
    -- What that provider is to serve it as.
    served_as text,
    -- It is to be tried as soon as it answered, and was not yet.
    enable boolean NOT NULL,
    -- Both as they were asked for, since the same request is answered the same.
    asked_provider text,
    asked_enable boolean NOT NULL,
    -- What its answers name as the model that gave them.
    answers_as text,
    -- What it waits for, or why it is not tried.
    waits text,
    -- Tries of what it is at.
    tries integer NOT NULL DEFAULT 0,
    -- When it is looked at; null: never again.
    next_at timestamptz,
    -- Who is at it, and how long that holds.
    taken_by uuid,
    taken_until timestamptz
);
CREATE INDEX model_serving_due ON learner.model_serving (next_at) WHERE next_at IS NOT NULL;
-- One name is one file, or answers could come of another.
CREATE UNIQUE INDEX model_serving_name ON learner.model_serving (provider, served_as);
