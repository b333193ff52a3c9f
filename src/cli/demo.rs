//! `vigie demo`: the story of five mails, told with the real commands in a folder of its own.
//!
//! No server and no other program is needed. The clock is simulated, the mail comes through a
//! Maildir and leaves into a folder. Every claim that is printed was checked on what the commands
//! gave as JSON or on the mail that left. Hostile data: the sample mails are our own, but what comes
//! of them is shown as foreign text is. Failure: exit 1 where a claim does not hold or a command
//! fails; the folder stays.

mod ending;
mod mails;
mod people;
mod stage;
mod tell;

use super::args::Global;
use super::output::styled;
use super::{FAILED, Failure};
use jiff::Zoned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stage::{Stage, failed};
use tell::Teller;

/// The evening before a public holiday: 1 May 2025 is a Thursday, then comes a Friday, then a weekend.
const BORN: &str = "2025-04-01T09:00:00+02:00[Europe/Paris]";
const BEGIN: &str = "2025-04-30T17:30:00+02:00[Europe/Paris]";
const REPORT: &str = "2025-04-30T17:40:00+02:00[Europe/Paris]";
const URGENT: &str = "2025-04-30T17:45:00+02:00[Europe/Paris]";
const URGENT_ACKNOWLEDGED: &str = "2025-04-30T17:49:00+02:00[Europe/Paris]";
const PHISHING: &str = "2025-04-30T17:52:00+02:00[Europe/Paris]";
const FEED: &str = "2025-04-30T17:55:00+02:00[Europe/Paris]";
const SEALED: &str = "2025-04-30T17:58:00+02:00[Europe/Paris]";
const ANSWERS: &str = "2025-04-30T18:10:00+02:00[Europe/Paris]";
const ONE_DAY: &str = "2025-05-02T17:52:00+02:00[Europe/Paris]";
const TWO_DAYS: &str = "2025-05-05T17:52:00+02:00[Europe/Paris]";
const FOUR_DAYS: &str = "2025-05-07T17:52:00+02:00[Europe/Paris]";

/// What nobody outside may read in clear, of the reports 1 to 3.
const SECRETS: [&str; 7] = ["Panel open", "supplier", "203.0.113.45", "ongiciel", "198.51.100", "Phishing", "students"];

/// Tells the story. `exit`: without pausing between the steps.
pub(super) fn run(global: &Global, exit: bool) -> Result<u8, Failure> {
    // Elsewhere a reader that has gone away is no failure; here it leaves steps untold and unchecked.
    tell_all(global, exit).map_err(|failure| Failure { code: failure.code.max(FAILED), ..failure })
}

fn tell_all(global: &Global, exit: bool) -> Result<u8, Failure> {
    let mut tell = Teller::new(!exit, styled(global.color, &std::io::stdout()));
    tell.line("Vigie, the front door of a CSIRT: five mails arrive, and what becomes of them.")?;
    tell.line("Nothing leaves this machine; the clock is simulated.")?;
    let stage = Stage::build(at(BORN)?.timestamp())?;
    let told = story(&stage, &mut tell);
    if let Err(failure) = told {
        tell.line(&format!("\n   The demo ends here; its folder stays: {}", stage.dir.display()))?;
        return Err(failure);
    }
    ending::tell(&stage, &tell)?;
    let (claims, broken) = tell.tally();
    tell.line(&match broken {
        0 => format!("\n{claims} claims, all of them held."),
        broken => format!("\n{broken} of {claims} claims did NOT hold; see ✗ above."),
    })?;
    Ok(if broken == 0 { 0 } else { FAILED })
}

fn story(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    house(stage, tell)?;
    report(stage, tell)?;
    acknowledgement(stage, tell)?;
    urgent(stage, tell)?;
    phishing(stage, tell)?;
    feed(stage, tell)?;
    sealed(stage, tell)?;
    list(stage, tell)?;
    answers(stage, tell)?;
    reminders(stage, tell)?;
    escalation(stage, tell)
}

/// An instant of the story.
fn at(text: &str) -> Result<Zoned, Failure> {
    text.parse().map_err(|e| failed(format!("the demo's own time {text} cannot be read: {e}")))
}

/// A mail comes, and half a minute later the daemon has taken it.
fn arrives(stage: &Stage, octets: &[u8], when: &Zoned) -> Result<(), Failure> {
    stage.deliver(octets, when)?;
    stage.turn(&(when + jiff::Span::new().seconds(30)))
}

fn house(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step(
        "A house for a team",
        "A config, a new team key, an encrypted store, a Maildir for mail in, a folder for mail out.\n\
         Wednesday 30 April 2025, 17:30 in Paris.",
    )?;
    let begin = at(BEGIN)?.timestamp().to_string();
    tell.command("vigie check --connect")?;
    let checks = stage.json(&["--now", &begin, "check", "--connect"])?;
    let checks = checks.as_array().cloned().unwrap_or_default();
    let bad: Vec<String> = checks.iter().filter(|line| line["result"] != "ok").map(Value::to_string).collect();
    let words = format!("{} checks, all well: config, keys, a probe decrypted and signed, rota, folders", checks.len());
    tell.claim(&words, bad.is_empty() && !checks.is_empty(), "only \"ok\"", &bad.join(" "))?;

    tell.command("vigie key import people/camille.asc")?;
    let file = stage.dir.join("people/camille.asc").display().to_string();
    stage.done(&["--now", &begin, "key", "import", &file], "")?;
    tell.command("vigie key trust FINGERPRINT --method call-back --note \"read to us on the phone\"")?;
    let fingerprint = &stage.camille.fingerprint;
    let note = "read to us on the phone";
    stage.done(&["--as", "alice", "key", "trust", fingerprint, "--method", "call-back", "--note", note], "")?;
    let keys = stage.json(&["key", "list"])?;
    let standing = |fingerprint: &str| key_of(&keys, fingerprint)["authenticated"].clone();
    tell.same("Camille's key is confirmed: full", [(&standing(fingerprint), json!("full"))])?;
    tell.same(
        "Noor's key lies in certs/ and counts as imported: marginal",
        [(&standing(&stage.noor.fingerprint), json!("marginal"))],
    )
}

fn key_of(keys: &Value, fingerprint: &str) -> Value {
    let found = keys.as_array().and_then(|keys| keys.iter().find(|key| key["fingerprint"] == fingerprint));
    found.cloned().unwrap_or(Value::Null)
}

fn report(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step(
        "Mail 1: a report, encrypted and signed",
        "17:40. Camille of Example Corp reports an open admin panel, with a log. The subject is encrypted too.",
    )?;
    let when = at(REPORT)?;
    let mail = mails::signed_report(&stage.camille, &stage.team, &when).map_err(failed)?;
    let shown = String::from_utf8_lossy(&mail).into_owned();
    tell.lacks("outside, the mail says nothing of it: Subject: [...]", &shown, &SECRETS)?;
    arrives(stage, &mail, &when)?;
    let ticket = stage.ticket("1")?;
    let message = &ticket["messages"][0];
    let verdict = &message["verdict"];
    tell.same(
        "it is ticket EX-2025-000001, state new",
        [
            (&ticket["number"], json!("EX-2025-000001")),
            (&ticket["state"], json!("new")),
            (&ticket["reporter"]["constituent"], json!("Example Corp")),
        ],
    )?;
    tell.same(
        "opened with the team's key; the real subject stood inside",
        [
            (&verdict["encryption"], json!("decrypted")),
            (&verdict["subject_protected"], json!(true)),
            (&ticket["subject"], json!(mails::SUBJECT_1)),
        ],
    )?;
    tell.same(
        "signed as a whole by Camille, with the key that was confirmed",
        [
            (&verdict["signature"], json!("good")),
            (&verdict["covers"], json!("whole")),
            (&verdict["signed_by_sender"], json!(true)),
            (&verdict["authenticated"], json!("full")),
            (&verdict["signer"], json!(stage.camille.fingerprint)),
        ],
    )?;
    tell.excerpt(verdict["summary"].as_str().unwrap_or_default(), 2)?;
    tell.same("TLP:GREEN was read from the subject", [(&ticket["tlp"], json!("GREEN"))])?;
    has_file(tell, "the log came out byte for byte", message, mails::LOG_NAME, &mails::log())?;
    has_indicator(tell, &ticket, "ipv4", "203.0.113.45")?;
    tell.same(
        "promised by Monday 5 May 17:40: 1 May is a holiday, then a weekend",
        [
            (&ticket["due_at"], json!("2025-05-05T17:40:00+02:00")),
            (&ticket["escalate_at"], json!("2025-05-07T17:40:00+02:00")),
        ],
    )?;
    at_rest(stage, tell)?;
    let filed =
        std::fs::read_dir(stage.dir.join("Maildir/.Vigie.Filed/cur")).map_or(0, |files| files.flatten().count());
    tell.claim("the original lies in Vigie/Filed, untouched", filed == 1, "1 mail there", &filed.to_string())?;
    alert(stage, tell, &ticket)
}

/// What somebody sees who carries the disk away.
fn at_rest(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    let mut octets = Vec::new();
    for name in ["vigie.db", "vigie.db-wal"] {
        octets.extend(std::fs::read(stage.dir.join(name)).unwrap_or_default());
    }
    let plain = octets.windows(15).any(|some| some == b"SQLite format 3");
    let told = SECRETS.iter().any(|secret| octets.windows(secret.len()).any(|some| some == secret.as_bytes()));
    let holds = octets.len() > 100_000 && !plain && !told;
    tell.claim("on the disk, the store is encrypted", holds, "octets that say nothing", "a readable database")
}

/// The alert of ticket 1, as the analyst on duty reads it.
fn alert(stage: &Stage, tell: &mut Teller, ticket: &Value) -> Result<(), Failure> {
    let rows = stage.owed("alert", ticket)?;
    let row = first(&rows);
    tell.same(
        "Alice is on duty and was alerted; her key is known, so the alert is encrypted",
        [(&row["to"], json!("alice@example.org")), (&row["state"], json!("sent"))],
    )?;
    let opened = stage.open(&stage.left(&row)?, Some(&stage.alice), at(REPORT)?.timestamp())?;
    tell.lacks("its outside holds fixed words only", &opened.whole, &SECRETS)?;
    tell.holds(
        "inside, one look tells who says this and what is proven",
        opened.report.text.raw(),
        "Proven:   Encrypted; verified",
    )?;
    tell.excerpt(opened.report.text.raw(), 20)
}

fn first(rows: &[Value]) -> Value {
    rows.first().cloned().unwrap_or(Value::Null)
}

fn has_file(tell: &mut Teller, words: &str, message: &Value, name: &str, octets: &[u8]) -> Result<(), Failure> {
    let sha256: String = Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect();
    let files = message["attachments"].as_array().cloned().unwrap_or_default();
    let holds = files.iter().any(|file| file["name"] == name && file["sha256"] == *sha256);
    tell.claim(words, holds, &format!("{name} with sha256 {sha256}"), &message["attachments"].to_string())
}

fn has_indicator(tell: &mut Teller, ticket: &Value, kind: &str, value: &str) -> Result<(), Failure> {
    let indicators = ticket["indicators"].as_array().cloned().unwrap_or_default();
    let holds = indicators.iter().any(|found| found["kind"] == kind && found["value"] == value);
    let seen = ticket["indicators"].to_string();
    tell.claim(&format!("indicator found: {kind} {value}"), holds, &format!("{kind} {value}"), &seen)
}

fn acknowledgement(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step("Camille is told at once", "The acknowledgement, opened with Camille's key as her mail program would.")?;
    let ticket = stage.ticket("1")?;
    let rows = stage.owed("acknowledgement", &ticket)?;
    let row = first(&rows);
    tell.same(
        "exactly one acknowledgement, to her",
        [(&row["to"], json!("camille@corp.example")), (&row["state"], json!("sent")), (&json!(rows.len()), json!(1))],
    )?;
    let opened = stage.open(&stage.left(&row)?, Some(&stage.camille), at(REPORT)?.timestamp())?;
    let report = &opened.report;
    let verdict = serde_json::to_value(&report.verdict).unwrap_or_default();
    tell.same(
        "encrypted to her, signed by the team, subject protected",
        [
            (&verdict["encryption"], json!("decrypted")),
            (&verdict["signature"], json!("good")),
            (&verdict["covers"], json!("whole")),
            (&verdict["signer"], json!(stage.team.fingerprint)),
            (&verdict["subject_protected"], json!(true)),
            (&json!(report.subject.raw()), json!("[EX-2025-000001] Report received")),
        ],
    )?;
    tell.holds("it promises a human by Monday", report.text.raw(), "by Monday 5 May 2025 17:40")?;
    tell.lacks("it holds not a word of what she wrote, inside or out", report.text.raw(), &SECRETS)?;
    tell.holds("no mail robot will answer it: auto-replied", &opened.whole, "Auto-Submitted: auto-replied\r\n")?;
    tell.holds("nor can it bounce: empty envelope sender", &opened.whole, "X-Envelope-From: <>\r\n")?;
    let key = report.attachments.iter().any(|file| file.content_type == "application/pgp-keys");
    tell.claim("the team's public key is attached", key, "application/pgp-keys", "none")?;
    tell.excerpt(&format!("Subject: {}\n\n{}", report.subject.raw(), report.text.raw()), 14)
}

fn urgent(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step(
        "Mail 2: urgent, which only the encrypted subject says",
        "17:45. Noor of the hospital writes [URGENT]; outside stands [...].",
    )?;
    let when = at(URGENT)?;
    arrives(stage, &mails::urgent_report(&stage.noor, &stage.team, &when).map_err(failed)?, &when)?;
    let ticket = stage.ticket("2")?;
    tell.same(
        "the tag was found inside; what it is worth, the team decides: priority normal",
        [
            (&ticket["subject"], json!(mails::SUBJECT_2)),
            (&ticket["reported_urgent"], json!(true)),
            (&ticket["priority"], json!("normal")),
        ],
    )?;
    let verdict = &ticket["messages"][0]["verdict"];
    tell.same(
        "signed with a key that was imported but not confirmed: marginal",
        [(&verdict["signature"], json!("good")), (&verdict["authenticated"], json!("marginal"))],
    )?;
    let pages = stage.owed("page", &ticket)?;
    let told = |to: &str| pages.iter().any(|row| row["to"] == to && row["state"] == "sent");
    let both = told("alice@example.org") && told("command:alice");
    tell.claim(
        "Alice was paged at once, by mail and by her pager's command",
        both,
        "two pages sent",
        &json!(pages).to_string(),
    )?;
    paged(stage, tell, &ticket)?;
    let shown = stage.json(&["duty", "show"])?;
    let page = shown["pages"].as_array().and_then(|pages| pages.iter().find(|page| page["ticket"] == ticket["number"]));
    let page = page.map_or(Value::Null, |page| page["id"].clone());
    tell.command(&format!("vigie duty ack {page}"))?;
    let now = at(URGENT_ACKNOWLEDGED)?.timestamp().to_string();
    stage.done(&["--now", &now, "--as", "alice", "duty", "ack", &page.to_string()], "")?;
    let shown = stage.json(&["duty", "show"])?;
    let open =
        shown["pages"].as_array().is_some_and(|pages| pages.iter().any(|page| page["acknowledged_at"].is_null()));
    tell.claim(
        "acknowledged within 15 minutes: nobody else is woken",
        !open,
        "no open page",
        &shown["pages"].to_string(),
    )?;
    let answer = first(&stage.owed("acknowledgement", &ticket)?);
    let opened = stage.open(&stage.left(&answer)?, Some(&stage.noor), when.timestamp())?;
    tell.holds(
        "her acknowledgement speaks French, as the hospital does",
        opened.report.subject.raw(),
        "Signalement reçu",
    )
}

/// What the pager's command was given.
fn paged(stage: &Stage, tell: &mut Teller, ticket: &Value) -> Result<(), Failure> {
    let files = std::fs::read_dir(stage.dir.join("pages")).map_err(|e| failed(format!("pages: {e}")))?;
    let texts: Vec<String> = files.flatten().filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect();
    let text = texts.first().cloned().unwrap_or_default();
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    tell.same(
        "the command got number, urgency, age and a single-use code as JSON",
        [
            (&json["ticket"], ticket["number"].clone()),
            (&json["urgency"], json!("reported_urgent")),
            (&json!(json["code"].as_str().is_some_and(|code| code.len() == 10)), json!(true)),
            (&json!(texts.len()), json!(1)),
        ],
    )?;
    tell.lacks("and not a word of the report", &text, &SECRETS)?;
    tell.excerpt(&serde_json::to_string_pretty(&json).unwrap_or_default(), 12)
}

fn phishing(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step(
        "Mail 3: a phishing mail, forwarded whole",
        "17:52. Lena has no key; she attaches the mail that she got and writes defanged addresses.",
    )?;
    let when = at(PHISHING)?;
    let lena = crate::rules::address::Address::parse("lena@uni.example").ok_or_else(|| failed("no address"))?;
    arrives(stage, &mails::forwarded_phishing(&lena, &when), &when)?;
    let ticket = stage.ticket("3")?;
    let message = &ticket["messages"][0];
    tell.same(
        "nothing proves who wrote it, and the ticket says so",
        [(&message["verdict"]["encryption"], json!("none")), (&message["verdict"]["signature"], json!("none"))],
    )?;
    tell.excerpt(message["verdict"]["summary"].as_str().unwrap_or_default(), 2)?;
    tell.same("marked TLP:AMBER", [(&ticket["tlp"], json!("AMBER"))])?;
    has_file(
        tell,
        "the forwarded mail is kept whole, headers and all",
        message,
        mails::FORWARDED_NAME,
        &mails::forwarded(),
    )?;
    has_file(tell, "Lena's own list came out byte for byte", message, mails::CLICKS_NAME, &mails::clicks())?;
    has_indicator(tell, &ticket, "url", "https://quota.example.net/login")?;
    has_indicator(tell, &ticket, "ipv4", "198.51.100.23")?;
    has_indicator(tell, &ticket, "domain", "mail.quota.example.net")?;
    let mail = first(&stage.owed("acknowledgement", &ticket)?);
    let opened = stage.open(&stage.left(&mail)?, None, when.timestamp())?;
    let verdict = serde_json::to_value(&opened.report.verdict).unwrap_or_default();
    tell.same(
        "Lena's acknowledgement is in clear, and signed by the team",
        [
            (&verdict["signature"], json!("good")),
            (&verdict["covers"], json!("whole")),
            (&verdict["signer"], json!(stage.team.fingerprint)),
        ],
    )?;
    tell.lacks("so it holds number and dates, and nothing of her report", &opened.whole, &SECRETS)
}

fn feed(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step("Mail 4: a machine's report", "17:55. An abuse feed sends ARF (RFC 5965) to the same address.")?;
    let when = at(FEED)?;
    let feed = crate::rules::address::Address::parse("arf@feeds.example").ok_or_else(|| failed("no address"))?;
    arrives(stage, &mails::feed_report(&feed, &when), &when)?;
    let ticket = stage.ticket("4")?;
    tell.same(
        "recognised as a machine report, filed, no clock",
        [
            (&ticket["automatic"], json!(true)),
            (&ticket["acknowledged_at"], Value::Null),
            (&ticket["due_at"], Value::Null),
        ],
    )?;
    has_indicator(tell, &ticket, "ipv4", "192.0.2.44")?;
    let mut sent = Vec::new();
    for kind in ["acknowledgement", "alert", "page"] {
        sent.extend(stage.owed(kind, &ticket)?);
    }
    tell.claim("nobody was written to, nobody was woken", sent.is_empty(), "nothing sent", &json!(sent).to_string())
}

fn sealed(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step("Mail 5: encrypted to a key that the team does not have", "17:58. Tom took another key for the team's.")?;
    let when = at(SEALED)?;
    let mail = mails::wrong_key_report(&stage.tom, &stage.team.address, &stage.stranger, &when).map_err(failed)?;
    arrives(stage, &mail, &when)?;
    let ticket = stage.ticket("5")?;
    let verdict = &ticket["messages"][0]["verdict"];
    tell.same(
        "a ticket all the same, with the reason",
        [
            (&ticket["state"], json!("new")),
            (&verdict["encryption"], json!("failed")),
            (&verdict["encryption_problem"], json!("no_key")),
        ],
    )?;
    tell.excerpt(verdict["summary"].as_str().unwrap_or_default(), 2)?;
    let alerts = stage.owed("alert", &ticket)?;
    tell.same("Alice was alerted", [(&first(&alerts)["to"], json!("alice@example.org"))])?;
    let mail = first(&stage.owed("acknowledgement", &ticket)?);
    let opened = stage.open(&stage.left(&mail)?, None, when.timestamp())?;
    let text = opened.report.text.raw();
    tell.holds("Tom is told so", text, "encrypted to a key that we do not have")?;
    tell.holds("and which key is the right one", text, &crate::respond::wording::spaced(&stage.team.fingerprint))
}

fn list(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step("One look", "What the analyst on duty sees.")?;
    tell.command("vigie ticket list")?;
    tell.table(&stage.done(&["ticket", "list"], "")?.out)?;
    let tickets = stage.json(&["ticket", "list"])?;
    let count = tickets.as_array().map_or(0, Vec::len);
    tell.claim("five mails, five tickets", count == 5, "5", &count.to_string())?;
    tell.command("vigie ticket show 1")?;
    let page = stage.done(&["ticket", "show", "1"], "")?.out;
    tell.excerpt(&page, 30)?;
    tell.holds("indicators are defanged, so that nobody clicks them", &page, "203[.]0[.]113[.]45")
}

/// What Alice writes to Camille.
const ANSWER: &str = "Hello Camille,\n\nthank you. We have reached the supplier; the panel is closed since 18:00.\n\n\
                      Alice, CSIRT-EXAMPLE\n";

fn answers(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step("Humans answer", "18:10. Only a human's message stops the clock; acknowledgements do not count.")?;
    let when = at(ANSWERS)?;
    let now = when.timestamp().to_string();
    tell.command("vigie ticket answer 1 < answer.txt")?;
    stage.done(&["--now", &now, "--as", "alice", "ticket", "answer", "1"], ANSWER)?;
    tell.command("vigie ticket answer 2 < reponse.txt")?;
    stage.done(
        &["--as", "alice", "ticket", "answer", "2"],
        "Bonjour Noor,\n\ncoupez le réseau, nous appelons.\n\nAlice\n",
    )?;
    tell.command("vigie ticket answer 3 < answer.txt")?;
    let refused = stage.run(&["--as", "alice", "ticket", "answer", "3"], "Hello Lena,\n\nthank you.\n")?;
    tell.claim(
        "refused: TLP:AMBER never leaves in clear, and Lena has no key",
        refused.code == Some(1),
        "exit 1",
        &format!("{:?}", refused.code),
    )?;
    tell.excerpt(&refused.err, 4)?;
    tell.command("vigie ticket state 5 closed --reason \"Tom was reached by phone and writes again\"")?;
    stage.done(
        &["--as", "alice", "ticket", "state", "5", "closed", "--reason", "Tom was reached by phone and writes again"],
        "",
    )?;
    stage.turn(&(&when + jiff::Span::new().minutes(1)))?;

    let (one, two, five) = (stage.ticket("1")?, stage.ticket("2")?, stage.ticket("5")?);
    tell.same(
        "answered: 1 and 2 wait for their reporters, no clock runs",
        [
            (&one["state"], json!("waiting")),
            (&two["state"], json!("waiting")),
            (&one["clock_from"], Value::Null),
            (&two["clock_from"], Value::Null),
            (&json!(one["answered_at"].is_string()), json!(true)),
        ],
    )?;
    tell.same("5 is closed with its reason", [(&five["state"], json!("closed")), (&five["clock_from"], Value::Null)])?;
    let row = first(&stage.owed("answer", &one)?);
    let opened = stage.open(&stage.left(&row)?, Some(&stage.camille), when.timestamp())?;
    let verdict = serde_json::to_value(&opened.report.verdict).unwrap_or_default();
    tell.same(
        "Camille opens it: encrypted, signed by the team, under its real subject",
        [
            (&verdict["encryption"], json!("decrypted")),
            (&verdict["signature"], json!("good")),
            (&verdict["signer"], json!(stage.team.fingerprint)),
            (&json!(opened.report.subject.raw()), json!(format!("[EX-2025-000001] Re: {}", mails::SUBJECT_1))),
        ],
    )?;
    tell.excerpt(&format!("Subject: {}\n\n{}", opened.report.subject.raw(), opened.report.text.raw()), 8)?;
    tell.lacks("outside, nothing of it can be read", &opened.whole, &SECRETS)?;
    let open = stage.json(&["ticket", "list", "--unanswered"])?;
    let open: Vec<&Value> = open.as_array().into_iter().flatten().map(|ticket| &ticket["number"]).collect();
    tell.claim("one promise is left: ticket 3", open == ["EX-2025-000003"], "EX-2025-000003", &json!(open).to_string())
}

fn reminders(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step(
        "The clock moves: one and two business days",
        "Nobody answers ticket 3. Friday 2 May, then Monday 5 May, 17:52.",
    )?;
    tell.command("vigie --now 2025-05-02T17:52:00+02:00 run --once")?;
    stage.turn(&at(ONE_DAY)?)?;
    let ticket = stage.ticket("3")?;
    let rows = stage.owed("reminder", &ticket)?;
    tell.same(
        "after one business day Alice is reminded",
        [(&first(&rows)["to"], json!("alice@example.org")), (&json!(rows.len()), json!(1))],
    )?;
    tell.command("vigie --now 2025-05-05T17:52:00+02:00 run --once")?;
    stage.turn(&at(TWO_DAYS)?)?;
    let rows = stage.owed("reminder", &ticket)?;
    let row = rows.get(1).cloned().unwrap_or_default();
    tell.same(
        "after two the promise is due: Bob is reminded, for he took over on Monday at 9",
        [(&row["to"], json!("bob@example.org")), (&row["state"], json!("sent")), (&json!(rows.len()), json!(2))],
    )?;
    let opened = stage.open(&stage.left(&row)?, None, at(TWO_DAYS)?.timestamp())?;
    tell.excerpt(&format!("Subject: {}\n\n{}", opened.report.subject.raw(), opened.report.text.raw()), 10)?;
    tell.lacks("Bob has no key here, so it says number, urgency and dates only", &opened.whole, &SECRETS)
}

fn escalation(stage: &Stage, tell: &mut Teller) -> Result<(), Failure> {
    tell.step("Four business days: the limit", "Wednesday 7 May, 17:52, and still nobody.")?;
    tell.command("vigie --now 2025-05-07T17:52:00+02:00 run --once")?;
    stage.turn(&at(FOUR_DAYS)?)?;
    let ticket = stage.ticket("3")?;
    let row = first(&stage.owed("escalation", &ticket)?);
    tell.same(
        "it is escalated to the team lead",
        [
            (&row["to"], json!("lead@example.org")),
            (&row["state"], json!("sent")),
            (&ticket["escalate_at"], json!("2025-05-07T17:52:00+02:00")),
            (&json!(ticket["escalated_at"].is_string()), json!(true)),
        ],
    )?;
    let opened = stage.open(&stage.left(&row)?, None, at(FOUR_DAYS)?.timestamp())?;
    tell.excerpt(&format!("Subject: {}\n\n{}", opened.report.subject.raw(), opened.report.text.raw()), 12)?;
    tell.holds("the escalation names the ticket", opened.report.subject.raw(), "[EX-2025-000003] ESCALATION 1")?;
    tell.lacks("and holds not a word of the report", &opened.whole, &SECRETS)?;
    let mut others = Vec::new();
    for number in ["1", "2", "4", "5"] {
        let ticket = stage.ticket(number)?;
        others.extend([stage.owed("reminder", &ticket)?, stage.owed("escalation", &ticket)?].concat());
    }
    tell.claim(
        "for the other four, nobody was reminded of anything",
        others.is_empty(),
        "none",
        &json!(others).to_string(),
    )?;
    tell.command("vigie status")?;
    let status = stage.run(&["status"], "")?;
    tell.table(&status.out)?;
    tell.claim(
        "status fails until somebody has answered",
        status.code == Some(1),
        "exit 1",
        &format!("{:?}", status.code),
    )
}
