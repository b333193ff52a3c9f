//! Single values that outlive the process: the key of our Message-IDs, when we were
//! installed, how far the simulated clock has run.

use super::{Maybe, Result, Tx, instant, micros};
use jiff::Timestamp;
use rusqlite::Connection;

fn get(c: &Connection, key: &str) -> Result<Option<String>> {
    c.prepare_cached("SELECT value FROM setting WHERE key = ?1")?.query_row([key], |row| row.get(0)).maybe()
}

fn set(tx: &Tx, key: &str, value: &str) -> Result<()> {
    tx.prepare_cached("INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")?
        .execute([key, value])?;
    Ok(())
}

/// The key under the hashes in our Message-IDs; made from `fresh` the first time.
pub fn message_id_key(tx: &Tx, fresh: [u8; 32]) -> Result<[u8; 32]> {
    let digits = match get(tx, "message_id_key")? {
        Some(digits) => digits,
        None => {
            let digits = hex(&fresh);
            set(tx, "message_id_key", &digits)?;
            digits
        }
    };
    let mut key = [0; 32];
    for (octet, digits) in key.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *octet = std::str::from_utf8(digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok()).unwrap_or(0);
    }
    Ok(key)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// When this store was first used: the first scan of a Sent folder starts there.
pub fn installed_at(tx: &Tx, now: Timestamp) -> Result<Timestamp> {
    match get(tx, "installed_at")?.and_then(|v| v.parse().ok()) {
        Some(at) => Ok(instant(at)),
        None => {
            set(tx, "installed_at", &micros(now).to_string())?;
            Ok(now)
        }
    }
}

/// When this store was first used; None: it is being made.
pub fn begun_at(c: &Connection) -> Result<Option<Timestamp>> {
    Ok(get(c, "installed_at")?.and_then(|v| v.parse().ok()).map(instant))
}

/// How far the simulated clock has run.
pub fn simulated_clock(c: &Connection) -> Result<Option<Timestamp>> {
    Ok(get(c, "clock")?.and_then(|v| v.parse().ok()).map(instant))
}

/// Lets the simulated clock run to `at`; it never runs backwards.
pub fn run_simulated_clock(tx: &Tx, at: Timestamp) -> Result<()> {
    match simulated_clock(tx)? {
        Some(before) if before >= at => Ok(()),
        _ => set(tx, "clock", &micros(at).to_string()),
    }
}

/// What the stored deadlines were computed from (calendar and tzdata), to notice a change.
pub fn deadlines_from(c: &Connection) -> Result<Option<String>> {
    get(c, "deadlines_from")
}

/// Notes what the stored deadlines were computed from.
pub fn set_deadlines_from(tx: &Tx, basis: &str) -> Result<()> {
    set(tx, "deadlines_from", basis)
}

/// The day, and for which key of the team, on which certificates were last looked through for coming
/// ends. None: never, or one has changed since.
pub fn certificates_seen(c: &Connection) -> Result<Option<String>> {
    get(c, CERTIFICATES_SEEN)
}

/// Notes that certificates were looked through.
pub fn set_certificates_seen(tx: &Tx, seen: &str) -> Result<()> {
    set(tx, CERTIFICATES_SEEN, seen)
}

/// A certificate has changed: they are looked through again.
pub fn forget_certificates_seen(tx: &Tx) -> Result<()> {
    tx.execute("DELETE FROM setting WHERE key = ?1", [CERTIFICATES_SEEN])?;
    Ok(())
}

const CERTIFICATES_SEEN: &str = "certificates_seen";

/// Whose certifications were believed when mail was last checked, to notice a change.
pub fn introducers_seen(c: &Connection) -> Result<Option<String>> {
    get(c, "introducers_seen")
}

/// Notes whose certifications are believed.
pub fn set_introducers_seen(tx: &Tx, introducers: &str) -> Result<()> {
    set(tx, "introducers_seen", introducers)
}

/// Which keys of the team could be used when mail was last opened, to notice a new one.
pub fn keys_seen(c: &Connection) -> Result<Option<String>> {
    get(c, "keys_seen")
}

/// Notes which keys of the team can be used.
pub fn set_keys_seen(tx: &Tx, keys: &str) -> Result<()> {
    set(tx, "keys_seen", keys)
}

/// Which rota file was read last, and what it was read with, to notice a change. None: none is in use.
pub fn rota_seen(c: &Connection) -> Result<Option<String>> {
    get(c, "rota_seen")
}

/// Notes which rota file was read; empty: none is in use.
pub fn set_rota_seen(tx: &Tx, seen: &str) -> Result<()> {
    set(tx, "rota_seen", seen)
}

/// When content was last looked through for what is to be purged.
pub fn purged_until(c: &Connection) -> Result<Option<Timestamp>> {
    Ok(get(c, "purged_until")?.and_then(|v| v.parse().ok()).map(instant))
}

/// Notes that it was.
pub fn set_purged_until(tx: &Tx, at: Timestamp) -> Result<()> {
    set(tx, "purged_until", &micros(at).to_string())
}

/// When the store was last restored from a backup.
pub fn restored_at(c: &Connection) -> Result<Option<Timestamp>> {
    Ok(get(c, "restored_at")?.and_then(|v| v.parse().ok()).map(instant))
}

/// Notes that it was.
pub fn set_restored_at(tx: &Tx, at: Timestamp) -> Result<()> {
    set(tx, "restored_at", &micros(at).to_string())
}

/// Up to when handovers and the hours of digests were looked at.
pub fn digests_until(c: &Connection) -> Result<Option<Timestamp>> {
    Ok(get(c, "digests_until")?.and_then(|v| v.parse().ok()).map(instant))
}

/// Notes up to when they were.
pub fn set_digests_until(tx: &Tx, at: Timestamp) -> Result<()> {
    set(tx, "digests_until", &micros(at).to_string())
}
