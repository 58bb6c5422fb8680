-- Which side of nought each dimension is on: 1,536 of them are 192 bytes, and those that differ are counted (the distance of
-- Hamming) for a hundred thousand patterns while a planning waits. What is nearest by this is compared exactly.
CREATE FUNCTION learner.signs(direction bytea) RETURNS bit varying LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(string_agg(CASE WHEN get_byte(direction, at) < 128 THEN '0' ELSE '1' END, '' ORDER BY at), '')::bit varying
    FROM generate_series(0, octet_length(direction) - 1) AS at
$$;
ALTER TABLE learner.pattern_meaning ADD COLUMN signs bit varying GENERATED ALWAYS AS (learner.signs(direction)) STORED;
-- Nothing asks for the newest any more.
DROP INDEX learner.pattern_meaning_newest;
CREATE INDEX pattern_meaning_compared ON learner.pattern_meaning (tenant, model);
