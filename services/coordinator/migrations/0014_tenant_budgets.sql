-- What the tasks of a tenant spend in a window of time, and what is set aside for them.

ALTER TABLE cost ADD COLUMN tenant text;
UPDATE cost SET tenant = task.tenant FROM task WHERE task.id = cost.task_id;
CREATE INDEX cost_of_tenant ON cost (tenant, at) INCLUDE (usd_micros, input_tokens, output_tokens, calls);

-- The grants of a task's dispatched jobs, as in its state and written with it; only of tenants that have a budget.
CREATE TABLE reserved (
    task_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    usd_micros bigint NOT NULL,
    tokens bigint NOT NULL,
    calls bigint NOT NULL
);
CREATE INDEX reserved_of_tenant ON reserved (tenant) INCLUDE (usd_micros, tokens, calls);
