-- Files of exports are kept for a time only: a state more, `expired`.
CREATE INDEX export_by_end ON learner.export (finished_at) WHERE finished_at IS NOT NULL;
