-- What the intents of patterns mean, where a server of embeddings is configured. A row goes with its pattern, and with the
-- intent that it is of.
CREATE TABLE learner.pattern_meaning (
    pattern_id uuid PRIMARY KEY REFERENCES learner.pattern ON DELETE CASCADE,
    tenant     text NOT NULL,
    -- Provider and model.
    model      text NOT NULL,
    -- One signed byte a dimension; its length says nothing.
    direction  bytea NOT NULL
);
CREATE INDEX pattern_meaning_newest ON learner.pattern_meaning (tenant, model, pattern_id DESC);

-- In the transaction that changes the intent: whoever is erased leaves no trace of what they asked for.
CREATE FUNCTION learner.forget_meaning() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM learner.pattern_meaning WHERE pattern_id = OLD.pattern_id;
    RETURN NULL;
END $$;
CREATE TRIGGER intent_changed AFTER UPDATE OF intent ON learner.pattern
    FOR EACH ROW WHEN (OLD.intent IS DISTINCT FROM NEW.intent) EXECUTE FUNCTION learner.forget_meaning();
