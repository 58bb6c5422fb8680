-- A person suspended the tool: it stays out of use whatever its server says since. (Suspended without this: its server
-- says something else than what is in force.)
ALTER TABLE tool ADD COLUMN stopped boolean NOT NULL DEFAULT false;
UPDATE tool SET stopped = true WHERE state = 'suspended' AND (pending IS NULL OR changed_by <> '');
