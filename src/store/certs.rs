//! Everybody's certificates, and how far the team has authenticated them.
//!
//! Certificates arrive here already cut to what is bound and described by `edge/openpgp`;
//! this file only keeps and finds them. One that came with a mail is a candidate; it never
//! replaces what the team imported.

use super::{Maybe, Result, Tx, instant, micros, rechecks, settings};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

/// A certificate as it is kept.
#[derive(Debug, Clone)]
pub struct Cert {
    /// Capital hex.
    pub fingerprint: String,
    pub bytes: Vec<u8>,
    pub candidate: bool,
    /// Of a candidate: it stood in an outer header or a clear part.
    pub clear: bool,
    pub confirmed_at: Option<Timestamp>,
    pub confirmed_by: Option<String>,
    pub method: Option<String>,
    pub note: Option<String>,
    pub source: String,
    pub added_at: Timestamp,
}

/// What is written down about a certificate when it is kept.
#[derive(Debug, Clone)]
pub struct NewCert<'a> {
    pub fingerprint: &'a str,
    pub bytes: &'a [u8],
    /// Fingerprints and key IDs of its keys.
    pub handles: &'a [String],
    /// Addresses of its bound user IDs.
    pub addresses: &'a [String],
    pub candidate: bool,
    pub clear: bool,
    pub source: &'a str,
}

const COLUMNS: &str =
    "fingerprint, bytes, candidate, clear, confirmed_at, confirmed_by, method, note, source, added_at";

fn read_row(row: &Row) -> rusqlite::Result<Cert> {
    Ok(Cert {
        fingerprint: row.get(0)?,
        bytes: row.get(1)?,
        candidate: row.get(2)?,
        clear: row.get(3)?,
        confirmed_at: row.get::<_, Option<i64>>(4)?.map(instant),
        confirmed_by: row.get(5)?,
        method: row.get(6)?,
        note: row.get(7)?,
        source: row.get(8)?,
        added_at: instant(row.get(9)?),
    })
}

/// One certificate by its full fingerprint.
pub fn get(c: &Connection, fingerprint: &str) -> Result<Option<Cert>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM cert WHERE fingerprint = ?1"))?
        .query_row([fingerprint], read_row)
        .maybe()
}

/// Every certificate, oldest first.
pub fn all(c: &Connection) -> Result<Vec<Cert>> {
    let mut rows = c.prepare_cached(&format!("SELECT {COLUMNS} FROM cert ORDER BY added_at, rowid"))?;
    let found = rows.query_map([], read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Certificates that hold a key with one of these fingerprints or key IDs. Key IDs are hints:
/// whoever asks decides by the full fingerprint after verifying (T39).
pub fn find(c: &Connection, handles: &[String]) -> Result<Vec<Cert>> {
    let mut rows = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM cert WHERE fingerprint IN (SELECT fingerprint FROM cert_handle WHERE handle = ?1)"
    ))?;
    let mut found: Vec<Cert> = Vec::new();
    for handle in handles {
        for cert in rows.query_map([handle], read_row)? {
            let cert = cert?;
            if !found.iter().any(|known| known.fingerprint == cert.fingerprint) {
                found.push(cert);
            }
        }
    }
    Ok(found)
}

/// Certificates with a bound user ID of this address (in lower case), the first that came first:
/// mails of one turn share their instant, the row tells them apart.
pub fn of_address(c: &Connection, address: &str) -> Result<Vec<Cert>> {
    let mut rows = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM cert WHERE fingerprint IN (SELECT fingerprint FROM cert_address WHERE address = ?1) \
         ORDER BY added_at, rowid"
    ))?;
    let found = rows.query_map([address], read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The addresses that a certificate is bound to, in lower case.
pub fn addresses(c: &Connection, fingerprint: &str) -> Result<Vec<String>> {
    let mut rows = c.prepare_cached("SELECT address FROM cert_address WHERE fingerprint = ?1 ORDER BY address")?;
    let found = rows.query_map([fingerprint], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Keeps a certificate: `bytes` are the merged ones if it was known. What the team imported is
/// never made a candidate again. Mails that asked for it are checked again, as for all changes here.
pub fn keep(tx: &Tx, cert: &NewCert, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO cert (fingerprint, bytes, candidate, clear, source, added_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (fingerprint) DO UPDATE SET bytes = ?2, candidate = candidate AND ?3, clear = clear OR ?4, \
         source = CASE WHEN candidate AND NOT ?3 THEN ?5 ELSE source END",
    )?
    .execute((cert.fingerprint, cert.bytes, cert.candidate, cert.clear, cert.source, micros(now)))?;
    tx.execute("DELETE FROM cert_handle WHERE fingerprint = ?1", [cert.fingerprint])?;
    tx.execute("DELETE FROM cert_address WHERE fingerprint = ?1", [cert.fingerprint])?;
    let mut handle_row =
        tx.prepare_cached("INSERT OR IGNORE INTO cert_handle (handle, fingerprint) VALUES (?1, ?2)")?;
    for handle in cert.handles {
        handle_row.execute((handle, cert.fingerprint))?;
    }
    let mut address_row =
        tx.prepare_cached("INSERT OR IGNORE INTO cert_address (address, fingerprint) VALUES (?1, ?2)")?;
    for address in cert.addresses {
        address_row.execute((address.to_lowercase(), cert.fingerprint))?;
    }
    // A candidate proves nothing: nothing changes with it.
    if cert.candidate { Ok(()) } else { changed(tx, cert.fingerprint) }
}

fn changed(tx: &Tx, fingerprint: &str) -> Result<()> {
    rechecks::mark_certificate(tx, fingerprint)?;
    settings::forget_certificates_seen(tx)
}

/// Writes down that a person confirmed the fingerprint.
pub fn confirm(tx: &Tx, fingerprint: &str, by: &str, method: &str, note: Option<&str>, now: Timestamp) -> Result<bool> {
    changed(tx, fingerprint)?;
    Ok(tx.execute(
        "UPDATE cert SET candidate = 0, confirmed_at = ?2, confirmed_by = ?3, method = ?4, note = ?5 WHERE fingerprint = ?1",
        (fingerprint, micros(now), by, method, note),
    )? == 1)
}

/// Forgets a certificate.
pub fn remove(tx: &Tx, fingerprint: &str) -> Result<bool> {
    changed(tx, fingerprint)?;
    Ok(tx.execute("DELETE FROM cert WHERE fingerprint = ?1", [fingerprint])? == 1)
}

/// In the order in which a mail is encrypted to them: confirmed before imported before those that came
/// with a mail; of two that the team took in the later one, for a key that somebody has changed; of two
/// that came with mail the first, so that a later one never displaces it (T54).
pub fn by_preference(known: &mut [Cert]) {
    known.sort_by_key(|cert| {
        let at = cert.confirmed_at.unwrap_or(cert.added_at).as_microsecond();
        (cert.confirmed_at.is_none(), cert.candidate, if cert.candidate { at } else { -at })
    });
}
