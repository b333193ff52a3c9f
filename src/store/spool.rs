//! HAND-OVER 1: raw mail and the place it came from, in one commit (law 1), and what the
//! journey made of it. Content never decides anything here.

use super::{Maybe, Result, Tx, instant, micros};
use crate::rules::ticket::words;
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

words! {
    /// What became of a spooled mail.
    SpoolState {
        New = "new",
        Filed = "filed",
        Joined = "joined",
        Duplicate = "duplicate",
        /// In quarantine, with a stub ticket.
        Held = "held",
        /// Sent mail that is no answer.
        Ignored = "ignored",
        /// Taken out of quarantine by hand.
        Dropped = "dropped",
    }
}

words! {
    /// Which way a watched folder's mail went.
    Role { Inbox = "inbox", Sent = "sent" }
}

words! {
    /// Where the server's (or the Maildir's) copy is.
    ServerCopy {
        There = "there",
        /// It stays where it is, by config or for want of a way to move it.
        Stays = "stays",
        Moved = "moved",
        Gone = "gone",
    }
}

/// A mail as it arrives.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub mailbox: String,
    pub role: Role,
    pub folder: String,
    pub place: Place,
    pub bytes: Vec<u8>,
    /// Octets on the server; more than `bytes` holds if it was cut.
    pub full_size: u64,
    pub received_at: Timestamp,
    /// `ingest --sender`; `Some("")` is the null sender.
    pub envelope_sender: Option<String>,
    pub history: bool,
}

/// Where the original lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Imap { uidvalidity: u32, uid: u32 },
    Maildir { unique: String },
    Nowhere,
}

/// A spooled mail without its octets.
#[derive(Debug, Clone)]
pub struct Spooled {
    pub id: i64,
    pub mailbox: String,
    pub role: Role,
    pub folder: String,
    pub place: Place,
    pub raw_id: Option<i64>,
    pub content_key: String,
    pub full_size: u64,
    pub received_at: Timestamp,
    pub envelope_sender: Option<String>,
    pub history: bool,
    pub attempts: u32,
    pub state: SpoolState,
    pub reason: Option<String>,
    pub ticket_id: Option<i64>,
    pub message_id: Option<i64>,
    /// It lay in the folder of filed mail after a restore: somebody was told of it before.
    pub found_again: bool,
}

const COLUMNS: &str = "id, mailbox, role, folder, uidvalidity, uid, place, raw_id, content_key, full_size, received_at, \
                       envelope_sender, history, attempts, state, reason, ticket_id, message_id, found_again";

fn read_row(row: &Row) -> rusqlite::Result<Spooled> {
    let place = match (row.get(4)?, row.get(5)?, row.get::<_, Option<String>>(6)?) {
        (Some(uidvalidity), Some(uid), _) => Place::Imap { uidvalidity, uid },
        (_, _, Some(unique)) => Place::Maildir { unique },
        _ => Place::Nowhere,
    };
    let word: String = row.get(14)?;
    let role: String = row.get(2)?;
    Ok(Spooled {
        id: row.get(0)?,
        mailbox: row.get(1)?,
        role: Role::from_word(&role).unwrap_or(Role::Inbox),
        folder: row.get(3)?,
        place,
        raw_id: row.get(7)?,
        content_key: row.get(8)?,
        full_size: row.get::<_, i64>(9)?.unsigned_abs(),
        received_at: instant(row.get(10)?),
        envelope_sender: row.get(11)?,
        history: row.get(12)?,
        attempts: row.get(13)?,
        state: SpoolState::from_word(&word).unwrap_or(SpoolState::Held),
        reason: row.get(15)?,
        ticket_id: row.get(16)?,
        message_id: row.get(17)?,
        found_again: row.get(18)?,
    })
}

/// Stores a mail. None where this very copy (mailbox, folder, place) is spooled already.
pub fn insert(tx: &Tx, mail: &Arrival, now: Timestamp) -> Result<Option<i64>> {
    let raw_id = insert_raw(tx, &mail.bytes)?;
    let (uidvalidity, uid, place) = match &mail.place {
        Place::Imap { uidvalidity, uid } => (Some(*uidvalidity), Some(*uid), None),
        Place::Maildir { unique } => (None, None, Some(unique.as_str())),
        Place::Nowhere => (None, None, None),
    };
    let copy =
        if mail.place == Place::Nowhere || mail.role == Role::Sent { ServerCopy::Stays } else { ServerCopy::There };
    let inserted = tx
        .prepare_cached(
            "INSERT INTO spool (mailbox, role, folder, uidvalidity, uid, place, raw_id, content_key, full_size, received_at, \
             spooled_at, envelope_sender, history, server_copy) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
             ON CONFLICT DO NOTHING",
        )?
        .execute((
            &mail.mailbox,
            mail.role.word(),
            &mail.folder,
            uidvalidity,
            uid,
            place,
            raw_id,
            key_of(mail),
            i64::try_from(mail.full_size).unwrap_or(i64::MAX),
            micros(mail.received_at),
            micros(now),
            &mail.envelope_sender,
            mail.history,
            copy.word(),
        ))?;
    let spooled = (inserted == 1).then(|| tx.last_insert_rowid());
    if let (None, Some(place)) = (spooled, place) {
        // The very file that was filed away: somebody has put it back, and there it stays.
        tx.prepare_cached(
            "UPDATE spool SET server_copy = 'stays' WHERE mailbox = ?1 AND folder = ?2 AND place = ?3 \
             AND server_copy IN ('moved', 'gone')",
        )?
        .execute((&mail.mailbox, &mail.folder, place))?;
    }
    Ok(spooled)
}

/// Stores a mail from the folder of filed mail, unless this mailbox has had these very octets; gives
/// whether it is new. Its copy lies where it belongs.
pub fn insert_found_again(tx: &Tx, mail: &Arrival, now: Timestamp) -> Result<bool> {
    let known = tx
        .prepare_cached(
            "SELECT 1 FROM spool JOIN raw ON raw.id = raw_id WHERE mailbox = ?1 AND role = ?2 AND sha256 = ?3",
        )?
        .exists((&mail.mailbox, mail.role.word(), hex(&Sha256::digest(&mail.bytes))))?;
    if known {
        return Ok(false);
    }
    let Some(id) = insert(tx, mail, now)? else { return Ok(false) };
    tx.execute("UPDATE spool SET found_again = 1, server_copy = 'moved' WHERE id = ?1", [id])?;
    Ok(true)
}

/// From when on the folder of filed mail of a mailbox is to be looked through; None: not at all.
pub fn look_again(c: &Connection, mailbox: &str) -> Result<Option<Timestamp>> {
    let since = c
        .prepare_cached("SELECT since FROM look_again WHERE mailbox = ?1")?
        .query_row([mailbox], |row| row.get(0))
        .maybe()?;
    Ok(since.map(instant))
}

/// Notes that it was looked through.
pub fn looked_again(tx: &Tx, mailbox: &str) -> Result<()> {
    tx.execute("DELETE FROM look_again WHERE mailbox = ?1", [mailbox])?;
    Ok(())
}

/// Stores octets once; gives their row.
pub fn insert_raw(tx: &Tx, bytes: &[u8]) -> Result<i64> {
    let sha256 = hex(&Sha256::digest(bytes));
    let known =
        tx.prepare_cached("SELECT id FROM raw WHERE sha256 = ?1")?.query_row([&sha256], |row| row.get(0)).maybe()?;
    if let Some(id) = known {
        return Ok(id);
    }
    tx.prepare_cached("INSERT INTO raw (sha256, size, bytes) VALUES (?1, ?2, ?3)")?.execute((
        &sha256,
        bytes.len() as i64,
        bytes,
    ))?;
    Ok(tx.last_insert_rowid())
}

/// Stored octets, with their SHA-256 and size.
pub fn raw(c: &Connection, raw_id: i64) -> Result<Vec<u8>> {
    Ok(c.prepare_cached("SELECT bytes FROM raw WHERE id = ?1")?.query_row([raw_id], |row| row.get(0))?)
}

/// SHA-256 (lower-case hex) and size of stored octets.
pub fn raw_facts(c: &Connection, raw_id: i64) -> Result<(String, u64)> {
    Ok(c.prepare_cached("SELECT sha256, size FROM raw WHERE id = ?1")?
        .query_row([raw_id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// So much of the begin of a mail, with its size, tells it from all others.
const TELLING: usize = 64 * 1024;

/// The key of a mail's copies. Where too little is here to tell it from another mail, it has none:
/// rather two tickets for one mail than one for two.
fn key_of(mail: &Arrival) -> String {
    let key = content_key(&mail.bytes);
    match mail.full_size > mail.bytes.len() as u64 {
        true if mail.bytes.len() < TELLING || key.is_empty() => String::new(),
        true => format!("{key}/{}", mail.full_size),
        false => key,
    }
}

/// What two copies of one mail have in common: SHA-256 of the octets with the trace fields on
/// top (what relays and mailboxes add) set aside (law 1). Empty: nothing is left to compare.
pub fn content_key(bytes: &[u8]) -> String {
    const TRACE: &[&str] = &[
        "return-path",
        "delivered-to",
        "x-original-to",
        "received",
        "received-spf",
        "authentication-results",
        "dkim-signature",
        "domainkey-signature",
        "arc-seal",
        "arc-message-signature",
        "arc-authentication-results",
    ];
    let mut rest = bytes;
    if rest.starts_with(b"From ") {
        rest = after_line(rest);
    }
    while let Some(colon) = rest.iter().take(80).position(|&b| b == b':') {
        let name = String::from_utf8_lossy(&rest[..colon]).trim_end().to_ascii_lowercase();
        if !TRACE.contains(&name.as_str()) {
            break;
        }
        rest = after_line(rest);
        while rest.starts_with(b" ") || rest.starts_with(b"\t") {
            rest = after_line(rest);
        }
    }
    if rest.trim_ascii().is_empty() { String::new() } else { hex(&Sha256::digest(rest)) }
}

fn after_line(bytes: &[u8]) -> &[u8] {
    bytes.iter().position(|&b| b == b'\n').map_or(&[], |end| &bytes[end + 1..])
}

/// One spooled mail.
pub fn get(c: &Connection, id: i64) -> Result<Option<Spooled>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM spool WHERE id = ?1"))?.query_row([id], read_row).maybe()
}

/// The spooled mail that became a message.
pub fn of_message(c: &Connection, message: i64) -> Result<Option<Spooled>> {
    c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM spool WHERE message_id = ?1 AND state IN ('filed', 'joined') ORDER BY id"
    ))?
    .query_row([message], read_row)
    .maybe()
}

/// When a mail was seen first.
pub fn spooled_at(c: &Connection, id: i64) -> Result<Option<Timestamp>> {
    Ok(c.query_row("SELECT spooled_at FROM spool WHERE id = ?1", [id], |row| row.get(0)).maybe()?.map(instant))
}

/// Mails that wait for the journey, oldest first: those behind `after`.
pub fn waiting(c: &Connection, now: Timestamp, after: i64, limit: usize) -> Result<Vec<i64>> {
    let mut rows = c.prepare_cached(
        "SELECT id FROM spool WHERE state = 'new' AND next_try_at <= ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let ids = rows.query_map((micros(now), after, limit as i64), |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// Counts an attempt before it is made (law 3); gives how many there are now.
pub fn count_attempt(tx: &Tx, id: i64) -> Result<u32> {
    Ok(tx
        .prepare_cached("UPDATE spool SET attempts = attempts + 1 WHERE id = ?1 RETURNING attempts")?
        .query_row([id], |row| row.get(0))?)
}

/// Takes back the count of an attempt that the store failed: no fault of the mail.
pub fn forgive_attempt(tx: &Tx, id: i64) -> Result<()> {
    tx.execute("UPDATE spool SET attempts = attempts - 1 WHERE id = ?1 AND attempts > 0", [id])?;
    Ok(())
}

/// Why the last attempt at a mail came to nothing.
pub fn note_reason(tx: &Tx, id: i64, reason: &str) -> Result<()> {
    tx.execute("UPDATE spool SET reason = ?2 WHERE id = ?1 AND state = 'new'", (id, reason))?;
    Ok(())
}

/// Another spooled copy of the same mail that has a ticket already.
pub fn twin(c: &Connection, mail: &Spooled) -> Result<Option<(i64, i64)>> {
    if mail.content_key.is_empty() {
        return Ok(None);
    }
    c.prepare_cached(
        "SELECT ticket_id, message_id FROM spool WHERE content_key = ?1 AND role = ?2 AND id <> ?3 \
         AND state IN ('filed', 'joined') AND ticket_id IS NOT NULL AND message_id IS NOT NULL ORDER BY id LIMIT 1",
    )?
    .query_row((&mail.content_key, mail.role.word(), mail.id), |row| Ok((row.get(0)?, row.get(1)?)))
    .maybe()
}

/// Whether a mail is here already from the same folder, octet for octet, under a UID of another time:
/// then the server has only numbered its mails anew. Of such copies the latest is kept.
pub fn was_renumbered(tx: &Tx, mail: &Spooled) -> Result<bool> {
    let (Place::Imap { uidvalidity, .. }, Some(raw_id)) = (&mail.place, mail.raw_id) else { return Ok(false) };
    let earlier = "mailbox = ?1 AND folder = ?2 AND content_key = ?3 AND raw_id = ?4 AND uidvalidity <> ?5 AND id < ?6";
    let which = (&mail.mailbox, &mail.folder, &mail.content_key, raw_id, uidvalidity, mail.id);
    let known = tx
        .prepare_cached(&format!("SELECT 1 FROM spool WHERE {earlier} AND state IN ('filed', 'joined', 'duplicate')"))?
        .exists(which)?;
    tx.prepare_cached(&format!("DELETE FROM spool WHERE {earlier} AND state = 'duplicate'"))?.execute(which)?;
    Ok(known)
}

/// Counts that a server has numbered its mails anew (another UIDVALIDITY); gives how often on this day, UTC.
pub fn count_renumbering(tx: &Tx, mailbox: &str, folder: &str, now: Timestamp) -> Result<u32> {
    let key = format!("renumbered {mailbox}/{folder}");
    let today = now.as_second() / 86_400;
    let before: Option<String> =
        tx.prepare_cached("SELECT value FROM setting WHERE key = ?1")?.query_row([&key], |row| row.get(0)).maybe()?;
    let before = before.as_deref().and_then(|value| value.split_once(' ')).and_then(|(day, count)| {
        let is_today = day.parse() == Ok(today);
        is_today.then(|| count.parse().ok()).flatten()
    });
    let count = before.unwrap_or(0u32).saturating_add(1);
    tx.prepare_cached("INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")?
        .execute((key, format!("{today} {count}")))?;
    Ok(count)
}

/// Notes what became of a mail. Only a waiting (or held) one can become something.
pub fn settle(
    tx: &Tx,
    id: i64,
    state: SpoolState,
    ticket: Option<i64>,
    message: Option<i64>,
    reason: Option<&str>,
) -> Result<()> {
    tx.prepare_cached("UPDATE spool SET state = ?2, ticket_id = ?3, message_id = ?4, reason = ?5 WHERE id = ?1")?
        .execute((id, state.word(), ticket, message, reason))?;
    Ok(())
}

/// Lets go of the octets of sent mail that is no answer: it is the server's, not ours to keep.
pub fn let_go(tx: &Tx, id: i64, raw_id: i64) -> Result<()> {
    tx.execute("UPDATE spool SET raw_id = NULL WHERE id = ?1", [id])?;
    tx.execute(
        "DELETE FROM raw WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM spool WHERE raw_id = ?1) \
         AND NOT EXISTS (SELECT 1 FROM message WHERE raw_id = ?1)",
        [raw_id],
    )?;
    Ok(())
}

/// Mails in quarantine.
pub fn held(c: &Connection) -> Result<Vec<Spooled>> {
    let mut rows = c.prepare_cached(&format!("SELECT {COLUMNS} FROM spool WHERE state = 'held' ORDER BY id"))?;
    let mails = rows.query_map([], read_row)?;
    Ok(mails.collect::<rusqlite::Result<_>>()?)
}

/// Sends a held mail on its journey again, as if it had just been spooled.
pub fn retry(tx: &Tx, id: i64) -> Result<bool> {
    Ok(tx.execute(
        "UPDATE spool SET state = 'new', attempts = 0, next_try_at = 0 WHERE id = ?1 AND state = 'held'",
        [id],
    )? == 1)
}

/// Receipt of the oldest mail that has no ticket yet.
pub fn oldest_waiting(c: &Connection) -> Result<Option<Timestamp>> {
    let oldest: Option<i64> =
        c.query_row("SELECT min(spooled_at) FROM spool WHERE state = 'new'", [], |row| row.get(0))?;
    Ok(oldest.map(instant))
}

/// Where we stand in a watched folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub uidvalidity: u32,
    pub next_uid: u32,
    /// Mails below this UID were there at first sight and are history.
    pub history_until: u32,
    pub first_seen_at: Timestamp,
}

/// Where we stand in a folder; None at first sight.
pub fn cursor(c: &Connection, mailbox: &str, folder: &str) -> Result<Option<Cursor>> {
    c.prepare_cached(
        "SELECT uidvalidity, next_uid, history_until, first_seen_at FROM cursor WHERE mailbox = ?1 AND folder = ?2",
    )?
    .query_row((mailbox, folder), |row| {
        Ok(Cursor {
            uidvalidity: row.get(0)?,
            next_uid: row.get(1)?,
            history_until: row.get(2)?,
            first_seen_at: instant(row.get(3)?),
        })
    })
    .maybe()
}

/// Moves the cursor: in the same transaction as the mails before it.
pub fn set_cursor(tx: &Tx, mailbox: &str, folder: &str, role: Role, cursor: &Cursor) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO cursor (mailbox, folder, role, uidvalidity, next_uid, history_until, first_seen_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (mailbox, folder) DO UPDATE SET uidvalidity = ?4, next_uid = ?5, history_until = ?6",
    )?
    .execute((
        mailbox,
        folder,
        role.word(),
        cursor.uidvalidity,
        cursor.next_uid,
        cursor.history_until,
        micros(cursor.first_seen_at),
    ))?;
    Ok(())
}

/// Forgets which mail has which UID: the server has begun to use them again.
pub fn forget_uids(tx: &Tx, mailbox: &str, folder: &str) -> Result<()> {
    tx.execute(
        "UPDATE spool SET uidvalidity = NULL, uid = NULL WHERE mailbox = ?1 AND folder = ?2 AND uid IS NOT NULL",
        (mailbox, folder),
    )?;
    tx.execute("DELETE FROM refused WHERE mailbox = ?1 AND folder = ?2", (mailbox, folder))?;
    Ok(())
}

/// Notes that the server refused to give a mail; gives how often by now.
pub fn refuse(tx: &Tx, mailbox: &str, folder: &str, uidvalidity: u32, uid: u32) -> Result<u32> {
    Ok(tx
        .prepare_cached(
            "INSERT INTO refused (mailbox, folder, uidvalidity, uid) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET attempts = attempts + 1 RETURNING attempts",
        )?
        .query_row((mailbox, folder, uidvalidity, uid), |row| row.get(0))?)
}

/// Notes a mail that the server listed and then said nothing of, as not asked for yet.
pub fn ask_later(tx: &Tx, mailbox: &str, folder: &str, uidvalidity: u32, uid: u32) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO refused (mailbox, folder, uidvalidity, uid, attempts) VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT DO NOTHING",
    )?
    .execute((mailbox, folder, uidvalidity, uid))?;
    Ok(())
}

/// Mails that the server has refused so far.
pub fn refused(c: &Connection, mailbox: &str, folder: &str, uidvalidity: u32) -> Result<Vec<u32>> {
    let mut rows =
        c.prepare_cached("SELECT uid FROM refused WHERE mailbox = ?1 AND folder = ?2 AND uidvalidity = ?3")?;
    let found = rows.query_map((mailbox, folder, uidvalidity), |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Forgets that a mail was refused: it is here, or gone for good.
pub fn forget_refused(tx: &Tx, mailbox: &str, folder: &str, uidvalidity: u32, uid: u32) -> Result<()> {
    tx.prepare_cached("DELETE FROM refused WHERE mailbox = ?1 AND folder = ?2 AND uidvalidity = ?3 AND uid = ?4")?
        .execute((mailbox, folder, uidvalidity, uid))?;
    Ok(())
}

/// Whether the file of a Maildir is spooled, and lies there still.
pub fn has_place(c: &Connection, mailbox: &str, folder: &str, place: &str) -> Result<bool> {
    Ok(c.prepare_cached(
        "SELECT 1 FROM spool WHERE mailbox = ?1 AND folder = ?2 AND place = ?3 AND server_copy IN ('there', 'stays')",
    )?
    .exists((mailbox, folder, place))?)
}

/// Filed mails whose original still lies in the watched folder.
pub fn to_tidy(c: &Connection, mailbox: &str, folder: &str, limit: usize) -> Result<Vec<(i64, Place)>> {
    let mut rows = c.prepare_cached(
        "SELECT id, uidvalidity, uid, place FROM spool WHERE mailbox = ?1 AND folder = ?2 AND server_copy = 'there' \
         AND state <> 'new' ORDER BY id LIMIT ?3",
    )?;
    let found = rows.query_map((mailbox, folder, limit as i64), |row| {
        let place = match (row.get(1)?, row.get(2)?, row.get::<_, Option<String>>(3)?) {
            (Some(uidvalidity), Some(uid), _) => Place::Imap { uidvalidity, uid },
            (_, _, Some(unique)) => Place::Maildir { unique },
            _ => Place::Nowhere,
        };
        Ok((row.get(0)?, place))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Notes where the originals are now.
pub fn set_server_copy(tx: &Tx, ids: &[i64], copy: ServerCopy) -> Result<()> {
    let mut update = tx.prepare_cached("UPDATE spool SET server_copy = ?2 WHERE id = ?1")?;
    for id in ids {
        update.execute((id, copy.word()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::content_key;

    #[test]
    fn trace_fields_on_top_do_not_make_another_mail() {
        let mail = "From: a@b.example\nReceived: by c\n\nhello\n";
        let delivered =
            format!("Return-Path: <a@b.example>\nDelivered-To: x@y\nReceived: from a\n\tby b; today\n{mail}");
        assert_eq!(content_key(mail.as_bytes()), content_key(delivered.as_bytes()));
        assert_ne!(content_key(mail.as_bytes()), content_key(mail.replace("hello", "hullo").as_bytes()));
        // A Received field below other fields is content.
        assert_ne!(content_key(mail.as_bytes()), content_key(mail.replace("by c", "by d").as_bytes()));
        for nothing in [&b""[..], b"\r\n", b"Received: x", b"From me\nReceived: x\r\n\ty\r\n\r\n"] {
            assert_eq!(content_key(nothing), "", "nothing has no copies");
        }
    }
}
