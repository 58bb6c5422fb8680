-- Events of patterns: written with the change they tell of, published by the relay.
CREATE TABLE learner.outbox_batch (
    batch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Where they were published; null: not yet, or lost with the stream.
    stream_created bigint,
    first_sequence bigint,
    last_sequence bigint
);
CREATE INDEX outbox_unacknowledged ON learner.outbox_batch (created_at) WHERE last_sequence IS NULL;
CREATE INDEX outbox_recorded ON learner.outbox_batch (stream_created, last_sequence);

-- Numbered without gap in each pattern. Insert-only.
CREATE TABLE learner.event (
    -- The pattern's id; the relay knows it by this name.
    task_id uuid NOT NULL,
    sequence bigint NOT NULL,
    batch bigint NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (task_id, sequence)
);
CREATE INDEX event_of_batch ON learner.event (batch);
