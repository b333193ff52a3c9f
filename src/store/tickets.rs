//! HAND-OVER 2: tickets, and what hangs on them beside their messages.

pub use super::correspondents::Clock;
use super::{Maybe, Result, Tx, correspondents, instant, micros};
use crate::rules::ticket::{Kind, LinkKind, Number, Priority, State};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

/// One ticket's own row.
#[derive(Debug, Clone)]
pub struct Ticket {
    pub id: i64,
    pub number: String,
    pub state: State,
    pub subject: String,
    pub mailbox: String,
    pub kind: Kind,
    pub priority: Priority,
    pub reported_urgent: bool,
    pub urgent_unprotected: bool,
    pub tlp: Option<String>,
    pub classification: Option<String>,
    pub severity: Option<String>,
    pub assignee: Option<String>,
    pub consent: Option<String>,
    pub language: String,
    pub automatic: bool,
    pub suspected_spam: bool,
    pub reply_suppressed: Option<String>,
    /// As written; None: nobody can be written to.
    pub reporter: Option<String>,
    pub reporter_name: String,
    pub constituent: Option<String>,
    pub received_encrypted: bool,
    pub received_at: Timestamp,
    pub acknowledged_at: Option<Timestamp>,
    /// Last human message to the reporter.
    pub answered_at: Option<Timestamp>,
    /// Of the correspondents' running clocks the one that is due first.
    pub clock: Option<Clock>,
    /// Of `clock`; where none runs, of the reporter's last one.
    pub remind_at: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    pub escalate_at: Option<Timestamp>,
    /// The first escalation for whomever.
    pub escalated_at: Option<Timestamp>,
    /// When an analyst wants to look at it again.
    pub follow_up_at: Option<Timestamp>,
}

impl Ticket {
    /// The reporter as correspondent: in lower case, empty where nobody can write to them.
    pub fn reporter_key(&self) -> String {
        self.reporter.as_deref().map(str::to_lowercase).unwrap_or_default()
    }

    /// A new one, of which nothing else is known yet.
    pub fn new(number: String, mailbox: String, kind: Kind, received_at: Timestamp) -> Ticket {
        Ticket {
            id: 0,
            number,
            state: State::New,
            subject: String::new(),
            mailbox,
            kind,
            priority: Priority::Normal,
            reported_urgent: false,
            urgent_unprotected: false,
            tlp: None,
            classification: None,
            severity: None,
            assignee: None,
            consent: None,
            language: String::new(),
            automatic: false,
            suspected_spam: false,
            reply_suppressed: None,
            reporter: None,
            reporter_name: String::new(),
            constituent: None,
            received_encrypted: false,
            received_at,
            acknowledged_at: None,
            answered_at: None,
            clock: None,
            remind_at: None,
            due_at: None,
            escalate_at: None,
            escalated_at: None,
            follow_up_at: None,
        }
    }
}

const COLUMNS: &str = "ticket.id, number, state, subject, mailbox, kind, priority, reported_urgent, urgent_unprotected, tlp, \
    classification, severity, assignee, consent, language, automatic, suspected_spam, reply_suppressed, reporter, \
    reporter_name, constituent, received_encrypted, received_at, acknowledged_at, \
    (SELECT answered_at FROM correspondent WHERE ticket_id = ticket.id AND address = lower(coalesce(reporter, ''))), \
    shown.clock_from, shown.remind_at, shown.due_at, shown.escalate_at, \
    (SELECT min(escalated_at) FROM correspondent WHERE ticket_id = ticket.id), shown.rung, shown.next_rung_at, follow_up_at";

/// Each ticket with the clock that stands for it: the running one that is due first, else the reporter's.
const TICKETS: &str = "ticket LEFT JOIN correspondent AS shown ON shown.id = (SELECT id FROM correspondent \
    WHERE ticket_id = ticket.id AND (next_rung_at IS NOT NULL OR address = lower(coalesce(ticket.reporter, ''))) \
    ORDER BY next_rung_at IS NULL, due_at, id LIMIT 1)";

fn read_row(row: &Row) -> rusqlite::Result<Ticket> {
    let word = |index: usize| row.get::<_, String>(index);
    let at = |index: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(instant));
    let (remind_at, due_at, escalate_at) = (at(26)?, at(27)?, at(28)?);
    let clock = match (at(25)?, remind_at, due_at, escalate_at, at(31)?) {
        (Some(from), Some(remind_at), Some(due_at), Some(escalate_at), Some(next_rung_at)) => {
            Some(Clock { from, remind_at, due_at, escalate_at, rung: row.get(30)?, next_rung_at })
        }
        _ => None,
    };
    Ok(Ticket {
        id: row.get(0)?,
        number: row.get(1)?,
        state: State::from_word(&word(2)?).unwrap_or(State::New),
        subject: row.get(3)?,
        mailbox: row.get(4)?,
        kind: Kind::from_word(&word(5)?).unwrap_or(Kind::Incident),
        priority: Priority::from_word(&word(6)?).unwrap_or(Priority::Normal),
        reported_urgent: row.get(7)?,
        urgent_unprotected: row.get(8)?,
        tlp: row.get(9)?,
        classification: row.get(10)?,
        severity: row.get(11)?,
        assignee: row.get(12)?,
        consent: row.get(13)?,
        language: row.get(14)?,
        automatic: row.get(15)?,
        suspected_spam: row.get(16)?,
        reply_suppressed: row.get(17)?,
        reporter: row.get(18)?,
        reporter_name: row.get(19)?,
        constituent: row.get(20)?,
        received_encrypted: row.get(21)?,
        received_at: instant(row.get(22)?),
        acknowledged_at: at(23)?,
        answered_at: at(24)?,
        clock,
        remind_at,
        due_at,
        escalate_at,
        escalated_at: at(29)?,
        follow_up_at: at(32)?,
    })
}

/// Takes the next number of a year: never given twice, never skipped by a failed transaction.
pub fn next_number(tx: &Tx, prefix: &str, year: i16) -> Result<Number> {
    let count: u32 = tx
        .prepare_cached(
            "INSERT INTO counter (year, last) VALUES (?1, 1) ON CONFLICT (year) DO UPDATE SET last = last + 1 RETURNING last",
        )?
        .query_row([year], |row| row.get(0))?;
    Ok(Number::new(prefix, year, count))
}

/// Inserts a ticket (its `id` is ignored); gives its row.
pub fn insert(tx: &Tx, ticket: &Ticket) -> Result<i64> {
    tx.prepare_cached(
        "INSERT INTO ticket (number, state, subject, mailbox, kind, priority, reported_urgent, urgent_unprotected, tlp, language, \
         automatic, suspected_spam, reply_suppressed, reporter, reporter_name, constituent, received_encrypted, received_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )?
    .execute(rusqlite::params![
        ticket.number,
        ticket.state.word(),
        ticket.subject,
        ticket.mailbox,
        ticket.kind.word(),
        ticket.priority.word(),
        ticket.reported_urgent,
        ticket.urgent_unprotected,
        ticket.tlp,
        ticket.language,
        ticket.automatic,
        ticket.suspected_spam,
        ticket.reply_suppressed,
        ticket.reporter,
        ticket.reporter_name,
        ticket.constituent,
        ticket.received_encrypted,
        micros(ticket.received_at),
    ])?;
    let id = tx.last_insert_rowid();
    add_received_via(tx, id, &ticket.mailbox)?;
    correspondents::ensure(tx, id, &ticket.reporter_key())?;
    if let Some(reporter) = &ticket.reporter {
        add_participant(tx, id, reporter)?;
    }
    Ok(id)
}

/// One ticket by its row.
pub fn get(c: &Connection, id: i64) -> Result<Option<Ticket>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM {TICKETS} WHERE ticket.id = ?1"))?
        .query_row([id], read_row)
        .maybe()
}

/// One ticket by its number.
pub fn by_number(c: &Connection, number: &Number) -> Result<Option<Ticket>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM {TICKETS} WHERE number = ?1"))?
        .query_row([number.to_string()], read_row)
        .maybe()
}

/// The ticket in which a ticket's mail lives now: itself unless merged (followed at most 20 times).
pub fn living(c: &Connection, id: i64) -> Result<i64> {
    let mut id = id;
    let mut target = c.prepare_cached(
        "SELECT to_id FROM link JOIN ticket ON ticket.id = link.ticket_id \
         WHERE ticket_id = ?1 AND link.kind = 'merged' AND ticket.state = 'merged'",
    )?;
    for _ in 0..20 {
        match target.query_row([id], |row| row.get(0)).maybe()? {
            Some(into) => id = into,
            None => break,
        }
    }
    Ok(id)
}

/// What a list asks for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Also closed, rejected and merged ones.
    pub all: bool,
    pub state: Option<State>,
    /// Those whose clock runs, oldest promise first.
    pub unanswered: bool,
    pub limit: Option<usize>,
}

/// Tickets, newest first (oldest promise first for `unanswered`).
pub fn list(c: &Connection, filter: &Filter) -> Result<Vec<Ticket>> {
    let order = if filter.unanswered { "shown.due_at, ticket.id" } else { "ticket.id DESC" };
    let mut rows = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {TICKETS} WHERE (?1 IS NULL OR state = ?1) \
         AND (?2 OR ?1 IS NOT NULL OR state NOT IN ('closed', 'rejected', 'merged')) \
         AND (NOT ?3 OR shown.next_rung_at IS NOT NULL) ORDER BY {order} LIMIT ?4"
    ))?;
    let limit = filter.limit.map_or(-1, |n| n as i64);
    let found = rows.query_map((filter.state.map(State::word), filter.all, filter.unanswered, limit), read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Notes that the acknowledgement was accepted by the SMTP server.
pub fn set_acknowledged(tx: &Tx, id: i64, at: Timestamp) -> Result<()> {
    tx.execute("UPDATE ticket SET acknowledged_at = coalesce(acknowledged_at, ?2) WHERE id = ?1", (id, micros(at)))?;
    Ok(())
}

/// Sets the state.
pub fn set_state(tx: &Tx, id: i64, state: State) -> Result<()> {
    tx.execute("UPDATE ticket SET state = ?2 WHERE id = ?1", (id, state.word()))?;
    Ok(())
}

/// Sets the priority: the team's own decision.
pub fn set_priority(tx: &Tx, id: i64, priority: Priority) -> Result<()> {
    tx.execute("UPDATE ticket SET priority = ?2 WHERE id = ?1", (id, priority.word()))?;
    Ok(())
}

/// Sets or clears when the ticket is to be looked at again.
pub fn set_follow_up(tx: &Tx, id: i64, at: Option<Timestamp>) -> Result<()> {
    tx.execute("UPDATE ticket SET follow_up_at = ?2, follow_up_told = 0 WHERE id = ?1", (id, at.map(micros)))?;
    Ok(())
}

/// Notes that the follow-up date was told.
pub fn set_follow_up_told(tx: &Tx, id: i64) -> Result<()> {
    tx.execute("UPDATE ticket SET follow_up_told = 1 WHERE id = ?1", [id])?;
    Ok(())
}

/// Tickets whose follow-up date has come and was not told yet. A merged one's is the other's now.
pub fn follow_ups_due(c: &Connection, now: Timestamp, limit: usize) -> Result<Vec<Ticket>> {
    let mut rows = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {TICKETS} WHERE follow_up_at <= ?1 AND NOT follow_up_told AND state <> 'merged' \
         ORDER BY follow_up_at, ticket.id LIMIT ?2"
    ))?;
    let found = rows.query_map((micros(now), limit as i64), read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// When the next follow-up date comes.
pub fn next_follow_up(c: &Connection) -> Result<Option<Timestamp>> {
    let next: Option<i64> = c.query_row(
        "SELECT min(follow_up_at) FROM ticket WHERE follow_up_at IS NOT NULL AND NOT follow_up_told AND state <> 'merged'",
        [],
        |row| row.get(0),
    )?;
    Ok(next.map(instant))
}

/// Sets or clears the assignee.
pub fn set_assignee(tx: &Tx, id: i64, assignee: Option<&str>) -> Result<()> {
    tx.execute("UPDATE ticket SET assignee = ?2 WHERE id = ?1", (id, assignee))?;
    Ok(())
}

/// Raises what only rises by itself: urgency (OR), kind (strictest), "came encrypted" (OR). Urgency
/// stays unprotected for as long as no mail has said it in a protected subject.
pub fn raise(tx: &Tx, id: i64, urgent: bool, unprotected: bool, kind: Kind, encrypted: bool) -> Result<()> {
    let now = get(tx, id)?;
    let kind = now.map_or(kind, |t| t.kind.max(kind));
    tx.execute(
        "UPDATE ticket SET reported_urgent = reported_urgent OR ?2, \
         urgent_unprotected = CASE WHEN NOT ?2 OR (reported_urgent AND ?3) THEN urgent_unprotected ELSE ?3 END, \
         kind = ?4, received_encrypted = received_encrypted OR ?5 WHERE id = ?1",
        (id, urgent, unprotected, kind.word(), encrypted),
    )?;
    Ok(())
}

/// Notes that a ticket is (or is not) a machine report.
pub fn set_automatic(tx: &Tx, id: i64, automatic: bool) -> Result<()> {
    tx.execute("UPDATE ticket SET automatic = ?2 WHERE id = ?1", (id, automatic))?;
    Ok(())
}

/// Sets the strictest TLP mark seen.
pub fn set_tlp(tx: &Tx, id: i64, tlp: &str) -> Result<()> {
    tx.execute("UPDATE ticket SET tlp = ?2 WHERE id = ?1", (id, tlp))?;
    Ok(())
}

/// Sets the subject, once a retry has opened the mail.
pub fn set_subject(tx: &Tx, id: i64, subject: &str) -> Result<()> {
    tx.execute("UPDATE ticket SET subject = ?2 WHERE id = ?1", (id, subject))?;
    Ok(())
}

/// Of what humans write to the reporter.
pub fn set_language(tx: &Tx, id: i64, language: &str) -> Result<()> {
    tx.execute("UPDATE ticket SET language = ?2 WHERE id = ?1", (id, language))?;
    Ok(())
}

/// Adds a mailbox through which the ticket's mail came.
pub fn add_received_via(tx: &Tx, id: i64, mailbox: &str) -> Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO received_via (ticket_id, mailbox) VALUES (?1, ?2)")?
        .execute((id, mailbox))?;
    Ok(())
}

/// Adds a participant; gives whether that is new.
pub fn add_participant(tx: &Tx, id: i64, address: &str) -> Result<bool> {
    let address = address.to_lowercase();
    correspondents::ensure(tx, id, &address)?;
    let added = tx
        .prepare_cached("INSERT OR IGNORE INTO participant (ticket_id, address) VALUES (?1, ?2)")?
        .execute((id, address))?;
    Ok(added == 1)
}

/// Takes a participant's leave to write into the ticket.
pub fn remove_participant(tx: &Tx, id: i64, address: &str) -> Result<()> {
    tx.execute("DELETE FROM participant WHERE ticket_id = ?1 AND address = ?2", (id, address))?;
    Ok(())
}

/// Adds a label.
pub fn add_label(tx: &Tx, id: i64, label: &str) -> Result<()> {
    tx.execute("INSERT OR IGNORE INTO label (ticket_id, label) VALUES (?1, ?2)", (id, label))?;
    Ok(())
}

/// Removes a label.
pub fn remove_label(tx: &Tx, id: i64, label: &str) -> Result<()> {
    tx.execute("DELETE FROM label WHERE ticket_id = ?1 AND label = ?2", (id, label))?;
    Ok(())
}

/// Links one ticket to another.
pub fn add_link(tx: &Tx, id: i64, to: i64, kind: LinkKind) -> Result<()> {
    tx.execute("INSERT OR IGNORE INTO link (ticket_id, to_id, kind) VALUES (?1, ?2, ?3)", (id, to, kind.word()))?;
    Ok(())
}

/// The oldest ticket that this one claims to belong to.
pub fn claimed(c: &Connection, id: i64) -> Result<Option<i64>> {
    c.prepare_cached("SELECT to_id FROM link WHERE ticket_id = ?1 AND kind = 'claims' ORDER BY to_id LIMIT 1")?
        .query_row([id], |row| row.get(0))
        .maybe()
}

fn column(c: &Connection, sql: &str, id: i64) -> Result<Vec<String>> {
    let mut rows = c.prepare_cached(sql)?;
    let found = rows.query_map([id], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Mailboxes through which the ticket's mail came.
pub fn received_via(c: &Connection, id: i64) -> Result<Vec<String>> {
    column(c, "SELECT mailbox FROM received_via WHERE ticket_id = ?1 ORDER BY mailbox", id)
}

/// Participants, in lower case.
pub fn participants(c: &Connection, id: i64) -> Result<Vec<String>> {
    column(c, "SELECT address FROM participant WHERE ticket_id = ?1 ORDER BY address", id)
}

/// Labels.
pub fn labels(c: &Connection, id: i64) -> Result<Vec<String>> {
    column(c, "SELECT label FROM label WHERE ticket_id = ?1 ORDER BY label", id)
}

/// Links: (number of the other ticket, kind).
pub fn links(c: &Connection, id: i64) -> Result<Vec<(String, LinkKind)>> {
    let mut rows = c.prepare_cached(
        "SELECT ticket.number, link.kind FROM link JOIN ticket ON ticket.id = link.to_id WHERE link.ticket_id = ?1 ORDER BY 1, 2",
    )?;
    let found = rows.query_map([id], |row| {
        let word: String = row.get(1)?;
        Ok((row.get(0)?, LinkKind::from_word(&word).unwrap_or(LinkKind::Related)))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Live tickets of a reporter (an address in lower case), oldest first.
pub fn live_of_reporter(c: &Connection, address: &str) -> Result<Vec<i64>> {
    let mut rows = c.prepare_cached(
        "SELECT id FROM ticket WHERE lower(reporter) = ?1 AND state NOT IN ('closed', 'rejected', 'merged') ORDER BY id",
    )?;
    let found = rows.query_map([address], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
