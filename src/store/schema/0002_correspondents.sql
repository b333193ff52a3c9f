-- Several correspondents on one ticket (P21): each with a clock of their own, and by which number they
-- know the ticket. A reporter always has a row; '' is one to whom nobody can write. Whoever else may
-- write into the ticket (participant) has one too; it outlives the leave to write.
CREATE TABLE correspondent (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id    INTEGER NOT NULL REFERENCES ticket (id),
    address      TEXT NOT NULL,       -- in lower case
    known_as     INTEGER NOT NULL REFERENCES ticket (id),  -- another one than ticket_id after a merge
    answered_at  INTEGER,             -- last human message to them
    clock_from   INTEGER,             -- receipt of their first unanswered mail; this and the next three
    remind_at    INTEGER,             -- stay to be shown after the clock has ended
    due_at       INTEGER,
    escalate_at  INTEGER,
    escalated_at INTEGER,
    rung         INTEGER NOT NULL DEFAULT 0,  -- rungs of the ladder fired since clock_from
    next_rung_at INTEGER,             -- null: no clock runs
    UNIQUE (ticket_id, address)
) STRICT;
CREATE INDEX correspondent_rung ON correspondent (next_rung_at) WHERE next_rung_at IS NOT NULL;

INSERT INTO correspondent (ticket_id, address, known_as, answered_at, clock_from, remind_at, due_at, escalate_at,
                           escalated_at, rung, next_rung_at)
    SELECT id, lower(coalesce(reporter, '')), id, answered_at, clock_from, remind_at, due_at, escalate_at, escalated_at,
           rung, next_rung_at FROM ticket;
INSERT OR IGNORE INTO correspondent (ticket_id, address, known_as) SELECT ticket_id, address, ticket_id FROM participant;

DROP INDEX ticket_rung;
ALTER TABLE ticket DROP COLUMN answered_at;
ALTER TABLE ticket DROP COLUMN clock_from;
ALTER TABLE ticket DROP COLUMN remind_at;
ALTER TABLE ticket DROP COLUMN due_at;
ALTER TABLE ticket DROP COLUMN escalate_at;
ALTER TABLE ticket DROP COLUMN escalated_at;
ALTER TABLE ticket DROP COLUMN rung;
ALTER TABLE ticket DROP COLUMN next_rung_at;

-- When the ticket is to be looked at again, and whether that was told.
ALTER TABLE ticket ADD COLUMN follow_up_at INTEGER;
ALTER TABLE ticket ADD COLUMN follow_up_told INTEGER NOT NULL DEFAULT 0;
CREATE INDEX ticket_follow_up ON ticket (follow_up_at) WHERE follow_up_at IS NOT NULL AND NOT follow_up_told;

-- Whose mail it is, of 'in': the address of a correspondent.
ALTER TABLE message ADD COLUMN correspondent TEXT;
UPDATE message SET correspondent = (
    SELECT address FROM correspondent
    WHERE correspondent.ticket_id = message.ticket_id AND address IN (lower(message.from_addr), (
        SELECT lower(coalesce(reporter, '')) FROM ticket WHERE ticket.id = message.ticket_id))
    ORDER BY address <> lower(coalesce(message.from_addr, '')) LIMIT 1
) WHERE direction = 'in';
CREATE INDEX message_correspondent ON message (ticket_id, correspondent) WHERE correspondent IS NOT NULL;

-- An answer to it was promised, and no human message to its correspondent has followed it.
ALTER TABLE message ADD COLUMN owed INTEGER NOT NULL DEFAULT 0;
UPDATE message SET owed = 1 WHERE direction = 'in' AND NOT automatic AND EXISTS (
    SELECT 1 FROM correspondent WHERE correspondent.ticket_id = message.ticket_id AND address = message.correspondent
    AND due_at IS NOT NULL AND received_at > coalesce(answered_at, -1));

-- By which marks a mail was taken for a machine's.
ALTER TABLE message ADD COLUMN machine TEXT;

-- Merges, and what undoing one needs.
CREATE TABLE merge (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    into_id   INTEGER NOT NULL REFERENCES ticket (id),
    at        INTEGER NOT NULL,
    before    TEXT NOT NULL,          -- JSON of store/merges.rs
    undone_at INTEGER
) STRICT;
CREATE UNIQUE INDEX merge_standing ON merge (ticket_id) WHERE undone_at IS NULL;
CREATE INDEX merge_into ON merge (into_id) WHERE undone_at IS NULL;
