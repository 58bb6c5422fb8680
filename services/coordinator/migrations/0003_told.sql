-- A row of `event` tells what one commit tells of a task: a line for each event in `subject` and `body`;
-- `sequence` is the last one's. Rows of one event stay as they are.
DO $$ BEGIN
    ALTER TABLE event ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
