//! Which signatures were seen, and on which mail first (T36).
//!
//! A signature is known by the digest that it signs: its own octets could be changed without
//! breaking it. Failure: the store's.

use super::{Result, Tx};
use rusqlite::{Connection, OptionalExtension};

/// Notes that the mail with this content key bears these signatures. The first mail stays noted.
pub fn note(tx: &Tx, digests: &[String], content_key: &str) -> Result<()> {
    let mut row = tx.prepare_cached("INSERT OR IGNORE INTO signature (digest, content_key) VALUES (?1, ?2)")?;
    for digest in digests {
        row.execute((digest, content_key))?;
    }
    Ok(())
}

/// Whether one of these signatures was seen on another mail. The same mail twice has one content
/// key, whatever relays put on top of it (law 1).
pub fn seen_elsewhere(c: &Connection, digests: &[String], content_key: &str) -> Result<bool> {
    let mut row = c.prepare_cached("SELECT 1 FROM signature WHERE digest = ?1 AND content_key <> ?2")?;
    for digest in digests {
        if row.query_row((digest, content_key), |_| Ok(())).optional()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
