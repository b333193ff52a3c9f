//! The promise of the config: whatever is wrong is said at once, where it is and what it should be.

use super::*;
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// The smallest config that stands.
const LEAST: &str = r#"
[team]
name = "CSIRT-EXAMPLE"
address = "csirt@example.org"
ticket_prefix = "EX"
[[mailbox]]
name = "csirt"
addresses = ["csirt@example.org"]
source = "maildir"
path = "Maildir"
[smtp]
transport = "folder"
path = "out"
"#;

fn read(text: &str) -> Result<Settings, Faults> {
    parse(text, Path::new("/etc/vigie/config.toml"))
}

/// The faults of a text, without the file's name and the closing count.
fn faults(text: &str) -> Vec<String> {
    let Err(faults) = read(text) else { return Vec::new() };
    let shown = faults.to_string();
    let mut lines: Vec<String> = shown.lines().map(|line| line.replace("/etc/vigie/config.toml:", "")).collect();
    let count = lines.pop().unwrap();
    assert!(count.starts_with(&format!("{} fault", lines.len())), "{count}");
    lines
}

#[test]
fn the_least_config_gets_every_default_of_the_contract() {
    let settings = read(LEAST).unwrap();
    assert_eq!(settings.pgp.agent_socket, None);
    let agent = read(&format!("[pgp]\nagent_socket = 'gnupg/S.gpg-agent'\n{LEAST}")).unwrap().pgp.agent_socket;
    assert_eq!(agent.as_deref(), Some(Path::new("/etc/vigie/gnupg/S.gpg-agent")));
    assert_eq!(settings.folder, Path::new("/etc/vigie"));
    assert_eq!(settings.store.path, Path::new("/etc/vigie/vigie.db"));
    assert_eq!(settings.socket, Path::new("/etc/vigie/vigie.sock"));
    assert_eq!(settings.pgp.secret_keys, [Path::new("/etc/vigie/team.asc")]);
    assert_eq!(settings.team.bounce_address, settings.team.address);
    assert!(!settings.team.bounce_for_all && !settings.store.simulated_clock);
    assert_eq!(settings.team.languages, [Language::En, Language::Fr]);
    assert_eq!(settings.team.time_zone.iana_name(), Some("Europe/Paris"));
    assert_eq!(settings.acknowledge.per_address, [per_hour(3), per_day(10)]);
    assert_eq!(
        (&settings.acknowledge.per_domain[..], &settings.acknowledge.total[..]),
        (&[per_hour(20)][..], &[per_hour(200)][..])
    );
    let sla = &settings.sla;
    assert_eq!([sla.remind_after, sla.answer_within, sla.escalate_after, sla.repeat_every], [1, 2, 4, 1]);
    assert_eq!(sla.calendar.weekdays, [true, true, true, true, true, false, false]);
    assert_eq!((&sla.calendar.holidays, sla.calendar.cut_off), (&Holidays::Fr, None));
    assert_eq!(settings.duty.page_ack_within, SignedDuration::from_mins(15));
    assert_eq!(
        (settings.duty.rota.handover_day, settings.duty.rota.handover_time),
        (Weekday::Monday, time(9, 0, 0, 0))
    );
    assert_eq!(settings.message_bytes, 50 << 20);
    let mailbox = &settings.mailboxes[0];
    assert_eq!((mailbox.kind, mailbox.existing), (Kind::Incident, Existing::Unset));
    let Source::Maildir { path, filed_folder } = &mailbox.source else { panic!("not a maildir") };
    assert_eq!((path.as_path(), filed_folder.as_str()), (Path::new("/etc/vigie/Maildir"), "Vigie/Filed"));
    // Nobody to alert is worth a word, and no fault.
    let lacks: Vec<&str> = settings.warnings.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(lacks, ["duty.rotation", "sla.escalate_to"]);
}

#[test]
fn servers_get_the_ports_that_their_tls_wants() {
    let mailbox = |more: &str| {
        format!("[[mailbox]]\nname='m'\naddresses=['m@x.y']\nhost='::1'\nuser='u'\npassword_file='p'\n{more}\n")
    };
    for (tls, imap, smtp) in [("implicit", 993, 465), ("starttls", 143, 587), ("none", 143, 587)] {
        let team = "[team]\nname='X'\naddress='x@x.y'\nticket_prefix='X'\n";
        let text = format!("{team}{}[smtp]\nhost='127.0.0.2'\ntls='{tls}'\n", mailbox(&format!("tls='{tls}'")));
        let settings = read(&text).unwrap();
        let Source::Imap(Imap { server, folder, filed_folder, sent_folder, poll }) = &settings.mailboxes[0].source
        else {
            panic!("not imap")
        };
        assert_eq!(server.port, imap);
        assert_eq!([folder, filed_folder, sent_folder], ["INBOX", "Vigie/Filed", "Sent"]);
        assert_eq!(*poll, SignedDuration::from_secs(60));
        let Transport::Smtp(server) = &settings.smtp else { panic!("not smtp") };
        assert_eq!(server.port, smtp);
    }
}

#[test]
fn the_example_is_a_good_config_and_holds_every_key() {
    let settings = read(EXAMPLE).unwrap();
    assert_eq!(settings.warnings, [] as [&str; 0]);

    // The keys that it only shows are good too, once their comment sign is taken away.
    let is_key = |line: &str| {
        let key = line.split(" = ").next().unwrap();
        line.contains(" = ") && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    let commented = EXAMPLE.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| is_key(line)).count();
    assert!(commented > 10, "{commented}");
    let uncommented: Vec<&str> =
        EXAMPLE.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_key(rest)).unwrap_or(line)).collect();
    for fault in faults(&uncommented.join("\n")) {
        assert!(fault.contains("not available in this version"), "{fault}");
    }

    // Whatever key this module asks for stands in the example.
    let asked = regex::Regex::new(
        r#"(?:maybe|get|need|list|need_list|filled_list|not_served|section|sections)\(\s*"([a-z_]+)""#,
    );
    for found in asked.unwrap().captures_iter(include_str!("../config.rs")) {
        let key = &found[1];
        let shown = [format!("{key} = "), format!("[{key}]"), format!("[[{key}]]"), format!(".{key}]]")];
        assert!(shown.iter().any(|form| EXAMPLE.contains(form.as_str())), "{key} is missing in config.example.toml");
    }
}

/// `LEAST` with lines put in behind a header, and the faults of that.
fn with(header: &str, lines: &str) -> Vec<String> {
    let lines = if header.is_empty() { lines.to_owned() } else { format!("{header}\n{lines}") };
    faults(&LEAST.replacen(header, &lines, 1))
}

#[test]
fn each_fault_names_its_line_its_key_and_the_right_word() {
    let table: &[(&str, &str, &str)] = &[
        ("[team]", "adress = 'x'", r#"3: team.adress: unknown key; did you mean "address"?"#),
        ("[team]", "phone = 12", "3: team.phone: expected a text in quotes, not a whole number"),
        ("[team]", "phone = ''", "3: team.phone: is empty"),
        ("[team]", r#"phone = "1\r\nBcc: x""#, "3: team.phone: holds a line break or another control character"),
        (
            "[team]",
            "bounce_address = 'x'",
            r#"3: team.bounce_address: "x" is not one plain e-mail address like name@example.org"#,
        ),
        (
            "[team]",
            "time_zone = 'Europe/Pari'",
            r#"3: team.time_zone: "Europe/Pari" is not a time zone like Europe/Paris; did you mean "Europe/Paris"?"#,
        ),
        ("[team]", "time_zone = '+01:00'", r#"3: team.time_zone: "+01:00" is not a time zone like Europe/Paris"#),
        ("[team]", "languages = []", "3: team.languages: is an empty list"),
        ("[team]", "languages = 'fr'", "3: team.languages: expected a list in square brackets, not a text"),
        ("[team]", "languages = ['fr',\n'de']", r#"4: team.languages[2]: "de" is not one of en, fr"#),
        ("[[mailbox]]", "prot = 1", r#"7: mailbox[1].prot: unknown key; did you mean "port"?"#),
        (
            "[[mailbox]]",
            "kind = 'incidents'",
            r#"7: mailbox[1].kind: "incidents" is not one of incident, contact, feed; did you mean "incident"?"#,
        ),
        ("[[mailbox]]", "existing = 'old'", r#"7: mailbox[1].existing: "old" is not one of work, history"#),
        ("[smtp]", "hots = 'x'", r#"12: smtp.hots: unknown key; did you mean "host"?"#),
        ("", "[stor]", r#"1: stor: unknown table; did you mean "store"?"#),
        ("", "store = 1", "1: store: expected a table, [store], not a whole number"),
        ("", "[constituent]\nname = 'x'", "1: constituent: expected tables with double brackets, [[constituent]]"),
        (
            "",
            "[[constituent]]\ndomains = ['a.b']",
            "1: constituent[1].name: missing; write for example name = \"Example Corp\"",
        ),
        (
            "",
            "[[constituent]]\nname='a'\ndomains=['a.b', 'A.B']",
            r#"3: constituent[1].domains[2]: "a.b" is named twice"#,
        ),
        (
            "",
            "[[constituent]]\nname='a'\ndomains=['a b']",
            r#"3: constituent[1].domains[1]: "a b" is not a domain name like corp.example"#,
        ),
        (
            "",
            "[store]\nsimulated_clock = 'true'",
            "2: store.simulated_clock: expected true or false without quotes, not a text",
        ),
        ("", "[pgp]\nsecret_keys = []", "2: pgp.secret_keys: is an empty list"),
        (
            "",
            "[pgp]\nintroducers = ['ABCD']",
            "2: pgp.introducers[1]: is not a full fingerprint: 40 or 64 hex digits, blanks allowed",
        ),
        (
            "",
            "[triage]\nspam_header = 'X-Spam'",
            r#"2: triage.spam_header: "X-Spam" is not a header field with its value like "X-Spam-Flag: YES""#,
        ),
        (
            "",
            "[triage]\nfeeds = ['x@y', 'x']",
            r#"2: triage.feeds[2]: "x" is not one plain e-mail address like name@example.org"#,
        ),
        ("", "[limits]\nmessage_bytes = '50 MB'", r#"2: limits.message_bytes: "50 MB" is not a size like "50 MiB""#),
        ("", "[limits]\nmessage_bytes = '2 GiB'", r#"2: limits.message_bytes: "2 GiB" must be from 1 KiB to 512 MiB"#),
        ("", "[metrics]\nlisten = '127.0.0.1:9'", "2: metrics.listen: not available in this version; leave it out"),
        (
            "",
            "[retention]\nclosed_after = 'a while'",
            r#"2: retention.closed_after: "a while" is not a time like "3 years" or "18 months""#,
        ),
        (
            "",
            "[sla]\nbusiness_days = 'Mon-Fry'",
            r#"2: sla.business_days: "Fry" is not one of Mon, Tue, Wed, Thu, Fri, Sat, Sun; did you mean "Fri"?"#,
        ),
        ("", "[sla]\nbusiness_days = ''", "2: sla.business_days: is empty"),
        ("", "[sla]\ncut_off = '6 pm'", r#"2: sla.cut_off: "6 pm" is not a time of day like "18:00", nor empty"#),
        ("", "[sla]\nclosed = ['2026-02-30']", r#"2: sla.closed[1]: "2026-02-30" is not a date like 2026-05-01"#),
        (
            "",
            "[sla]\nclosed = [2026-05-15T10:00:00]",
            r#"2: sla.closed[1]: "2026-05-15T10:00:00" is not a date like 2026-05-01"#,
        ),
        (
            "",
            "[sla]\nanswer_within = '2 days'",
            r#"2: sla.answer_within: "2 days" counts calendar days; write for example "2 business days""#,
        ),
        (
            "",
            "[sla]\nanswer_within = '0 business days'",
            r#"2: sla.answer_within: "0 business days" is not a number of business days like "2 business days""#,
        ),
        ("", "[sla]\nremind_after = '3 business days'", "2: sla.remind_after: must not be later than answer_within"),
        (
            "",
            "[sla]\nescalate_after = '1 business day'",
            "2: sla.escalate_after: must not be earlier than answer_within",
        ),
        ("", "[sla]\nescalate_to = ['lead']", r#"2: sla.escalate_to[1]: no [[duty.analyst]] is named "lead""#),
        (
            "",
            "[duty]\nhandover = 'Monday 09:00'",
            r#"2: duty.handover: "Monday" is not one of Mon, Tue, Wed, Thu, Fri, Sat, Sun; did you mean "Mon"?"#,
        ),
        (
            "",
            "[duty]\nhandover = 'Mon 9:00'",
            r#"2: duty.handover: "Mon 9:00" is not a day and a time like "Mon 09:00""#,
        ),
        (
            "",
            "[duty]\npage_ack_within = '15 minuts'",
            r#"2: duty.page_ack_within: "15 minuts" is not a span of time like "15 minutes"; did you mean "minutes"?"#,
        ),
        (
            "",
            "[duty]\npage_ack_within = '99999999999999999999 days'",
            r#"2: duty.page_ack_within: "99999999999999999999 days" is not a span of time like "15 minutes""#,
        ),
        (
            "",
            "[duty]\npage_ack_within = '32 days'",
            r#"2: duty.page_ack_within: "32 days" must be from 1 second to 31 days"#,
        ),
        (
            "",
            "[[duty.analyst]]\nname='none'\naddress='a@b'",
            r#"2: duty.analyst[1].name: "none" has a meaning of its own; take another name"#,
        ),
        (
            "",
            "[[duty.analyst]]\nname='a'\naddress='CSIRT@example.org'",
            r#"3: duty.analyst[1].address: "CSIRT@example.org" is an address of a mailbox: alerts would come back as reports"#,
        ),
        ("", "[[duty.analyst]]\nname='a'\naddress='a@b'\ncommand = []", "4: duty.analyst[1].command: is an empty list"),
        (
            "",
            "[[duty.analyst]]\nname='a'\naddress='a@b'\nwebhook='https://x.y'",
            "1: duty.analyst[1].webhook_key_file: missing; whoever takes the pages must be able to tell that they are ours",
        ),
        (
            "",
            "[[duty.analyst]]\nname='a'\naddress='a@b'\nwebhook_key_file='k'\nwebhook='http://x.y'",
            "5: duty.analyst[1].webhook: http is for this machine only (127.0.0.1, ::1, localhost); use https",
        ),
        (
            "",
            "[[duty.analyst]]\nname='a'\naddress='a@b'\nwebhook_key_file='k'\nwebhook='https://u:secret@x.y'",
            "5: duty.analyst[1].webhook: holds a user name or password; put the whole address into a file, webhook_url_file",
        ),
        (
            "",
            "[[duty.analyst]]\nname='a'\naddress='a@b'\nwebhook_format='discord'\nwebhook_url_file='u'\nwebhook_key_file='k'",
            r#"4: duty.analyst[1].webhook_format: "discord" is not one of generic, ntfy, mattermost, slack"#,
        ),
        (
            "",
            "[duty]\ndigest = 'Mon-Fri'",
            r#"2: duty.digest: "Mon-Fri" is neither days and a time like "Mon-Fri 08:30", a time (on business days), nor none"#,
        ),
        (
            "",
            "[acknowledge]\ntotal = '3 per hour'",
            r#"2: acknowledge.total: "3 per hour" is not a cap; write a count of at least 1 and a span, such as "3/hour, 10/day""#,
        ),
    ];
    for (header, lines, fault) in table {
        assert_eq!(with(header, lines), [*fault], "{lines}");
    }
}

#[test]
fn keys_that_contradict_each_other_are_faults() {
    let imap = |lines: &str| {
        let mailbox = "name='m'\naddresses=['m@x.y']\nhost='mail.x.y'\nuser='u'\npassword_file='p'\n";
        let mailbox =
            if lines.contains("host") { mailbox.replace("host='mail.x.y'\n", "") } else { mailbox.to_owned() };
        faults(&format!("[[mailbox]]\n{lines}\n{mailbox}{LEAST}"))
    };
    assert_eq!(imap(""), [] as [&str; 0]);
    for host in ["localhost", "127.1.2.3", "::1"] {
        assert_eq!(imap(&format!("tls='none'\nhost='{host}'")), [] as [&str; 0], "{host}");
    }
    for host in ["10.0.0.1", "mail.x.y", "localhost.x.y", "127.0.0.1.x.y", "::2"] {
        let fault = r#"2: mailbox[1].tls: "none" is for servers on this machine only (127.0.0.1, ::1, localhost)"#;
        assert_eq!(imap(&format!("tls='none'\nhost='{host}'")), [fault], "{host}");
    }
    assert_eq!(imap("port=0"), ["2: mailbox[1].port: expected a whole number from 1 to 65535"]);
    assert_eq!(imap("port=-993"), ["2: mailbox[1].port: expected a whole number from 1 to 65535"]);
    assert_eq!(
        imap("folder='Sent'"),
        ["1: mailbox[1].sent_folder: must differ from folder: reports would be taken for answers"]
    );
    assert_eq!(
        imap("filed_folder='INBOX'"),
        ["2: mailbox[1].filed_folder: must differ from folder: filed mail would be read again"]
    );
    assert_eq!(
        imap("host='mail.x.y:993'"),
        [r#"2: mailbox[1].host: "mail.x.y:993" is not the name or IP address of a server; the port has its own key"#]
    );

    let bare = faults(&format!("[[mailbox]]\nname='csirt'\naddresses=['csirt@EXAMPLE.org']{LEAST}"));
    assert_eq!(
        bare,
        [
            "1: mailbox[1].host: missing; write for example host = \"mail.example.org\"",
            "1: mailbox[1].password_file: missing; an IMAP mailbox needs host, user and password_file",
            "1: mailbox[1].user: missing; an IMAP mailbox needs host, user and password_file",
            r#"9: mailbox[2].name: "csirt" is named twice"#,
            r#"10: mailbox[2].addresses[1]: "csirt@example.org" is named twice"#,
        ]
    );
    let twice = format!("{LEAST}[[mailbox]]\nname='b'\naddresses=['b@x.y']\nsource='maildir'\npath='./Maildir'\n");
    assert_eq!(faults(&twice), ["17: mailbox[2].source: this mailbox is already read by another [[mailbox]]"]);
    let smtp = LEAST.replace("transport = \"folder\"\npath = \"out\"", "host='x.y'\nuser='u'");
    assert_eq!(faults(&smtp), ["13: smtp.user: is of no use without password_file"]);
}

#[test]
fn an_empty_file_is_told_all_that_it_needs() {
    assert_eq!(
        faults(""),
        [
            "mailbox: missing; at least one [[mailbox]] must be read",
            "smtp.host: missing; write for example host = \"mail.example.org\"",
            "team.address: missing; write for example address = \"csirt@example.org\"",
            "team.name: missing; write for example name = \"CSIRT-EXAMPLE\"",
            "team.ticket_prefix: missing; write for example ticket_prefix = \"EX\"",
        ]
        .map(|line| format!(" {line}"))
    );
}

#[test]
fn syntax_errors_have_line_and_column_and_hide_only_what_follows() {
    let text = "[team]\nadress = 'x'\nname = \n[mailbox\nname = 'x'\nnmae = 1\n";
    let words = faults(text);
    assert_eq!(words[0], r#"2: team.adress: unknown key; did you mean "address"?"#);
    assert!(words[1].starts_with("3:8: string values must be quoted"), "{words:?}");
    assert!(words[2].starts_with("4:9: unclosed table"), "{words:?}");
    assert_eq!(words.len(), 3, "{words:?}");
    assert!(with("[team]", "name = 'twice'")[0].contains("duplicate key"));
    assert!(with("", "[sla]\nclosed = [2026-02-30]")[0].starts_with("2:1"));
}

#[test]
fn holidays_are_a_set_that_we_know_or_a_file_of_dates() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let read = |name: &str| parse(&format!("[sla]\nholidays = '{name}'{LEAST}"), &file);
    for (name, set) in [("FR", Holidays::Fr), ("FR-57", Holidays::FrAlsaceMoselle), ("none", Holidays::None)] {
        assert_eq!(read(name).unwrap().sla.calendar.holidays, set);
    }
    std::fs::write(folder.path().join("days"), "# our days\n2026-05-01\n\n 2026-12-25 # Christmas\n").unwrap();
    let days = [date(2026, 5, 1), date(2026, 12, 25)].into();
    assert_eq!(read("days").unwrap().sla.calendar.holidays, Holidays::Dates(days));
    std::fs::write(folder.path().join("days"), "2026-05-01\n1 May\n2026-13-01\n").unwrap();
    let words: Vec<String> = read("days").unwrap_err().list.into_iter().map(|fault| fault.words).collect();
    assert_eq!(
        words,
        [
            r#"line 2 of days: "1 May" is not a date like 2026-05-01"#,
            r#"line 3 of days: "2026-13-01" is not a date like 2026-05-01"#
        ]
    );
    let words = read("FR57").unwrap_err().to_string();
    assert!(words.contains("No such file") && words.contains("did you mean \"FR-57\"?"), "{words}");
}

#[test]
fn values_have_the_forms_of_the_contract() {
    let more = "[sla]\nbusiness_days = 'Sun-Tue, Thu'\ncut_off = '18:00'\nclosed = [2026-05-15, '2026-12-24']\n\
        [duty]\nrotation = ['a']\nhandover = 'Sun 18:30'\nstart = '2026-01-04'\npage_ack_within = '1 hour'\n\
        [[duty.analyst]]\nname = 'a'\naddress = 'a@b'\nfingerprint = '0123 4567 89ab cdef 0123  4567 89ab cdef 0123 4567'\n\
        command = ['/bin/sms', '-v']\n[acknowledge]\nper_address = '1/hour,2/day'\n[limits]\nmessage_bytes = '64 KiB'\n\
        [triage]\nspam_header = 'X-Spam-Flag: YES'\nfeeds = ['Feed@x.y']\n[metrics]\nlisten = ''";
    let settings = read(&format!("{more}{LEAST}")).unwrap();
    let calendar = &settings.sla.calendar;
    assert_eq!(calendar.weekdays, [true, true, false, true, false, false, true]);
    assert_eq!(calendar.cut_off, Some(time(18, 0, 0, 0)));
    assert_eq!(calendar.closed, [date(2026, 5, 15), date(2026, 12, 24)].into());
    let rota = &settings.duty.rota;
    assert_eq!((rota.handover_day, rota.handover_time), (Weekday::Sunday, time(18, 30, 0, 0)));
    assert_eq!((rota.start, settings.duty.page_ack_within), (date(2026, 1, 4), SignedDuration::from_hours(1)));
    let analyst = settings.analyst("a").unwrap();
    assert_eq!(analyst.fingerprint.as_deref(), Some("0123456789ABCDEF0123456789ABCDEF01234567"));
    assert_eq!(analyst.command.as_deref().unwrap(), ["/bin/sms", "-v"]);
    assert_eq!(settings.acknowledge.per_address, [per_hour(1), per_day(2)]);
    assert_eq!(settings.message_bytes, 64 << 10);
    assert_eq!(settings.triage.spam_header, Some(("X-Spam-Flag".to_owned(), "YES".to_owned())));
    assert_eq!(settings.triage.feeds, [Address::parse("feed@x.y").unwrap()]);
}

#[test]
fn what_may_stay_is_a_warning_with_its_line() {
    let analyst = |name| format!("[[duty.analyst]]\nname = '{name}'\naddress = 'a@b'\n");
    let more = format!("[sla]\nescalate_to = ['a']\n[duty]\nrotation = ['a']\n{}{}", analyst("a"), analyst("b"));
    let text = format!("{more}{}port = 25\n", LEAST.replace("csirt@example.org\"]", "report@example.org\"]"));
    let warnings = read(&text).unwrap().warnings;
    let lines: Vec<&str> = warnings.iter().map(|line| line.strip_prefix("/etc/vigie/config.toml:").unwrap()).collect();
    assert_eq!(
        lines,
        [
            "10: duty.analyst[2].address: another analyst has it too: what comes from it counts as that one's",
            "14: team.address: no mailbox receives for it; make sure that humans read what is sent there",
            "24: smtp.port: not used with transport = \"folder\"",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    assert!(load(&file).unwrap_err().to_string().contains("vigie init DIR"));
    std::fs::write(&file, b"[team]\nname = \"\xe9\"\n").unwrap();
    assert!(load(&file).unwrap_err().to_string().contains("line 2 is not UTF-8 text"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = read(&text);
    }

    #[test]
    fn no_value_makes_it_panic(key in 0..EXAMPLE.lines().count(), value in "[0-9a-zA-Z \"'\\[\\]{}.:/,@#+-]{0,20}") {
        let broken = |(index, line): (usize, &str)| match line.split_once(" = ") {
            Some((name, _)) if index == key => format!("{name} = {value}"),
            _ => line.to_owned(),
        };
        let text: Vec<String> = EXAMPLE.lines().enumerate().map(broken).collect();
        let _ = read(&text.join("\n"));
    }
}
