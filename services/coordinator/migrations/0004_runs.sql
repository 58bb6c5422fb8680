-- What a run told of itself beside its outcome, for the trace of its task; only runs that called something.
-- `calls` is a JSON array, bounded as the message it came with. Kept as long as the task.
CREATE TABLE run (
    task_id uuid NOT NULL,
    job_id uuid NOT NULL,
    run_id uuid NOT NULL,
    -- What the job was for; null where the job had ended before.
    kind text,
    step_key text,
    plan_version integer,
    round integer,
    attempt integer,
    outcome text NOT NULL,
    error text NOT NULL,
    -- Whether its outcome counted; a late or repeated run's does not.
    counted boolean NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    calls text NOT NULL,
    PRIMARY KEY (task_id, job_id, run_id)
);
DO $$ BEGIN
    ALTER TABLE run ALTER COLUMN calls SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
