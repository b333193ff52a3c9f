//! An intent becomes final octets: words, certificates, the gate, the seal.
//!
//! The gate is here and nowhere else: every mail that leaves passes `seal` (law 7). What may be
//! said depends on whether the mail will be encrypted, so that is settled first.
//! Hostile data: what a reporter wrote enters only encrypted alerts and a human's answer.
//! Failure: `Refusal`; nothing is sent.

use super::digest;
use super::wording::{self, Acknowledgement, Plain, Texts, Urgency, Whom, Words};
use crate::decide::{known, raise};
use crate::edge::mime::{self, Attach, Disposition, Outgoing, Protection};
use crate::edge::openpgp::certs as openpgp_certs;
use crate::edge::openpgp::seal::{SealTrouble, usable_for_encryption};
use crate::edge::openpgp::seam::PrivateKeys;
use crate::rules::address::Address;
use crate::rules::gate;
use crate::rules::intent::{Intent, OutKind};
use crate::rules::message_id;
use crate::rules::reply_code;
use crate::rules::sentence;
use crate::rules::settings::{Language, Settings};
use crate::rules::subject;
use crate::rules::ticket::Number;
use crate::rules::tlp::Mark;
use crate::rules::untrusted::Untrusted;
use crate::rules::verdict::{Authenticated, Encryption, Verdict};
use crate::store::certs::{self, Cert};
use crate::store::correspondents;
use crate::store::outbox::{self, Out};
use crate::store::tickets::{self, Ticket};
use crate::store::{Connection, Result, audit, duty, history, messages};
use jiff::Timestamp;

/// Why an intent did not become octets.
#[derive(Debug)]
pub enum Refusal {
    /// The gate says no: blocked until a person decides.
    Blocked(String),
    /// It cannot be sealed at the moment: a key cannot be used.
    Later(String),
    /// It never can be: what it speaks of is gone, or it has no words.
    Never(String),
}

/// What sealing needs besides the row.
pub struct Sealing<'a> {
    pub settings: &'a Settings,
    pub keys: &'a dyn PrivateKeys,
    pub texts: &'a Texts,
    /// Under the hashes of our Message-IDs.
    pub id_key: &'a [u8; 32],
    pub now: Timestamp,
}

/// Final octets and the Message-ID in them.
pub struct Sealed {
    pub message_id: String,
    pub octets: Vec<u8>,
    pub encrypted: bool,
}

/// Makes the final octets of one row; read-only in the store.
pub fn seal(c: &Connection, out: &Out, sealing: &Sealing) -> Result<std::result::Result<Sealed, Refusal>> {
    let Some(to) = Address::parse(&out.to) else {
        return Ok(Err(Refusal::Never("the recipient is no address that mail can be sent to".to_owned())));
    };
    let ticket = match (&out.intent, out.ticket_id) {
        // Merged, split off or given back since it was written: where the message lies now.
        (Intent::Answer { message, .. }, Some(id)) => {
            let id = messages::get(c, *message)?.map_or(id, |message| message.ticket_id);
            tickets::get(c, tickets::living(c, id)?)?
        }
        (_, Some(id)) => tickets::get(c, id)?,
        (_, None) => None,
    };
    let certificate = certificate(c, sealing, &out.intent, &to)?;
    let Some(letter) = letter(c, sealing, out, ticket.as_ref(), &to, certificate.is_some())? else {
        return Ok(Err(Refusal::Never("what it speaks of is no longer in the store".to_owned())));
    };
    if let Err(reason) = gate::may_leave(
        out.kind,
        ticket.as_ref().and_then(|t| t.tlp.as_deref()).and_then(Mark::from_word),
        ticket.as_ref().is_some_and(|t| t.received_encrypted),
        certificate.is_some(),
        matches!(out.intent, Intent::Answer { allow_clear: true, .. }),
    ) {
        return Ok(Err(Refusal::Blocked(reason.to_string())));
    }
    let number = match &ticket {
        Some(ticket) if matches!(out.kind, OutKind::Answer | OutKind::MailBack) => {
            Number::parse(&known_as(c, ticket, &to)?)
        }
        Some(ticket) => Number::parse(&ticket.number),
        None => None,
    };
    let message_id = message_id::make(
        sealing.id_key,
        number.as_ref(),
        out.kind.word(),
        &out.slot,
        sealing.settings.team.address.domain(),
    );
    let human = out.kind == OutKind::Answer;
    let mail = Outgoing {
        from_name: sealing.settings.team.name.clone(),
        from: sealing.settings.team.address.clone(),
        to: vec![to],
        subject: letter.words.subject,
        message_id: message_id.clone(),
        in_reply_to: letter.in_reply_to,
        references: letter.references,
        date: sealing.now.to_zoned(sealing.settings.team.time_zone.clone()),
        auto_submitted: match out.kind {
            OutKind::Answer => None,
            OutKind::Acknowledgement => Some("auto-replied"),
            _ => Some("auto-generated"),
        },
        suppress_auto_response: !human,
        text: letter.words.body,
        language: letter.language,
        attachments: letter.attachments,
    };
    Ok(protect(&mail, certificate, sealing, out.kind).map(|(octets, encrypted)| Sealed {
        message_id,
        octets,
        encrypted,
    }))
}

/// Encrypts where it can, signs always. Where the team's key cannot be used, what wakes people
/// leaves unsigned all the same, since it holds fixed words only; the rest waits (T49).
fn protect(
    mail: &Outgoing,
    certificate: Option<Vec<u8>>,
    sealing: &Sealing,
    kind: OutKind,
) -> std::result::Result<(Vec<u8>, bool), Refusal> {
    let recipients: Vec<Vec<u8>> = certificate.into_iter().collect();
    let protection =
        if recipients.is_empty() { Protection::Signed } else { Protection::Encrypted { recipients: &recipients } };
    match mime::compose(mail, protection, sealing.keys, sealing.now) {
        Ok(octets) => Ok((octets, !recipients.is_empty())),
        Err(SealTrouble::OwnKey(_)) if recipients.is_empty() && wakes_people(kind) => {
            mime::compose(mail, Protection::Plain, sealing.keys, sealing.now)
                .map(|octets| (octets, false))
                .map_err(|trouble| Refusal::Never(trouble.to_string()))
        }
        Err(SealTrouble::OwnKey(words)) => Err(Refusal::Later(words)),
        Err(trouble) => Err(Refusal::Never(trouble.to_string())),
    }
}

fn wakes_people(kind: OutKind) -> bool {
    !matches!(kind, OutKind::Acknowledgement | OutKind::Answer | OutKind::MailBack)
}

/// The certificate that this mail is encrypted to, if there is a usable one.
///
/// An acknowledgement may use a candidate, as it holds nothing of the report; and which
/// one follows from the store alone, never from what was decrypted (T26, T54). Anything else needs
/// a certificate that the team imported or confirmed.
fn certificate(c: &Connection, sealing: &Sealing, intent: &Intent, to: &Address) -> Result<Option<Vec<u8>>> {
    // Without a key of our own nothing can be encrypted to ourselves as well: what wakes people
    // then leaves in clear, with fixed words.
    if sealing.keys.team().is_empty() {
        return Ok(None);
    }
    let analyst = sealing.settings.duty.analysts.iter().find(|a| a.address == *to);
    if let (false, Some(fingerprint)) = (is_answer_or_ack(intent), analyst.and_then(|a| a.fingerprint.as_deref()))
        && let Some(cert) = certs::get(c, fingerprint)?
    {
        return Ok(usable(cert, sealing.now));
    }
    let mut known = certs::of_address(c, to.key())?;
    known.retain(|cert| !cert.candidate || (matches!(intent, Intent::Acknowledgement { .. }) && cert.clear));
    certs::by_preference(&mut known);
    let imported = known.iter().any(|cert| !cert.candidate);
    // Of several candidates the first that came: a later key never displaces it (T54).
    known.retain(|cert| !imported || !cert.candidate);
    let tried = if imported { known.len() } else { 1 };
    Ok(known.into_iter().take(tried).find_map(|cert| usable(cert, sealing.now)))
}

fn is_answer_or_ack(intent: &Intent) -> bool {
    matches!(intent, Intent::Answer { .. } | Intent::Acknowledgement { .. })
}

fn usable(cert: Cert, now: Timestamp) -> Option<Vec<u8>> {
    usable_for_encryption(&cert.bytes, now).then_some(cert.bytes)
}

/// A mail before it is protected.
struct Letter {
    words: Words,
    language: Language,
    in_reply_to: Option<String>,
    references: Vec<String>,
    attachments: Vec<Attach>,
}

impl Letter {
    fn plain(words: Words) -> Letter {
        Letter { words, language: Language::En, in_reply_to: None, references: Vec::new(), attachments: Vec::new() }
    }
}

/// The words of one row; None where what it speaks of is gone. `encrypted`: whether the mail will be.
fn letter(
    c: &Connection,
    sealing: &Sealing,
    out: &Out,
    ticket: Option<&Ticket>,
    to: &Address,
    encrypted: bool,
) -> Result<Option<Letter>> {
    let zone = &sealing.settings.team.time_zone;
    let plain = ticket.map(|ticket| told(c, sealing, out, ticket, encrypted)).transpose()?;
    let details = match (ticket, encrypted) {
        (Some(ticket), true) => details(c, out, ticket)?,
        _ => None,
    };
    let details = details.as_deref();
    Ok(match (&out.intent, ticket, &plain) {
        (Intent::Acknowledgement { .. }, Some(ticket), _) => Some(acknowledgement(sealing, &out.intent, ticket)),
        (Intent::Answer { message, .. }, Some(ticket), _) => answer(c, sealing, ticket, (*message, to), encrypted)?,
        (Intent::Alert { follow_up, .. }, _, Some(plain)) => {
            Some(Letter::plain(wording::alert(plain, zone, *follow_up, details)))
        }
        (Intent::Unreachable { .. }, _, Some(plain)) => Some(Letter::plain(wording::unreachable(plain, zone, details))),
        (Intent::AlertGroup { since, .. }, ..) => {
            let count = history::count(c, &raise::alerted_with_others(*since))?;
            Some(Letter::plain(wording::alert_group(count, *since, zone)))
        }
        (Intent::Page { page, .. }, ..) => match duty::page(c, *page)? {
            Some(row) => {
                let more = match row.what.as_str() {
                    "group" => Some(history::count(c, &raise::paged_with_others(row.id))?),
                    _ => None,
                };
                let signs = sealing
                    .settings
                    .duty
                    .analysts
                    .iter()
                    .any(|a| a.fingerprint.is_some() && a.address.as_str() == out.to);
                let reply = wording::PageReply { page: row.id, code: &row.code, signs };
                Some(Letter::plain(wording::page(&reply, plain.as_ref(), more, zone, details)))
            }
            None => None,
        },
        (Intent::MailBack { code, language }, Some(ticket), _) => Some(Letter {
            language: *language,
            ..Letter::plain(wording::mail_back(&sealing.settings.team.name, &known_as(c, ticket, to)?, code, *language))
        }),
        (Intent::Reminder { due, .. }, _, Some(plain)) => Some(Letter::plain(wording::reminder(plain, zone, *due))),
        (Intent::Escalation { nth, .. }, _, Some(plain)) => Some(Letter::plain(wording::escalation(plain, zone, *nth))),
        (Intent::FollowUp { .. }, _, Some(plain)) => Some(Letter::plain(wording::follow_up(plain, zone))),
        (Intent::CatchUp { since, batch, analyst, escalation }, ..) => {
            let tickets = history::tickets_of(c, &raise::told_with_others(*escalation, *batch, analyst), *since)?;
            let mut rows = Vec::new();
            for id in tickets {
                rows.extend(tickets::get(c, tickets::living(c, id)?)?);
            }
            rows.dedup_by_key(|ticket| ticket.id);
            let rows: Vec<Plain> = rows.iter().map(|ticket| self::plain(ticket, sealing.now)).collect();
            Some(Letter::plain(wording::catch_up(&rows, zone, *escalation)))
        }
        (Intent::Notice { about, words, details, .. }, ticket, _) => {
            let details = details.as_deref().filter(|_| encrypted);
            Some(Letter::plain(wording::notice(about, words, details, ticket.map(|t| t.number.as_str()))))
        }
        (Intent::Head { head, .. }, ..) => {
            audit::signed_head(c, *head)?.map(|head| Letter::plain(wording::head(&head.signed)))
        }
        (Intent::Digest { handover, since, .. }, ..) => {
            let words = digest::words(c, sealing.settings, *handover, *since, encrypted, sealing.now)?;
            Some(Letter::plain(words))
        }
        _ => None,
    })
}

fn acknowledgement(sealing: &Sealing, intent: &Intent, ticket: &Ticket) -> Letter {
    let Intent::Acknowledgement { language, received_at, due_at, in_reply_to, references, wrong_key } = intent else {
        return Letter::plain(wording::notice("", "", None, None));
    };
    let team = sealing.keys.team().first();
    let ack = Acknowledgement {
        number: &ticket.number,
        language: *language,
        received_at: *received_at,
        due_at: *due_at,
        wrong_key: *wrong_key,
        fingerprint: team.map_or("", |key| key.fingerprint.as_str()),
    };
    let mut references = references.clone();
    references.extend(in_reply_to.clone().filter(|id| !references.contains(id)));
    let key = team.and_then(|key| openpgp_certs::export_armored(&key.certificate).ok());
    Letter {
        words: wording::acknowledgement(sealing.texts, sealing.settings, &ack),
        language: *language,
        in_reply_to: in_reply_to.clone(),
        references,
        attachments: key
            .map(|armored| Attach {
                name: "openpgp-key.asc".to_owned(),
                content_type: "application/pgp-keys".to_owned(),
                bytes: armored.into_bytes(),
                disposition: Disposition::Attachment,
            })
            .into_iter()
            .collect(),
    }
}

/// References of a thread: its first mail and so many of the last ones.
const REFERENCES: usize = 20;

/// By which number a correspondent knows a ticket: after a merge by that of their own.
fn known_as(c: &Connection, ticket: &Ticket, to: &Address) -> Result<String> {
    let row = correspondents::get(c, ticket.id, to.key())?;
    let theirs = row.map(|row| tickets::get(c, row.known_as)).transpose()?.flatten();
    Ok(theirs.map_or_else(|| ticket.number.clone(), |theirs| theirs.number))
}

/// A human's words to a correspondent, in a thread of their own: neither subject nor references hold
/// anything of another's mail. In clear, the subject holds fixed words only (law 7).
fn answer(
    c: &Connection,
    sealing: &Sealing,
    ticket: &Ticket,
    (message, to): (i64, &Address),
    encrypted: bool,
) -> Result<Option<Letter>> {
    let Some(written) = messages::get(c, message)? else { return Ok(None) };
    let thread = correspondents::thread(c, ticket.id, to.key(), message)?;
    let first = match thread.iter().find(|mail| mail.theirs) {
        Some(mail) => messages::get(c, mail.message)?,
        None => None,
    };
    let verdict: Option<Verdict> = first.as_ref().and_then(|m| serde_json::from_str(m.latest_verdict()?).ok());
    // What was decrypted goes back to nobody who is not proven to have written it (T26).
    let theirs = verdict.is_some_and(|v| v.encryption == Encryption::None || v.proves_sender(Authenticated::Marginal));
    let number = known_as(c, ticket, to)?;
    let prefix = &sealing.settings.team.ticket_prefix;
    let own_subject = first.as_ref().map(|first| subject::without_tags(&first.subject, prefix));
    let team = &sealing.settings.team.name;
    let subject = match own_subject.filter(|subject| encrypted && theirs && !subject.is_empty()) {
        Some(subject) => format!("[{number}] Re: {}", Untrusted::from(subject.as_str()).header()),
        None if first.is_some() => format!("[{number}] Answer from {team}"),
        None => format!("[{number}] Message from {team}"),
    };
    let last = thread.iter().rfind(|mail| mail.theirs).or(thread.last());
    let late = thread.len().saturating_sub(REFERENCES).max(1);
    let references = thread.iter().take(1).chain(thread.iter().skip(late)).map(|mail| mail.message_id.clone());
    let is_reporter = to.key() == ticket.reporter_key();
    let constituent = sealing.settings.constituent(to).and_then(|constituent| constituent.language);
    Ok(Some(Letter {
        words: Words { subject, body: written.text },
        language: match (is_reporter, constituent) {
            (true, _) if ticket.language == "fr" => Language::Fr,
            (true, _) => Language::En,
            (false, known) => known.or(sealing.settings.team.languages.first().copied()).unwrap_or(Language::En),
        },
        in_reply_to: last.map(|mail| mail.message_id.clone()),
        references: references.collect(),
        attachments: Vec::new(),
    }))
}

/// What the reply of an analyst must bear, where it can be proven to be theirs (T62).
fn reply_code(c: &Connection, sealing: &Sealing, out: &Out, ticket: &Ticket) -> Result<Option<String>> {
    let Some(correspondent) = known::replies_go_to(c, out)? else { return Ok(None) };
    let analysts = &sealing.settings.duty.analysts;
    let registered = analysts.iter().any(|a| a.address.as_str() == out.to && a.fingerprint.is_some());
    let number = Number::parse(&ticket.number).filter(|_| registered);
    let purpose = known::purpose_of(out.kind);
    Ok(number.map(|number| reply_code::make(sealing.id_key, &number, purpose, &correspondent)))
}

fn plain(ticket: &Ticket, now: Timestamp) -> Plain<'_> {
    Plain {
        number: &ticket.number,
        urgency: Urgency::of(ticket),
        received_at: ticket.received_at,
        due_at: ticket.clock.as_ref().map(|clock| clock.due_at),
        now,
        reply_code: None,
        whom: Whom::Reporter,
    }
}

/// The lines of a mail about one ticket, with whom of it the mail is about.
fn told<'t>(c: &Connection, sealing: &Sealing, out: &Out, ticket: &'t Ticket, encrypted: bool) -> Result<Plain<'t>> {
    let whom = match known::replies_go_to(c, out)? {
        Some(address) if address == ticket.reporter_key() => Whom::Reporter,
        Some(address) => Whom::Other(Some(address).filter(|_| encrypted && !is_strict(ticket))),
        None if correspondents::of_ticket(c, tickets::living(c, ticket.id)?)?.len() > 1 => Whom::Several,
        None => Whom::Reporter,
    };
    let reply_code = if encrypted { reply_code(c, sealing, out, ticket)? } else { None };
    Ok(Plain { reply_code, whom, ..plain(ticket, sealing.now) })
}

/// RED and AMBER+STRICT stand in no alert (A11.9).
fn is_strict(ticket: &Ticket) -> bool {
    ticket.tlp.as_deref().and_then(Mark::from_word) >= Some(Mark::AmberStrict)
}

/// What an encrypted alert adds: who says it, what is proven, what it is about; of a mail that came
/// back, to whom it went. Of the mail that it tells of, else of the last one.
fn details(c: &Connection, out: &Out, ticket: &Ticket) -> Result<Option<String>> {
    if is_strict(ticket) {
        return Ok(None);
    }
    let line = |text: &str| Untrusted::from(text).line();
    if let Intent::Unreachable { mail: Some(mail), .. } = out.intent
        && let Some(mail) = outbox::get(c, mail)?
    {
        return Ok(Some(format!("Went to:  {}\n", line(&mail.to))));
    }
    let told = match out.intent {
        Intent::Alert { message, .. } => messages::get(c, message)?,
        _ => messages::last_received(c, ticket.id, None)?,
    };
    let Some(last) = told else { return Ok(None) };
    // What a machine says has no author: then it is the reporter whose ticket it is.
    let author = correspondents::author(c, last.id)?.filter(|author| *author != ticket.reporter_key());
    let from = author.or_else(|| ticket.reporter.clone()).filter(|from| !from.is_empty());
    let verdict: Verdict = last.latest_verdict().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    Ok(Some(format!(
        "From:     {}\nProven:   {}\nSubject:  {}\n{}",
        line(from.as_deref().unwrap_or("nobody who can be written to")),
        sentence::summary(&verdict, Language::En),
        line(&last.subject),
        ticket.tlp.as_ref().map_or(String::new(), |mark| format!("TLP:      {mark}\n")),
    )))
}
