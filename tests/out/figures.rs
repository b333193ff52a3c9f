//! `vigie stats`: P23.

use super::*;

/// Six answered reports, one of them late; one that waits.
fn desk_with_reports() -> Desk {
    let desk = Desk::new();
    for at in 1..=7 {
        filed(&desk, &mail("a@corp.example", &format!("Report {at}"), &format!("text {at}"), None));
    }
    desk.once("2026-11-27T18:02:00+01:00");
    for number in ["1", "2", "3", "4", "5"] {
        let answered =
            desk.feed(&["--now", "2026-11-30T10:00:00+01:00", "ticket", "answer", number], b"We are on it.\n");
        assert!(answered.status.success(), "{}", text(&answered.stderr));
    }
    desk.once("2026-11-30T10:01:00+01:00");
    let late = desk.feed(&["--now", "2026-12-02T10:00:00+01:00", "ticket", "answer", "6"], b"Sorry.\n");
    assert!(late.status.success());
    desk.once("2026-12-02T10:01:00+01:00");
    desk
}

#[test]
fn p23_figures_tell_how_much_came_and_which_promises_were_kept() {
    let desk = desk_with_reports();
    let shown = desk.json(&["stats"]);
    assert_eq!((&shown["total"], &shown["answers"], &shown["waiting"]), (&7.into(), &6.into(), &1.into()));
    assert_eq!(shown["answered_within_promise_percent"], 71, "five of seven: one late, one overdue");
    assert_eq!(shown["answered_before_escalation_percent"], 100, "the seventh may still be");
    let months = shown["months"].as_array().unwrap();
    let november = months.iter().find(|month| month["name"] == "2026-11").unwrap();
    assert_eq!((months.len(), &november["count"]), (12, &7.into()));
    assert_eq!(shown["constituents"][0]["name"], "Example Corp");
    assert_eq!(shown["answered_after_days"][0]["count"], 5);
    assert_eq!(shown["acknowledged"], 7);
    let said = desk.ok(&["stats"]);
    assert!(said.contains("Answered within 2 business days") && said.contains("71 %"), "{said}");
    let before = desk.json(&["stats", "--from", "2026-01-01", "--to", "2026-02-01T00:00"]);
    assert_eq!((&before["total"], before["months"].as_array().unwrap().len()), (&0.into(), 2));
    refused(&desk, &["stats", "--from", "2026-03-01", "--to", "2026-02-01"]);
}

#[test]
fn p23_for_publication_small_counts_and_names_are_hidden() {
    let desk = desk_with_reports();
    let shown = desk.json(&["stats", "--anonymised"]);
    assert_eq!((&shown["anonymised"], &shown["total"]), (&true.into(), &7.into()));
    let written = shown.to_string();
    assert!(!written.contains("Example Corp") && shown["classes_by_month"].is_null(), "{written}");
    assert!(shown["waiting"].is_null(), "one is a small count: {written}");
    assert_eq!(shown["answered_after_days"], serde_json::json!([]), "5 and 1 would be told by their sum");
    assert!(desk.ok(&["stats", "--anonymised"]).contains("hidden"));
}

#[test]
fn p23_the_page_stands_alone_and_is_never_written_over_another() {
    let desk = desk_with_reports();
    let store = rusqlite::Connection::open(desk.path("vigie.db")).unwrap();
    store.execute("UPDATE ticket SET constituent = '<script>alert(1)</script>\" onload=x' WHERE id = 1", []).unwrap();
    drop(store);
    let file = desk.path("figures.html");
    let path = file.to_str().unwrap();
    desk.ok(&["stats", "--html", path]);
    let page = std::fs::read_to_string(&file).unwrap();
    for banned in ["<script", "http:", "https:", "url(", "@import", "src=", "href="] {
        assert!(!page.contains(banned), "{banned}");
    }
    for wanted in
        ["<title id=", "role=\"img\"", "promised (2)", "escalated (4)", "prefers-color-scheme:dark", "Example Corp"]
    {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    let balanced = "import sys, re\nfrom xml.dom import minidom\nfor svg in re.findall('<svg.*?</svg>', sys.stdin.read(), re.S): minidom.parseString(svg)";
    crate::support::python::python(balanced, page.as_bytes());
    let (words, _) = refused(&desk, &["stats", "--html", path]);
    assert!(words.contains("not written"), "{words}");
}
