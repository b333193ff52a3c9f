//! TOML to checked settings, every fault at once.
//!
//! Hostile data: none, the file is the operator's; a broken one must still never panic.
//! Failure: [`Faults`], each with key, line, what is wrong and the nearest right word. What may
//! stay but should be known goes to `Settings::warnings`. Secrets are never in the file and are
//! not read here; whether servers, keys and files are there is what `vigie check` looks at.
//! Known gap: after a syntax error only what stands before it is checked.

mod faults;
mod table;
mod values;

pub use faults::{Fault, Faults};

use crate::rules::address::Address;
use crate::rules::calendar::{Calendar, Holidays};
use crate::rules::caps::Cap;
use crate::rules::rota::Rota;
use crate::rules::set_aside;
use crate::rules::settings::*;
use crate::rules::ticket::{self, Kind};
use jiff::SignedDuration;
use jiff::civil::{Date, Weekday, date, time};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use table::{Log, Table};
use toml::de::{DeTable, DeValue};
use values::Read;

/// Reads and checks a config file. Relative paths in it start from its folder.
pub fn load(path: &Path) -> Result<Settings, Faults> {
    let octets = std::fs::read(path).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "; make one with `vigie init DIR`, or name another with --config FILE",
            std::io::ErrorKind::PermissionDenied => "; run as the vigie user or as root",
            _ => "",
        };
        Faults::of_file(path, format!("cannot read it: {error}{hint}"))
    })?;
    let text = String::from_utf8(octets).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].iter().filter(|octet| **octet == b'\n').count() + 1;
        Faults::of_file(path, format!("line {line} is not UTF-8 text; save the file as UTF-8"))
    })?;
    parse(&text, path)
}

/// Checks the text of a config file. `file` is its name, for messages and for relative paths;
/// a file of holidays that the config names is read.
pub fn parse(text: &str, file: &Path) -> Result<Settings, Faults> {
    let log = Log::new(text);
    let (document, broken) = DeTable::parse_recoverable(text);
    let settings = Table::root(document.get_ref(), &log, |root| settings(root, file));
    let mut list = log.faults.take();
    if let Some(first) = broken.iter().map(|error| error.span().map_or(0, |span| span.start)).min() {
        // What follows a syntax error may have landed in the wrong table, and what seems to lack
        // may stand there: neither is worth a word.
        let first = log.place(first).0;
        list.retain(|fault| fault.line.is_some_and(|line| line < first) && !fault.words.starts_with("missing"));
        list.extend(broken.iter().map(|error| syntax(error, &log)));
    }
    list.sort();
    list.dedup();
    match settings {
        Some(mut settings) if list.is_empty() => {
            let mut warnings = log.warnings.take();
            warnings.sort();
            settings.warnings = warnings.iter().map(|warning| warning.in_file(file)).collect();
            Ok(settings)
        }
        _ => Err(Faults { file: file.to_owned(), list }),
    }
}

fn syntax(error: &toml::de::Error, log: &Log) -> Fault {
    let (line, column) = log.place(error.span().map_or(0, |span| span.start));
    let words = error.message().lines().collect::<Vec<_>>().join("; ");
    Fault { line: Some(line), column: Some(column), key: String::new(), words }
}

/// The whole file. None only where a fault has been recorded.
fn settings(root: &Table, file: &Path) -> Option<Settings> {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    let within = |value: &DeValue| values::path(value, &folder);

    let mailboxes = mailboxes(root, &folder);
    let own: Vec<Address> = mailboxes.iter().flatten().flat_map(|m| m.addresses.clone()).collect();
    let team = root.section("team", |t| team(t, &own));
    let zone = team.as_ref().map_or(TimeZone::UTC, |team| team.time_zone.clone());
    let store = root.section("store", |t| StoreSettings {
        path: t.get("path", folder.join("vigie.db"), within),
        key_file: t.maybe("key_file", within),
        simulated_clock: t.get("simulated_clock", false, values::flag),
    });
    let pgp = root.section("pgp", |t| pgp(t, &folder));
    let triage = root.section("triage", |t| TriageSettings {
        authserv_id: t.maybe("authserv_id", values::text),
        spam_header: t.maybe("spam_header", values::header_field),
        feeds: t.list("feeds", values::address).unwrap_or_default(),
    });
    let acknowledge = root.section("acknowledge", |t| Caps {
        per_address: t.get("per_address", vec![per_hour(3), per_day(10)], values::caps),
        per_domain: t.get("per_domain", vec![per_hour(20)], values::caps),
        total: t.get("total", vec![per_hour(200)], values::caps),
    });
    let smtp = root.section("smtp", |t| transport(t, &folder));
    let (duty, names) = root.section("duty", |t| duty(t, &own, zone.clone(), &folder));
    let sla = root.section("sla", |t| sla(t, &names, zone, &folder));
    let constituents = constituents(root);
    let indicators = root.section("indicators", |t| Indicators {
        own: t.list("own", values::host_or_network).unwrap_or_default(),
        well_known: t
            .list("well_known", values::host_or_network)
            .unwrap_or_else(|| set_aside::WELL_KNOWN.map(str::to_owned).to_vec()),
    });
    let socket = root.section("api", |t| socket(t, &folder));
    root.section("metrics", |t| t.not_served("listen"));
    let (message_bytes, separate_processes) = root.section("limits", |t| {
        (t.get("message_bytes", 50 << 20, values::size), t.get("separate_processes", true, values::flag))
    });
    let retention_closed_after = root.section("retention", |t| t.maybe("closed_after", values::retention));
    let at_eight = Digest::At { weekdays: None, time: time(8, 0, 0, 0) };
    let audit_head = root.section("audit", |t| t.get("head", at_eight, values::digest));

    Some(Settings {
        team: team?,
        mailboxes: mailboxes.into_iter().collect::<Option<Vec<_>>>()?,
        smtp: smtp?,
        file,
        folder,
        store,
        pgp,
        triage,
        acknowledge,
        sla,
        duty,
        constituents,
        indicators,
        socket,
        metrics_listen: None,
        message_bytes,
        separate_processes,
        retention_closed_after,
        audit_head,
        warnings: Vec::new(),
    })
}

fn per_hour(count: u32) -> Cap {
    Cap { count, within: SignedDuration::from_hours(1) }
}

fn per_day(count: u32) -> Cap {
    Cap { count, within: SignedDuration::from_hours(24) }
}

fn team(t: &Table, received_for: &[Address]) -> Option<Team> {
    let name = t.need("name", "\"CSIRT-EXAMPLE\"", values::text);
    let address = t.need("address", "\"csirt@example.org\"", values::address);
    let bounce = t.maybe("bounce_address", values::address);
    let phone = t.maybe("phone", values::text);
    let prefix = t.need("ticket_prefix", "\"EX\"", |value| {
        let prefix = values::text(value)?;
        let wrong = || {
            format!("{prefix:?} is not a ticket prefix: 1 to 16 capitals, digits and inner hyphens, first a capital")
        };
        if ticket::is_prefix(&prefix) { Ok(prefix.clone()) } else { Err(wrong()) }
    });
    let time_zone = match t.maybe("time_zone", values::zone) {
        Some(zone) => Some(zone),
        None => TimeZone::get("Europe/Paris").ok(),
    };
    let languages = t.filled_list("languages", |value| values::word(value, &LANGUAGES));
    if address.as_ref().is_some_and(|address| !received_for.contains(address)) {
        t.warn("address", "no mailbox receives for it; make sure that humans read what is sent there");
    }
    let address = address?;
    Some(Team {
        name: name?,
        bounce_for_all: bounce.is_some(),
        bounce_address: bounce.unwrap_or_else(|| address.clone()),
        address,
        phone,
        ticket_prefix: prefix?,
        time_zone: time_zone?,
        languages: languages.unwrap_or(vec![Language::En, Language::Fr]),
    })
}

const LANGUAGES: [(&str, Language); 2] = [("en", Language::En), ("fr", Language::Fr)];

fn pgp(t: &Table, folder: &Path) -> Pgp {
    let within = |value: &DeValue| values::path(value, folder);
    let secret_keys = t.filled_list("secret_keys", within);
    Pgp {
        secret_keys: secret_keys.unwrap_or_else(|| vec![folder.join("team.asc")]),
        agent_socket: t.maybe("agent_socket", within),
        passphrase_file: t.maybe("passphrase_file", within),
        keeper_socket: t.maybe("keeper_socket", within),
        certs: t.maybe("certs", within),
        introducers: t.list("introducers", values::fingerprint).unwrap_or_default(),
    }
}

/// The mailboxes; None for one that has faults.
fn mailboxes(root: &Table, folder: &Path) -> Vec<Option<Mailbox>> {
    let mut names = Vec::new();
    let mut addresses = Vec::new();
    let mut places = Vec::new();
    let mailboxes = root.sections("mailbox", |t| {
        let name = t.need("name", "\"csirt\"", |value| new(&mut names, values::text(value)?));
        let receives =
            t.need_list("addresses", "[\"csirt@example.org\"]", |value| new(&mut addresses, values::address(value)?));
        let mailbox = Mailbox {
            name: name.unwrap_or_default(),
            addresses: receives.unwrap_or_default(),
            kind: t.get("kind", Kind::Incident, |value| values::word(value, &KINDS)),
            existing: t.get("existing", Existing::Unset, |value| values::word(value, &EXISTING)),
            source: source(t, folder)?,
        };
        let place = match &mailbox.source {
            Source::Imap(imap) => {
                format!("{}:{} {:?} {}", imap.server.host, imap.server.port, imap.server.user, imap.folder)
            }
            Source::Maildir { path, .. } => path.display().to_string(),
        };
        if new(&mut places, place).is_err() {
            t.fault("source", "this mailbox is already read by another [[mailbox]]");
        }
        Some(mailbox)
    });
    if mailboxes.is_empty() {
        root.fault("mailbox", "missing; at least one [[mailbox]] must be read");
    }
    mailboxes
}

const KINDS: [(&str, Kind); 3] = [("incident", Kind::Incident), ("contact", Kind::Contact), ("feed", Kind::Feed)];
const EXISTING: [(&str, Existing); 2] = [("work", Existing::Work), ("history", Existing::History)];

/// What no other table of its kind may have said before.
fn new<T: PartialEq + Clone + std::fmt::Display>(seen: &mut Vec<T>, value: T) -> Read<T> {
    if seen.contains(&value) {
        return Err(format!("\"{value}\" is named twice"));
    }
    seen.push(value.clone());
    Ok(value)
}

fn source(t: &Table, folder: &Path) -> Option<Source> {
    let filed_folder = t.get("filed_folder", "Vigie/Filed".to_owned(), values::line);
    if t.get("source", false, |value| values::word(value, &[("imap", false), ("maildir", true)])) {
        t.unused(&SERVER_KEYS, "source = \"maildir\"");
        t.unused(&["folder", "sent_folder", "poll_seconds"], "source = \"maildir\"");
        let path = t.need("path", "\"Maildir\"", |value| values::path(value, folder));
        return Some(Source::Maildir { path: path?, filed_folder });
    }
    t.unused(&["path"], "source = \"imap\"");
    let server = server(t, folder, Tls::Implicit, [993, 143]);
    for key in ["user", "password_file"] {
        if !t.gives(key) {
            t.fault(key, "missing; an IMAP mailbox needs host, user and password_file");
        }
    }
    let inbox = t.get("folder", "INBOX".to_owned(), values::text);
    let sent_folder = t.get("sent_folder", "Sent".to_owned(), values::line);
    if filed_folder == inbox {
        t.fault("filed_folder", "must differ from folder: filed mail would be read again");
    }
    if sent_folder == inbox {
        t.fault("sent_folder", "must differ from folder: reports would be taken for answers");
    }
    let poll = t.get("poll_seconds", 60, |value| values::whole(value, 1, 3600));
    let poll = SignedDuration::from_secs(i64::from(poll));
    Some(Source::Imap(Imap { server: server?, folder: inbox, filed_folder, sent_folder, poll }))
}

const SERVER_KEYS: [&str; 6] = ["host", "port", "tls", "ca_file", "user", "password_file"];

/// How to reach a server. `ports` are the usual ones: with implicit TLS, and else.
fn server(t: &Table, folder: &Path, tls: Tls, ports: [u16; 2]) -> Option<Server> {
    let within = |value: &DeValue| values::path(value, folder);
    let host = t.need("host", "\"mail.example.org\"", values::host);
    let tls = t.get("tls", tls, |value| {
        values::word(value, &[("implicit", Tls::Implicit), ("starttls", Tls::StartTls), ("none", Tls::None)])
    });
    if tls == Tls::None && host.as_ref().is_some_and(|host| !values::is_loopback(host)) {
        t.fault("tls", "\"none\" is for servers on this machine only (127.0.0.1, ::1, localhost)");
    }
    let port = t.get("port", ports[usize::from(tls != Tls::Implicit)], values::port);
    let (user, password_file) = (t.maybe("user", values::text), t.maybe("password_file", within));
    let ca_file = t.maybe("ca_file", within);
    if tls == Tls::None {
        t.unused(&["ca_file"], "tls = \"none\"");
    }
    Some(Server { host: host?, port, tls, ca_file, user, password_file })
}

fn transport(t: &Table, folder: &Path) -> Option<Transport> {
    if t.get("transport", false, |value| values::word(value, &[("smtp", false), ("folder", true)])) {
        t.unused(&SERVER_KEYS, "transport = \"folder\"");
        return t.need("path", "\"out\"", |value| values::path(value, folder)).map(Transport::Folder);
    }
    t.unused(&["path"], "transport = \"smtp\"");
    let server = server(t, folder, Tls::StartTls, [465, 587]);
    for [one, other] in [["user", "password_file"], ["password_file", "user"]] {
        if t.gives(one) && !t.gives(other) {
            t.fault(one, format!("is of no use without {other}"));
        }
    }
    server.map(Transport::Smtp)
}

/// Who is told, and the names of all analysts, of those with faults too.
fn duty(t: &Table, own: &[Address], zone: TimeZone, folder: &Path) -> (Duty, Vec<String>) {
    let mut names = Vec::new();
    let mut addresses = Vec::new();
    let analysts: Vec<Analyst> = t
        .sections("analyst", |t| analyst(t, own, folder, (&mut names, &mut addresses)))
        .into_iter()
        .flatten()
        .collect();
    let (handover_day, handover_time) = t.get("handover", (Weekday::Monday, time(9, 0, 0, 0)), values::handover);
    let rotation = known_analysts(t, "rotation", &names);
    let calendar = t.maybe("calendar", |value| values::path(value, folder));
    if rotation.is_empty() && calendar.is_none() {
        t.warn("rotation", "names nobody: nobody is on duty, alerts go to escalate_to");
    }
    let start = t.get("start", date(2026, 1, 5), values::date);
    let page_ack_within = t.get("page_ack_within", SignedDuration::from_mins(15), values::duration);
    let every_business_day = Digest::At { weekdays: None, time: time(8, 30, 0, 0) };
    let digest = t.get("digest", every_business_day, values::digest);
    let rota = Rota { rotation, handover_day, handover_time, start, zone };
    (Duty { rota, calendar, digest, page_ack_within, analysts }, names)
}

fn analyst(
    t: &Table,
    own: &[Address],
    folder: &Path,
    (names, addresses): (&mut Vec<String>, &mut Vec<Address>),
) -> Option<Analyst> {
    let name = t.need("name", "\"alice\"", |value| {
        let name = values::text(value)?;
        if ["vigie", "none"].contains(&name.as_str()) {
            return Err(format!("{name:?} has a meaning of its own; take another name"));
        }
        new(names, name)
    });
    let address = t.need("address", "\"alice@example.org\"", |value| {
        let address = values::address(value)?;
        if own.contains(&address) {
            return Err(format!("\"{address}\" is an address of a mailbox: alerts would come back as reports"));
        }
        if new(addresses, address.clone()).is_err() {
            t.warn("address", "another analyst has it too: what comes from it counts as that one's");
        }
        Ok(address)
    });
    let fingerprint = t.maybe("fingerprint", values::fingerprint);
    let command = t.filled_list("command", values::text);
    let webhook = webhook(t, folder);
    Some(Analyst { name: name?, address: address?, fingerprint, command, webhook })
}

const FORMATS: [(&str, WebhookFormat); 4] = [
    ("generic", WebhookFormat::Generic),
    ("ntfy", WebhookFormat::Ntfy),
    ("mattermost", WebhookFormat::Mattermost),
    ("slack", WebhookFormat::Slack),
];

fn webhook(t: &Table, folder: &Path) -> Option<Webhook> {
    let within = |value: &DeValue| values::path(value, folder);
    let given = t.maybe("webhook", values::webhook).map(WebhookUrl::Given);
    let file = t.maybe("webhook_url_file", within).map(WebhookUrl::File);
    let key_file = t.maybe("webhook_key_file", within);
    let format = t.get("webhook_format", WebhookFormat::Generic, |value| values::word(value, &FORMATS));
    let ca_file = t.maybe("webhook_ca_file", within);
    if given.is_some() && file.is_some() {
        t.fault("webhook_url_file", "is of no use beside webhook: give one of the two");
    }
    let Some(url) = given.or(file) else {
        if !t.gives("webhook") && !t.gives("webhook_url_file") {
            t.unused(&["webhook_key_file", "webhook_ca_file"], "no webhook");
        }
        return None;
    };
    if format == WebhookFormat::Generic && key_file.is_none() && !t.gives("webhook_key_file") {
        t.fault("webhook_key_file", "missing; whoever takes the pages must be able to tell that they are ours");
    }
    Some(Webhook { url, key_file, format, ca_file })
}

/// A list of names of analysts; a name that nobody has is a fault.
fn known_analysts(t: &Table, key: &'static str, known: &[String]) -> Vec<String> {
    let names = t.list(key, values::text).unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        if !known.contains(name) {
            let near = values::suggestion(name, known.iter().map(String::as_str));
            t.fault_in(key, index, format!("no [[duty.analyst]] is named {name:?}{near}"));
        }
    }
    names
}

fn sla(t: &Table, analysts: &[String], zone: TimeZone, folder: &Path) -> Sla {
    let calendar = Calendar {
        zone,
        weekdays: t.get("business_days", [true, true, true, true, true, false, false], values::weekdays),
        holidays: holidays(t, folder),
        closed: t.list("closed", values::date).unwrap_or_default().into_iter().collect(),
        cut_off: t.get("cut_off", None, values::cut_off),
    };
    let sla = Sla {
        calendar,
        remind_after: t.get("remind_after", 1, values::business_days),
        answer_within: t.get("answer_within", 2, values::business_days),
        escalate_after: t.get("escalate_after", 4, values::business_days),
        escalate_to: known_analysts(t, "escalate_to", analysts),
        repeat_every: t.get("repeat_every", 1, values::business_days),
    };
    if sla.remind_after > sla.answer_within {
        t.fault("remind_after", "must not be later than answer_within");
    }
    if sla.answer_within > sla.escalate_after {
        t.fault("escalate_after", "must not be earlier than answer_within");
    }
    if sla.escalate_to.is_empty() {
        t.warn("escalate_to", "names nobody; a broken promise is told to the analyst on duty only");
    }
    sla
}

fn holidays(t: &Table, folder: &Path) -> Holidays {
    const KEY: &str = "holidays";
    let Some(name) = t.maybe(KEY, values::text) else { return Holidays::Fr };
    match name.as_str() {
        "FR" => return Holidays::Fr,
        "FR-57" => return Holidays::FrAlsaceMoselle,
        "none" => return Holidays::None,
        _ => {}
    }
    let dates = match std::fs::read_to_string(folder.join(&name)) {
        Ok(dates) => dates,
        Err(error) => {
            let near = values::suggestion(&name, ["FR", "FR-57", "none"]);
            t.fault(KEY, format!("neither FR, FR-57, none nor a file of dates: {name:?}: {error}{near}"));
            return Holidays::None;
        }
    };
    let mut days = BTreeSet::<Date>::new();
    for (index, line) in dates.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        match values::day(line) {
            _ if line.is_empty() => {}
            Ok(day) => drop(days.insert(day)),
            Err(words) => t.fault(KEY, format!("line {} of {name}: {words}", index + 1)),
        }
    }
    Holidays::Dates(days)
}

fn constituents(root: &Table) -> Vec<Constituent> {
    let mut names = Vec::new();
    let mut seen = Vec::new();
    let constituents = root.sections("constituent", |t| {
        let name = t.need("name", "\"Example Corp\"", |value| new(&mut names, values::text(value)?));
        let domains = t.need_list("domains", "[\"corp.example\"]", |value| new(&mut seen, values::domain(value)?));
        let language = t.maybe("language", |value| values::word(value, &LANGUAGES));
        Some(Constituent { name: name?, domains: domains?, language })
    });
    constituents.into_iter().flatten().collect()
}

fn socket(t: &Table, folder: &Path) -> PathBuf {
    let socket = t.get("socket", folder.join("vigie.sock"), |value| values::path(value, folder));
    // sockaddr_un holds 108 octets, the last one zero.
    if socket.as_os_str().len() > 107 {
        t.warn("socket", "longer than 107 octets: the daemon cannot listen there; give a shorter path");
    }
    socket
}

#[cfg(test)]
mod tests;
