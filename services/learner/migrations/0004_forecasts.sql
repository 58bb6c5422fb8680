-- The latest tasks that a pattern was withheld from, for a planning that must not wait.
CREATE INDEX pattern_use_withheld ON learner.pattern_use (pattern_id, finished_at DESC, task_id) INCLUDE (quality)
    WHERE decision = 'withheld' AND quality IS NOT NULL;

-- What was expected of a task, and what came of it. Null: not known, or not to be compared.
ALTER TABLE learner.record
    -- The forecast overall score, where the task was judged.
    ADD COLUMN forecast_quality double precision,
    -- US dollars of its steps, where both are known.
    ADD COLUMN forecast_usd     double precision,
    ADD COLUMN steps_usd        double precision,
    -- Seconds from its first step's start to its last step's end, where both are known.
    ADD COLUMN forecast_seconds double precision,
    ADD COLUMN steps_seconds    double precision;
CREATE INDEX record_foreseen ON learner.record (tenant, finished_at)
    INCLUDE (quality, forecast_quality, forecast_usd, steps_usd, forecast_seconds, steps_seconds)
    WHERE forecast_quality IS NOT NULL OR steps_usd IS NOT NULL OR steps_seconds IS NOT NULL;
