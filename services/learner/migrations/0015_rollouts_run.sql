-- Tasks that took part in experiments, and what came of them.

CREATE TABLE learner.experiment_unit (
    experiment_id uuid NOT NULL REFERENCES learner.experiment,
    task_id uuid NOT NULL,
    -- What was drawn for: `task:<id>`, `user:<name>`, or `erased:<id>` of a user who is not named any more.
    unit text NOT NULL,
    -- `control` or `challenger`.
    side text NOT NULL,
    step integer NOT NULL,
    assigned_at timestamptz NOT NULL,
    -- JSON; null: its record is not here.
    ended text,
    PRIMARY KEY (experiment_id, task_id)
);
CREATE INDEX experiment_unit_open ON learner.experiment_unit (experiment_id) WHERE ended IS NULL;
CREATE INDEX experiment_unit_of_user ON learner.experiment_unit (unit) WHERE unit LIKE 'user:%';

-- The last that was taken of the coordinator's list.
ALTER TABLE learner.experiment ADD COLUMN taken_to text NOT NULL DEFAULT '';

-- JSON: whom tasks have that were there before. Null: nothing was before, or it is not known.
ALTER TABLE learner.champion ADD COLUMN before text;
