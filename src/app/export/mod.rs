//! What leaves the house as a file: one ticket as text, JSON, MISP event, STIX bundle or evidence.
//!
//! Anonymised unless it is asked for in full (P15), which needs a reason and is refused where consent was
//! refused (P16). TLP is honoured and written into what leaves (P11): RED leaves in full, with a reason, or
//! not at all; where nothing is marked, AMBER. Every export stands in the history with the hash of what
//! left. Evidence is never anonymised (P18: it serves a prosecution) and so needs no consent; it holds the
//! exact octets, and is signed.
//!
//! Hostile data: all texts of the ticket. Failure: a refusal says which rule; nothing is then written down.

mod evidence;
mod misp;
mod parcel;
mod plain;
mod stix;

use super::tickets::find;
use super::views::{Answer, Export, Octets};
use super::work::checked_reason;
use super::{Actor, App, AppError};
use crate::rules::ticket::words;
use crate::rules::tlp::Mark;
use crate::store::history;
use crate::store::tickets::Ticket;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

words! {
    /// How a ticket leaves.
    Format { Text = "text", Json = "json", Misp = "misp", Stix = "stix", Evidence = "evidence" }
}

/// What is asked for.
pub(super) struct Asked<'a> {
    pub number: &'a str,
    pub format: Format,
    pub full: bool,
    pub reason: Option<&'a str>,
}

pub(super) fn export(app: &App, actor: &Actor, now: Timestamp, asked: &Asked) -> Result<Answer, AppError> {
    let reason = asked.reason.map(|reason| checked_reason("reason", reason)).transpose()?;
    if asked.full && reason.is_none() {
        return Err(AppError::invalid("reason", "an export in full needs --reason TEXT; the history keeps it"));
    }
    let (ticket, content) = app.store.read(|c| {
        Ok(find(app, c, now, asked.number).and_then(|ticket| {
            may_leave(&ticket, asked)?;
            let content = match asked.format {
                Format::Evidence => Content::Evidence(evidence::gather(app, c, &ticket, now)?),
                _ => Content::Parcel(Box::new(parcel::gather(app, c, &ticket, asked.full)?)),
            };
            Ok((ticket, content))
        }))
    })??;
    let octets = match content {
        // The key may be asked for in another process: no transaction is open here.
        Content::Evidence(files) => evidence::bundle(app, &ticket, files, now)?,
        Content::Parcel(parcel) => match asked.format {
            Format::Json => plain::json(&parcel),
            Format::Misp => misp::event(app, &parcel),
            Format::Stix => stix::bundle(app, &parcel),
            Format::Text | Format::Evidence => plain::text(&parcel),
        },
    };
    let how = how(&ticket, asked, reason);
    let hash = hex(&octets);
    app.store.change(|tx| {
        let what = format!("exported as {}, {how} (SHA-256 {hash})", asked.format);
        Ok::<_, AppError>(history::add(tx, Some(ticket.id), now, &actor.name, &what)?)
    })?;
    let mut words = vec![format!("{}: exported as {}, {how}", ticket.number, asked.format)];
    words.push(match asked.format {
        Format::Evidence => "it holds everything that was received: hand it to nobody but who may have it".to_owned(),
        _ => format!("{}; read it before it leaves", handling(&ticket)),
    });
    Ok(Answer::Export(Export { octets: Octets(octets), words }))
}

enum Content {
    Parcel(Box<parcel::Parcel>),
    Evidence(evidence::Files),
}

/// The single place where it is decided whether a ticket may leave as a file.
fn may_leave(ticket: &Ticket, asked: &Asked) -> Result<(), AppError> {
    if asked.format == Format::Evidence {
        return Ok(());
    }
    if asked.full && ticket.consent.as_deref() == Some("no") {
        let words = format!("{}: refused: the reporter does not consent to passing it on", ticket.number);
        return Err(AppError::not_allowed(format!("{words}; leave out --full for an anonymised export")));
    }
    if !asked.full && mark(ticket) == Some(Mark::Red) {
        let words = format!("{}: refused: it is marked TLP:RED, for its recipients alone", ticket.number);
        return Err(AppError::not_allowed(format!("{words} (`--full --reason TEXT` where the originator agreed)")));
    }
    Ok(())
}

/// The originator's mark; what is no colour is RED.
fn mark(ticket: &Ticket) -> Option<Mark> {
    ticket.tlp.as_deref().map(|word| Mark::from_word(word).unwrap_or(Mark::Red))
}

fn handling(ticket: &Ticket) -> String {
    match mark(ticket) {
        Some(mark) => format!("TLP:{mark}"),
        None => "handle as TLP:AMBER: the originator marked nothing".to_owned(),
    }
}

/// For the history: how much left and by whose leave.
fn how(ticket: &Ticket, asked: &Asked, reason: Option<&str>) -> String {
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    match (asked.format, asked.full) {
        (Format::Evidence, _) => format!("in full{reason}"),
        (_, true) => {
            let consent = match ticket.consent.as_deref() {
                Some("yes") => "with consent",
                Some("limited") => "with limited consent",
                _ => "without recorded consent",
            };
            format!("in full, {consent}{reason}")
        }
        (_, false) => format!("anonymised{reason}"),
    }
}

/// SHA-256 in lower-case hex.
fn hex(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|b| format!("{b:02x}")).collect()
}
