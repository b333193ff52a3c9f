-- The words of tickets, for `ticket search`: an index of words without a copy of the texts. One row a
-- ticket (rowid = ticket.id), so that words may stand in different mails of it.
--
-- Words are split at everything that is no letter or digit: an address, a name or a URL is a phrase of its
-- parts, so that it is found whole, by its end, and defanged or not. Accents and case do not count. Three
-- letters or more of a word find it (prefix).
CREATE VIRTUAL TABLE search USING fts5 (
    number, subject, text, indicators, people, files,
    content = '', contentless_delete = 1, prefix = '3', tokenize = 'unicode61 remove_diacritics 2'
);

-- What the index holds of each ticket; of a text the first 64 KiB, of all texts of a ticket 2 MiB.
CREATE VIEW search_source (ticket_id, number, subject, text, indicators, people, files) AS
SELECT ticket.id,
    ticket.number || ' ' || ltrim(substr(ticket.number, -6), '0'),
    ticket.subject || ' ' || coalesce((SELECT group_concat(subject, ' ') FROM message WHERE ticket_id = ticket.id), ''),
    substr(coalesce((SELECT group_concat(substr(text, 1, 65536), ' ') FROM message WHERE ticket_id = ticket.id), ''), 1, 2097152),
    coalesce((SELECT group_concat(value, ' ') FROM indicator JOIN message ON message.id = indicator.message_id
              WHERE ticket_id = ticket.id), ''),
    coalesce(reporter, '') || ' ' || reporter_name || ' '
        || coalesce((SELECT group_concat(coalesce(from_addr, '') || ' ' || to_addrs || ' ' || cc_addrs, ' ')
                     FROM message WHERE ticket_id = ticket.id), '') || ' '
        || coalesce((SELECT group_concat(address, ' ') FROM participant WHERE ticket_id = ticket.id), ''),
    coalesce((SELECT group_concat(name, ' ') FROM attachment JOIN message ON message.id = attachment.message_id
              WHERE ticket_id = ticket.id), '')
FROM ticket;

-- Tickets whose words have changed: brought up to date before the transaction ends. `gone`: something was
-- taken out of the store for good, and must leave no trace in the index.
CREATE TABLE search_stale (
    ticket_id INTEGER PRIMARY KEY,
    gone      INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TRIGGER search_ticket_new AFTER INSERT ON ticket BEGIN
    INSERT OR IGNORE INTO search_stale (ticket_id) VALUES (new.id);
END;
CREATE TRIGGER search_ticket_changed AFTER UPDATE OF number, subject, reporter, reporter_name ON ticket BEGIN
    INSERT OR IGNORE INTO search_stale (ticket_id) VALUES (new.id);
END;
CREATE TRIGGER search_ticket_gone AFTER DELETE ON ticket BEGIN
    INSERT OR REPLACE INTO search_stale (ticket_id, gone) VALUES (old.id, 1);
END;
CREATE TRIGGER search_message_new AFTER INSERT ON message BEGIN
    INSERT OR IGNORE INTO search_stale (ticket_id) VALUES (new.ticket_id);
END;
CREATE TRIGGER search_message_changed AFTER UPDATE OF ticket_id, subject, text, from_addr, to_addrs, cc_addrs ON message BEGIN
    INSERT OR IGNORE INTO search_stale (ticket_id) VALUES (old.ticket_id), (new.ticket_id);
END;
CREATE TRIGGER search_message_gone AFTER DELETE ON message BEGIN
    INSERT OR REPLACE INTO search_stale (ticket_id, gone) VALUES (old.ticket_id, 1);
END;
CREATE TRIGGER search_attachment_new AFTER INSERT ON attachment BEGIN
    INSERT OR IGNORE INTO search_stale (ticket_id) SELECT ticket_id FROM message WHERE id = new.message_id;
END;
CREATE TRIGGER search_attachment_gone AFTER DELETE ON attachment BEGIN
    INSERT OR IGNORE INTO search_stale (ticket_id) SELECT ticket_id FROM message WHERE id = old.message_id;
END;
CREATE TRIGGER search_indicator_new AFTER INSERT ON indicator BEGIN
    INSERT OR IGNORE INTO search_stale (ticket_id) SELECT ticket_id FROM message WHERE id = new.message_id;
END;
CREATE TRIGGER search_indicator_gone AFTER DELETE ON indicator BEGIN
    INSERT OR IGNORE INTO search_stale (ticket_id) SELECT ticket_id FROM message WHERE id = old.message_id;
END;
CREATE TRIGGER search_participant_new AFTER INSERT ON participant BEGIN
    INSERT OR IGNORE INTO search_stale (ticket_id) VALUES (new.ticket_id);
END;
CREATE TRIGGER search_participant_gone AFTER DELETE ON participant BEGIN
    INSERT OR IGNORE INTO search_stale (ticket_id) VALUES (old.ticket_id);
END;

INSERT INTO search (rowid, number, subject, text, indicators, people, files) SELECT * FROM search_source;
