-- The first schema. Times are microseconds since 1970-01-01T00:00:00Z (INTEGER); ids are never
-- reused; words are those of rules/ticket.rs. Never edited once merged: a change is a new file.

-- One value a key: installed_at, message_id_key, clock (latest simulated time), deadlines_from.
CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- The exact octets received or sent, once each.
CREATE TABLE raw (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT NOT NULL UNIQUE,
    size   INTEGER NOT NULL,
    bytes  BLOB NOT NULL
) STRICT;

-- Where we stand in each watched folder.
CREATE TABLE cursor (
    mailbox     TEXT NOT NULL,
    folder      TEXT NOT NULL,
    role        TEXT NOT NULL CHECK (role IN ('inbox', 'sent')),
    uidvalidity INTEGER NOT NULL,
    next_uid    INTEGER NOT NULL,
    history_until INTEGER NOT NULL DEFAULT 0,  -- mails below this UID were there at first sight and are history
    first_seen_at INTEGER NOT NULL,
    PRIMARY KEY (mailbox, folder)
) STRICT;

-- Mails that the server has and did not give: asked for again, at last replaced by a stub.
CREATE TABLE refused (
    mailbox     TEXT NOT NULL,
    folder      TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uid         INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (mailbox, folder, uidvalidity, uid)
) STRICT, WITHOUT ROWID;

-- HAND-OVER 1: every mail that arrived, before anything is known about it.
CREATE TABLE spool (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox     TEXT NOT NULL,
    role        TEXT NOT NULL CHECK (role IN ('inbox', 'sent')),
    folder      TEXT NOT NULL,
    uidvalidity INTEGER,              -- null: not from IMAP
    uid         INTEGER,
    place       TEXT,                 -- Maildir: the file's unique name
    raw_id      INTEGER REFERENCES raw (id),   -- null: let go (sent mail that is no answer)
    content_key TEXT NOT NULL,        -- SHA-256 with the trace fields on top set aside
    full_size   INTEGER NOT NULL,     -- octets on the server; more than raw.size if cut
    received_at INTEGER NOT NULL,     -- receipt, as DESIGN has it
    spooled_at  INTEGER NOT NULL,
    envelope_sender TEXT,             -- ingest --sender; '' is the null sender
    history     INTEGER NOT NULL DEFAULT 0,    -- found at first sight of a mailbox marked "history"
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER NOT NULL DEFAULT 0,
    state       TEXT NOT NULL DEFAULT 'new'
                CHECK (state IN ('new', 'filed', 'joined', 'duplicate', 'held', 'ignored', 'dropped')),
    reason      TEXT,                 -- of 'held' and 'ignored'
    ticket_id   INTEGER REFERENCES ticket (id),
    message_id  INTEGER REFERENCES message (id),
    server_copy TEXT NOT NULL DEFAULT 'there'
                CHECK (server_copy IN ('there', 'stays', 'moved', 'gone'))
) STRICT;
CREATE UNIQUE INDEX spool_uid ON spool (mailbox, folder, uidvalidity, uid) WHERE uid IS NOT NULL;
CREATE UNIQUE INDEX spool_place ON spool (mailbox, folder, place) WHERE place IS NOT NULL;
CREATE INDEX spool_content ON spool (content_key);
CREATE INDEX spool_new ON spool (id) WHERE state = 'new';
CREATE INDEX spool_there ON spool (mailbox, folder) WHERE server_copy = 'there' AND state <> 'new';

CREATE TABLE counter (
    year INTEGER PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT;

-- HAND-OVER 2: tickets and what hangs on them.
CREATE TABLE ticket (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    number          TEXT NOT NULL UNIQUE,
    state           TEXT NOT NULL,
    subject         TEXT NOT NULL,
    mailbox         TEXT NOT NULL,
    kind            TEXT NOT NULL,
    priority        TEXT NOT NULL DEFAULT 'normal',
    reported_urgent INTEGER NOT NULL DEFAULT 0,
    urgent_unprotected INTEGER NOT NULL DEFAULT 0,  -- [URGENT] only in an unprotected outer subject
    tlp             TEXT,
    classification  TEXT,
    severity        TEXT,
    assignee        TEXT,
    consent         TEXT,
    language        TEXT NOT NULL,
    automatic       INTEGER NOT NULL DEFAULT 0,
    suspected_spam  INTEGER NOT NULL DEFAULT 0,
    reply_suppressed TEXT,
    reporter        TEXT,             -- address as written; null: nobody can be written to
    reporter_name   TEXT NOT NULL DEFAULT '',
    constituent     TEXT,
    received_encrypted INTEGER NOT NULL DEFAULT 0,  -- some mail of the reporter came encrypted
    received_at     INTEGER NOT NULL,
    acknowledged_at INTEGER,          -- accepted by the SMTP server
    answered_at     INTEGER,          -- last human answer
    clock_from      INTEGER,          -- receipt of the first unanswered mail; null: no clock runs
    remind_at       INTEGER,
    due_at          INTEGER,
    escalate_at     INTEGER,
    escalated_at    INTEGER,
    rung            INTEGER NOT NULL DEFAULT 0,     -- rungs of the ladder fired since clock_from
    next_rung_at    INTEGER           -- null: no clock runs
) STRICT;
CREATE INDEX ticket_state ON ticket (state, id);
CREATE INDEX ticket_rung ON ticket (next_rung_at) WHERE next_rung_at IS NOT NULL;

CREATE TABLE received_via (
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    mailbox   TEXT NOT NULL,
    PRIMARY KEY (ticket_id, mailbox)
) STRICT, WITHOUT ROWID;

CREATE TABLE label (
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    label     TEXT NOT NULL,
    PRIMARY KEY (ticket_id, label)
) STRICT, WITHOUT ROWID;

CREATE TABLE participant (
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    address   TEXT NOT NULL,          -- in lower case
    PRIMARY KEY (ticket_id, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE link (
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    to_id     INTEGER NOT NULL REFERENCES ticket (id),
    kind      TEXT NOT NULL,
    PRIMARY KEY (ticket_id, to_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id   INTEGER NOT NULL REFERENCES ticket (id),
    direction   TEXT NOT NULL,
    message_id  TEXT,                 -- with angle brackets
    from_addr   TEXT,
    to_addrs    TEXT NOT NULL DEFAULT '[]',   -- JSON array
    cc_addrs    TEXT NOT NULL DEFAULT '[]',
    date        INTEGER,
    received_at INTEGER NOT NULL,     -- for 'out', 'ack', 'note': when written
    subject     TEXT NOT NULL DEFAULT '',
    text        TEXT NOT NULL DEFAULT '',
    raw_id      INTEGER REFERENCES raw (id),
    verdict     TEXT,                 -- JSON, as at arrival
    headers     TEXT NOT NULL DEFAULT '[]',   -- JSON array of pairs
    problems    TEXT NOT NULL DEFAULT '[]',   -- JSON array of words
    author      TEXT,                 -- who wrote it, for 'out' and 'note'
    automatic   INTEGER NOT NULL DEFAULT 0,   -- a machine wrote it: no promise starts from it
    rechecked_at INTEGER,             -- of the last re-check; null: never
    rechecked   TEXT                  -- JSON of the verdict of the last re-check
) STRICT;
CREATE INDEX message_ticket ON message (ticket_id);
CREATE INDEX message_message_id ON message (message_id) WHERE message_id IS NOT NULL;

-- The certificates that were asked for to judge a mail, by fingerprint or key ID.
CREATE TABLE asked (
    handle     TEXT NOT NULL,
    message_id INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    PRIMARY KEY (handle, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX asked_message ON asked (message_id);

-- Messages whose verdict may be another one now: a certificate that was asked for has changed.
CREATE TABLE recheck (
    message_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    needs_key  INTEGER NOT NULL DEFAULT 0  -- it cannot be opened now: waits for a key of the team
) STRICT;

-- Signatures seen, by the digest that they sign, with the mail that bore them first (T36).
CREATE TABLE signature (
    digest      TEXT PRIMARY KEY,     -- lower-case hex
    content_key TEXT NOT NULL         -- of the mail, as in spool
) STRICT, WITHOUT ROWID;

CREATE TABLE attachment (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id   INTEGER NOT NULL REFERENCES message (id),
    name         TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size         INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    bytes        BLOB NOT NULL
) STRICT;
CREATE INDEX attachment_message ON attachment (message_id);

CREATE TABLE indicator (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL REFERENCES message (id),
    kind       TEXT NOT NULL,
    value      TEXT NOT NULL,
    UNIQUE (message_id, kind, value)
) STRICT;

-- What happened, chained by hash (law 12). Never updated, never deleted.
CREATE TABLE history (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id INTEGER REFERENCES ticket (id),
    at        INTEGER NOT NULL,
    who       TEXT NOT NULL,
    what      TEXT NOT NULL,
    chain     TEXT NOT NULL           -- SHA-256 over the chain before and this row
) STRICT;
CREATE INDEX history_ticket ON history (ticket_id);
CREATE TRIGGER history_is_append_only_1 BEFORE UPDATE ON history BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER history_is_append_only_2 BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;

-- HAND-OVER 3: what we owe, one row an intent, one outcome each.
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL,
    ticket_id   INTEGER REFERENCES ticket (id),
    slot        TEXT NOT NULL,        -- what makes this intent one and the same
    to_addr     TEXT NOT NULL,        -- address, or "command:NAME" for a pager command
    intent      TEXT NOT NULL,        -- JSON: what the words are made from
    created_at  INTEGER NOT NULL,
    state       TEXT NOT NULL DEFAULT 'queued'
                CHECK (state IN ('queued', 'sealed', 'sending', 'unsure', 'sent', 'failed', 'blocked', 'dropped')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    unsure      INTEGER NOT NULL DEFAULT 0,   -- tries of which nobody knows whether they arrived; after the second a person decides
    next_try_at INTEGER NOT NULL,
    message_id  TEXT,                 -- fixed when sealed
    sealed      BLOB,                 -- the final octets, stored once
    last_error  TEXT,
    done_at     INTEGER,
    UNIQUE (kind, slot)
) STRICT;
CREATE INDEX outbox_due ON outbox (next_try_at) WHERE state IN ('queued', 'sealed', 'sending', 'unsure');
CREATE INDEX outbox_ticket ON outbox (ticket_id);
CREATE INDEX outbox_acknowledgement ON outbox (next_try_at) WHERE kind = 'acknowledgement';
CREATE INDEX outbox_message_id ON outbox (message_id) WHERE message_id IS NOT NULL;

-- A page wants an acknowledgement; until then it climbs.
CREATE TABLE page (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id   INTEGER REFERENCES ticket (id),   -- null: a group ("N more"), or a test
    slot        TEXT NOT NULL UNIQUE, -- one page a ticket, one a storm's window
    what        TEXT NOT NULL,        -- 'urgent', 'group', 'test'
    code        TEXT NOT NULL UNIQUE, -- single use
    raised_at   INTEGER NOT NULL,
    step        INTEGER NOT NULL DEFAULT 0,
    analyst     TEXT NOT NULL,        -- whom the last step reached
    next_at     INTEGER,              -- when the next in line is paged; null: nobody is left, or acknowledged
    acknowledged_at INTEGER,
    acknowledged_by TEXT
) STRICT;
CREATE INDEX page_open ON page (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX page_ticket ON page (ticket_id) WHERE ticket_id IS NOT NULL;

CREATE TABLE stand_in (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    analyst TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    to_at   INTEGER NOT NULL,
    set_by  TEXT NOT NULL,
    set_at  INTEGER NOT NULL
) STRICT;

-- Everybody's certificates; the team's own secret keys are elsewhere.
CREATE TABLE cert (
    fingerprint   TEXT PRIMARY KEY,   -- capital hex
    bytes         BLOB NOT NULL,      -- binary, self-signatures merged
    candidate     INTEGER NOT NULL,   -- came with a mail; proves nothing
    clear         INTEGER NOT NULL,   -- of a candidate: stood in an outer header or clear part (may serve acknowledgements)
    confirmed_at  INTEGER,            -- `key trust`
    confirmed_by  TEXT,
    method        TEXT,
    note          TEXT,
    source        TEXT NOT NULL,      -- 'import', 'folder', 'mail'
    added_at      INTEGER NOT NULL
) STRICT;
CREATE TABLE cert_handle (
    handle      TEXT NOT NULL,        -- fingerprint or 64-bit key ID of the primary key or a subkey
    fingerprint TEXT NOT NULL REFERENCES cert (fingerprint) ON DELETE CASCADE,
    PRIMARY KEY (handle, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE TABLE cert_address (
    address     TEXT NOT NULL,        -- in lower case, from bound user IDs
    fingerprint TEXT NOT NULL REFERENCES cert (fingerprint) ON DELETE CASCADE,
    PRIMARY KEY (address, fingerprint)
) STRICT, WITHOUT ROWID;

-- What each loop did last: for `status` and the watchdog.
CREATE TABLE loop_status (
    name       TEXT PRIMARY KEY,
    last_run   INTEGER NOT NULL,
    last_ok    INTEGER,
    last_error TEXT
) STRICT;
