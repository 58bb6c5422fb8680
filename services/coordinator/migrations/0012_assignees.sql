-- Who is to answer a gate now; anybody may.
ALTER TABLE gate ADD COLUMN assignee text;
CREATE INDEX gate_of_assignee ON gate (tenant, assignee, opened_at, id) WHERE decided_at IS NULL;
