-- Users whose data is to be erased. A row is an order that holds until nothing of theirs is left; with it goes their name.
CREATE TABLE erasure (
    tenant text NOT NULL,
    actor text NOT NULL,
    -- Tasks that were accepted until then.
    ordered_at timestamptz NOT NULL,
    -- Tasks up to this one were looked through.
    looked_to uuid,
    -- How often all were; the second time for those that were being accepted the first time.
    looks smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, actor)
);

-- Tasks that an order found.
CREATE TABLE erasure_task (
    task_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    actor text NOT NULL,
    -- Null: it has not ended.
    erased_at timestamptz,
    -- How often it was; the second time for what was being written the first time.
    rounds smallint NOT NULL DEFAULT 0,
    -- Its events are to be taken off their stream.
    on_stream boolean NOT NULL DEFAULT false,
    FOREIGN KEY (tenant, actor) REFERENCES erasure ON DELETE CASCADE
);
CREATE INDEX erasure_task_of_order ON erasure_task (tenant, actor, rounds);

-- Since when the words of a task are gone.
ALTER TABLE task ADD COLUMN erased_at timestamptz;
