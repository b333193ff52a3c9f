//! Machine reports: what each says, and the tickets that those of one kind share.

use super::{Maybe, Result, Tx};
use crate::rules::feed::{FeedReport, Group};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

/// Keeps what a message reports; once.
pub fn keep(tx: &Tx, message: i64, report: &FeedReport) -> Result<()> {
    let json = serde_json::to_string(report).unwrap_or_default();
    tx.prepare_cached("INSERT OR IGNORE INTO feed_report (message_id, report) VALUES (?1, ?2)")?
        .execute((message, json))?;
    Ok(())
}

/// What the messages of a ticket report, by message.
pub fn of_ticket(c: &Connection, ticket: i64) -> Result<BTreeMap<i64, FeedReport>> {
    let mut rows = c.prepare_cached(
        "SELECT feed_report.message_id, report FROM feed_report JOIN message ON message.id = feed_report.message_id \
         WHERE ticket_id = ?1",
    )?;
    let found = rows.query_map([ticket], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let mut reports = BTreeMap::new();
    for row in found {
        let (message, json) = row?;
        reports.extend(serde_json::from_str(&json).ok().map(|report| (message, report)));
    }
    Ok(reports)
}

/// Messages of a ticket that a machine wrote.
pub fn automatic_messages(c: &Connection, ticket: i64) -> Result<BTreeSet<i64>> {
    let mut rows = c.prepare_cached("SELECT id FROM message WHERE ticket_id = ?1 AND automatic")?;
    let found = rows.query_map([ticket], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The ticket of a group.
pub fn ticket_of(c: &Connection, group: &Group) -> Result<Option<i64>> {
    c.prepare_cached("SELECT ticket_id FROM feed_group WHERE sender = ?1 AND source = ?2 AND day = ?3")?
        .query_row((&group.sender, &group.source, group.day.to_string()), |row| row.get(0))
        .maybe()
}

/// Counts one more report in a group; the first one gives it its ticket.
pub fn count(tx: &Tx, group: &Group, ticket: i64, incidents: u64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO feed_group (sender, source, day, ticket_id, reports, incidents) VALUES (?1, ?2, ?3, ?4, 1, ?5) \
         ON CONFLICT DO UPDATE SET reports = reports + 1, incidents = incidents + ?5",
    )?
    .execute((
        &group.sender,
        &group.source,
        group.day.to_string(),
        ticket,
        i64::try_from(incidents).unwrap_or(i64::MAX >> 20),
    ))?;
    Ok(())
}

/// The group whose reports share a ticket, and how many reports and incidents they are.
pub fn group_of(c: &Connection, ticket: i64) -> Result<Option<(Group, u64, u64)>> {
    let found: Option<(String, String, String, i64, i64)> = c
        .prepare_cached("SELECT sender, source, day, reports, incidents FROM feed_group WHERE ticket_id = ?1")?
        .query_row([ticket], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .maybe()?;
    Ok(found.and_then(|(sender, source, day, reports, incidents)| {
        let group = Group { sender, source, day: day.parse().ok()? };
        Some((group, reports.unsigned_abs(), incidents.unsigned_abs()))
    }))
}
