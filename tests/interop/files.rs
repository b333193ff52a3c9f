//! Files that were encrypted or signed one by one, as tickets show them.

use super::*;
use support::desk::plain;

const AT: &str = "2026-11-27T18:00:00+01:00";

fn part(name: &str, content: &str) -> String {
    format!(
        "--f\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{content}\r\n"
    )
}

fn mail_with(parts: &[String]) -> Vec<u8> {
    let head = text(&plain("a@corp.example", "Files", "")).split("MIME-Version").next().unwrap().to_owned();
    format!(
        "{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n--f\r\n\r\nsee the files\r\n{}--f--\r\n",
        parts.concat()
    )
    .into_bytes()
}

/// Name, encryption, its problem, signature and rung of each file.
fn files(ticket: &Value, verdict: impl Fn(&Value) -> Value) -> Vec<Value> {
    let all = ticket["messages"][0]["attachments"].as_array().unwrap();
    all.iter()
        .map(|file| {
            let verdict = verdict(file);
            let of = |name: &str| verdict[name].clone();
            json!([file["name"], of("encryption"), of("encryption_problem"), of("signature"), of("authenticated")])
        })
        .collect()
}

#[test]
fn each_attached_file_says_what_was_proven_of_it_and_opens_when_its_key_comes() {
    let desk = Desk::new();
    let signer = desk.befriend("B <b@corp.example>");
    let later = desk.gpg.generate(Kind::Curve25519, "Later <csirt@example.org>");
    let signature = |over: &str| {
        crlf(&text(&desk.gpg.run(&["--armor", "--local-user", &signer, "--detach-sign"], over.as_bytes()).out))
    };
    let mail = mail_with(&[
        part("a.log.gpg", &crlf(&desk.gpg.seal(&[&desk.team], Some(&signer), b"one\n"))),
        part("b.log.gpg", &crlf(&desk.gpg.seal(&[&later], Some(&signer), b"two\n"))),
        part("c.log", "three"),
        part("c.log.asc", &signature("three")),
        part("d.log", "four"),
        part("d.log.sig", &signature("another")),
        part("e.txt.asc", &crlf(&text(&desk.gpg.run(&["--local-user", &signer, "--clearsign"], b"five\n").out))),
    ]);
    let ticket = desk.ticket_of(&mail, AT);
    let verdict = &ticket["messages"][0]["verdict"];
    assert_eq!(
        (&verdict["encryption"], &verdict["signature"], &verdict["covers"]),
        (&json!("none"), &json!("none"), &json!("none")),
        "the mail itself proves nothing: {verdict}"
    );
    let at_arrival = [
        json!(["a.log.gpg", "decrypted", null, "good", "marginal"]),
        json!(["a.log", "decrypted", null, "good", "marginal"]),
        json!(["b.log.gpg", "failed", "no_key", "none", "none"]),
        json!(["c.log", "none", null, "good", "marginal"]),
        json!(["c.log.asc", null, null, null, null]),
        json!(["d.log", "none", null, "bad", "none"]),
        json!(["d.log.sig", null, null, null, null]),
        json!(["e.txt.asc", "none", null, "good", "marginal"]),
        json!(["e.txt", "none", null, "good", "marginal"]),
    ];
    assert_eq!(files(&ticket, |file| file["verdict"].clone()), at_arrival);
    let file = &ticket["messages"][0]["attachments"][3];
    assert_eq!(file["verdict"]["signer"], json!(signer));
    assert_eq!(file["verdict"]["signer_addresses"], json!(["b@corp.example"]));
    let summary = file["verdict"]["summary"].as_str().unwrap();
    assert_eq!(summary, "Not encrypted; signed with a key that the team has imported but not confirmed.");
    let page = desk.ok(&["ticket", "show", "1"]);
    assert!(page.contains(summary) && page.contains("Encrypted, but to none of the team's keys"), "{page}");

    // The key comes, and somebody confirms the signer.
    std::fs::write(desk.path("later.asc"), desk.gpg.export_secret(&later)).unwrap();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(desk.path("vigie.toml"), config.replace("\"team.asc\"", "\"team.asc\", \"later.asc\"")).unwrap();
    desk.ok(&["--as", "alice", "key", "trust", &signer, "--method", "call-back"]);
    assert!(desk.once("2026-11-27T19:00:00+01:00").status.success());
    let ticket = desk.show("1");
    let latest = |file: &Value| {
        let rechecked = &file["rechecked"]["verdict"];
        if rechecked.is_null() { file["verdict"].clone() } else { rechecked.clone() }
    };
    let found = files(&ticket, latest);
    for expected in [
        json!(["a.log.gpg", "decrypted", null, "good", "full"]),
        json!(["b.log.gpg", "decrypted", null, "good", "full"]),
        json!(["b.log", "decrypted", null, "good", "full"]),
        json!(["c.log", "none", null, "good", "full"]),
        json!(["d.log", "none", null, "bad", "none"]),
    ] {
        assert!(found.contains(&expected), "{expected} is not in {found:?}");
    }
    assert_eq!(found.len(), at_arrival.len() + 1, "each file once: {found:?}");
    let arrival = files(&ticket, |file| file["verdict"].clone());
    assert!(arrival.contains(&at_arrival[2]) && arrival.contains(&at_arrival[3]), "what was proven then is kept");
    let history = ticket["history"].to_string();
    assert!(history.contains("1 attached file(s) opened with a key that came later"), "{history}");
    assert_eq!(ticket["received_at"], json!("2026-11-27T18:00:00+01:00"));
    assert_eq!(ticket["messages"][0]["verdict"]["encryption"], "none", "never the mail's own verdict");
}
