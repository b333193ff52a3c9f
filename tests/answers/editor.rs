//! Answers written in the analyst's editor, and from templates.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Runs `vigie ticket ...` on a terminal, with an editor that is this shell script; gives what the
/// terminal showed and whether the command succeeded.
fn on_terminal(desk: &Desk, arguments: &str, editor: Option<&str>) -> (String, bool) {
    let line = format!(
        "{} --config {} --as alice --now {LATER} ticket {arguments}",
        env!("CARGO_BIN_EXE_vigie"),
        desk.path("vigie.toml").display()
    );
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env_remove("VISUAL").env_remove("EDITOR");
    command.env("XDG_RUNTIME_DIR", desk.path("run")).stdin(std::process::Stdio::null());
    std::fs::create_dir_all(desk.path("run")).unwrap();
    if let Some(script) = editor {
        let path = desk.path("editor");
        std::fs::write(
            &path,
            format!("#!/bin/sh\nstat -c %a \"$1\" > {0}.mode\ncp \"$1\" {0}.seen\n{script}\n", path.display()),
        )
        .unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        command.env("EDITOR", path);
    }
    let output = command.output().expect("script (util-linux) runs");
    (text(&output.stdout), output.status.success())
}

fn left_behind(desk: &Desk) -> Vec<String> {
    let files = std::fs::read_dir(desk.path("run")).unwrap().flatten();
    files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
}

fn answered(desk: &Desk) -> Vec<String> {
    let ticket = desk.show("1");
    let out = ticket["messages"].as_array().unwrap().iter().filter(|m| m["direction"] == "out");
    out.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

fn with_ticket(subject: &str) -> Desk {
    let desk = Desk::new();
    desk.ingest(&plain("Ada <a@corp.example>", subject, "We see phishing.\n\u{1b}[2Jx"), FRIDAY);
    desk
}

#[test]
fn an_editor_opens_with_what_a_human_needs_and_nothing_of_it_leaves() {
    let desk = with_ticket("Phishing");
    let (shown, done) = on_terminal(&desk, "answer 1", Some("sed -i '1s/.*/We look into it./' \"$1\""));
    assert!(done, "{shown}");
    assert_eq!(answered(&desk), ["We look into it.\n"]);
    let seen = std::fs::read_to_string(desk.path("editor.seen")).unwrap();
    for part in [
        "EX-2026-000001",
        "a@corp.example",
        "Received: 2026-11-27T18:01:00+01:00",
        "Due:",
        "IN CLEAR",
        "# > We see phishing.",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    assert!(!seen.contains('\u{1b}'), "{seen:?}");
    assert_eq!(std::fs::read_to_string(desk.path("editor.mode")).unwrap().trim(), "600");
    assert!(left_behind(&desk).is_empty(), "the file is removed");
    let (shown, done) = on_terminal(&desk, "note 1", Some("sed -i '1s/.*/Seen before./' \"$1\""));
    assert!(done, "{shown}");
    assert!(std::fs::read_to_string(desk.path("editor.seen")).unwrap().contains("It stays here."));
}

#[test]
fn an_empty_text_no_editor_and_a_lost_line_of_scissors_send_nothing_and_say_so() {
    let desk = with_ticket("Phishing");
    for (arguments, editor, words) in [
        ("answer 1", Some("true"), "empty; nothing was done"),
        ("answer 1", Some("exit 1"), "nothing was done"),
        ("answer 1", Some("sed -i '/>8/d' \"$1\""), "nothing was done"),
        ("answer 1", Some("sed -i '1s/.*/# > We see phishing./' \"$1\""), "nothing was done"),
        ("answer 1 --template closed", Some("true"), "unchanged"),
        ("answer 1", None, "$EDITOR"),
    ] {
        let (shown, done) = on_terminal(&desk, arguments, editor);
        assert!(!done && shown.contains(words), "{arguments} {editor:?}: {shown}");
        assert!(answered(&desk).is_empty());
    }
}

#[test]
fn a_text_that_is_refused_is_kept() {
    let desk = with_ticket("TLP:AMBER Phishing");
    let (shown, done) = on_terminal(&desk, "answer 1", Some("sed -i '1s/.*/Long in the writing./' \"$1\""));
    assert!(!done && shown.contains("AMBER") && shown.contains("your text is kept in"), "{shown}");
    assert_eq!(left_behind(&desk), ["Long in the writing.\n"]);
    assert!(std::fs::read_to_string(desk.path("editor.seen")).unwrap().contains("REFUSED"));
}

#[test]
fn p20_templates_point_end_users_to_their_own_soc_in_their_language() {
    let desk = with_ticket("Phishing");
    desk.ok(&["--as", "alice", "--now", LATER, "ticket", "answer", "1", "--template", "non-constituent", "--send"]);
    let sent = answered(&desk).remove(0);
    for part in ["Dear Ada,", "EX-2026-000001", "SOC of your own organisation", "alice", "CSIRT-EXAMPLE"] {
        assert!(sent.contains(part), "{part}: {sent}");
    }
    std::fs::create_dir(desk.path("templates")).unwrap();
    std::fs::write(desk.path("templates/closed.en.txt"), "Done: {number}.\n").unwrap();
    std::fs::write(desk.path("templates/odd.txt"), "{secret}\n").unwrap();
    desk.ok(&["--as", "alice", "--now", LATER, "ticket", "answer", "1", "--template", "closed", "--send"]);
    assert_eq!(answered(&desk)[1], "Done: EX-2026-000001.\n");
    for (name, word) in [("odd", "{secret}"), ("none", "received-need-more"), ("../x", "letters")] {
        let refused = desk.run(&["ticket", "answer", "1", "--template", name, "--send"]);
        assert!(!refused.status.success() && text(&refused.stderr).contains(word), "{}", text(&refused.stderr));
    }
    let refused = desk.run(&["ticket", "answer", "1", "--template", "closed"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("--send"), "{}", text(&refused.stderr));
    assert_eq!(answered(&desk).len(), 2);
}

#[test]
fn p21_a_template_and_the_editor_show_another_party_nothing_of_the_reporter() {
    let desk = Desk::new();
    let named = text(&plain("a@corp.example", "Phishing", "Look."))
        .replace("\r\nFrom: a@corp.example", "\r\nFrom: Alpha Secretname <a@corp.example>");
    desk.ingest(named.as_bytes(), FRIDAY);
    let other = text(&plain("b@corp.example", "Phishing too", "Look."))
        .replace("\r\nFrom: b@corp.example", "\r\nFrom: Beta Reporter <b@corp.example>");
    desk.ingest(other.as_bytes(), FRIDAY);
    let verb = |verb: &[&str]| {
        let mut all = vec!["--as", "alice", "--now", LATER, "ticket"];
        all.extend_from_slice(verb);
        desk.ok(&all);
        once(&desk, LATER);
    };
    verb(&["participant", "1", "add", "abuse@isp.example"]);
    verb(&["merge", "2", "1"]);
    for to in ["abuse@isp.example", "b@corp.example", "a@corp.example"] {
        verb(&["answer", "1", "--to", to, "--template", "received-need-more", "--send"]);
    }
    let sent = |to: &str| unquoted(&desk.sent_to(to).pop().unwrap());
    let (provider, merged, reporter) = (sent("abuse@isp.example"), sent("b@corp.example"), sent("a@corp.example"));
    assert!(provider.contains("Dear,") && !provider.contains("Secretname"), "{provider}");
    assert!(merged.contains("Dear Beta Reporter,") && merged.contains("registered as EX-2026-000002"), "{merged}");
    assert!(!merged.contains("EX-2026-000001") && !merged.contains("Secretname"), "{merged}");
    assert!(reporter.contains("Dear Alpha Secretname,") && reporter.contains("registered as EX-2026-000001"));
    assert!(!reporter.contains("Beta") && !reporter.contains("EX-2026-000002"), "{reporter}");
}
