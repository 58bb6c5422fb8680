-- Whoever has a record's content has its id, so that its place in the primary key is enough; and what comes after this sets
-- the content of all records of before aside, which two of one tenant could not have done.
DROP INDEX IF EXISTS learner.imported_by_content;
