-- Why a run was handed back, in words. Such runs are kept also when they called nothing, the last few of each job.
ALTER TABLE run ADD COLUMN message text NOT NULL DEFAULT '';
