-- Tries of which nobody knows whether they arrived: one is tried again, after the second a person decides.
ALTER TABLE outbox ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0;
