//! START HERE. One mail from its spool row to its ticket: open, read, triage, file.
//!
//! The attempt is counted before it is made; after three the mail is held in quarantine with a
//! stub ticket and an alert (law 3). Opening and reading are total; should they panic all the
//! same, that is one failed attempt of this mail and nothing else. Running it twice for one mail
//! changes nothing.
//!
//! Hostile data: the octets, passed on. Failure: the store's; the mail then waits.

use crate::app::{self, App};
use crate::arrive::reader::{self, Job, ReaderTrouble};
use crate::arrive::{candidates, glance};
use crate::decide::file::{self, Filing};
use crate::decide::triage::triage;
use crate::decide::{again, clocks, known, quarantine, sent};
use crate::edge::openpgp::certs as openpgp_certs;
use crate::edge::openpgp::open::KnownCertificate;
use crate::edge::{clock, crash, random};
use crate::house::House;
use crate::rules::address::Address;
use crate::rules::report::Report;
use crate::rules::urgent::asks_urgent;
use crate::rules::verdict::{Encryption, EncryptionProblem, Verdict};
use crate::store::spool::{self, Role, SpoolState, Spooled};
use crate::store::{StoreError, certs, correspondents, history, messages, outbox, rechecks, settings as values};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A mail that so many attempts did not file is held.
const ATTEMPTS: u32 = 3;

/// So many are checked again before new mail is looked for.
const BATCH: usize = 100;

/// Everything that waits: new mail first, then mail that a new key opens, then mail to be checked
/// again. Gives how much of it was settled. Trouble with one of these keeps no other from being done;
/// the first is told.
pub fn catch_up(house: &House, now: Timestamp) -> Result<usize, Halt> {
    let keys_before = house.store.read(values::keys_seen)?;
    let mut travelled = travel_all(house, now);
    let reopened = reopen(house, keys_before.as_deref(), now);
    let mut settled = 0;
    loop {
        let rechecked = recheck(house, now);
        settled += travelled.as_ref().unwrap_or(&0) + rechecked.as_ref().unwrap_or(&0);
        match (travelled, rechecked) {
            (Ok(_), Ok(0)) => {
                house.readers.iter().for_each(|readers| readers.rest());
                return Ok(reopened? + obey(house, now)? + settled);
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
            (Ok(_), Ok(_)) => travelled = travel_all(house, now),
        }
    }
}

/// Carries out what analysts said by replying to alerts; gives how many replies that were.
pub fn obey(house: &House, now: Timestamp) -> Result<usize, StoreError> {
    let app = App {
        store: &house.store,
        settings: &house.settings,
        team: house.keys.team(),
        keys: house.keys.as_ref(),
        key_troubles: &|| house.keys.troubles(),
        daemon_running: true,
    };
    app::obey(&app, now)
}

/// Takes one spooled mail as far as it goes; gives its row as it is afterwards.
pub fn travel(house: &House, id: i64, now: Timestamp) -> Result<Option<Spooled>, Halt> {
    let Some(mail) = house.store.read(|c| spool::get(c, id))? else { return Ok(None) };
    if mail.state != SpoolState::New {
        return Ok(Some(mail));
    }
    let attempts = house.store.write(|tx| spool::count_attempt(tx, id))?;
    crash::point("journey.counted");
    let mail = Spooled { attempts, ..mail };
    if attempts > ATTEMPTS {
        let reason = mail.reason.as_deref().unwrap_or("the process ended while it read the mail");
        return Ok(Some(hold(house, &mail, &format!("three attempts: {reason}"), now)?));
    }
    match catch_unwind(AssertUnwindSafe(|| understand_and_file(house, &mail, now))) {
        Ok(Err(Halt::Broke(reason))) => broke(house, mail, reason),
        Err(_) => broke(house, mail, "the mail broke its filing"),
        Ok(Err(error)) if error.is_passing() => {
            // Not this mail's fault, and no reason to hold it. Where even that cannot be written, the
            // mail is none the worse: on a full disk no further attempt can be counted either.
            let _ = house.store.write(|tx| spool::forgive_attempt(tx, id));
            Err(error)
        }
        Ok(filed) => filed.map(Some),
    }
}

/// One more attempt came to nothing; the last reason is what a person will read.
fn broke(house: &House, mail: Spooled, reason: &str) -> Result<Option<Spooled>, Halt> {
    tracing::error!(
        spool = mail.id,
        attempts = mail.attempts,
        reason,
        "a mail was not read; it is tried again, then held"
    );
    house.store.write(|tx| spool::note_reason(tx, mail.id, reason))?;
    Ok(Some(mail))
}

/// Why the journey of a mail stops where it is.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mail broke its reader.
    #[error("{0}")]
    Broke(&'static str),
    /// No reader could be started.
    #[error(transparent)]
    NoReader(ReaderTrouble),
}

impl Halt {
    /// Whether the same may succeed later, with the same mail.
    fn is_passing(&self) -> bool {
        match self {
            Halt::Store(error) => error.is_passing(),
            Halt::Broke(_) => false,
            Halt::NoReader(_) => true,
        }
    }
}

impl From<ReaderTrouble> for Halt {
    fn from(trouble: ReaderTrouble) -> Self {
        match trouble {
            ReaderTrouble::Broke(reason) => Halt::Broke(reason),
            trouble => Halt::NoReader(trouble),
        }
    }
}

/// Puts a mail into quarantine after a glance at its subject: it may be urgent.
fn hold(house: &House, mail: &Spooled, reason: &str, now: Timestamp) -> Result<Spooled, StoreError> {
    // Held also where not even its octets can be had.
    let raw = mail.raw_id.and_then(|raw_id| house.store.read(|c| spool::raw(c, raw_id)).ok()).unwrap_or_default();
    let code = random::code();
    let held = quarantine::Held { reason, urgent: asks_urgent(&glance::subject(&raw)), code: &code };
    house.store.write(|tx| quarantine::hold(tx, &house.settings, mail, &held, now))
}

/// Every mail that waits, oldest first; gives how many were settled. A mail that the store does not
/// take keeps no other waiting: the first such failure is told at the end.
pub fn travel_all(house: &House, now: Timestamp) -> Result<usize, Halt> {
    let (mut settled, mut after, mut failed) = (0, 0, None);
    loop {
        let waiting = house.store.read(|c| spool::waiting(c, now, after, 200))?;
        let Some(last) = waiting.last() else { return failed.map_or(Ok(settled), Err) };
        after = *last;
        for id in waiting {
            // The time anew for each: one slow mail must not date those behind it back.
            match travel_on(house, id, house.now().max(now)) {
                Ok(done) => settled += usize::from(done),
                Err(Halt::Store(StoreError::Full)) => return Err(StoreError::Full.into()),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
    }
}

/// Attempts follow each other at once: a mail that broke its reader is held in the same turn.
fn travel_on(house: &House, id: i64, now: Timestamp) -> Result<bool, Halt> {
    loop {
        match travel(house, id, now)? {
            Some(mail) if mail.state == SpoolState::New => {}
            settled => return Ok(settled.is_some()),
        }
    }
}

/// Where a key of the team can be used that could not before, mail that waited for a key is opened
/// again (T106); gives how many could be. The verdict at arrival stays. `before`: the keys that were
/// seen before this turn's new mail. Each attempt is counted before it is made, and taken back once
/// it ended: a mail that breaks its reader three times is left as it is, and its history says so.
fn reopen(house: &House, before: Option<&str>, now: Timestamp) -> Result<usize, Halt> {
    if before == Some(&keys_seen(house)) {
        return Ok(0);
    }
    // New mail met a key that went away: the next turn must look again.
    let went_away = before.is_some_and(|seen| !seen.is_empty())
        && house.store.read(values::keys_seen)?.is_some_and(|seen| seen.is_empty());
    let mut opened = 0;
    for message in house.store.read(messages::without_key)? {
        let Some(mail) = house.store.read(|c| spool::of_message(c, message.id))? else { continue };
        let (Some(raw_id), Some(mailbox)) = (mail.raw_id, house.settings.mailbox(&mail.mailbox)) else { continue };
        if !may_reopen(house, &mail, now)? {
            continue;
        }
        let raw = house.store.read(|c| spool::raw(c, raw_id))?;
        let report = match understand(house, &mail, raw, now) {
            Ok(report) => report,
            Err(Halt::Broke(_)) => continue,
            Err(halt) => return Err(halt),
        };
        house.store.write(|tx| spool::forgive_attempt(tx, mail.id))?;
        let was: Option<Verdict> = message.latest_verdict().and_then(|json| serde_json::from_str(json).ok());
        let waited = was.is_none_or(|verdict| verdict.encryption == Encryption::Failed);
        if !waited || report.verdict.encryption != Encryption::Decrypted {
            // The mail is as open as it was; files that it carries may have waited.
            opened += usize::from(house.store.write(|tx| again::files(tx, &report, message.id, now))?);
            continue;
        }
        let code = random::code();
        house.store.write(|tx| {
            let candidates = candidates::news(tx, &report.candidates, &house.settings.pgp.introducers, now)?;
            let known = known::known(tx, &house.settings, mailbox, &mail, &report, &house.id_key)?;
            let decision = triage(&report, &known);
            let filing = Filing {
                settings: &house.settings,
                mail: &mail,
                report: &report,
                decision: &decision,
                candidates: &candidates,
                code: &code,
                now,
            };
            again::reopened(tx, &filing, message.id)
        })?;
        opened += 1;
    }
    // As they are by now: keys in an agent may have gone meanwhile, and then come back.
    let seen = keys_seen(house);
    house.store.write(|tx| {
        outbox::wake_unsealed(tx, now)?;
        rechecks::mark_team(tx, &team_handles(house, now))?;
        values::set_keys_seen(tx, if went_away { "" } else { &seen })
    })?;
    Ok(opened)
}

/// Counts an attempt to open or check a filed mail again; whether it may be made. Its filing took up to
/// `ATTEMPTS` of them, so that the count at which it is left goes beyond.
fn may_reopen(house: &House, mail: &Spooled, now: Timestamp) -> Result<bool, StoreError> {
    if mail.attempts > 2 * ATTEMPTS {
        return Ok(false);
    }
    house.store.write(|tx| {
        let attempts = spool::count_attempt(tx, mail.id)?;
        if attempts > 2 * ATTEMPTS {
            let what = "could not be opened again: each attempt broke the reader";
            history::add(tx, mail.ticket_id, now, history::VIGIE, what)?;
        }
        Ok(attempts <= 2 * ATTEMPTS)
    })
}

/// Which keys there are, and how many troubles they have.
fn keys_seen(house: &House) -> String {
    let keys: Vec<&str> = house.keys.team().iter().map(|key| key.fingerprint.as_str()).collect();
    format!("{} {}", keys.join(" "), house.keys.troubles().len())
}

/// Fingerprints and key IDs of the team's keys.
fn team_handles(house: &House, now: Timestamp) -> Vec<String> {
    let facts = |octets: &[u8]| openpgp_certs::describe(octets, now).unwrap_or_default();
    house.keys.team().iter().flat_map(|key| facts(&key.certificate)).flat_map(|facts| facts.handles).collect()
}

/// Mail is checked again whose signer's certificate has changed since, or its introducer's: imported,
/// confirmed, removed, revoked. What is found stands beside the verdict at arrival. One batch; gives
/// how many there were.
pub fn recheck(house: &House, now: Timestamp) -> Result<usize, Halt> {
    let introducers = house.settings.pgp.introducers.join(" ");
    let before = house.store.read(values::introducers_seen)?;
    if before.as_deref() != Some(&introducers) {
        house.store.write(|tx| {
            if before.is_some() {
                rechecks::mark_good(tx)?;
            }
            values::set_introducers_seen(tx, &introducers)
        })?;
    }
    let marked = house.store.read(|c| rechecks::waiting(c, BATCH))?;
    for message in &marked {
        check_again(house, *message, now)?;
    }
    Ok(marked.len())
}

fn check_again(house: &House, message: i64, now: Timestamp) -> Result<(), Halt> {
    let found = house.store.read(|c| {
        let (mail, row) = (spool::of_message(c, message)?, messages::get(c, message)?);
        let raw = mail.as_ref().and_then(|mail| mail.raw_id).map(|raw_id| spool::raw(c, raw_id)).transpose()?;
        Ok(mail.zip(row).zip(raw))
    })?;
    let checked = match found {
        Some(((mail, row), raw)) if may_reopen(house, &mail, now)? => {
            let report = match understand(house, &mail, raw, now) {
                Err(Halt::Broke(_)) => None,
                understood => Some(understood?),
            };
            if report.is_some() {
                house.store.write(|tx| spool::forgive_attempt(tx, mail.id))?;
            }
            report.map(|report| (row, report))
        }
        _ => None,
    };
    let Some((row, report)) = checked else { return Ok(house.store.write(|tx| rechecks::forget(tx, message))?) };
    let latest: Option<Verdict> = row.latest_verdict().and_then(|json| serde_json::from_str(json).ok());
    let was_open = latest.is_some_and(|verdict| verdict.encryption == Encryption::Decrypted);
    Ok(house.store.write(|tx| match was_open && report.verdict.encryption == Encryption::Failed {
        // The team's key cannot be used at the moment; that says nothing of the signature.
        true => rechecks::wait_for_key(tx, message),
        false => again::rechecked(tx, &report, message, now),
    })?)
}

/// Where the calendar, the zone's data or the promises have changed, running clocks are computed
/// anew from their receipt (DESIGN, "Business days").
pub fn recompute_deadlines(house: &House) -> Result<(), StoreError> {
    let basis = format!("{:?} {}", house.settings.sla, clock::tzdata_version());
    let basis: String = Sha256::digest(basis).iter().map(|octet| format!("{octet:02x}")).collect();
    if house.store.read(values::deadlines_from)?.as_deref() == Some(&basis) {
        return Ok(());
    }
    house.store.write(|tx| {
        for correspondent in correspondents::running(tx)? {
            clocks::recompute(tx, &house.settings, &correspondent)?;
        }
        values::set_deadlines_from(tx, &basis)
    })
}

fn understand_and_file(house: &House, mail: &Spooled, now: Timestamp) -> Result<Spooled, Halt> {
    let raw = match mail.raw_id {
        Some(raw_id) => house.store.read(|c| spool::raw(c, raw_id))?,
        None => Vec::new(),
    };
    let report = understand(house, mail, raw, now)?;
    crash::point("journey.read");
    let filed = match mail.role {
        Role::Inbox => file_inbox(house, mail, &report, now),
        Role::Sent => file_sent(house, mail, &report, now),
    }?;
    crash::point("journey.filed");
    Ok(filed)
}

/// Opens and reads, in a reader of its own where the config has it so.
fn understand(house: &House, mail: &Spooled, raw: Vec<u8>, now: Timestamp) -> Result<Report, Halt> {
    let job = Job {
        raw,
        full_size: mail.full_size,
        own: house.settings.own_addresses().cloned().collect(),
        introducers: house.settings.pgp.introducers.clone(),
        received_at: mail.received_at,
        now,
    };
    let find = |handles: &[String]| certificates(house, handles);
    let report = match &house.readers {
        Some(readers) => readers.read(job, house.keys.as_ref(), &find),
        None => reader::here(job, house.keys.as_ref(), &find),
    };
    Ok(report?)
}

fn certificates(house: &House, handles: &[String]) -> Vec<KnownCertificate> {
    let found = house.store.read(|c| {
        let mut found = Vec::new();
        let introducers = &house.settings.pgp.introducers;
        // Nobody is introduced by a certificate that came with a mail: it may lack a revocation.
        let may_count = |cert: &certs::Cert| !(cert.candidate && introducers.contains(&cert.fingerprint));
        for cert in certs::find(c, handles)?.into_iter().filter(may_count) {
            let addresses = certs::addresses(c, &cert.fingerprint)?.iter().filter_map(|a| Address::parse(a)).collect();
            found.push(KnownCertificate {
                fingerprint: cert.fingerprint,
                bytes: cert.bytes,
                candidate: cert.candidate,
                confirmed: cert.confirmed_at.is_some(),
                addresses,
            });
        }
        Ok(found)
    });
    found.unwrap_or_else(|error| {
        tracing::error!(%error, "certificates could not be looked up; signatures stay unknown");
        Vec::new()
    })
}

fn file_inbox(house: &House, mail: &Spooled, report: &Report, now: Timestamp) -> Result<Spooled, StoreError> {
    let settings = &house.settings;
    let Some(mailbox) = settings.mailbox(&mail.mailbox) else {
        // The mailbox has left the config since: its mail is not lost for that.
        return hold(house, mail, "its mailbox is no longer in the config", now);
    };
    let code = random::code();
    house.store.write(|tx| {
        let candidates = candidates::news(tx, &report.candidates, &settings.pgp.introducers, now)?;
        // Known and filed in one transaction: two mails of one thread cannot miss each other.
        let known = known::known(tx, settings, mailbox, mail, report, &house.id_key)?;
        let decision = triage(report, &known);
        let filing = Filing { settings, mail, report, decision: &decision, candidates: &candidates, code: &code, now };
        if report.verdict.encryption_problem == Some(EncryptionProblem::KeyUnavailable) {
            // The key may have gone and come back between two turns: `reopen` must look again.
            values::set_keys_seen(tx, "")?;
        }
        let filed = file::file(tx, &filing)?;
        crash::point("journey.filing");
        Ok(filed)
    })
}

fn file_sent(house: &House, mail: &Spooled, report: &Report, now: Timestamp) -> Result<Spooled, StoreError> {
    let settings = &house.settings;
    let Some(mailbox) = settings.mailbox(&mail.mailbox) else {
        return house.store.write(|tx| {
            spool::settle(
                tx,
                mail.id,
                SpoolState::Ignored,
                None,
                None,
                Some("its mailbox is no longer in the config"),
            )?;
            Ok(spool::get(tx, mail.id)?.unwrap_or_else(|| mail.clone()))
        });
    };
    let code = String::new();
    house.store.write(|tx| {
        let ticket = sent::answers(tx, report, house.installed_at, mail.received_at)?;
        let known = known::known(tx, settings, mailbox, mail, report, &house.id_key)?;
        let decision = triage(report, &known);
        let filing = Filing { settings, mail, report, decision: &decision, candidates: &[], code: &code, now };
        let author = report.from.as_ref().and_then(|from| settings.duty.analysts.iter().find(|a| a.address == *from));
        file::file_sent(tx, &filing, ticket, author.map_or(settings.team.name.as_str(), |a| a.name.as_str()))
    })
}
