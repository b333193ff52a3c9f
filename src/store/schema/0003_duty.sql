-- Who is on duty by the rota file, as it was last read in whole.
CREATE TABLE rota_span (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    analyst TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    to_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX rota_span_end ON rota_span (to_at);

-- Gaps in the rota that somebody was told of: ahead of time, and when they began.
CREATE TABLE told_gap (
    from_at INTEGER NOT NULL,
    to_at   INTEGER NOT NULL,
    begun   INTEGER NOT NULL DEFAULT 0
) STRICT;
