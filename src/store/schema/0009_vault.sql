-- What proves the store, what a purge leaves, and what a restore must find again.

-- Under the hash of kept octets in the history. It goes with the octets, and then the hash tells nothing of them.
CREATE TABLE raw_salt (
    raw_id INTEGER PRIMARY KEY REFERENCES raw (id) ON DELETE CASCADE,
    salt   BLOB NOT NULL DEFAULT (randomblob(16))
) STRICT;

-- Messages whose octets the history does not prove yet: brought up to date before a transaction ends.
CREATE TABLE unproven (
    message_id INTEGER PRIMARY KEY
) STRICT;
CREATE TRIGGER message_unproven_1 AFTER INSERT ON message WHEN new.raw_id IS NOT NULL BEGIN
    INSERT OR IGNORE INTO unproven (message_id) VALUES (new.id);
END;
CREATE TRIGGER message_unproven_2 AFTER UPDATE OF raw_id ON message
WHEN new.raw_id IS NOT NULL AND new.raw_id IS NOT old.raw_id BEGIN
    INSERT OR IGNORE INTO unproven (message_id) VALUES (new.id);
END;
INSERT INTO unproven (message_id) SELECT id FROM message WHERE raw_id IS NOT NULL;

-- Heads of the history, signed by the team's key: whoever has one knows what stood before it.
CREATE TABLE signed_head (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    rows   INTEGER NOT NULL,          -- of the history
    head   TEXT NOT NULL,             -- the chain at that row
    signed TEXT NOT NULL              -- cleartext-signed, as it was mailed
) STRICT;

-- When the content of a ticket was removed for good.
ALTER TABLE ticket ADD COLUMN purged_at INTEGER;

-- Found in the folder of filed mail after a restore: somebody was told of it before.
ALTER TABLE spool ADD COLUMN found_again INTEGER NOT NULL DEFAULT 0;

-- Mailboxes whose folder of filed mail is to be looked through after a restore, from an instant on.
CREATE TABLE look_again (
    mailbox TEXT PRIMARY KEY,
    since   INTEGER NOT NULL
) STRICT;
