-- Far less work than the default compression, where the server was built with it.
DO $$ BEGIN
    ALTER TABLE learner.record ALTER COLUMN record SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
