-- Machine reports, their groups, and who cannot be reached.

-- What a machine-readable report says, by the mail that brought it.
CREATE TABLE feed_report (
    message_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    report     TEXT NOT NULL          -- JSON of rules/feed.rs
) STRICT;

-- One ticket for what one sender reports of one source on one day of the team's zone.
CREATE TABLE feed_group (
    sender    TEXT NOT NULL,          -- address, in lower case
    source    TEXT NOT NULL,          -- IP address or name of a host, in lower case
    day       TEXT NOT NULL,          -- 2026-11-27
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    reports   INTEGER NOT NULL,
    incidents INTEGER NOT NULL,
    PRIMARY KEY (sender, source, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX feed_group_ticket ON feed_group (ticket_id);

-- Addresses to which mail of a ticket came back, and that have not written since.
CREATE TABLE unreachable (
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    address   TEXT NOT NULL,          -- in lower case
    at        INTEGER NOT NULL,       -- receipt of the first bounce
    PRIMARY KEY (ticket_id, address)
) STRICT, WITHOUT ROWID;
