//! Merging and its undoing, splitting, links: nothing of one reporter reaches another, and all goes back.

use super::*;
use serde_json::json;

const A: &str = "a@corp.example";
const B: &str = "b@else.example";
const LATER: &str = "2026-11-27T19:00:00+01:00";

/// A's ticket is 1, B's is 2, each acknowledged; B wrote an hour later.
fn two() -> Desk {
    let desk = Desk::new();
    desk.ingest(&plain(A, "Secret of A", "words of A"), FRIDAY);
    once(&desk, FRIDAY);
    desk.ingest(&plain(B, "Secret of B", "words of B"), LATER);
    once(&desk, LATER);
    desk
}

#[test]
fn a_merge_moves_mail_participants_and_clocks_and_mail_to_the_merged_number_goes_to_the_living_one() {
    let desk = two();
    alice(&desk, LATER, &["merge", "2", "1"]);
    let (kept, merged) = (desk.show("1"), desk.show("2"));
    assert_eq!(
        (&merged["state"], &merged["links"]),
        (&"merged".into(), &json!([{"to": "EX-2026-000001", "kind": "merged"}]))
    );
    assert_eq!((&merged["messages"], &merged["clock_from"]), (&json!([]), &Value::Null));
    assert_eq!(kept["participants"], json!([A, B]));
    assert_eq!(kept["messages"].as_array().map(Vec::len), Some(4));
    assert_eq!(kept["due_at"], "2026-12-01T18:01:00+01:00");
    assert_eq!(with(&kept, B)["clock"]["due_at"], "2026-12-01T19:00:00+01:00");
    for mail in [reply(B, "Re", "by reference", &last_id(&desk, B)), reply(A, "Re", "more", &last_id(&desk, A))] {
        let line = desk.ingest(&mail, LATER);
        assert_eq!((&line["outcome"], &line["ticket"]), (&"joined".into(), &"EX-2026-000001".into()));
    }
    assert_eq!(desk.json(&["ticket", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn t61_after_a_merge_nothing_of_one_reporter_reaches_the_other() {
    let desk = two();
    let (to_a, to_b) = (last_id(&desk, A), last_id(&desk, B));
    alice(&desk, LATER, &["merge", "2", "1"]);
    write(&desk, LATER, &["answer", "1", "--to", B], "Dear B.\n");
    write(&desk, LATER, &["answer", "1"], "Dear A.\n");
    once(&desk, LATER);
    let (letter_a, letter_b) = (desk.sent_to(A).pop().unwrap(), desk.sent_to(B).pop().unwrap());
    assert_eq!(
        header(&letter_b, "Subject").as_deref(),
        Some("[EX-2026-000002] Answer from CSIRT-EXAMPLE"),
        "the number that they know"
    );
    assert!(header(&letter_b, "Message-ID").unwrap().starts_with("<EX-2026-000002."), "{letter_b}");
    assert!(header(&letter_b, "References").unwrap().contains(&to_b));
    for foreign in ["EX-2026-000001", "Secret of A", "words of A", A, &to_a] {
        assert!(!letter_b.contains(foreign), "{foreign}: {letter_b}");
    }
    for foreign in ["EX-2026-000002", "Secret of B", "words of B", B, &to_b] {
        assert!(!letter_a.contains(foreign), "{foreign}: {letter_a}");
    }
    let ticket = desk.show("1");
    assert!(ticket["clock_from"].is_null(), "each was answered: {ticket}");
    assert_eq!(ticket["state"], "waiting");
    let line = desk.ingest(&reply(B, "Re", "Thanks", &format!("{to_b} {}", last_id(&desk, B))), LATER);
    assert_eq!((&line["outcome"], &line["ticket"]), (&"joined".into(), &"EX-2026-000001".into()));
}

#[test]
fn unmerge_gives_everything_back_as_it_was() {
    let desk = two();
    alice(&desk, LATER, &["label", "2", "+phishing"]);
    alice(&desk, LATER, &["priority", "2", "emergency"]);
    alice(&desk, LATER, &["link", "2", "1", "--kind", "duplicate"]);
    alice(&desk, LATER, &["follow-up", "2", "2026-12-02"]);
    desk.ingest(&plain("c@else.example", "TLP:AMBER third", "words"), LATER);
    alice(&desk, LATER, &["link", "2", "3", "--kind", "related"]);
    let before = ["1", "2", "3"].map(|number| still(desk.show(number)));
    alice(&desk, LATER, &["merge", "2,3", "1"]);
    let kept = desk.show("1");
    assert_eq!(
        (&kept["priority"], &kept["tlp"], &kept["labels"]),
        (&"emergency".into(), &"AMBER".into(), &json!(["phishing"]))
    );
    assert_eq!(kept["follow_up_at"], "2026-12-02T09:00:00+01:00");
    alice(&desk, LATER, &["unmerge", "2"]);
    alice(&desk, LATER, &["unmerge", "3"]);
    for (number, before) in ["1", "2", "3"].into_iter().zip(before) {
        assert_eq!(still(desk.show(number)), before, "{number}");
    }
    let audit = desk.show("2");
    assert!(told(&audit).contains(&"state merged -> new: unmerged from EX-2026-000001"), "{:?}", told(&audit));
}

#[test]
fn the_same_reporters_two_tickets_merged_have_one_clock_and_get_their_two_back() {
    let desk = Desk::new();
    desk.ingest(&plain(A, "First", "one"), FRIDAY);
    desk.ingest(&plain(A, "Second", "two"), LATER);
    let before = ["1", "2"].map(|number| still(desk.show(number)));
    for (from, into) in [("2", "1"), ("1", "2")] {
        alice(&desk, LATER, &["merge", from, into]);
        let kept = desk.show(into);
        assert_eq!(kept["due_at"], "2026-12-01T18:01:00+01:00", "the older one");
        assert_eq!(kept["correspondents"].as_array().map(Vec::len), Some(1));
        alice(&desk, LATER, &["unmerge", from]);
        assert_eq!(["1", "2"].map(|number| still(desk.show(number))), before, "{from} into {into}");
    }
    // Answered while they were one: answered as two.
    alice(&desk, LATER, &["merge", "2", "1"]);
    write(&desk, LATER, &["answer", "1"], "Both.\n");
    once(&desk, "2026-11-27T19:30:00+01:00");
    alice(&desk, "2026-11-27T20:00:00+01:00", &["unmerge", "2"]);
    for number in ["1", "2"] {
        let ticket = desk.show(number);
        assert!(ticket["clock_from"].is_null() && ticket["answered_at"].is_string(), "{ticket}");
        assert_eq!(ticket["state"], "waiting");
    }
}

#[test]
fn rungs_that_were_fired_while_two_were_one_are_not_fired_again() {
    let desk = Desk::new();
    desk.ingest(&plain(A, "First", "one"), FRIDAY);
    desk.ingest(&plain(A, "Second", "two"), FRIDAY);
    once(&desk, FRIDAY);
    alice(&desk, FRIDAY, &["merge", "2", "1"]);
    once(&desk, "2026-11-30T18:01:00+01:00");
    let before = desk.sent().len();
    alice(&desk, "2026-11-30T18:02:00+01:00", &["unmerge", "2"]);
    once(&desk, "2026-11-30T18:03:00+01:00");
    assert_eq!(desk.sent().len(), before, "the reminder was for both");
    once(&desk, "2026-12-01T18:01:00+01:00");
    assert_eq!(desk.sent().len(), before + 2, "from here on each for itself");
}

#[test]
fn what_came_after_the_merge_goes_back_with_its_correspondent() {
    let desk = two();
    alice(&desk, LATER, &["merge", "2", "1"]);
    desk.ingest(&reply(B, "Re", "late words of B", &last_id(&desk, B)), LATER);
    desk.ingest(&reply(A, "Re", "late words of A", &last_id(&desk, A)), LATER);
    write(&desk, LATER, &["answer", "1", "--to", B], "Dear B.\n");
    alice(&desk, LATER, &["unmerge", "2"]);
    once(&desk, LATER);
    let texts = |number: &str| desk.show(number)["messages"].to_string();
    assert!(texts("2").contains("late words of B") && texts("2").contains("Dear B."));
    assert!(!texts("1").contains("of B") && texts("1").contains("late words of A"));
    // What was queued while they were one arrived as 2's, and ends 2's clock.
    let (one, two) = (desk.show("1"), desk.show("2"));
    assert_eq!((&two["clock_from"], &two["state"]), (&Value::Null, &"waiting".into()), "{two}");
    assert!(one["clock_from"].is_string());
    assert_eq!(one["participants"], json!([A]));
    let line = desk.ingest(&reply(B, "Re", "now", &last_id(&desk, B)), LATER);
    assert_eq!((&line["outcome"], &line["ticket"]), (&"joined".into(), &"EX-2026-000002".into()));
    let line = desk.ingest(&reply(B, "Re", "and there", &last_id(&desk, A)), LATER);
    assert_eq!(line["outcome"], "filed", "B has nothing to say in A's ticket any more");
}

#[test]
fn merges_in_odd_order_are_refused_or_right() {
    let desk = two();
    desk.ingest(&plain("c@else.example", "Third", "words"), LATER);
    for (verb, words) in [
        (&["merge", "1", "1"][..], "itself"),
        (&["unmerge", "1"], "not merged"),
        (&["merge", "1", "99"], "no ticket"),
        (&["merge", "2,99", "1"], "no ticket"),
        (&["merge", "2,1", "1"], "itself"),
        (&["link", "1", "1", "--kind", "related"], "itself"),
    ] {
        let said = refused(&desk, 1, verb);
        assert!(said.contains(words), "{verb:?}: {said}");
    }
    assert_eq!(desk.show("2")["state"], "new", "one of several refused: none is merged");
    alice(&desk, LATER, &["merge", "2", "1"]);
    for verb in [
        &["merge", "2", "3"][..],
        &["merge", "3", "2"],
        &["merge", "1", "2"],
        &["write", "2", "--to", "x@isp.example"],
        &["participant", "2", "add", "x@isp.example"],
        &["split", "2", "--message", "1"],
        &["state", "2", "open"],
        &["follow-up", "2", "2026-12-30"],
    ] {
        let said = refused(&desk, 1, verb);
        assert!(said.contains("EX-2026-000001"), "{verb:?}: {said}");
    }
    alice(&desk, LATER, &["merge", "1", "3"]);
    assert_eq!(desk.show("3")["participants"], json!([A, B, "c@else.example"]));
    let line = desk.ingest(&reply(B, "Re", "through two", &last_id(&desk, B)), LATER);
    assert_eq!(line["ticket"], "EX-2026-000003");
    let said = refused(&desk, 1, &["unmerge", "2"]);
    assert!(said.contains("unmerge EX-2026-000001 first"), "{said}");
    alice(&desk, LATER, &["unmerge", "1"]);
    alice(&desk, LATER, &["unmerge", "2"]);
    refused(&desk, 1, &["unmerge", "2"]);
    let texts = desk.show("2")["messages"].to_string();
    assert!(texts.contains("words of B") && texts.contains("through two"), "{texts}");
    // And again, the other way round.
    alice(&desk, LATER, &["merge", "1", "2"]);
    assert_eq!(desk.show("2")["reporter"]["address"], B);
}

#[test]
fn two_merges_with_one_person_in_both_are_undone_in_reverse() {
    let desk = two();
    desk.ingest(&plain(B, "Third", "B again"), LATER);
    let before = ["1", "2", "3"].map(|number| still(desk.show(number)));
    alice(&desk, LATER, &["merge", "2,3", "1"]);
    let said = refused(&desk, 1, &["unmerge", "2"]);
    assert!(said.contains("EX-2026-000003"), "{said}");
    alice(&desk, LATER, &["unmerge", "3,2"]);
    for (number, before) in ["1", "2", "3"].into_iter().zip(before) {
        assert_eq!(still(desk.show(number)), before, "{number}");
    }
}

#[test]
fn a_merge_wakes_a_ticket_at_rest_and_marks_that_mail_bore_since_stay() {
    let desk = two();
    write(&desk, LATER, &["answer", "1"], "Done.\n");
    once(&desk, LATER);
    alice(&desk, LATER, &["state", "1", "closed"]);
    alice(&desk, LATER, &["merge", "2", "1"]);
    assert_eq!(desk.show("1")["state"], "open", "B still waits");
    alice(&desk, LATER, &["unmerge", "2"]);
    assert_eq!((&desk.show("1")["state"], &desk.show("2")["state"]), (&"closed".into(), &"new".into()));
    desk.ingest(&plain("c@else.example", "TLP:RED third", "words"), LATER);
    alice(&desk, LATER, &["merge", "3", "1"]);
    desk.ingest(&reply(A, "TLP:RED mine too", "words", &last_id(&desk, A)), LATER);
    alice(&desk, LATER, &["unmerge", "3"]);
    assert_eq!(desk.show("1")["tlp"], "RED", "A's own mail says so");
    assert_eq!(desk.show("1")["state"], "open", "and wants an answer");
}

#[test]
fn an_answer_that_was_queued_before_the_merge_still_answers() {
    let desk = two();
    write(&desk, LATER, &["answer", "2"], "Dear B.\n");
    alice(&desk, LATER, &["merge", "2", "1"]);
    once(&desk, LATER);
    assert!(with(&desk.show("1"), B)["clock"].is_null());
    assert!(desk.sent_to(B).pop().unwrap().contains("EX-2026-000002"));
}

#[test]
fn a_mail_that_is_split_off_has_its_own_ticket_clock_and_link() {
    let desk = two();
    write(&desk, LATER, &["answer", "1"], "Done.\n");
    once(&desk, LATER);
    let first = "2026-11-30T09:00:00+01:00";
    let (one, two) = (
        reply(A, "About it", "first", &last_id(&desk, A)),
        reply(A, "[URGENT] Another matter", "second", &last_id(&desk, A)),
    );
    desk.ingest(&one, first);
    let line = desk.ingest(&two, "2026-11-30T10:00:00+01:00");
    let message = line["message"].to_string();
    let done = alice(&desk, "2026-11-30T11:00:00+01:00", &["split", "1", "--message", &message]);
    assert_eq!(done["tickets"], json!(["EX-2026-000003", "EX-2026-000001"]));
    let (old, new) = (desk.show("1"), desk.show("3"));
    assert_eq!(new["due_at"], "2026-12-02T10:00:00+01:00", "from that mail's receipt");
    assert_eq!(old["due_at"], "2026-12-02T09:00:00+01:00");
    assert_eq!(
        (&new["subject"], &new["reported_urgent"], &new["state"]),
        (&"[URGENT] Another matter".into(), &true.into(), &"open".into())
    );
    assert_eq!((&new["participants"], &new["reporter"]["constituent"]), (&json!([A]), &"Example Corp".into()));
    assert_eq!(new["links"], json!([{"to": "EX-2026-000001", "kind": "related"}]));
    assert_eq!(old["links"], json!([{"to": "EX-2026-000003", "kind": "related"}]));
    assert!(!old["messages"].to_string().contains("second"));
    write(&desk, "2026-11-30T11:00:00+01:00", &["answer", "3"], "That one.\n");
    once(&desk, "2026-11-30T11:00:00+01:00");
    let letter = desk.sent_to(A).pop().unwrap();
    assert_eq!(header(&letter, "References").as_deref(), Some(id_of(&two).as_str()));
    let line = desk.ingest(
        &reply(A, "Re", "thanks", &format!("{} {}", id_of(&two), last_id(&desk, A))),
        "2026-11-30T12:00:00+01:00",
    );
    assert_eq!(line["ticket"], "EX-2026-000003");
    // The same mail once more is known as the new ticket's.
    let again = desk.ingest(&two, "2026-11-30T12:00:00+01:00");
    assert_eq!((&again["outcome"], &again["ticket"]), (&"duplicate".into(), &"EX-2026-000003".into()));
    // And together again.
    alice(&desk, "2026-11-30T12:00:00+01:00", &["merge", "3", "1"]);
    assert!(desk.show("1")["messages"].to_string().contains("second"));
}

#[test]
fn splitting_what_cannot_be_split_is_refused() {
    let desk = two();
    let words = refused(&desk, 1, &["split", "1", "--message", "1"]);
    assert!(words.contains("only mail"), "{words}");
    let note = write(&desk, LATER, &["note", "1"], "Internal.\n")["message"].to_string();
    let words = refused(&desk, 1, &["split", "1", "--message", &note]);
    assert!(words.contains("from outside"), "{words}");
    refused(&desk, 1, &["split", "1", "--message", "99"]);
    let foreign = desk.show("2")["messages"][0]["id"].to_string();
    let words = refused(&desk, 1, &["split", "1", "--message", &foreign]);
    assert!(words.contains("no message"), "{words}");
}

#[test]
fn an_answered_mail_that_is_split_off_owes_nothing_and_the_first_one_takes_its_clock_along() {
    let desk = two();
    let more = reply(A, "More", "more", &last_id(&desk, A));
    let message = desk.ingest(&more, LATER)["message"].to_string();
    once(&desk, "2026-11-30T18:01:00+01:00");
    let reminded = desk.sent().len();
    let first = desk.show("1")["messages"][0]["id"].to_string();
    alice(&desk, "2026-11-30T18:02:00+01:00", &["split", "1", "--message", &first]);
    let (old, new) = (desk.show("1"), desk.show("3"));
    assert_eq!(new["due_at"], "2026-12-01T18:01:00+01:00");
    assert_eq!(old["due_at"], "2026-12-01T19:00:00+01:00", "what is left counts from its own receipt");
    once(&desk, "2026-11-30T18:03:00+01:00");
    assert_eq!(desk.sent().len(), reminded, "the reminder of the first was fired before");
    alice(&desk, "2026-11-30T18:04:00+01:00", &["merge", "3", "1"]);
    write(&desk, "2026-11-30T18:04:00+01:00", &["answer", "1"], "Done.\n");
    once(&desk, "2026-11-30T18:04:00+01:00");
    alice(&desk, "2026-11-30T18:05:00+01:00", &["split", "1", "--message", &message]);
    assert!(desk.show("4")["clock_from"].is_null() && desk.show("4")["due_at"].is_null());
}

#[test]
fn links_are_made_and_taken_away_and_written_down() {
    let desk = two();
    alice(&desk, LATER, &["link", "2", "1", "--kind", "duplicate"]);
    alice(&desk, LATER, &["link", "2", "1", "--kind", "related"]);
    alice(&desk, LATER, &["link", "2", "1", "--kind", "related"]);
    let (one, two) = (desk.show("1"), desk.show("2"));
    assert_eq!(
        two["links"],
        json!([{"to": "EX-2026-000001", "kind": "duplicate"}, {"to": "EX-2026-000001", "kind": "related"}])
    );
    assert_eq!(one["links"], json!([{"to": "EX-2026-000002", "kind": "related"}]));
    assert_eq!(told(&one).iter().filter(|what| what.starts_with("linked as")).count(), 1);
    alice(&desk, LATER, &["link", "2", "1", "--kind", "related", "--remove"]);
    assert_eq!(desk.show("1")["links"], json!([]));
    refused(&desk, 2, &["link", "2", "1", "--kind", "merged"]);
}

#[test]
fn what_is_done_to_a_merged_number_is_refused_and_not_lost() {
    let desk = two();
    alice(&desk, LATER, &["merge", "2", "1"]);
    let verbs: [&[&str]; 9] = [
        &["priority", "2", "emergency"],
        &["assign", "2", "bob"],
        &["note", "2"],
        &["label", "2", "+x"],
        &["severity", "2", "high"],
        &["extent", "2", "many"],
        &["classify", "2", "fraud"],
        &["link", "2", "1", "--kind", "related"],
        &["link", "1", "2", "--kind", "related"],
    ];
    for verb in verbs {
        let words = refused(&desk, 1, verb);
        assert!(words.contains("was merged into EX-2026-000001"), "{verb:?}: {words}");
    }
    // The living ticket's reporter is somebody else.
    let words = refused(&desk, 1, &["answer", "2"]);
    let reporter = desk.show("2")["reporter"]["address"].as_str().unwrap().to_owned();
    assert!(words.contains(&format!("use that number with --to {reporter}")), "{words}");
}

#[test]
fn of_two_follow_up_dates_the_first_one_survives_a_merge() {
    for (first, second) in [("2026-11-30", "2026-12-15"), ("2026-12-15", "2026-11-30")] {
        let desk = two();
        alice(&desk, LATER, &["follow-up", "1", first]);
        alice(&desk, LATER, &["follow-up", "2", second]);
        alice(&desk, LATER, &["merge", "2", "1"]);
        assert_eq!(desk.show("1")["follow_up_at"], "2026-11-30T09:00:00+01:00", "{first} {second}");
        alice(&desk, LATER, &["unmerge", "2"]);
        assert_eq!(desk.show("1")["follow_up_at"], format!("{first}T09:00:00+01:00"));
        assert_eq!(desk.show("2")["follow_up_at"], format!("{second}T09:00:00+01:00"));
    }
}
