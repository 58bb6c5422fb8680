-- Erasures that the coordinator is to be told of: written with the erasure, deleted once the coordinator has its own row.
CREATE TABLE learner.erasure_order (
    tenant    text NOT NULL,
    user_name text NOT NULL,
    -- The database's clock, as tasks have it.
    asked_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, user_name)
);
