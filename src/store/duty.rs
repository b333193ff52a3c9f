//! Pages that want an acknowledgement, and who stands in for whom.

use super::{Maybe, Result, Tx, instant, micros};
use crate::rules::rota::{Gap, Override};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

/// One page: an alert that wants an acknowledgement and climbs until it has one.
#[derive(Debug, Clone)]
pub struct Page {
    pub id: i64,
    pub ticket_id: Option<i64>,
    /// `urgent`, `group`, `test`.
    pub what: String,
    /// Single use; a reply with it acknowledges.
    pub code: String,
    pub raised_at: Timestamp,
    pub step: u32,
    /// Whom the last step reached, separated by commas.
    pub analyst: String,
    pub next_at: Option<Timestamp>,
    pub acknowledged_at: Option<Timestamp>,
    pub acknowledged_by: Option<String>,
}

const COLUMNS: &str = "id, ticket_id, what, code, raised_at, step, analyst, next_at, acknowledged_at, acknowledged_by";

fn read_row(row: &Row) -> rusqlite::Result<Page> {
    Ok(Page {
        id: row.get(0)?,
        ticket_id: row.get(1)?,
        what: row.get(2)?,
        code: row.get(3)?,
        raised_at: instant(row.get(4)?),
        step: row.get(5)?,
        analyst: row.get(6)?,
        next_at: row.get::<_, Option<i64>>(7)?.map(instant),
        acknowledged_at: row.get::<_, Option<i64>>(8)?.map(instant),
        acknowledged_by: row.get(9)?,
    })
}

/// A page that is to be raised.
#[derive(Debug, Clone)]
pub struct NewPage<'a> {
    pub ticket: Option<i64>,
    /// What makes it one and the same page.
    pub slot: &'a str,
    pub what: &'a str,
    pub code: &'a str,
    pub analysts: &'a [String],
    pub next_at: Option<Timestamp>,
}

/// Raises a page; None where its slot has one already.
pub fn raise(tx: &Tx, page: &NewPage, now: Timestamp) -> Result<Option<i64>> {
    let inserted = tx
        .prepare_cached(
            "INSERT INTO page (ticket_id, slot, what, code, raised_at, analyst, next_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT DO NOTHING",
        )?
        .execute((
            page.ticket,
            page.slot,
            page.what,
            page.code,
            micros(now),
            page.analysts.join(", "),
            page.next_at.map(micros),
        ))?;
    Ok((inserted == 1).then(|| tx.last_insert_rowid()))
}

/// One page.
pub fn page(c: &Connection, id: i64) -> Result<Option<Page>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM page WHERE id = ?1"))?.query_row([id], read_row).maybe()
}

/// The page of a slot.
pub fn page_of_slot(c: &Connection, slot: &str) -> Result<Option<i64>> {
    c.prepare_cached("SELECT id FROM page WHERE slot = ?1")?.query_row([slot], |row| row.get(0)).maybe()
}

/// The unacknowledged page with this code.
pub fn page_of_code(c: &Connection, code: &str) -> Result<Option<Page>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM page WHERE code = ?1 AND acknowledged_at IS NULL"))?
        .query_row([code], read_row)
        .maybe()
}

/// The last page that was raised for a ticket alone.
pub fn last_page(c: &Connection, ticket: i64) -> Result<Option<Page>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM page WHERE ticket_id = ?1 ORDER BY id DESC LIMIT 1"))?
        .query_row([ticket], read_row)
        .maybe()
}

/// When pages were raised since an instant, oldest first; for the grouping of storms.
pub fn raised_since(c: &Connection, since: Timestamp) -> Result<Vec<Timestamp>> {
    let mut rows =
        c.prepare_cached("SELECT raised_at FROM page WHERE raised_at >= ?1 AND what = 'urgent' ORDER BY raised_at")?;
    let found = rows.query_map([micros(since)], |row| row.get(0).map(instant))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Pages without acknowledgement.
pub fn open_pages(c: &Connection) -> Result<Vec<Page>> {
    let mut rows =
        c.prepare_cached(&format!("SELECT {COLUMNS} FROM page WHERE acknowledged_at IS NULL ORDER BY id"))?;
    let found = rows.query_map([], read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Pages since an instant, acknowledged or not, newest first.
pub fn pages_since(c: &Connection, since: Timestamp) -> Result<Vec<Page>> {
    let mut rows = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM page WHERE raised_at >= ?1 OR acknowledged_at IS NULL ORDER BY id DESC"
    ))?;
    let found = rows.query_map([micros(since)], read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Pages whose next step is due.
pub fn pages_due(c: &Connection, now: Timestamp) -> Result<Vec<Page>> {
    let mut rows = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM page WHERE next_at <= ?1 AND acknowledged_at IS NULL ORDER BY id"
    ))?;
    let found = rows.query_map([micros(now)], read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// When the next page wants its next step.
pub fn next_page_step(c: &Connection) -> Result<Option<Timestamp>> {
    let next: Option<i64> =
        c.query_row("SELECT min(next_at) FROM page WHERE acknowledged_at IS NULL", [], |row| row.get(0))?;
    Ok(next.map(instant))
}

/// Lets a page climb one step.
pub fn climb(tx: &Tx, id: i64, step: u32, analysts: &[String], next_at: Option<Timestamp>) -> Result<()> {
    tx.execute(
        "UPDATE page SET step = ?2, analyst = CASE WHEN ?3 = '' THEN analyst ELSE ?3 END, next_at = ?4 WHERE id = ?1",
        (id, step, analysts.join(", "), next_at.map(micros)),
    )?;
    Ok(())
}

/// Acknowledges a page; false where it was already.
pub fn acknowledge(tx: &Tx, id: i64, by: &str, now: Timestamp) -> Result<bool> {
    Ok(tx.execute(
        "UPDATE page SET acknowledged_at = ?2, acknowledged_by = ?3, next_at = NULL WHERE id = ?1 AND acknowledged_at IS NULL",
        (id, micros(now), by),
    )? == 1)
}

/// Writes down that somebody stands in.
pub fn stand_in(tx: &Tx, analyst: &str, from: Timestamp, to: Timestamp, by: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO stand_in (analyst, from_at, to_at, set_by, set_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        (analyst, micros(from), micros(to), by, micros(now)),
    )?;
    Ok(())
}

/// Who is on duty beside the rotation, for spans that are not over at `now`, the strongest last:
/// shifts of the rota file, and over them those who stand in, in the order in which they were set.
pub fn stand_ins(c: &Connection, now: Timestamp) -> Result<Vec<Override>> {
    let mut all = shifts(c, now)?;
    all.extend(overrides(c, now)?);
    Ok(all)
}

/// Who stands in by hand, for spans that are not over at `now`, in the order in which they were set.
pub fn overrides(c: &Connection, now: Timestamp) -> Result<Vec<Override>> {
    spans(c, "SELECT analyst, from_at, to_at FROM stand_in WHERE to_at > ?1 ORDER BY id", now)
}

/// The shifts of the rota file that are not over at `now`. Where they overlap, the one that began
/// last is the stronger, of those that began together the shorter.
pub fn shifts(c: &Connection, now: Timestamp) -> Result<Vec<Override>> {
    spans(
        c,
        "SELECT analyst, from_at, to_at FROM rota_span WHERE to_at > ?1 ORDER BY from_at, to_at DESC, id DESC",
        now,
    )
}

fn spans(c: &Connection, query: &str, now: Timestamp) -> Result<Vec<Override>> {
    let mut rows = c.prepare_cached(query)?;
    let found = rows.query_map([micros(now)], |row| {
        Ok(Override { analyst: row.get(0)?, from: instant(row.get(1)?), to: instant(row.get(2)?) })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Puts these shifts in the place of all that the rota file said before.
pub fn set_shifts(tx: &Tx, shifts: &[Override]) -> Result<()> {
    tx.execute("DELETE FROM rota_span", [])?;
    let mut insert = tx.prepare_cached("INSERT INTO rota_span (analyst, from_at, to_at) VALUES (?1, ?2, ?3)")?;
    for shift in shifts {
        insert.execute((&shift.analyst, micros(shift.from), micros(shift.to)))?;
    }
    Ok(())
}

/// A gap in the rota that somebody was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldGap {
    pub gap: Gap,
    /// Told again when it began.
    pub begun: bool,
}

/// The gaps that somebody was told of.
pub fn told_gaps(c: &Connection) -> Result<Vec<ToldGap>> {
    let mut rows = c.prepare_cached("SELECT from_at, to_at, begun FROM told_gap ORDER BY from_at")?;
    let found = rows.query_map([], |row| {
        Ok(ToldGap { gap: Gap { from: instant(row.get(0)?), to: instant(row.get(1)?) }, begun: row.get(2)? })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Notes which gaps were told of, and forgets all others.
pub fn set_told_gaps(tx: &Tx, gaps: &[ToldGap]) -> Result<()> {
    tx.execute("DELETE FROM told_gap", [])?;
    for told in gaps {
        tx.prepare_cached("INSERT INTO told_gap (from_at, to_at, begun) VALUES (?1, ?2, ?3)")?.execute((
            micros(told.gap.from),
            micros(told.gap.to),
            told.begun,
        ))?;
    }
    Ok(())
}
