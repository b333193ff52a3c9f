//! What a mail means: whose ticket, how urgent, who is told, who is answered.
//!
//! Pure: everything that the store knows about the mail comes in as `Known`. The table in
//! CONTRACT.md, "What happens to a mail", is `told`; the tests below hold each of its cells.
//!
//! Hostile data: the report. Failure: none; in doubt a human is told and nobody is answered.
//!
//! T26: for a mail with ciphertext, where it is placed, `acknowledge`, `reply_suppressed` and
//! `language` follow from its outer fields, the envelope, the config and the store alone: the outer
//! pointers name the ticket, and no signature inside proves that it belongs there. What the opened
//! mail names besides is a link for the analyst ("claims to belong to") and nothing more. An
//! analyst's own signed mail alone is placed by what it says inside: nobody is answered for it.
//!
//! T36: a signature proves what stands inside it. To join by signature, the reference or number
//! must be a protected field; for an analyst's answer To and Cc as well (RFC 9788, `hp`). Clients
//! that sign without protecting the header fields, such as neomutt, thus make unverified notes of
//! such mail, unless the trusted border reports a DMARC pass; the history says why. A code of a
//! page and the reply code of an alert stand in the text, so they need no protected fields. What is
//! signed in a mail that was seen on another mail proves nothing.
//!
//! T62: a mail commands only if it is encrypted to the team, to nobody else, signed by the analyst's
//! registered key, and bears the reply code of one ticket, or a protected reference to an alert.

use crate::rules::address::Address;
use crate::rules::authres;
use crate::rules::belonging::{self, Belonging, passes_for};
use crate::rules::feed::Group;
use crate::rules::language;
use crate::rules::machine::{self, Arrival, Machine, machine_report};
use crate::rules::manners::{NoReply, reply_forbidden};
use crate::rules::receipt::{OurMail, Receipt, receipt};
use crate::rules::reply::{self, Purpose};
use crate::rules::report::Report;
use crate::rules::settings::{Analyst, Language, Mailbox, Settings};
use crate::rules::ticket::{Kind, words};
use crate::rules::tlp;
use crate::rules::urgent::asks_urgent;
use crate::rules::verdict::{Authenticated, Encryption, Signature};
use jiff::Timestamp;

pub use crate::rules::belonging::NamedTicket;

/// What is known about a mail besides its own content.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    pub settings: &'a Settings,
    pub mailbox: &'a Mailbox,
    /// Receipt, as DESIGN has it: never the sender's Date.
    pub received_at: Timestamp,
    /// The envelope sender where intake was told; `Some(None)` is the null sender `<>`.
    pub envelope_sender: Option<Option<Address>>,
    /// The tickets that the mail names, one entry a ticket.
    pub named: Vec<NamedTicket>,
    /// What a mail with ciphertext names inside, if `named` is what its outer fields name.
    pub claims_inside: Vec<i64>,
    /// A signature over the whole of it was seen before on another mail (T36).
    pub replay: bool,
    /// The page whose single-use code stands in the mail.
    pub page: Option<i64>,
    /// It replies to a page that was sent to its very sender.
    pub page_answered: bool,
    /// What words without a command are, in a reply that is bound to `named`, its one ticket (T62).
    pub reply: Option<Bound>,
    /// It refers to a mail of ours to an analyst: they expect something to come of it.
    pub answers_alert: bool,
    /// Found at first sight of a mailbox that is history: filed, silent, no clock.
    pub history: bool,
    /// The mail answers an answer to an answer of ours, each from this sender and without proof:
    /// two machines talk (T63).
    pub echo: bool,
    /// The mail of ours that it gives back or refers to, with proof; of several tickets none.
    pub ours: Option<OurMail>,
}

/// What a reply is bound to besides its ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// What its words are without a command.
    pub purpose: Purpose,
    /// The correspondent, in lower case, to whom they would go.
    pub to: String,
}

/// What triage decided. `file` carries it out in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub placement: Placement,
    pub kind: Kind,
    /// The reporter's word (P4).
    pub reported_urgent: bool,
    /// `[URGENT]` stood in an unprotected outer subject only.
    pub urgent_unprotected: bool,
    /// A machine report.
    pub automatic: bool,
    /// By which mark that was seen.
    pub machine: Option<Machine>,
    /// Why a human's mail gets no acknowledgement; a word of `manners::NoReply`.
    pub reply_suppressed: Option<String>,
    pub suspected_spam: bool,
    /// `RED`, `AMBER+STRICT`, `AMBER`, `GREEN`, `CLEAR`; None: nothing is marked.
    pub tlp: Option<String>,
    /// Of the acknowledgement.
    pub language: Language,
    /// Of what was read, for what a human writes.
    pub read_language: Language,
    pub constituent: Option<String>,
    /// To whom the acknowledgement goes; None: nobody.
    pub acknowledge: Option<Address>,
    /// Whether the analyst on duty gets an alert.
    pub alert: bool,
    /// Whether the analyst on duty is paged.
    pub page: bool,
    /// Whether the clock of the promises runs.
    pub clock: bool,
    /// See `Known::replay`.
    pub replay: bool,
    /// An analyst who expects something of this mail is told that it is kept as a note alone.
    pub tell_analyst: bool,
}

/// Where the mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// A ticket of its own, linked to those it claims to belong to.
    New { claims: Vec<i64> },
    /// A participant's further mail, proven.
    Join { ticket: i64 },
    /// A machine report joins those of its group, or is the first.
    Feed(Group),
    /// What a machine says of a mail of ours.
    Receipt { receipt: Receipt, ours: OurMail },
    /// An analyst's own mail.
    Analyst { name: String, ticket: Option<i64>, act: AnalystAct },
}

/// What an analyst's own mail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnalystAct {
    /// It went to the reporter, proven: it stops the clock.
    Answer,
    /// To us alone, with a page's code: encrypted and proven, or, of an analyst without a registered key, a
    /// reply to that page.
    AcknowledgePage { page: i64 },
    /// A reply to be obeyed; the page whose code it bears.
    Obey { bound: Bound, page: Option<i64> },
    /// An internal note, proven.
    Note,
    /// Without proof of the whole of it.
    UnverifiedNote(Lack),
}

words! {
    /// What an analyst's mail lacks; the words stand in the history.
    Lack {
        Signature = "it bears no good signature of theirs",
        /// T36.
        Fresh = "what it signs was seen before on another mail",
        Fields = "its signature does not cover the header fields that say where it belongs and to whom it went",
    }
}

/// Decides. Total.
pub fn triage(report: &Report, known: &Known) -> Decision {
    let settings = known.settings;
    let arrival = Arrival {
        report,
        envelope_sender: known.envelope_sender.as_ref().map(Option::as_ref),
        mailbox: known.mailbox,
        settings,
    };
    let sender = arrival.sender();
    let analyst = sender.and_then(|sender| settings.duty.analysts.iter().find(|a| a.address == *sender));
    let machine = machine_report(&arrival);
    let receipt = receipt(&arrival, machine::by_form(&arrival)).zip(known.ours.clone());
    let receipt = receipt.filter(|_| analyst.is_none() && machine != Some(Machine::OwnMail));
    let machine = machine.or(receipt.is_some().then_some(Machine::Dsn));
    let automatic = machine.is_some();
    let suspected_spam = analyst.is_none() && has_spam_header(report, settings);
    let refusal = refusal(&arrival, known, suspected_spam).filter(|_| !automatic);
    let placement = match (analyst, receipt) {
        (Some(analyst), _) => analysts_mail(report, known, analyst, automatic),
        (None, Some((receipt, ours))) => Placement::Receipt { receipt, ours },
        (None, None) if automatic => grouped(anybodys_mail(report, known, sender), &arrival, known),
        (None, None) => anybodys_mail(report, known, sender),
    };
    let real_urgent = asks_urgent(report.subject.raw());
    let reported_urgent = real_urgent || asks_urgent(report.outer.subject.raw());
    let quiet = known.history || automatic || suspected_spam || matches!(placement, Placement::Analyst { .. });
    let told = if quiet { Told::default() } else { told(report, known, sender, analyst, reported_urgent) };
    let language = language::for_mail(
        sender.and_then(|sender| settings.constituent(sender)).and_then(|c| c.language),
        &report.outer,
        &settings.team.languages,
    );
    let welcome = !automatic && refusal.is_none() && matches!(placement, Placement::New { .. });
    Decision {
        kind: known.mailbox.kind,
        reported_urgent,
        urgent_unprotected: reported_urgent && !(real_urgent && is_subject_protected(report) && !known.replay),
        automatic,
        machine,
        reply_suppressed: refusal.map(|why| why.word().to_owned()),
        suspected_spam,
        tlp: marks(report).map(|mark| mark.word().to_owned()),
        language,
        read_language: match report.outer.has_ciphertext {
            true => read_language(report, settings),
            false => language,
        },
        constituent: report.from.as_ref().and_then(|from| settings.constituent(from)).map(|c| c.name.clone()),
        acknowledge: sender.filter(|_| welcome).cloned(),
        alert: told.alert,
        page: told.page,
        clock: told.clock,
        replay: known.replay,
        tell_analyst: known.answers_alert
            && !automatic
            && matches!(&placement, Placement::Analyst { act: AnalystAct::Note | AnalystAct::UnverifiedNote(_), .. })
            && is_to_us_alone(report, settings)
            && !reply::read(report.text.raw()).is_ok_and(|said| said.purpose == Some(Purpose::Note)),
        placement,
    }
}

/// The language of what a ciphertext held.
fn read_language(report: &Report, settings: &Settings) -> Language {
    let constituent = report.from.as_ref().and_then(|from| settings.constituent(from));
    let text = format!("{}\n{}", report.subject.raw(), report.text.raw());
    language::for_text(constituent.and_then(|c| c.language), &text, &settings.team.languages)
}

/// Who is told of a mail that concerns a human.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    alert: bool,
    page: bool,
    clock: bool,
}

/// The table of CONTRACT.md, but for its silent rows.
fn told(report: &Report, known: &Known, sender: Option<&Address>, analyst: Option<&Analyst>, urgent: bool) -> Told {
    if analyst.is_some() {
        // They know of it, and nothing was promised to them.
        return Told::default();
    }
    if report.verdict.encryption == Encryption::Failed {
        let constituent = sender.is_some_and(|sender| known.settings.constituent(sender).is_some());
        return Told { alert: true, page: urgent || constituent, clock: true };
    }
    Told { alert: known.mailbox.kind == Kind::Incident, page: urgent, clock: true }
}

/// Why nobody is answered, if it is a human's mail.
fn refusal(arrival: &Arrival, known: &Known, suspected_spam: bool) -> Option<NoReply> {
    match (known.history, suspected_spam) {
        (true, _) => Some(NoReply::History),
        (_, true) => Some(NoReply::SuspectedSpam),
        _ => reply_forbidden(arrival).or(known.echo.then_some(NoReply::Loop)),
    }
}

fn anybodys_mail(report: &Report, known: &Known, sender: Option<&Address>) -> Placement {
    let signed =
        !report.outer.has_ciphertext && !known.replay && sender.is_some_and(|sender| is_signed_by(report, sender));
    let dmarc = authres::dmarc_pass(&report.headers, known.settings.triage.authserv_id.as_deref());
    match belonging::place(&known.named, sender, signed, dmarc.as_deref()) {
        Belonging::New { mut claims } => {
            claims.extend(&known.claims_inside);
            claims.sort_unstable();
            claims.dedup();
            Placement::New { claims }
        }
        Belonging::Join { ticket } => Placement::Join { ticket },
    }
}

/// A machine report that belongs to no ticket goes to its group, if it has one.
fn grouped(placement: Placement, arrival: &Arrival, known: &Known) -> Placement {
    let report = arrival.report.feed.as_ref().filter(|_| !arrival.report.outer.has_ciphertext);
    let zone = &known.settings.team.time_zone;
    let group =
        report.zip(arrival.sender()).and_then(|(report, sender)| Group::of(report, sender, known.received_at, zone));
    match (placement, group) {
        (Placement::New { claims }, Some(group)) if claims.is_empty() => Placement::Feed(group),
        (placement, _) => placement,
    }
}

/// Whether a good signature over the whole, by a key that the team took in, is bound to `sender`.
fn is_signed_by(report: &Report, sender: &Address) -> bool {
    report.from.as_ref() == Some(sender) && report.verdict.proves_sender(Authenticated::Marginal)
}

/// DESIGN "Belonging", last paragraph. A mail that names no ticket, or several, opens one.
fn analysts_mail(report: &Report, known: &Known, analyst: &Analyst, automatic: bool) -> Placement {
    let mut claims: Vec<i64> = known.named.iter().map(|ticket| ticket.id).collect();
    claims.sort_unstable();
    claims.dedup();
    let ticket = known.named.first().filter(|_| claims.len() == 1);
    let act = analysts_act(report, known, analyst, ticket, automatic);
    if ticket.is_none() && !matches!(act, AnalystAct::AcknowledgePage { .. }) {
        return Placement::New { claims };
    }
    Placement::Analyst { name: analyst.name.clone(), ticket: ticket.map(|ticket| ticket.id), act }
}

fn analysts_act(
    report: &Report,
    known: &Known,
    analyst: &Analyst,
    ticket: Option<&NamedTicket>,
    automatic: bool,
) -> AnalystAct {
    let dmarc = authres::dmarc_pass(&report.headers, known.settings.triage.authserv_id.as_deref());
    let vouched = passes_for(&analyst.address, dmarc.as_deref());
    match (vouched, is_signed_by_analyst(report, analyst), known.replay) {
        (true, ..) | (_, true, false) => {}
        (_, true, true) => return AnalystAct::UnverifiedNote(Lack::Fresh),
        // Whoever has no key here cannot sign: the code, in a reply to the page that bore it, has to do.
        _ => {
            let answers = known.page_answered && analyst.fingerprint.is_none() && !automatic;
            let page = known.page.filter(|_| answers && is_to_us_alone(report, known.settings));
            let lacks = AnalystAct::UnverifiedNote(Lack::Signature);
            return page.map_or(lacks, |page| AnalystAct::AcknowledgePage { page });
        }
    }
    let placed = vouched || ticket.is_none_or(|ticket| ticket.pointer_protected);
    let reporter = ticket.and_then(|ticket| ticket.reporter.as_ref());
    let addressed = vouched || reporter.is_some_and(|reporter| is_inside_to(report, reporter));
    // An absence note answers nobody.
    let is_answer = !automatic && reporter.is_some_and(|reporter| recipients(report).any(|to| to == reporter));
    let is_command = !automatic
        && !is_answer
        && report.verdict.encryption == Encryption::Decrypted
        && is_to_us_alone(report, known.settings);
    let obey = known.reply.clone().filter(|_| is_command && is_signed_by_analyst(report, analyst) && !known.replay);
    let page = known.page.filter(|_| is_command);
    if let Some(bound) = obey {
        return AnalystAct::Obey { bound, page };
    }
    match page {
        Some(page) => AnalystAct::AcknowledgePage { page },
        None if !placed || (is_answer && !addressed) => AnalystAct::UnverifiedNote(Lack::Fields),
        None if is_answer => AnalystAct::Answer,
        None => AnalystAct::Note,
    }
}

/// Whether the address stands in To or Cc of what was signed, where the header fields are protected.
fn is_inside_to(report: &Report, address: &Address) -> bool {
    report.headers_protected && report.to.iter().chain(&report.cc).any(|to| to == address)
}

/// Signed by the key that the config names: that it is authenticated stands there.
fn is_signed_by_analyst(report: &Report, analyst: &Analyst) -> bool {
    let verdict = &report.verdict;
    let registered = match (&verdict.signer, &analyst.fingerprint) {
        (Some(signer), Some(fingerprint)) => signer.eq_ignore_ascii_case(fingerprint),
        _ => false,
    };
    registered && report.from.as_ref() == Some(&analyst.address) && verdict.proves_sender(Authenticated::None)
}

/// Whether the mail is an analyst's, inside and outside, by their registered key.
pub(super) fn is_of_analyst(report: &Report, settings: &Settings) -> bool {
    let analyst = settings.duty.analysts.iter().find(|analyst| report.outer.from.as_ref() == Some(&analyst.address));
    analyst.is_some_and(|analyst| is_signed_by_analyst(report, analyst))
}

/// Everybody in To and Cc, outer and protected.
fn recipients(report: &Report) -> impl Iterator<Item = &Address> {
    report.to.iter().chain(&report.cc).chain(&report.outer.to).chain(&report.outer.cc)
}

fn is_to_us_alone(report: &Report, settings: &Settings) -> bool {
    recipients(report).next().is_some() && recipients(report).all(|to| settings.own_addresses().any(|own| own == to))
}

/// Whether the subject is proven to be what the sender wrote.
fn is_subject_protected(report: &Report) -> bool {
    let verdict = &report.verdict;
    verdict.subject_protected && (verdict.encryption == Encryption::Decrypted || verdict.signature == Signature::Good)
}

fn marks(report: &Report) -> Option<tlp::Mark> {
    let outer = tlp::read(report.outer.subject.raw(), "");
    let parts = report.marks.iter().map(|mark| mark.tlp).max();
    tlp::read(report.subject.raw(), report.text.raw()).max(outer).max(parts)
}

/// The border's header begins with the configured value, as a word: `Yes, score=9` is `Yes`.
fn has_spam_header(report: &Report, settings: &Settings) -> bool {
    let Some((name, value)) = &settings.triage.spam_header else { return false };
    let wanted = value.trim().to_lowercase();
    report.fields(name).any(|found| {
        let found = found.to_lowercase();
        found.strip_prefix(&wanted).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    })
}

#[cfg(test)]
#[path = "triage_tests.rs"]
mod tests;
