//! What a failed SMTP dialogue means: nothing happened, refused for good, or unknown.

mod support;

use std::time::Duration;
use support::certs::Authority;
use support::postfix::Postfix;
use support::smtp::{Fault, Mail, Privacy, Recorder, Step};
use tokio_util::sync::CancellationToken;
use vigie::edge::smtp::{Access, Parcel, Timeouts, deliver};
use vigie::edge::tls;
use vigie::rules::address::Address;
use vigie::rules::settings::{Server, Tls};
use vigie::rules::trouble::Trouble;

const MAIL: &[u8] = b"Subject: x\r\n\r\nhello\r\n.\r\n..\r\nbye\r\n";

fn server(port: u16, tls: Tls) -> Server {
    Server { host: "127.0.0.1".to_owned(), port, tls, ca_file: None, user: None, password_file: None }
}

fn quick() -> Timeouts {
    let short = Duration::from_millis(600);
    Timeouts { connect: short, command: short, data: short }
}

struct Sender {
    server: Server,
    password: Option<&'static str>,
    ca: Vec<u8>,
    from: Option<&'static str>,
    to: &'static str,
    bytes: Vec<u8>,
}

impl Sender {
    fn new(port: u16, tls: Tls) -> Sender {
        let from = Some("csirt@example.org");
        Sender {
            server: server(port, tls),
            password: None,
            ca: Authority::new().pem(),
            from,
            to: "a@corp.example",
            bytes: MAIL.to_vec(),
        }
    }

    /// In a task of its own, as callers must.
    fn send(self) -> Result<String, Trouble> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let task = async move {
            let access = Access {
                server: &self.server,
                password: self.password,
                tls: tls::client_config(Some(&self.ca)).unwrap(),
                hello: "example.org",
                timeouts: quick(),
            };
            let from = self.from.map(|a| Address::parse(a).unwrap());
            let to = Address::parse(self.to).unwrap();
            deliver(&access, &Parcel { from: from.as_ref(), to: &to, bytes: &self.bytes }, &CancellationToken::new())
                .await
        };
        runtime.block_on(async { tokio::spawn(task).await.unwrap() })
    }
}

fn send_to(recorder: &Recorder) -> Result<String, Trouble> {
    Sender::new(recorder.port, Tls::None).send()
}

#[derive(Debug, PartialEq, Clone, Copy)]
enum Means {
    Sent,
    Later,
    Never,
    Unsure,
}
use Means::*;

fn meaning(outcome: &Result<String, Trouble>) -> Means {
    match outcome {
        Ok(_) => Sent,
        Err(Trouble::Later(_)) => Later,
        Err(Trouble::Never(_)) => Never,
        Err(Trouble::Unsure(_)) => Unsure,
    }
}

#[test]
fn a_mail_arrives_octet_by_octet() {
    let recorder = Recorder::start();
    assert_eq!(send_to(&recorder).unwrap(), "250 2.0.0 queued as 1");
    let Mail { from, to, data, hello, .. } = recorder.mails().remove(0);
    assert_eq!(
        (from.as_str(), to, hello.as_str()),
        ("<csirt@example.org>", vec!["<a@corp.example>".into()], "example.org")
    );
    assert_eq!(data, MAIL);
}

#[test]
fn each_fault_at_each_step_has_its_meaning() {
    use Step::*;
    // A 4yz, a 5yz, a lost link, a server that falls silent, a reply that is none.
    let table = [
        (Connect, [Later, Later, Later, Later, Later]),
        (Ehlo, [Later, Later, Later, Later, Later]),
        (Step::Mail, [Later, Never, Later, Later, Later]),
        (Rcpt, [Later, Never, Later, Later, Later]),
        (Data, [Later, Never, Later, Later, Later]),
        (Body, [Sent, Sent, Later, Later, Sent]),
        (End, [Later, Never, Unsure, Unsure, Unsure]),
        (Quit, [Sent, Sent, Sent, Sent, Sent]),
    ];
    std::thread::scope(|scope| {
        for (step, meanings) in table {
            scope.spawn(move || {
                let faults = [
                    Fault::reply("451 4.3.0 not now"),
                    Fault::reply("550 5.7.1 never"),
                    Fault::Drop,
                    Fault::Hang,
                    Fault::reply("\u{1}garbage\r\n250 ok"),
                ];
                for (fault, expected) in faults.into_iter().zip(meanings) {
                    if matches!((step, &fault), (Body, Fault::Reply(_))) {
                        continue;
                    }
                    let recorder = Recorder::start();
                    recorder.fail(step, fault.clone());
                    let mut sender = Sender::new(recorder.port, Tls::None);
                    if step == Body {
                        // More than the sockets hold: the end cannot have been sent.
                        sender.bytes = b"0123456789\r\n".repeat(4_000_000);
                    }
                    let outcome = sender.send();
                    assert_eq!(meaning(&outcome), expected, "{step:?} {fault:?}: {outcome:?}");
                    assert_eq!(recorder.mails().len(), usize::from(expected == Sent), "{step:?} {fault:?}");
                }
            });
        }
    });
}

#[test]
fn nobody_there_is_later() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(meaning(&Sender::new(port, Tls::None).send()), Later);
}

#[test]
fn a_stray_success_of_another_code_is_no_delivery() {
    for (reply, expected) in [("354 go on", Unsure), ("200 ok", Unsure), ("251 ok", Unsure), ("220 ok", Unsure)] {
        let recorder = Recorder::start();
        recorder.fail(Step::End, Fault::reply(reply));
        assert_eq!(meaning(&send_to(&recorder)), expected, "{reply}");
    }
    let recorder = Recorder::start();
    recorder.fail(Step::Data, Fault::reply("250 ok"));
    assert_eq!(meaning(&send_to(&recorder)), Later);
}

#[test]
fn the_words_of_a_refusal_hold_no_address_and_no_control_character() {
    let recorder = Recorder::start();
    recorder.fail(Step::Rcpt, Fault::reply("550 5.1.1 <a@corp.example>: unknown\u{9B}31m"));
    let words = send_to(&recorder).unwrap_err().words().to_owned();
    assert!(words.contains("550 5.1.1 <address>") && !words.contains("corp.example"), "{words}");
    assert!(!words.chars().any(char::is_control), "{words:?}");
}

#[test]
fn acceptance_in_latin_1_is_acceptance() {
    // Sent octet by octet, since a reply of that kind is no Rust string.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{BufRead, BufReader, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).split(b'\n');
        stream.write_all(b"220 \xE9\r\n").unwrap();
        for reply in [&b"250 \xE9"[..], b"250 \xE9", b"250 \xE9", b"354 \xE9", b"250 accept\xE9", b"221 \xE9"] {
            let wanted: &[u8] = if reply.starts_with(b"250 accept") { b".\r" } else { b"" };
            lines.by_ref().flatten().find(|line| wanted.is_empty() || line == wanted);
            stream.write_all(&[reply, b"\r\n"].concat()).unwrap();
        }
    });
    assert_eq!(Sender::new(port, Tls::None).send().unwrap(), "250 accept?");
}

#[test]
fn tls_is_never_given_up() {
    let authority = Authority::new();
    let other = Authority::new();
    let good = || authority.issue("127.0.0.1");
    let table = [
        ("starttls", Privacy::StartTls(good()), Tls::StartTls, Sent),
        ("implicit", Privacy::Implicit(good()), Tls::Implicit, Sent),
        ("starttls not offered", Privacy::Clear, Tls::StartTls, Later),
        ("no TLS on the port", Privacy::Clear, Tls::Implicit, Later),
        ("unknown authority", Privacy::Implicit(other.issue("127.0.0.1")), Tls::Implicit, Later),
        ("unknown authority", Privacy::StartTls(other.issue("127.0.0.1")), Tls::StartTls, Later),
        ("another name", Privacy::StartTls(authority.issue("mail.example.org")), Tls::StartTls, Later),
        ("expired", Privacy::Implicit(authority.issue_between("127.0.0.1", -9, -2)), Tls::Implicit, Later),
        ("not yet valid", Privacy::Implicit(authority.issue_between("127.0.0.1", 2, 5)), Tls::Implicit, Later),
    ];
    for (what, privacy, tls, expected) in table {
        let recorder = Recorder::start_with(privacy, Some(("csirt", "secret")), &[]);
        let mut sender = Sender::new(recorder.port, tls);
        sender.ca = authority.pem();
        sender.server.user = Some("csirt".to_owned());
        sender.password = Some("secret");
        let outcome = sender.send();
        assert_eq!(meaning(&outcome), expected, "{what}: {outcome:?}");
        if expected == Sent {
            let mail = recorder.mails().remove(0);
            assert!(mail.tls && mail.user.as_deref() == Some("csirt"), "{what}");
            assert_eq!(mail.data, MAIL, "{what}");
        }
    }
}

#[test]
fn replies_slipped_in_before_tls_are_not_believed() {
    let authority = Authority::new();
    let recorder = Recorder::start_with(Privacy::StartTls(authority.issue("127.0.0.1")), None, &[]);
    recorder.fail(Step::StartTls, Fault::Also("250 x\r\n250 x\r\n250 x\r\n354 x\r\n250 queued".to_owned()));
    let mut sender = Sender::new(recorder.port, Tls::StartTls);
    sender.ca = authority.pem();
    assert_eq!(meaning(&sender.send()), Later);
    assert!(recorder.mails().is_empty());
}

#[test]
fn clear_text_stays_on_this_machine() {
    let mut sender = Sender::new(25, Tls::None);
    sender.server.host = "192.0.2.1".to_owned();
    let words = sender.send().unwrap_err();
    assert!(matches!(&words, Trouble::Later(w) if w.contains("set tls")), "{words:?}");
}

#[test]
fn a_wrong_password_is_later_and_says_what_to_mend() {
    for (password, offers) in [(Some("wrong"), &[][..]), (None, &[])] {
        let recorder = Recorder::start_with(Privacy::Clear, Some(("csirt", "secret")), offers);
        let mut sender = Sender::new(recorder.port, Tls::None);
        sender.server.user = Some("csirt".to_owned());
        sender.password = password;
        let trouble = sender.send().unwrap_err();
        assert!(matches!(&trouble, Trouble::Later(words) if words.contains("password_file")), "{trouble:?}");
    }
    // No login configured, and the server wants one at MAIL.
    let recorder = Recorder::start_with(Privacy::Clear, Some(("csirt", "secret")), &[]);
    let trouble = send_to(&recorder).unwrap_err();
    assert!(matches!(&trouble, Trouble::Later(words) if words.contains("password_file")), "{trouble:?}");
}

#[test]
fn either_way_to_log_in_will_do() {
    for offers in [&["AUTH PLAIN"][..], &["AUTH LOGIN"]] {
        let recorder = Recorder::start_with(Privacy::Clear, Some(("csirt", "secret")), offers);
        let mut sender = Sender::new(recorder.port, Tls::None);
        sender.server.user = Some("csirt".to_owned());
        sender.password = Some("secret");
        sender.send().unwrap();
        assert_eq!(recorder.mails()[0].user.as_deref(), Some("csirt"), "{offers:?}");
    }
    let recorder = Recorder::start_with(Privacy::Clear, Some(("csirt", "secret")), &["AUTH GSSAPI"]);
    let mut sender = Sender::new(recorder.port, Tls::None);
    sender.server.user = Some("csirt".to_owned());
    sender.password = Some("secret");
    let trouble = sender.send().unwrap_err();
    assert!(matches!(&trouble, Trouble::Later(words) if words.contains("AUTH PLAIN nor LOGIN")), "{trouble:?}");
}

#[test]
fn automatic_mail_has_an_empty_sender_and_asks_for_no_bounce() {
    for (offers, to) in [(&["DSN"][..], "<a@corp.example> NOTIFY=NEVER"), (&["XDSN"], "<a@corp.example>")] {
        let recorder = Recorder::start_with(Privacy::Clear, None, offers);
        let mut sender = Sender::new(recorder.port, Tls::None);
        sender.from = None;
        sender.send().unwrap();
        let mail = recorder.mails().remove(0);
        assert_eq!((mail.from.as_str(), mail.to), ("<>", vec![to.to_owned()]));
    }
}

/// Servers such as Python's smtpd take one EHLO a session.
#[test]
fn a_server_that_takes_no_second_ehlo_still_takes_automatic_mail() {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(link.try_clone().unwrap()).lines();
        link.write_all(b"220 once\r\n").unwrap();
        let (mut greeted, mut data) = (false, false);
        while let Some(Ok(line)) = lines.next() {
            let answer: &[u8] = match line.get(..4).unwrap_or("").trim() {
                _ if data && line != "." => continue,
                _ if data => b"250 taken\r\n",
                "EHLO" if greeted => b"503 Duplicate HELO/EHLO\r\n",
                "EHLO" => b"250 once\r\n",
                "DATA" => b"354 go on\r\n",
                "QUIT" => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            };
            greeted |= line.starts_with("EHLO");
            data = line == "DATA" || (data && line != ".");
            link.write_all(answer).unwrap();
            if line == "QUIT" {
                break;
            }
        }
    });
    let sender = Sender { from: None, ..Sender::new(port, Tls::None) };
    assert!(sender.send().is_ok());
    server.join().unwrap();
}

#[test]
fn what_the_server_cannot_carry_is_refused_before_it_is_sent() {
    let recorder = Recorder::start_with(Privacy::Clear, None, &[]);
    let foreign = Sender { to: "é@corp.example", ..Sender::new(recorder.port, Tls::None) };
    assert_eq!(meaning(&foreign.send()), Never);
    let octets = Sender { bytes: "Subject: é\r\n\r\n".into(), ..Sender::new(recorder.port, Tls::None) };
    assert_eq!(meaning(&octets.send()), Never);
    let bare =
        Sender { bytes: b"Subject: x\r\n\r\na\n.\nMAIL FROM:<>\r\n".to_vec(), ..Sender::new(recorder.port, Tls::None) };
    assert_eq!(meaning(&bare.send()), Never);
    assert!(recorder.everything().is_empty());

    let recorder = Recorder::start();
    Sender { to: "é@corp.example", ..Sender::new(recorder.port, Tls::None) }.send().unwrap();
    assert_eq!(recorder.mails()[0].from, "<csirt@example.org> SMTPUTF8");
}

#[test]
fn a_real_postfix_takes_the_mail_and_hands_it_on_unchanged() {
    let authority = Authority::new();
    let recorder = Recorder::start();
    let postfix = Postfix::start(&authority.issue("127.0.0.1"), recorder.port, "message_size_limit = 100000");
    let sender = |from, bytes: &[u8]| Sender {
        ca: authority.pem(),
        from,
        bytes: bytes.to_vec(),
        ..Sender::new(postfix.port, Tls::StartTls)
    };

    let words = sender(Some("csirt@example.org"), MAIL).send().unwrap_or_else(|e| panic!("{e}\n{}", postfix.log()));
    assert!(words.starts_with("250 2.0.0 Ok: queued as"), "{words}");
    sender(None, MAIL).send().unwrap();
    let mails = recorder.wait_for(2);
    let mut senders: Vec<_> = mails.iter().map(|m| m.from.split(' ').next().unwrap()).collect();
    senders.sort();
    assert_eq!(senders, ["<>", "<csirt@example.org>"]);
    for mail in mails {
        let text = String::from_utf8(mail.data).unwrap();
        assert!(text.ends_with("\r\n\r\nhello\r\n.\r\n..\r\nbye\r\n"), "{text:?}");
    }

    let large = b"Subject: x\r\n\r\n".iter().copied().chain(b"0123456789\r\n".repeat(20_000)).collect::<Vec<_>>();
    let trouble = sender(Some("csirt@example.org"), &large).send().unwrap_err();
    assert!(matches!(&trouble, Trouble::Never(words) if words.contains("552")), "{trouble:?}");
}
