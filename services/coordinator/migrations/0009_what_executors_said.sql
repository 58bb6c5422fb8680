-- What each executor said of its tools last, in the order of their ids: hashes of the definitions. One that only repeats
-- an old definition is behind, and one that says it anew has a server that went back.
ALTER TABLE tool_announcement ADD COLUMN hashes text[] NOT NULL DEFAULT '{}';
