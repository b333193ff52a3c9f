-- What a mail holds: marks of its parts, mails forwarded in it, where each indicator stood; and what the
-- team, or a rule of its own, makes of a ticket.

ALTER TABLE message ADD COLUMN tlp TEXT;                            -- the strictest mark in it
ALTER TABLE message ADD COLUMN marks TEXT NOT NULL DEFAULT '[]';    -- JSON: mark by part
ALTER TABLE message ADD COLUMN forwarded TEXT NOT NULL DEFAULT '[]'; -- JSON: mails inside it

ALTER TABLE attachment ADD COLUMN part TEXT NOT NULL DEFAULT '';
ALTER TABLE attachment ADD COLUMN tlp TEXT;

ALTER TABLE indicator ADD COLUMN part TEXT NOT NULL DEFAULT '';
ALTER TABLE indicator ADD COLUMN at INTEGER NOT NULL DEFAULT 0;     -- octets into the text of the part
ALTER TABLE indicator ADD COLUMN encrypted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE indicator ADD COLUMN context TEXT NOT NULL DEFAULT 'text';

ALTER TABLE ticket ADD COLUMN extent TEXT;
ALTER TABLE ticket ADD COLUMN suggested_classification TEXT;        -- JSON: value and reason; nobody confirmed it
ALTER TABLE ticket ADD COLUMN suggested_severity TEXT;
