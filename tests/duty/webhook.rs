//! Pages by webhook: what the receiver sees, and what becomes of a page when it does not take it.

use super::*;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use support::desk::{Setup, plain, until};
use support::site::SOON;
use vigie::edge::webhook::signature;

/// What a receiver was sent.
#[derive(Debug, Clone)]
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A receiver that answers one request after another with these words, the last again and again. The
/// empty answer is none: it keeps the connection and says nothing.
struct Hook {
    port: u16,
    requests: Receiver<Request>,
}

impl Hook {
    fn start(answers: &[&str]) -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for (nth, stream) in listener.incoming().flatten().enumerate() {
                let mut stream = stream;
                let Some(request) = receive(&mut stream) else { continue };
                if sender.send(request).is_err() {
                    return;
                }
                let answer = answers[nth.min(answers.len() - 1)].clone();
                match answer.as_str() {
                    "" => silent.push(stream),
                    "endless" => drop(std::thread::spawn(move || endless(&mut stream))),
                    answer => {
                        drop(stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()))
                    }
                }
            }
        });
        Hook { port, requests }
    }

    fn next(&self) -> Request {
        self.requests.recv_timeout(SOON).expect("a request")
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/vigie?x=1", self.port)
    }
}

/// Header fields without end, until the other side has had enough.
fn endless(stream: &mut TcpStream) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
    while stream.write_all(b"x-more: and more and more and more and more\r\n").is_ok() {}
}

fn receive(stream: &mut TcpStream) -> Option<Request> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let (mut octets, mut piece) = (Vec::new(), [0; 4096]);
    let head = loop {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        octets.extend_from_slice(&piece[..count]);
        if let Some(at) = octets.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
    };
    let text = String::from_utf8_lossy(&octets[..head]).into_owned();
    let mut lines = text.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(key, _)| key == "content-length")?.1.parse::<usize>().ok()?;
    let mut body = octets.split_off(head + 4);
    while body.len() < length {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        body.extend_from_slice(&piece[..count]);
    }
    Some(Request { line, headers, body })
}

const KEY: &str = "a key that only both sides know";

/// A desk where alice, who is on duty, has this webhook.
fn hooked(more: &str) -> Desk {
    let desk = Desk::new();
    std::fs::write(desk.path("pager.key"), format!("{KEY}\n")).unwrap();
    reconfigure(&desk, "address = \"alice@example.org\"\n", &format!("address = \"alice@example.org\"\n{more}\n"));
    desk
}

fn generic(hook: &Hook) -> Desk {
    hooked(&format!("webhook = \"{}\"\nwebhook_key_file = \"pager.key\"", hook.url()))
}

fn report(desk: &Desk, now: &str) {
    desk.ingest(&plain("a@corp.example", "[URGENT] Report", "report"), now);
}

/// The row of the page to alice's webhook.
fn row(desk: &Desk) -> Value {
    owed(desk, "page").into_iter().find(|row| row["to"] == "webhook:alice").expect("a page by webhook")
}

#[test]
fn p9_a_page_by_webhook_is_signed_and_says_number_urgency_age_and_code_only() {
    let hook = Hook::start(&["204 No Content"]);
    let desk = generic(&hook);
    report(&desk, FRIDAY);
    once(&desk, "2026-11-27T18:06:00+01:00");
    let request = hook.next();
    assert_eq!(request.line, "POST /vigie?x=1 HTTP/1.1");
    assert_eq!(request.header("content-type"), "application/json");
    let (id, seconds) = (request.header("webhook-id"), request.header("webhook-timestamp").parse().unwrap());
    assert_eq!(request.header("webhook-signature"), signature(KEY.as_bytes(), id, seconds, &request.body));
    let at: jiff::Timestamp = "2026-11-27T18:06:00+01:00".parse().unwrap();
    assert_eq!(seconds, at.as_second());
    let said = request.json();
    let page = &shown(&desk, "2026-11-27T18:06:00+01:00")["pages"][0];
    assert_eq!(
        (&said["page"], &said["ticket"], &said["urgency"]),
        (&page["id"], &json!("EX-2026-000001"), &json!("reported_urgent"))
    );
    assert_eq!(
        (&said["what"], &said["analyst"], &said["age_seconds"]),
        (&json!("urgent"), &json!("alice"), &json!(300))
    );
    assert_eq!(row(&desk)["state"], "sent");
    desk.ok(&["--as", "alice", "duty", "ack", said["code"].as_str().unwrap()]);
}

#[test]
fn p9_a_webhook_that_fails_twice_is_tried_again_with_the_same_id_and_the_pauses_double() {
    let hook = Hook::start(&["500 Oops", "503 Busy", "200 OK"]);
    let desk = generic(&hook);
    report(&desk, FRIDAY);
    let mut ids = Vec::new();
    for (now, state) in [
        ("2026-11-27T18:01:00+01:00", "queued"),
        ("2026-11-27T18:01:10+01:00", "queued"),
        ("2026-11-27T18:01:30+01:00", "sent"),
    ] {
        desk.once(now);
        ids.push(hook.next().header("webhook-id").to_owned());
        assert_eq!(row(&desk)["state"], state, "{now}");
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(mails(&desk, "lead@", "channel").len(), 0);
}

#[test]
fn p9_retry_after_is_obeyed() {
    let hook = Hook::start(&["429 Slow down\r\nretry-after: 120", "200 OK"]);
    let desk = generic(&hook);
    report(&desk, FRIDAY);
    desk.once(FRIDAY);
    hook.next();
    desk.once("2026-11-27T18:02:55+01:00");
    assert_eq!(row(&desk)["attempts"], 1, "too early");
    once(&desk, "2026-11-27T18:03:01+01:00");
    assert_eq!(row(&desk)["state"], "sent");
}

#[test]
fn p9_a_redirect_is_not_followed_and_told() {
    let elsewhere = Hook::start(&["200 OK"]);
    let to = format!("307 Over there\r\nlocation: {}", elsewhere.url());
    let hook = Hook::start(&[&to]);
    let desk = generic(&hook);
    report(&desk, FRIDAY);
    desk.once(FRIDAY);
    hook.next();
    assert!(elsewhere.requests.try_recv().is_err());
    let row = row(&desk);
    assert_eq!(row["state"], "failed");
    assert!(row["last_error"].as_str().unwrap().contains("not followed"), "{row}");
    once(&desk, "2026-11-27T18:02:00+01:00");
    assert_eq!(mails(&desk, "lead@", "undelivered").len(), 1, "a channel that fails is an alert");
    assert_eq!(mails(&desk, "alice@", "PAGE").len(), 1, "and the mail goes out all the same");
}

#[test]
fn p9_a_channel_that_fails_again_and_again_is_told_once_a_day_while_the_page_climbs() {
    let hook = Hook::start(&["500 Oops"]);
    let desk = generic(&hook);
    report(&desk, FRIDAY);
    for minute in 1..=9 {
        desk.once(&format!("2026-11-27T18:{minute:02}:00+01:00"));
    }
    let told = mails(&desk, "lead@", "a channel fails");
    assert_eq!(told.len(), 1);
    let words = support::desk::unquoted(&told[0]);
    assert!(words.contains("webhook") && !words.contains("alice") && !words.contains("127.0.0.1"), "{words}");
    desk.once("2026-11-27T18:16:30+01:00");
    assert_eq!(mails(&desk, "bob@", "PAGE").len(), 1, "the next in line");
}

#[test]
fn p9_a_webhook_that_hangs_or_never_ends_keeps_nothing_else_waiting() {
    for answer in ["", "endless"] {
        let hook = Hook::start(&[answer]);
        let recorder = support::smtp::Recorder::start();
        let smtp = support::site::smtp_in_clear(recorder.port);
        let desk = Desk::with(Setup { smtp, simulated: false, ..Setup::default() });
        std::fs::write(desk.path("pager.key"), KEY).unwrap();
        let hooked = format!(
            "address = \"alice@example.org\"\nwebhook = \"{0}\"\nwebhook_key_file = \"pager.key\"\n",
            hook.url()
        );
        reconfigure(&desk, "address = \"alice@example.org\"\n", &hooked);
        reconfigure(&desk, "address = \"bob@example.org\"\n", &hooked.replace("alice@", "bob@"));
        let daemon = desk.daemon();
        for nth in 0..5 {
            let mail = plain(&format!("r{nth}@corp.example"), "[URGENT] Report", "report");
            assert!(desk.feed(&["ingest", "--mailbox", "csirt", "-"], &mail).status.success());
        }
        for _ in 0..5 {
            hook.next();
        }
        // Five hang, more than there are places for mail.
        until("the pages leave by mail", Duration::from_secs(12), || {
            let pages =
                |to: &str| recorder.mails_to(to).iter().filter(|mail| text(&mail.data).contains("PAGE")).count();
            pages("bob@") + pages("alice@") == 5
        });
        let (took, status) = daemon.stop();
        assert!(status.success() && took < Duration::from_secs(8), "{took:?} {status}");
    }
}

#[test]
fn p13_no_word_of_a_report_is_in_a_page_by_command_or_webhook_nor_in_a_group() {
    const CANARY: &str = "kanarienvogel";
    for format in ["generic", "ntfy", "mattermost", "slack"] {
        let hook = Hook::start(&["200 OK"]);
        let desk = hooked(&format!(
            "webhook = \"{}\"\nwebhook_key_file = \"pager.key\"\nwebhook_format = \"{format}\"\ncommand = [\"/bin/sh\", \"-c\", \"cat >> pages\"]",
            hook.url()
        ));
        reconfigure(&desk, "cat >> pages", &format!("cat >> {}", desk.path("pages").display()));
        for nth in 0..9 {
            let from = format!("{CANARY}{nth}@{CANARY}.example");
            let subject = format!("[URGENT] [TLP:AMBER] {CANARY} subject");
            desk.ingest(&plain(&from, &subject, &format!("{CANARY} body\nhttps://{CANARY}.example/")), FRIDAY);
        }
        once(&desk, "2026-11-27T18:08:00+01:00");
        let mut said = std::fs::read_to_string(desk.path("pages")).unwrap();
        let requests: Vec<Request> = (0..6).map(|_| hook.next()).collect();
        for request in &requests {
            said.push_str(&format!("{} {:?} {}", request.line, request.headers, text(&request.body)));
        }
        for page in mails(&desk, "alice@", "PAGE") {
            said.push_str(&support::desk::unquoted(&page));
        }
        assert!(said.contains("EX-2026-000001") && said.contains("4 more"), "{said}");
        for word in [CANARY, "tlp", "amber"] {
            assert!(!said.to_lowercase().contains(&word.to_lowercase()), "{word}: {said}");
        }
        let group =
            requests.iter().map(Request::json).find(|said| said.to_string().contains("4 more") || said["more"] == 4);
        assert!(group.is_some(), "the group says how many it stands for");
    }
}

#[test]
fn p9_the_address_of_a_chat_service_stands_in_a_file_and_nowhere_else() {
    let hook = Hook::start(&["404 Not Found"]);
    let desk = hooked("webhook_url_file = \"alice.hook\"\nwebhook_format = \"slack\"");
    std::fs::write(desk.path("alice.hook"), format!("http://127.0.0.1:{}/services/T0/sesame\n", hook.port)).unwrap();
    report(&desk, FRIDAY);
    let output = desk.once(FRIDAY);
    assert!(hook.next().line.contains("/services/T0/sesame"));
    let shown = format!(
        "{}{}{}{}",
        text(&output.stderr),
        desk.json(&["outbox", "list", "--all"]),
        text(&desk.run(&["check"]).stdout),
        text(&desk.run(&["status"]).stdout)
    );
    assert!(!shown.contains("sesame"), "{shown}");
}

#[test]
fn p9_a_page_of_an_analyst_who_has_left_the_config_still_climbs() {
    let hook = Hook::start(&["500 Oops"]);
    let desk = generic(&hook);
    report(&desk, FRIDAY);
    desk.once(FRIDAY);
    reconfigure(&desk, "rotation = [\"alice\", \"bob\"]", "rotation = [\"bob\"]");
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    let (before, after) = config.split_once("[[duty.analyst]]\nname = \"alice\"").unwrap();
    let after = after.split_once("[[duty.analyst]]").unwrap().1;
    std::fs::write(desk.path("vigie.toml"), format!("{before}[[duty.analyst]]{after}")).unwrap();
    desk.once("2026-11-27T18:05:00+01:00");
    let row = row(&desk);
    assert_eq!(row["state"], "failed");
    assert!(row["last_error"].as_str().unwrap().contains("no webhook any more"), "{row}");
    once(&desk, "2026-11-27T18:17:00+01:00");
    let reached = mails(&desk, "bob@", "PAGE").len() + mails(&desk, "lead@", "PAGE").len();
    assert_eq!(reached, 1, "the page climbs past who is gone");
}
