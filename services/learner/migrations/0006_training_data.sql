-- Clusters of requests much alike: all of one is in one part of the data set, for ever.
CREATE TABLE learner.request_cluster (
    tenant  text NOT NULL,
    cluster uuid NOT NULL,
    -- Rises within a tenant; the oldest has the least.
    no      bigint NOT NULL,
    -- 0 train, 1 validation, 2 test.
    split   smallint NOT NULL,
    PRIMARY KEY (tenant, cluster)
);
CREATE INDEX request_cluster_by_no ON learner.request_cluster (tenant, no);

-- Bands of the signatures of a cluster's requests: who has one of them is near to it.
CREATE TABLE learner.request_band (
    tenant  text NOT NULL,
    band    bigint NOT NULL,
    cluster uuid NOT NULL,
    PRIMARY KEY (tenant, band, cluster)
);
CREATE INDEX request_band_by_cluster ON learner.request_band (tenant, cluster);

-- Records that came from elsewhere. They stand apart: no figure, pattern or recall reads them.
CREATE TABLE learner.imported (
    tenant       text NOT NULL,
    record_id    uuid NOT NULL,
    -- SHA-256 of the record as it came, in its canonical form.
    content_hash bytea NOT NULL,
    imported_at  timestamptz NOT NULL DEFAULT now(),
    -- JSON, scrubbed.
    record       text NOT NULL,
    PRIMARY KEY (tenant, record_id)
);
CREATE UNIQUE INDEX imported_by_content ON learner.imported (tenant, content_hash);
DO $$ BEGIN
    ALTER TABLE learner.imported ALTER COLUMN record SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;

-- One row for each record that can be exported: where it belongs, and what it is good for. Made from the record when
-- an export needs it; a record's place never changes.
CREATE TABLE learner.training_case (
    tenant      text NOT NULL,
    record_id   uuid NOT NULL,
    finished_at timestamptz NOT NULL,
    imported    boolean NOT NULL,
    quality     double precision,
    passed      boolean,
    -- granted or denied, by the request's own word; null: it says nothing.
    consent     text,
    cluster     uuid NOT NULL,
    split       smallint NOT NULL,
    -- It is like records of two parts, and so in none.
    apart       boolean NOT NULL,
    -- It has something for formats of examples, and of pairs.
    example     boolean NOT NULL,
    pairs       boolean NOT NULL,
    PRIMARY KEY (tenant, record_id)
);
CREATE INDEX training_case_by_end ON learner.training_case (tenant, finished_at, record_id)
    INCLUDE (imported, quality, passed, consent, cluster, split, apart, example, pairs);
CREATE INDEX training_case_by_cluster ON learner.training_case (tenant, cluster);

-- How far a running export is, told beside its own transaction, which holds the export's row: so it refers to none.
CREATE TABLE learner.export_progress (
    export_id uuid PRIMARY KEY,
    done      bigint NOT NULL,
    total     bigint NOT NULL
);
