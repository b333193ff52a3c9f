-- What a later look at a mail proves, beside what was proven when it came. Never edited once merged.

ALTER TABLE message ADD COLUMN rechecked_at INTEGER;  -- null: never
ALTER TABLE message ADD COLUMN rechecked TEXT;        -- JSON of the verdict of the last re-check

-- The certificates that were asked for to judge a mail, by fingerprint or key ID.
CREATE TABLE asked (
    handle     TEXT NOT NULL,
    message_id INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    PRIMARY KEY (handle, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX asked_message ON asked (message_id);
INSERT OR IGNORE INTO asked (handle, message_id)
    SELECT json_extract(verdict, '$.signer'), id FROM message
    WHERE json_valid(verdict) AND json_extract(verdict, '$.signer') IS NOT NULL;

-- Messages whose verdict may be another one now: a certificate that was asked for has changed.
CREATE TABLE recheck (
    message_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    needs_key  INTEGER NOT NULL DEFAULT 0  -- it cannot be opened now: waits for a key of the team
) STRICT;
