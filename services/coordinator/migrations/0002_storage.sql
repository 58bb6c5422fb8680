-- Rows start small and grow until their task ends: a page filled to a quarter keeps their updates HOT.
ALTER TABLE task SET (fillfactor = 25);
-- Far less work than the default compression, where the server was built with it.
DO $$ BEGIN
    ALTER TABLE payload ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
