-- The catalog: what a tool is, what it says of itself now, and who decided on it. `spec` is the definition in force;
-- what differs from it waits in `pending` until somebody approves it.
ALTER TABLE tool
    ALTER COLUMN announced_by DROP NOT NULL,
    ALTER COLUMN announced_at DROP NOT NULL,
    -- announced | registered
    ADD COLUMN origin text NOT NULL DEFAULT 'announced',
    -- The caller's document, of registered tools.
    ADD COLUMN registration text,
    ADD COLUMN pending text,
    ADD COLUMN pending_hash text,
    ADD COLUMN category text NOT NULL DEFAULT '',
    -- Id, name and description in lower case, for searching; empty: written before there was this column.
    ADD COLUMN words text NOT NULL DEFAULT '',
    ADD COLUMN changed_by text NOT NULL DEFAULT '',
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now(),
    -- Rises with every write.
    ADD COLUMN revision bigint NOT NULL DEFAULT 1,
    -- Number of the last event told of it.
    ADD COLUMN events bigint NOT NULL DEFAULT 0;

-- What each executor serves, as it said last.
CREATE TABLE tool_announcement (
    worker_id text PRIMARY KEY,
    tool_ids text[] NOT NULL,
    discover bigint NOT NULL,
    at timestamptz NOT NULL
);

-- What executors hear with every beat; one row.
CREATE TABLE catalog_signal (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    definitions bigint NOT NULL,
    discover bigint NOT NULL
);
INSERT INTO catalog_signal (definitions, discover) VALUES (1, 0);

-- Which tool a key of a tenant registered. Kept as long as the tool.
CREATE TABLE tool_key (
    tenant text NOT NULL,
    key text NOT NULL,
    body_hash text NOT NULL,
    tool_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, key)
);

-- What runs of a tool took, summed by the day (UTC) they ended.
CREATE TABLE tool_day (
    tool_id text NOT NULL,
    day date NOT NULL,
    runs bigint NOT NULL,
    succeeded bigint NOT NULL,
    seconds double precision NOT NULL,
    seconds_squared double precision NOT NULL,
    -- Runs whose price is known.
    priced bigint NOT NULL,
    usd double precision NOT NULL,
    usd_squared double precision NOT NULL,
    PRIMARY KEY (tool_id, day)
);
