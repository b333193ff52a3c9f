//! The words of all mail that leaves by itself: fixed texts with numbers and dates put in.
//!
//! Acknowledgements come in French and English and can be replaced by files in a folder `texts`
//! beside the config. Nothing that a reporter wrote is ever an argument of the texts that may
//! leave in clear (law 7). A template is data of ours; values are never read as templates (T71).

use crate::rules::settings::{Language, Settings};
use crate::rules::ticket::Priority;
use crate::store::tickets::Ticket;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::Path;

/// The texts of acknowledgements, one a language.
#[derive(Debug, Clone)]
pub struct Texts {
    acknowledgement: BTreeMap<&'static str, String>,
}

/// What may stand in braces in an acknowledgement's text.
pub const PLACEHOLDERS: &[&str] =
    &["team", "address", "number", "received", "promise", "wrong_key", "emergency", "fingerprint", "phone"];

const BUILT_IN: [(&str, &str); 2] =
    [("en", include_str!("texts/acknowledgement.en.txt")), ("fr", include_str!("texts/acknowledgement.fr.txt"))];

impl Texts {
    /// The built-in texts.
    pub fn built_in() -> Texts {
        Texts { acknowledgement: BUILT_IN.into_iter().map(|(language, text)| (language, text.to_owned())).collect() }
    }

    /// The texts, with those that stand in `folder` (`acknowledgement.en.txt`, `acknowledgement.fr.txt`)
    /// in place of the built-in ones. Fails on a file that cannot be read, an unknown placeholder, or
    /// a text without `{number}`.
    pub fn load(folder: &Path) -> Result<Texts, String> {
        let mut texts = Texts::built_in();
        for (language, text) in &mut texts.acknowledgement {
            let file = folder.join(format!("acknowledgement.{language}.txt"));
            match std::fs::read_to_string(&file) {
                Ok(own) => {
                    check(&own).map_err(|fault| format!("{}: {fault}", file.display()))?;
                    *text = own;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{}: {error}", file.display())),
            }
        }
        Ok(texts)
    }
}

fn check(text: &str) -> Result<(), String> {
    for name in text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name) {
        if !PLACEHOLDERS.contains(&name) {
            return Err(format!("{{{name}}} is no placeholder; known are {}", PLACEHOLDERS.join(", ")));
        }
    }
    if text.contains("{number}") { Ok(()) } else { Err("the text must hold {number}".to_owned()) }
}

/// One pass: what a value holds is never looked at again.
pub fn fill(template: &str, values: &BTreeMap<&str, String>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}').and_then(|(name, tail)| values.get(name).map(|value| (value, tail))) {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Subject and body of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub subject: String,
    pub body: String,
}

/// What an acknowledgement says.
#[derive(Debug, Clone)]
pub struct Acknowledgement<'a> {
    pub number: &'a str,
    pub language: Language,
    pub received_at: Timestamp,
    pub due_at: Option<Timestamp>,
    pub wrong_key: bool,
    /// Of the team's signing key, capital hex; empty where no key could be loaded.
    pub fingerprint: &'a str,
}

/// The acknowledgement: number, receipt, promise, how to reach us; not a word of the report.
pub fn acknowledgement(texts: &Texts, settings: &Settings, ack: &Acknowledgement) -> Words {
    let french = ack.language == Language::Fr;
    let zone = &settings.team.time_zone;
    let subject = if french { "Signalement reçu" } else { "Report received" };
    let promise = match ack.due_at {
        Some(due) if french => format!(
            "Une personne de l'équipe vous répondra au plus tard le {}. Sans réponse\n\
             après {} jours ouvrés, recontactez-nous.\n\n",
            long_time(due, zone, ack.language),
            settings.sla.escalate_after
        ),
        Some(due) => format!(
            "A person of the team will answer you by {}. If you have heard\n\
             nothing after {} business days, please contact us again.\n\n",
            long_time(due, zone, ack.language),
            settings.sla.escalate_after
        ),
        None => String::new(),
    };
    let emergency = match (&settings.team.phone, french) {
        (Some(phone), true) => format!("\nEn cas d'urgence, téléphonez au {phone}.\n"),
        (Some(phone), false) => format!("\nIn an emergency, telephone {phone}.\n"),
        (None, _) => String::new(),
    };
    let wrong_key = match (ack.wrong_key, french) {
        (true, true) => "\nVotre message a été chiffré avec une clé que nous n'avons pas. Merci de le renvoyer\n\
                         chiffré avec la clé dont l'empreinte figure ci-dessous.\n"
            .to_owned(),
        (true, false) => "\nYour message was encrypted to a key that we do not have. Please send it again,\n\
                          encrypted to the key whose fingerprint stands below.\n"
            .to_owned(),
        (false, _) => String::new(),
    };
    let values = BTreeMap::from([
        ("team", settings.team.name.clone()),
        ("address", settings.team.address.as_str().to_owned()),
        ("number", ack.number.to_owned()),
        ("received", long_time(ack.received_at, zone, ack.language)),
        ("promise", promise),
        ("wrong_key", wrong_key),
        ("emergency", emergency),
        ("phone", settings.team.phone.clone().unwrap_or_default()),
        ("fingerprint", spaced(ack.fingerprint)),
    ]);
    let template = texts.acknowledgement.get(if french { "fr" } else { "en" }).map_or("", String::as_str);
    Words { subject: format!("[{}] {subject}", ack.number), body: fill(template, &values) }
}

/// A fingerprint in groups of four.
pub fn spaced(fingerprint: &str) -> String {
    let groups: Vec<&str> =
        fingerprint.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(" ")
}

/// `Tuesday 1 December 2026 18:01 (Europe/Paris)`, or the same in French.
pub fn long_time(at: Timestamp, zone: &TimeZone, language: Language) -> String {
    const DAYS: [[&str; 7]; 2] = [
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    ];
    const MONTHS: [[&str; 12]; 2] = [
        [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
        [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
    ];
    let local = at.to_zoned(zone.clone());
    let row = usize::from(language == Language::Fr);
    let day = DAYS[row][local.weekday().to_monday_zero_offset().clamp(0, 6) as usize];
    let month = MONTHS[row][(local.month().clamp(1, 12) - 1) as usize];
    let at = if language == Language::Fr { "à " } else { "" };
    let zone_name = zone.iana_name().unwrap_or("UTC");
    format!(
        "{day} {} {month} {} {at}{:02}:{:02} ({zone_name})",
        local.day(),
        local.year(),
        local.hour(),
        local.minute()
    )
}

/// How long something has waited: `3 days 2 h`, `4 h 10 min`, `5 min`.
pub fn age(from: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(from).as_mins().max(0);
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, m) => format!("{m} min"),
        (0, h, m) => format!("{h} h {m} min"),
        (1, h, _) => format!("1 day {h} h"),
        (d, h, _) => format!("{d} days {h} h"),
    }
}

/// What every alert may say in clear: number, urgency, age, fixed words (T110).
#[derive(Debug, Clone)]
pub struct Plain<'a> {
    pub number: &'a str,
    pub urgency: Urgency,
    pub received_at: Timestamp,
    pub due_at: Option<Timestamp>,
    pub now: Timestamp,
    /// What an analyst's reply must bear (T62); None wherever the mail leaves in clear.
    pub reply_code: Option<String>,
    pub whom: Whom,
}

/// Whom of a ticket an alert is about: to them goes an analyst's reply, and nobody else may be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    Reporter,
    /// Another party; their address, where the mail may hold it.
    Other(Option<String>),
    /// None of several alone.
    Several,
}

impl Whom {
    fn words(&self) -> &str {
        match self {
            Whom::Reporter | Whom::Several => "the reporter",
            Whom::Other(Some(address)) => address,
            Whom::Other(None) => "the other party whom this is about",
        }
    }

    /// How to answer them in a terminal.
    fn command(&self, number: &str) -> String {
        let answer = format!("vigie ticket answer {number}");
        match self {
            Whom::Reporter => answer,
            Whom::Other(Some(address)) => format!("{answer} --to {address}"),
            Whom::Other(None) => format!("{answer} --to ADDRESS   (another party than the reporter: see the ticket)"),
            Whom::Several => format!("{answer}   (the reporter; others with --to ADDRESS)"),
        }
    }
}

/// How urgent a ticket says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    Normal,
    ReportedUrgent,
    /// `[URGENT]` stood in an unprotected outer subject only.
    ReportedUrgentUnprotected,
    /// The team's own decision.
    Emergency,
}

impl Urgency {
    /// How urgent that ticket says it is.
    pub fn of(ticket: &Ticket) -> Urgency {
        match (ticket.priority, ticket.reported_urgent, ticket.urgent_unprotected) {
            (Priority::Emergency, ..) => Urgency::Emergency,
            (_, true, true) => Urgency::ReportedUrgentUnprotected,
            (_, true, false) => Urgency::ReportedUrgent,
            (_, false, _) => Urgency::Normal,
        }
    }

    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Urgency::Normal => "normal",
            Urgency::ReportedUrgent => "reported URGENT",
            Urgency::ReportedUrgentUnprotected => "reported URGENT (in an unprotected subject)",
            Urgency::Emergency => "EMERGENCY",
        }
    }
}

impl Plain<'_> {
    fn lines(&self, zone: &TimeZone) -> String {
        let due = match self.due_at {
            Some(due) if due <= self.now => {
                format!("\nPromise:  BROKEN, an answer was due {}", long_time(due, zone, Language::En))
            }
            Some(due) => format!("\nPromise:  an answer by {}", long_time(due, zone, Language::En)),
            None => String::new(),
        };
        format!(
            "Ticket:   {}\nUrgency:  {}\nReceived: {}, {} ago{due}\n",
            self.number,
            self.urgency.words(),
            long_time(self.received_at, zone, Language::En),
            age(self.received_at, self.now),
        )
    }
}

/// Wraps the plain lines of one ticket into a mail. `details` is what an encrypted alert may
/// add; it is None wherever the mail leaves in clear.
fn mail(plain: &Plain, zone: &TimeZone, what: &str, lead: &str, details: Option<&str>) -> Words {
    let mut body = format!("{lead}\n\n{}", plain.lines(zone));
    if let Some(details) = details {
        body.push('\n');
        body.push_str(details);
    }
    let (number, whom) = (plain.number, plain.whom.words());
    body.push_str(&format!("\nRead it:  vigie ticket show {number}\nAnswer:   {}\n", plain.whom.command(number)));
    if let Some(code) = &plain.reply_code {
        // The letter behind the number: see rules/reply_code.rs.
        let how = match code.contains(":N") {
            true => format!("your words above the quote stay here as a note; to {whom} with #answer on top"),
            false => format!("your words above the quote go to {whom}; with #note on top they stay here"),
        };
        body.push_str(&format!("Reply:    encrypted and signed: {how}\nReply code: {code}\n"));
    }
    Words { subject: format!("[{}] {what}", plain.number), body }
}

/// A new ticket, or a correspondent's further mail.
pub fn alert(plain: &Plain, zone: &TimeZone, follow_up: bool, details: Option<&str>) -> Words {
    let urgent = if plain.urgency == Urgency::Normal { "" } else { " (URGENT)" };
    let wrote = match plain.whom {
        Whom::Reporter => "The reporter wrote again.",
        Whom::Other(_) | Whom::Several => "Another party than the reporter wrote into this ticket.",
    };
    match follow_up {
        true => mail(plain, zone, &format!("Further mail{urgent}"), wrote, details),
        false => mail(plain, zone, &format!("New report{urgent}"), "A new report has arrived.", details),
    }
}

/// Mail of ours to somebody came back.
pub fn unreachable(plain: &Plain, zone: &TimeZone, details: Option<&str>) -> Words {
    let lead = "A mail of ours came back undelivered: its recipient cannot be reached by mail.\n\
                Telephone, or find another way. The ticket holds what came back.";
    let what = if plain.whom == Whom::Reporter { "Reporter unreachable" } else { "Other party unreachable" };
    mail(plain, zone, what, lead, details)
}

/// Many reports at once.
pub fn alert_group(count: usize, since: Timestamp, zone: &TimeZone) -> Words {
    let (reports, have) = plural(count);
    Words {
        subject: format!("{count} more {reports}"),
        body: format!(
            "{count} more {reports} {have} arrived since {}.\n\nList them:  vigie ticket list\n",
            long_time(since, zone, Language::En)
        ),
    }
}

fn plural(count: usize) -> (&'static str, &'static str) {
    if count == 1 { ("report", "has") } else { ("reports", "have") }
}

/// How a page is acknowledged.
pub struct PageReply<'a> {
    pub page: i64,
    pub code: &'a str,
    /// The analyst has a registered key: their reply counts only signed by it, and encrypted.
    pub signs: bool,
}

/// A page. `plain` is None for a test and for a group of `more` reports.
pub fn page(
    reply: &PageReply,
    plain: Option<&Plain>,
    more: Option<usize>,
    zone: &TimeZone,
    details: Option<&str>,
) -> Words {
    let PageReply { page, code, signs } = reply;
    let how = if *signs { ", encrypted to the team and signed" } else { "" };
    let acknowledge = format!(
        "\nAcknowledge: reply to this mail{how} (leave the code in it), or run  vigie duty ack {page}\n\
         Code:        {code}\n"
    );
    let mut words = match (plain, more) {
        (Some(plain), _) => mail(plain, zone, "PAGE", "This report asks for you now.", details),
        (None, Some(more)) => {
            let (reports, have) = plural(more);
            Words {
                subject: format!("PAGE: {more} more urgent {reports}"),
                body: format!("{more} more urgent {reports} {have} arrived.\n\nList them:  vigie ticket list\n"),
            }
        }
        (None, None) => Words {
            subject: "PAGE: test".to_owned(),
            body: "This is a test of the way to the analyst on duty. Nothing has happened.\n".to_owned(),
        },
    };
    words.body.push_str(&acknowledge);
    words
}

/// A promise falls due, or has fallen due.
pub fn reminder(plain: &Plain, zone: &TimeZone, due: bool) -> Words {
    match due {
        true => mail(plain, zone, "Answer is due", "The answer that was promised is due and has not been sent.", None),
        false => mail(plain, zone, "Reminder", "This report waits for an answer.", None),
    }
}

/// Asks a correspondent to prove that they read their address (P6): fixed words, number and code.
pub fn mail_back(team: &str, number: &str, code: &str, language: Language) -> Words {
    let (subject, body) = match language {
        Language::En => (
            "Please confirm your address",
            format!(
                "{team} corresponds with this address about {number}. So that we know that it is yours,\n\
                 please reply to this mail within seven days and leave the following line in it:\n\n\
                 {code}\n\n\
                 If you have not written to us, do nothing.\n"
            ),
        ),
        Language::Fr => (
            "Merci de confirmer votre adresse",
            format!(
                "{team} correspond avec cette adresse au sujet de {number}. Afin de nous assurer qu'elle est\n\
                 bien la vôtre, merci de répondre à ce message sous sept jours en y laissant la ligne suivante :\n\n\
                 {code}\n\n\
                 Si vous ne nous avez pas écrit, ne faites rien.\n"
            ),
        ),
    };
    Words { subject: format!("[{number}] {subject}"), body }
}

/// The limit of silence is reached (P8).
pub fn escalation(plain: &Plain, zone: &TimeZone, nth: u32) -> Words {
    let lead = "No human has answered this report within the time that the team promises at most.";
    mail(plain, zone, &format!("ESCALATION {nth}"), lead, None)
}

/// The day that an analyst chose to look at a ticket again.
pub fn follow_up(plain: &Plain, zone: &TimeZone) -> Words {
    mail(plain, zone, "Follow-up", "Today is the day on which this ticket was to be looked at again.", None)
}

/// Many promises at once: one mail, the broken ones first.
pub fn catch_up(tickets: &[Plain], zone: &TimeZone, escalation: bool) -> Words {
    let mut rows: Vec<&Plain> = tickets.iter().collect();
    rows.sort_by_key(|plain| (plain.due_at.is_none(), plain.due_at));
    let broken = rows.iter().filter(|plain| plain.due_at.is_some_and(|due| due <= plain.now)).count();
    let line = |plain: &&Plain| {
        let due = match plain.due_at {
            Some(due) if due <= plain.now => format!("BROKEN, was due {}", long_time(due, zone, Language::En)),
            Some(due) => format!("due {}", long_time(due, zone, Language::En)),
            None => "answered meanwhile".to_owned(),
        };
        let urgency = if plain.urgency == Urgency::Normal { "" } else { ", " };
        let words = if plain.urgency == Urgency::Normal { "" } else { plain.urgency.words() };
        format!("  {}  {due}{urgency}{words}\n", plain.number)
    };
    let lines: String = rows.iter().map(line).collect();
    let (mark, lead) = match escalation {
        true => (
            "ESCALATION: ",
            "This is an escalation: of the reports below, some or all were answered by no human within the time that the\n\
             team promises at most. Reminders that came due together with them are listed too.",
        ),
        false => ("", "Several reports wait for an answer, and their reminders have come due together."),
    };
    Words {
        subject: format!("{mark}{} reports wait for an answer, {broken} beyond the promise", rows.len()),
        body: format!(
            "{lead}\n\n{lines}\n\
             List them:  vigie ticket list --unanswered\n"
        ),
    }
}

/// The signed head of the history, for whoever keeps it elsewhere.
pub fn head(signed: &str) -> Words {
    Words {
        subject: "Signed head of the history".to_owned(),
        body: format!(
            "Keep this mail where nobody who can write to the store can change it.\nIt proves later that the history was \
             neither altered nor cut:\n  vigie audit verify --head FILE\n\n{signed}\n"
        ),
    }
}

/// Something needs a person.
pub fn notice(about: &str, words: &str, details: Option<&str>, number: Option<&str>) -> Words {
    let tag = number.map_or(String::new(), |n| format!("[{n}] "));
    let details = details.map_or(String::new(), |details| format!("{details}\n\n"));
    Words {
        subject: format!("{tag}Vigie needs a person: {about}"),
        body: format!("{words}\n\n{details}See:  vigie status\n"),
    }
}
