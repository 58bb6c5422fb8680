-- Whose a tool is: what executors announce is every tenant's ('' here), what a caller registered is its tenant's alone.
-- Until now there was one tenant that could register.
ALTER TABLE tool ADD COLUMN tenant text NOT NULL DEFAULT '';
UPDATE tool SET tenant = 'default' WHERE registration IS NOT NULL;
