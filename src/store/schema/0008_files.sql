-- What was proven about an attached file by itself: JSON, as at arrival, and of the last re-check that
-- found something else (null: none did). Null: it is neither encrypted nor signed.
ALTER TABLE attachment ADD COLUMN verdict TEXT;
ALTER TABLE attachment ADD COLUMN rechecked_at INTEGER;
ALTER TABLE attachment ADD COLUMN rechecked TEXT;
