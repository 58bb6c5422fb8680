-- What became of each webhook of the configuration.
CREATE TABLE webhook (
    name text PRIMARY KEY,
    -- Deliveries that failed one after the other, those at the same time counted once.
    failures integer NOT NULL DEFAULT 0,
    -- Nothing is posted before.
    resume_at timestamptz,
    -- Hash of the URL that answered that it is gone.
    gone text
);

-- An event that a webhook is to be told of. Written with the event, deleted once it is delivered or given up.
CREATE TABLE notice (
    webhook text NOT NULL,
    -- The row of `event` is the first with this `task_id` and at least this `sequence`.
    task_id uuid NOT NULL,
    sequence bigint NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    give_up_at timestamptz NOT NULL,
    -- Who is posting it now.
    lease uuid,
    leased_until timestamptz,
    -- The webhook's `failures` when it was leased.
    seen_failures integer NOT NULL DEFAULT 0,
    last_error text NOT NULL DEFAULT '',
    PRIMARY KEY (webhook, task_id, sequence)
);
CREATE INDEX notice_due ON notice (webhook, next_at);
CREATE INDEX notice_leased ON notice (webhook) WHERE lease IS NOT NULL;
CREATE INDEX notice_old ON notice (give_up_at);
