//! Mail made by GnuPG, `sq` and neomutt, filed by the built binary; and what the binary sends,
//! opened by each of them.

mod support;

#[path = "interop/files.rs"]
mod files;
#[path = "interop/keys.rs"]
mod keys;
#[path = "interop/version6.rs"]
mod version6;

use serde_json::{Value, json};
use std::path::PathBuf;
use support::desk::{Desk, Setup, header, pgp_mime, protected, text};
use support::gnupg::Kind;
use support::neomutt::{CLASSIC, Neomutt};
use support::sq::{arg, sq};
use vigie::rules::sentence::summary;
use vigie::rules::settings::Language;
use vigie::rules::verdict::Verdict;

const REPORTER: &str = "tom@corp.example";
const SUBJECT: &str = "Beacon seen";
const BODY: &str = "We saw 198.51.100.7.\n";

/// How a reporter writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Sealed,
    Signed,
    Encrypted,
    Inline,
}

const FORMS: [Form; 4] = [Form::Sealed, Form::Signed, Form::Encrypted, Form::Inline];

/// A team's desk in the time that it is, and a reporter whose key the team has imported.
struct Scene {
    desk: Desk,
    key: String,
    /// For `sq`.
    team_cert: PathBuf,
    reporter_key: PathBuf,
}

impl Scene {
    fn new(team_key: Kind) -> Scene {
        let desk = Desk::with(Setup { simulated: false, team_key, ..Setup::default() });
        let key = desk.befriend(&format!("Tom <{REPORTER}>"));
        let (team_cert, reporter_key) = (desk.path("team.pgp"), desk.path("reporter.key"));
        std::fs::write(&team_cert, desk.gpg.export(&desk.team)).unwrap();
        std::fs::write(&reporter_key, desk.gpg.export_secret(&key)).unwrap();
        Scene { desk, key, team_cert, reporter_key }
    }

    /// Files a mail and gives its ticket.
    fn file(&self, mail: &[u8]) -> Value {
        file(&self.desk, mail)
    }
}

/// Files a mail in the time that it is and gives its ticket.
fn file(desk: &Desk, mail: &[u8]) -> Value {
    let output = desk.feed(&["ingest", "--mailbox", "csirt", "-"], mail);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ticket = desk.show(line["ticket"].as_str().unwrap_or_else(|| panic!("{line}")));
    // One of the sentences of the table in `rules/sentence_tests.rs`.
    let verdict = &ticket["messages"][0]["verdict"];
    let facts: Verdict = serde_json::from_value(verdict.clone()).unwrap();
    assert_eq!(verdict["summary"], summary(&facts, Language::En));
    ticket
}

/// The verdict on the one message of a ticket, without the signer.
fn verdict(ticket: &Value) -> Value {
    let mut verdict = ticket["messages"][0]["verdict"].clone();
    verdict.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "signer" | "summary" | "at"));
    verdict
}

fn expected(form: Form) -> Value {
    let mut value = json!({
        "encryption": "decrypted", "encryption_problem": null, "signature": "good", "signature_problem": null,
        "signed_by_sender": true, "authenticated": "marginal", "covers": "whole", "subject_protected": true,
    });
    match form {
        Form::Sealed => {}
        Form::Signed => {
            value["encryption"] = json!("none");
        }
        Form::Encrypted => {
            value["signature"] = json!("none");
            value["signed_by_sender"] = json!(false);
            value["authenticated"] = json!("none");
            value["covers"] = json!("none");
        }
        Form::Inline => {
            value["signature_problem"] = json!("partial");
            value["signed_by_sender"] = json!(false);
            value["covers"] = json!("part");
            value["subject_protected"] = json!(false);
        }
    }
    value
}

fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// A mail around an entity that is signed or is text.
fn mail(subject: &str, entity: &str) -> Vec<u8> {
    let date = vigie::edge::clock::system_now().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    let id = entity.bytes().fold(7_u64, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3));
    format!(
        "From: Tom <{REPORTER}>\r\nTo: csirt@example.org\r\nSubject: {subject}\r\nDate: {date}\r\n\
         Message-ID: <{id:016x}@corp.example>\r\nMIME-Version: 1.0\r\n{entity}"
    )
    .into_bytes()
}

/// RFC 3156, 5.
fn signed_entity(content: &str, signature: &str) -> String {
    format!(
        "Content-Type: multipart/signed; micalg=pgp-sha512; protocol=\"application/pgp-signature\"; boundary=sig\r\n\r\n\
         --sig\r\n{content}\r\n--sig\r\nContent-Type: application/pgp-signature\r\n\r\n{}\r\n--sig--\r\n",
        crlf(signature)
    )
}

/// The mail as a program writes it that leaves the cryptography to a tool.
fn wrapped(form: Form, encrypt: impl Fn(bool, &str) -> String, sign: impl Fn(&str) -> String) -> Vec<u8> {
    let content = protected(REPORTER, SUBJECT, BODY);
    // What is sealed by `pgp_mime` has a fixed date: ours is the one of today.
    let today = |armored: &str| {
        let whole = text(&pgp_mime(REPORTER, "...", armored));
        let (_, entity) = whole.split_once("MIME-Version: 1.0\r\n").unwrap();
        mail("...", entity)
    };
    match form {
        Form::Sealed => today(&encrypt(true, &content)),
        Form::Encrypted => today(&encrypt(false, &content)),
        Form::Signed => {
            let content = content.replace("hp=\"cipher\"", "hp=\"clear\"");
            let content = content.trim_end();
            mail(SUBJECT, &signed_entity(content, &sign(content)))
        }
        Form::Inline => {
            let entity = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{}", crlf(&encrypt(true, BODY)));
            mail(SUBJECT, &entity)
        }
    }
}

fn by_gnupg(scene: &Scene, form: Form) -> Vec<u8> {
    let gpg = &scene.desk.gpg;
    let encrypt = |signed: bool, content: &str| {
        gpg.seal(&[&scene.desk.team], signed.then_some(scene.key.as_str()), content.as_bytes())
    };
    let sign = |content: &str| {
        let ran = gpg.run(&["--armor", "--local-user", &scene.key, "--detach-sign"], content.as_bytes());
        text(&ran.out)
    };
    wrapped(form, encrypt, sign)
}

fn by_sq(scene: &Scene, form: Form) -> Vec<u8> {
    let (team, reporter) = (arg(&scene.team_cert), arg(&scene.reporter_key));
    let encrypt = |signed: bool, content: &str| {
        let mut arguments = vec!["encrypt", "--recipient-cert", team];
        if signed {
            arguments.extend(["--signer-key", reporter]);
        }
        text(&sq(&arguments, content.as_bytes()))
    };
    let sign = |content: &str| text(&sq(&["sign", "--detached", "--signer-key", reporter], content.as_bytes()));
    wrapped(form, encrypt, sign)
}

fn by_neomutt(scene: &Scene, form: Form) -> Vec<u8> {
    let yes = |wanted: bool| if wanted { "yes" } else { "no" };
    let more = format!(
        "set crypt_auto_sign={}\nset crypt_auto_encrypt={}\n{}",
        yes(form != Form::Encrypted),
        yes(form != Form::Signed),
        if form == Form::Inline { CLASSIC } else { "" }
    );
    Neomutt::of(&scene.desk.gpg, REPORTER, &scene.key, &more).send("csirt@example.org", SUBJECT, BODY)
}

/// What comes from each of the tools to a team with this kind of key.
fn every_tool_reaches(kind: Kind) {
    let scene = Scene::new(kind);
    for form in FORMS {
        let mails =
            [("GnuPG", by_gnupg(&scene, form)), ("sq", by_sq(&scene, form)), ("neomutt", by_neomutt(&scene, form))];
        for (tool, mail) in mails {
            let ticket = scene.file(&mail);
            let message = &ticket["messages"][0];
            let what = format!("{tool}, {form:?}, {kind:?}: {message}\n{}", text(&mail));
            assert_eq!(verdict(&ticket), expected(form), "{what}");
            let signer = if form == Form::Encrypted { Value::Null } else { json!(scene.key) };
            assert_eq!(message["verdict"]["signer"], signer, "{what}");
            assert_eq!(message["text"].as_str().unwrap().trim_end(), BODY.trim_end(), "{what}");
            assert_eq!(message["subject"], SUBJECT, "{what}");
        }
    }
    answers_are_read_by_every_tool(&scene);
}

/// The ciphertext of a mail.
fn armored(mail: &str) -> &str {
    &mail[mail.find("-----BEGIN PGP MESSAGE-----").expect("ciphertext")..]
}

/// The last ticket's acknowledgement and an answer, encrypted and signed, with the subject inside.
fn answers_are_read_by_every_tool(scene: &Scene) {
    let desk = &scene.desk;
    let answered = desk.feed(&["--as", "alice", "ticket", "answer", "1"], b"Thank you, Tom.\n");
    assert!(answered.status.success(), "{}", text(&answered.stderr));
    let once = desk.run(&["run", "--once"]);
    assert!(once.status.success(), "{}", text(&once.stderr));
    let number = desk.show("1")["number"].as_str().unwrap().to_owned();
    let all = desk.sent_to(REPORTER);
    let opened = |mail: &String| text(&desk.gpg.run(&["--decrypt"], armored(mail).as_bytes()).out);
    let find = |words: &str| {
        all.iter().find(|mail| opened(mail).contains(&number) && opened(mail).contains(words)).expect("a mail")
    };
    let neomutt = Neomutt::of(&desk.gpg, REPORTER, &scene.key, "");
    for (what, words) in [("acknowledgement", "automatic acknowledgement"), ("answer", "Thank you, Tom.")] {
        let mail = find(words);
        assert_eq!(header(mail, "Subject").as_deref(), Some("[...]"), "{what}");
        let ran = desk.gpg.run(&["--decrypt"], armored(mail).as_bytes());
        assert!(
            ran.says("DECRYPTION_OKAY") && ran.says(&format!("VALIDSIG {}", desk.team)),
            "{what}: {:?}",
            ran.status
        );
        let (key, cert) = (arg(&scene.reporter_key), arg(&scene.team_cert));
        let by_sq = sq(&["decrypt", "--recipient-key", key, "--signer-cert", cert], armored(mail).as_bytes());
        assert_eq!(text(&by_sq), text(&ran.out), "{what}");
        let subject = header(&text(&by_sq), "Subject").unwrap();
        assert!(subject.contains(&number), "{what}: {subject}");
        let screen = neomutt.read(mail, words);
        assert!(screen.contains("Good signature") && screen.contains(&number), "{what}: {screen}");
        assert!(!screen.contains("BAD signature"), "{what}: {screen}");
        let read_back = read_by_vigie(scene, mail);
        let (message, subject) = (&read_back["messages"][0], read_back["messages"][0]["subject"].as_str().unwrap());
        assert!(subject.contains(&number), "{what}: {message}");
        let mut proven = verdict(&read_back);
        assert_eq!(proven["authenticated"].take(), "marginal", "{what}");
        let mut wanted = expected(Form::Sealed);
        wanted["authenticated"] = Value::Null;
        assert_eq!(proven, wanted, "{what}: {message}");
    }
}

/// What a Vigie of the reporter's makes of a mail of the team's.
fn read_by_vigie(scene: &Scene, mail: &str) -> Value {
    let desk = Desk::with(Setup { simulated: false, ..Setup::default() });
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(desk.path("vigie.toml"), config.replace("csirt@example.org", REPORTER)).unwrap();
    std::fs::copy(&scene.reporter_key, desk.path("team.asc")).unwrap();
    desk.ok(&["key", "import", arg(&scene.team_cert)]);
    file(&desk, mail.as_bytes())
}

#[test]
fn mail_to_and_from_a_team_with_rsa_3072() {
    every_tool_reaches(Kind::Rsa3072);
}

#[test]
fn mail_to_and_from_a_team_with_rsa_4096() {
    every_tool_reaches(Kind::Rsa4096);
}

#[test]
fn mail_to_and_from_a_team_with_curve25519() {
    every_tool_reaches(Kind::Curve25519);
}
