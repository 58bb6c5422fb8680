-- Which models serve a tenant's tasks, as the learner said last: the table, and how its models are reached, as JSON.
CREATE TABLE rollout (
    tenant text PRIMARY KEY,
    version bigint NOT NULL,
    body text NOT NULL,
    models text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now()
);

-- What a task was given for a role when its first job of that role was dispatched, by the table of that time; later
-- jobs may be given something else. Only where a table names the role and something is tried, or another model than
-- the configured one serves.
CREATE TABLE assignment (
    task_id uuid NOT NULL,
    role text NOT NULL,
    tenant text NOT NULL,
    -- Who submitted the task.
    actor text NOT NULL,
    -- `configured`, or the id of a version.
    model text NOT NULL,
    -- For people: the version's name.
    name text NOT NULL,
    -- How it is reached; empty where it is what is configured.
    provider text NOT NULL,
    served text NOT NULL,
    -- A run was lost with it (a model that ends its worker has no account of its own), or its plan was not taken.
    lost boolean NOT NULL,
    arm text NOT NULL,
    experiment_id uuid,
    step integer NOT NULL,
    propensity double precision NOT NULL,
    -- Version of the table.
    rollouts bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Of those that began before every one that is open still, nothing more can come.
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (task_id, role)
);
CREATE INDEX assignment_of_experiment ON assignment (experiment_id, transaction, task_id) WHERE experiment_id IS NOT NULL;
