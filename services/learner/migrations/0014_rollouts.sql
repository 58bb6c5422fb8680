-- Who answers which role of a tenant's tasks, and what is tried beside them.

-- Rises with each change of what the table of rollouts says; the table itself is derived.
CREATE TABLE learner.rollout (
    tenant text PRIMARY KEY,
    version bigint NOT NULL
);

-- `configured`, or the id of a version of a model. Absent: configured.
CREATE TABLE learner.champion (
    tenant text NOT NULL,
    role text NOT NULL,
    model text NOT NULL,
    -- The experiment that made it the champion.
    experiment_id uuid NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (tenant, role)
);

CREATE TABLE learner.experiment (
    experiment_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    role text NOT NULL,
    champion text NOT NULL,
    challenger text NOT NULL,
    -- What draws hang on; told to nobody but who assigns.
    salt uuid NOT NULL,
    -- As it was begun; never changed.
    settings text NOT NULL,
    -- Where it stands.
    course text NOT NULL,
    -- Looks so far: a look is written by who saw all earlier ones.
    looks bigint NOT NULL DEFAULT 0,
    began_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX experiment_under_way ON learner.experiment (tenant, role) WHERE ended_at IS NULL;
CREATE INDEX experiment_of_tenant ON learner.experiment (tenant, began_at DESC);

-- Insert-only.
CREATE TABLE learner.experiment_look (
    experiment_id uuid NOT NULL REFERENCES learner.experiment,
    look bigint NOT NULL,
    at timestamptz NOT NULL,
    -- Everything that was known, and what was decided.
    body text NOT NULL,
    -- Who decided otherwise, what and why.
    word text,
    PRIMARY KEY (experiment_id, look)
);

-- Versions of models.
CREATE TABLE learner.model (
    model_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    name text NOT NULL,
    -- Of that name, from 1.
    version integer NOT NULL,
    state text NOT NULL,
    -- Why it is in that state, where there is more to say.
    reason text,
    -- The file that is kept, and what its header says, or the endpoint.
    source text NOT NULL,
    -- Of the file; blobs that no row names may go.
    sha256 text,
    -- The export of training data that it comes from.
    trained_on uuid,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    UNIQUE (tenant, name, version)
);
CREATE INDEX model_of_tenant ON learner.model (tenant, created_at DESC);
CREATE INDEX model_of_file ON learner.model (sha256) WHERE sha256 IS NOT NULL;
