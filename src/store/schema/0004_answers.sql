-- Answers from where analysts work, and what proves who a correspondent is.

-- An analyst's reply that is to be obeyed: its words stand in the message. One outcome each.
CREATE TABLE mail_order (
    message_id INTEGER PRIMARY KEY REFERENCES message (id),
    ticket_id  INTEGER NOT NULL REFERENCES ticket (id),
    analyst    TEXT NOT NULL,
    to_addr    TEXT NOT NULL,         -- the correspondent to whom its words would go, in lower case
    purpose    TEXT NOT NULL CHECK (purpose IN ('answer', 'note')),  -- of words without a command
    page_id    INTEGER REFERENCES page (id),  -- the page whose code it bears
    at         INTEGER NOT NULL,
    state      TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'obeyed', 'refused'))
) STRICT;
CREATE INDEX mail_order_new ON mail_order (message_id) WHERE state = 'new';

-- A mail to an address whose reply proves that its owner reads it (P6). The token itself is not kept.
CREATE TABLE challenge (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id  INTEGER NOT NULL REFERENCES ticket (id),
    address    TEXT NOT NULL,         -- as written
    token_hash TEXT NOT NULL UNIQUE,  -- SHA-256, lower-case hex
    asked_by   TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;

-- How a correspondent of a ticket was found to be who they say (P6).
CREATE TABLE identity (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id  INTEGER NOT NULL REFERENCES ticket (id),
    address    TEXT NOT NULL,         -- in lower case
    method     TEXT NOT NULL CHECK (method IN ('mail-back', 'call-back', 'in-person')),
    at         INTEGER NOT NULL,
    who        TEXT NOT NULL,         -- who asked, or vouches
    note       TEXT,
    signer     TEXT                   -- of a mail-back: the key that signed the reply, not trusted for that
) STRICT;
CREATE INDEX identity_ticket ON identity (ticket_id);
