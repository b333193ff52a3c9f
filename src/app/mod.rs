//! What a person may do and see: (actor, plain request) -> plain view.
//!
//! The command line, the socket and later the console all stand on `handle`, so what holds for
//! one holds for all. Every change is one transaction: checked, written, and written down in the
//! history, or nothing at all. Hostile data: texts of mails pass through as `Untrusted`; requests
//! come from people who may use the store. Failure: `AppError`, in words for the person who asked.

pub mod audit;
mod by_mail;
mod content;
mod draft;
mod duty;
mod error;
mod export;
mod figures;
mod follow_up;
mod identity;
mod judge;
mod keys;
mod open;
mod outbox;
mod quarantine;
mod relations;
mod request;
mod search;
mod status;
mod tickets;
mod vault;
pub mod views;
mod why;
mod work;

pub use by_mail::obey;
pub use error::AppError;
pub use export::Format;
pub use identity::VouchMethod;
pub use keys::{TrustMethod, keep_certificate};
pub use request::{Answering, KeyFile, Opening, Request};
pub use views::Answer;

use crate::edge::openpgp::seam::{PrivateKeys, TeamKey};
use crate::rules::settings::Settings;
use crate::store::Store;
use crate::store::history::VIGIE;
use jiff::Timestamp;

/// What a request is worked on with.
pub struct App<'a> {
    pub store: &'a Store,
    pub settings: &'a Settings,
    /// The team's own keys, as far as they could be loaded.
    pub team: &'a [TeamKey],
    /// What signs and opens; may ask an agent, so never within a transaction.
    pub keys: &'a dyn PrivateKeys,
    /// Tells what is wrong with keys that cannot be used; may ask an agent.
    pub key_troubles: &'a dyn Fn() -> Vec<String>,
    /// Whether a daemon will send and file what is written down here.
    pub daemon_running: bool,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub name: String,
}

impl Actor {
    /// An actor by the name that the history will show: 1 to 64 visible characters, and not the
    /// daemon's own name.
    pub fn named(name: &str) -> Result<Actor, AppError> {
        let visible = |c: char| c.is_alphanumeric() || " ._-+@$".contains(c);
        let refused = if name == VIGIE {
            "this is the name under which the daemon itself acts"
        } else if !(1..=64).contains(&name.chars().count()) || name.trim() != name || !name.chars().all(visible) {
            "a name is 1 to 64 letters, digits, blanks or ._-+@$"
        } else {
            return Ok(Actor { name: name.to_owned() });
        };
        Err(AppError::invalid("as", refused))
    }
}

/// Does what is asked, or says why not.
pub fn handle(app: &App, actor: &Actor, now: Timestamp, request: Request) -> Result<Answer, AppError> {
    match request {
        Request::TicketList { all, state, unanswered, limit } => tickets::list(app, now, all, state, unanswered, limit),
        Request::TicketShow { number } => tickets::show(app, now, &number),
        Request::TicketRaw { number, message } => tickets::raw(app, now, &number, message),
        Request::TicketAttachments { number } => tickets::attachments(app, now, &number),
        Request::AttachmentOctets { number, attachment } => tickets::attachment_octets(app, now, &number, attachment),
        Request::TicketChallenge { number, to } => identity::challenge(app, actor, now, &number, to.as_deref()),
        Request::TicketVouch { number, method, note, address } => {
            identity::vouch(app, actor, now, &number, (method, &note, address.as_deref()))
        }
        Request::TicketDraft { number, to } => draft::draft(app, now, &number, to.as_deref()),
        Request::TicketAnswer(answering) => work::answer(app, actor, now, answering),
        Request::TicketWrite(answering) => work::write(app, actor, now, answering),
        Request::TicketOpen(opening) => open::open(app, actor, now, &opening),
        Request::TicketWhy { number } => why::why(app, now, &number),
        Request::TicketMerge { numbers, into } => relations::merge_into(app, actor, now, &numbers, &into),
        Request::TicketUnmerge { numbers } => relations::unmerge(app, actor, now, &numbers),
        Request::TicketSplit { number, message } => relations::split(app, actor, now, &number, message),
        Request::TicketLink { numbers, other, kind, remove } => {
            relations::link(app, actor, now, &numbers, (&other, kind, remove))
        }
        Request::TicketParticipantAdd { numbers, address } => {
            relations::add_participant(app, actor, now, &numbers, &address)
        }
        Request::TicketParticipantRemove { numbers, address, reason } => {
            relations::remove_participant(app, actor, now, &numbers, (&address, reason.as_deref()))
        }
        Request::TicketFollowUp { numbers, at } => follow_up::set(app, actor, now, &numbers, at),
        Request::TicketNote { number, text } => work::note(app, actor, now, &number, text),
        Request::TicketAssign { numbers, analyst } => work::assign(app, actor, now, &numbers, analyst.as_deref()),
        Request::TicketState { numbers, state, reason } => {
            work::set_state(app, actor, now, &numbers, state, reason.as_deref())
        }
        Request::TicketPriority { numbers, priority } => work::set_priority(app, actor, now, &numbers, priority),
        Request::TicketLabel { numbers, add, remove } => work::label(app, actor, now, &numbers, &add, &remove),
        Request::TicketTlp { numbers, mark, reason, consent } => {
            judge::set_tlp(app, (actor, now), &numbers, mark, (reason.as_deref(), consent))
        }
        Request::TicketConsent { numbers, consent, reason } => {
            judge::set_consent(app, (actor, now), &numbers, consent, &reason)
        }
        Request::TicketClassify { numbers, class, kind } => {
            judge::classify(app, (actor, now), &numbers, &class, kind.as_deref())
        }
        Request::TicketSeverity { numbers, severity } => judge::set_severity(app, (actor, now), &numbers, severity),
        Request::TicketExtent { numbers, extent } => judge::set_extent(app, (actor, now), &numbers, extent),
        Request::TicketClasses => Ok(judge::classes()),
        Request::TicketSearch { query, limit } => search::search(app, now, &query, limit),
        Request::TicketExport { number, format, full, reason } => {
            let asked = export::Asked { number: &number, format, full, reason: reason.as_deref() };
            export::export(app, actor, now, &asked)
        }
        Request::KeyList => keys::list(app, now),
        Request::KeyImport { files } => keys::import(app, actor, now, &files),
        Request::KeyShow { fingerprint } => keys::show(app, now, &fingerprint),
        Request::KeyTrust { fingerprint, method, note } => {
            keys::trust(app, actor, now, &fingerprint, method, note.as_deref())
        }
        Request::KeyExport { fingerprint } => keys::export(app, &fingerprint),
        Request::KeyRemove { fingerprint } => keys::remove(app, actor, now, &fingerprint),
        Request::DutyShow => duty::show(app, now),
        Request::DutyAck { page } => duty::acknowledge(app, actor, now, &page),
        Request::DutyOverride { analyst, from, to } => duty::stand_in(app, actor, now, &analyst, from, to),
        Request::DutyTest => duty::test(app, actor, now),
        Request::OutboxList { all } => outbox::list(app, all),
        Request::OutboxRetry { id } => outbox::retry(app, actor, now, id),
        Request::OutboxDrop { id, reason } => outbox::drop(app, actor, now, id, &reason),
        Request::QuarantineList => quarantine::list(app),
        Request::QuarantineShow { id } => quarantine::show(app, id),
        Request::QuarantineRetry { id } => quarantine::retry(app, actor, now, id),
        Request::QuarantineDrop { id, reason } => quarantine::drop(app, actor, now, id, &reason),
        Request::Stats { from, to, anonymised } => figures::stats(app, now, from, to, anonymised),
        Request::AuditVerify { head } => audit::verify(app, now, head),
        Request::Backup { file } => vault::backup(app, actor, now, &file),
        Request::Purge { dry_run } => vault::purge(app, actor, now, dry_run),
        Request::AuditHead => audit::sign_head(app, now),
        Request::Status => status::status(app, now),
    }
}
