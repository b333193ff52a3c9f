//! The IMAP wrapper against servers that fail, lie and attack (T87-T95): each fault ends in
//! words within the time limit, no half reply is taken for a whole one, and a broken session
//! is never used again.

mod support;

use std::future::pending;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use support::certs::Authority;
use support::imap::Act::{Chatter, Drip, Hang, Hear};
use support::imap::{Act, Scripted, login, login_with, say, selected};
use vigie::edge::imap::{Fetched, IdleEnd, ImapTrouble, Meta, Selected, Session, Timeouts};
use vigie::edge::tls::client_config;
use vigie::rules::settings::Tls;

/// For servers that answer.
const LONG: Timeouts = Timeouts { connect: Duration::from_secs(20), command: Duration::from_secs(20) };
/// For servers that do not.
const SHORT: Timeouts = Timeouts { connect: Duration::from_millis(800), command: Duration::from_millis(800) };
const LIMIT: u32 = 1024 * 1024;

/// Reading the machine's authorities takes long; here they matter to nothing.
static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::new);
static CONFIG: LazyLock<Arc<rustls::ClientConfig>> = LazyLock::new(|| client_config(Some(&AUTHORITY.pem())).unwrap());

async fn connect(server: &Scripted, tls: Tls, timeouts: Timeouts) -> Result<Session, ImapTrouble> {
    Session::connect(&server.server(tls), "secret", Arc::clone(&CONFIG), timeouts).await
}

/// A session with INBOX selected, on a server that goes on with `acts`.
async fn inbox(acts: Vec<Act>) -> (Scripted, Session, Selected) {
    inbox_within(LONG, acts).await
}

async fn inbox_within(timeouts: Timeouts, acts: Vec<Act>) -> (Scripted, Session, Selected) {
    let server = Scripted::start([selected(), acts].concat());
    let mut session = connect(&server, Tls::None, timeouts).await.unwrap();
    let selected = session.select("INBOX").await.unwrap();
    assert_eq!((selected.uidvalidity, selected.exists), (7, 3));
    (server, session, selected)
}

fn meta(uid: u32) -> Meta {
    Meta { uid, size: 10, internaldate: None }
}

/// The fault is told in words that hold `hint`, and the session is dead afterwards.
fn assert_dead<T: std::fmt::Debug>(session: &Session, result: Result<T, ImapTrouble>, hint: &str) {
    match result {
        Err(ImapTrouble::Later(words)) => assert!(words.contains(hint) && words.len() < 400, "{words}"),
        other => panic!("{other:?} for {hint}"),
    }
    assert!(!session.is_alive());
}

#[tokio::test]
async fn a_refused_search_is_an_error_and_not_an_empty_mailbox() {
    for (reply, alive) in [
        ("{tag} NO [SERVERBUG] no index\r\n", true),
        ("* SEARCH\r\n{tag} NO later\r\n", true),
        ("* SEARCH 1 2\r\n{tag} BAD what\r\n", true),
        ("* SEARCH 1 2\r\nX9 OK done\r\n", false),
        ("* SEARCH 1 2\r\n", false),
        ("* SEARCH 1 2 99999999999\r\n{tag} OK\r\n", false),
        ("* SEARCH 1 2", false),
        ("", false),
    ] {
        let (_server, mut session, selected) = inbox(vec![Hear("UID SEARCH UID 1:*"), say(reply)]).await;
        let result = session.search_all(&selected).await;
        assert!(matches!(result, Err(ImapTrouble::Later(_))), "{reply}: {result:?}");
        assert_eq!(session.is_alive(), alive, "{reply}");
    }
}

#[tokio::test]
async fn a_session_cut_at_any_octet_gives_an_error_and_no_shorter_result() {
    async fn whole(server: &Scripted) -> Result<(Vec<u32>, Vec<Meta>, Vec<(u32, Fetched)>), ImapTrouble> {
        let mut session = connect(server, Tls::None, LONG).await?;
        let selected = session.select("INBOX").await?;
        let uids = session.search_all(&selected).await?;
        let metas = session.size_and_date(&uids).await?;
        let mails = session.fetch_many(&metas, LIMIT).await?;
        Ok((uids, metas, mails))
    }
    let date = "INTERNALDATE \" 1-Jan-2026 00:00:00 +0000\"";
    let script = [
        selected(),
        vec![
            Hear("UID SEARCH"),
            say("* SEARCH 1 3\r\n{tag} OK\r\n"),
            Hear("RFC822.SIZE"),
            say(format!("* 1 FETCH (UID 1 RFC822.SIZE 4 {date})\r\n* 3 FETCH (UID 3 RFC822.SIZE 5 {date})\r\n{{tag}} OK\r\n")),
            Hear("BODY.PEEK[]"),
            say("* 1 FETCH (UID 1 BODY[] {4}\r\nab\r\n)\r\n* 3 FETCH (UID 3 BODY[] {5}\r\n)\r\nA1)\r\n{tag} OK done\r\n"),
        ],
    ]
    .concat();
    let (uids, metas, mails) = whole(&Scripted::start(script.clone())).await.unwrap();
    assert_eq!((uids.as_slice(), metas.len(), mails.len()), (&[1, 3][..], 2, 2));
    assert!(mails.iter().all(|(_, fetched)| matches!(fetched, Fetched::Mail(mail) if mail.whole)));
    // What tags take the place of is as long as "{tag}".
    let length: usize = script.iter().map(|act| if let Act::Say(text) = act { text.len() } else { 0 }).sum();
    for octets in 0..length {
        let cut = whole(&Scripted::cut(script.clone(), octets)).await;
        assert!(matches!(&cut, Err(ImapTrouble::Later(_))), "after {octets} octets: {cut:?}");
    }
    assert!(whole(&Scripted::cut(script, length)).await.is_ok());
}

#[tokio::test]
async fn idle_that_is_refused_does_not_hang() {
    for reply in ["{tag} NO not now\r\n", "{tag} BAD what\r\n", "* OK hm\r\n{tag} NO\r\n"] {
        let acts = vec![Hear("IDLE"), say(reply), Hear("SEARCH"), say("* SEARCH 1\r\n{tag} OK\r\n")];
        let (_server, mut session, selected) = inbox(acts).await;
        assert_eq!(session.idle(Duration::from_secs(60), pending()).await.unwrap(), IdleEnd::Refused);
        assert_eq!(session.search_all(&selected).await.unwrap(), [1]);
        assert_eq!(session.idle(Duration::from_secs(60), pending()).await.unwrap(), IdleEnd::Refused);
    }
    let (_server, mut session, _) = inbox_within(SHORT, vec![Hear("IDLE"), Hang]).await;
    let result = session.idle(Duration::from_secs(60), pending()).await;
    assert_dead(&session, result, "no answer within");
}

#[tokio::test]
async fn chatter_does_not_lengthen_the_wait() {
    for line in ["* OK Still here\r\n", "* 3 EXISTS\r\n", "* 1 FETCH (FLAGS (\\Seen))\r\n"] {
        // DONE is read by nobody while the server talks: the wait ends on time, then the session.
        let acts = vec![Hear("IDLE"), say("+ idling\r\n"), Chatter(line, Duration::from_millis(5))];
        let (_server, mut session, _) = inbox_within(SHORT, acts).await;
        let start = Instant::now();
        let result = session.idle(Duration::from_millis(500), pending()).await;
        assert!(start.elapsed() < Duration::from_secs(10), "{line}: {:?}", start.elapsed());
        assert_dead(&session, result, "end of IDLE");
    }
    let (_server, mut session, _) = inbox(vec![
        Hear("IDLE"),
        say("+ idling\r\n"),
        say("* OK Still here\r\n* OK Still here\r\n"),
        Hear("DONE"),
        say("{tag} OK\r\n"),
    ])
    .await;
    assert_eq!(session.idle(Duration::from_millis(300), pending()).await.unwrap(), IdleEnd::Time);
    assert!(session.is_alive());
}

#[tokio::test]
async fn mail_that_comes_between_done_and_idle_is_not_slept_over() {
    let (server, mut session, selected) = inbox(vec![
        Hear("SEARCH"),
        say("* SEARCH 1 2 3\r\n* 4 EXISTS\r\n{tag} OK\r\n"),
        Hear("SEARCH"),
        say("* SEARCH 1 2 3 4\r\n{tag} OK\r\n"),
        Hear("IDLE"),
        say("+\r\n"),
        Hear("DONE"),
        say("* 5 EXISTS\r\n{tag} OK\r\n"),
    ])
    .await;
    session.search_all(&selected).await.unwrap();
    assert_eq!(session.idle(Duration::from_secs(60), pending()).await.unwrap(), IdleEnd::News);
    session.search_all(&selected).await.unwrap();
    assert_eq!(session.idle(Duration::from_secs(60), async {}).await.unwrap(), IdleEnd::Bell);
    assert_eq!(session.idle(Duration::from_secs(60), pending()).await.unwrap(), IdleEnd::News);
    assert!(server.fault.lock().unwrap().is_none());
}

#[tokio::test]
async fn bye_and_a_closed_connection_end_the_session() {
    for (acts, hint) in [
        (vec![Hear("IDLE"), say("+\r\n* BYE [UNAVAILABLE] going \x1b[2J down\r\n")], "going <U+001B>[2J down"),
        (vec![Hear("IDLE"), say("+\r\n")], "closed the connection"),
        (vec![Hear("IDLE"), say("+\r\n* 4 EX")], "middle of a reply"),
        (vec![Hear("IDLE"), say("+\r\n* 4 EXISTS\r\n")], "end of IDLE"),
    ] {
        let (_server, mut session, selected) = inbox(acts).await;
        let result = session.idle(Duration::from_secs(60), pending()).await;
        assert_dead(&session, result, hint);
        let again = session.search_all(&selected).await;
        assert_dead(&session, again, "the connection is closed");
    }
    let (_server, mut session, _) = inbox(vec![Hear("FETCH"), say("* BYE overloaded\r\n{tag} OK\r\n")]).await;
    let result = session.size_and_date(&[1]).await;
    assert_dead(&session, result, "overloaded");
}

#[tokio::test]
async fn no_password_leaves_before_tls() {
    for (reply, hint) in [
        ("{tag} NO not here\r\n", "refuses STARTTLS"),
        ("{tag} BAD unknown\r\n", "refuses STARTTLS"),
        ("* BYE\r\n", ""),
        ("", ""),
    ] {
        let server = Scripted::start(vec![say("* OK ready\r\n"), Hear("STARTTLS"), say(reply), Hang]);
        let result = connect(&server, Tls::StartTls, SHORT).await.map(|_| ());
        assert!(matches!(&result, Err(ImapTrouble::Later(words)) if words.contains(hint)), "{result:?}");
        assert!(!server.transcript().contains("LOGIN"), "{}", server.transcript());
    }
}

#[tokio::test]
async fn what_came_before_tls_is_not_taken_for_something_said_under_it() {
    let issued = AUTHORITY.issue("127.0.0.1");
    // An answer to the login and to what follows, put in by somebody on the way.
    let injected = "{tag} OK go\r\nA0001 OK in\r\n* CAPABILITY IMAP4rev1 MOVE\r\nA0002 OK\r\nA0001 OK\r\n";
    for reply in ["{tag} OK go\r\n", injected] {
        let server = Scripted::start(vec![
            say("* OK ready\r\n"),
            Hear("STARTTLS"),
            say(reply),
            Act::Tls(issued.clone()),
            Hear("LOGIN"),
            say("{tag} OK in\r\n"),
            Hear("CAPABILITY"),
            say("* CAPABILITY IMAP4rev1 IDLE\r\n{tag} OK\r\n"),
            Hang,
        ]);
        let session = connect(&server, Tls::StartTls, LONG).await.unwrap();
        assert!(session.can.idle && !session.can.moves);
    }
    // And without TLS behind it nothing at all is said.
    let server = Scripted::start(vec![say("* OK ready\r\n"), Hear("STARTTLS"), say(injected), Hang]);
    assert!(matches!(connect(&server, Tls::StartTls, SHORT).await, Err(ImapTrouble::Later(_))));
    assert_eq!(server.transcript(), "STARTTLS");
}

#[tokio::test]
async fn preauth_and_foreign_greetings_are_refused() {
    for (greeting, hint) in [
        ("* PREAUTH welcome back\r\n", "PREAUTH"),
        ("* BYE too many\r\n", "too many"),
        ("* NO\r\n", "no reason given"),
        ("220 mail.example.org ESMTP\r\n", "no IMAP"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "no IMAP"),
        ("* 1 EXISTS\r\n", "no IMAP server"),
        ("", "closed"),
    ] {
        for tls in [Tls::None, Tls::StartTls] {
            let server = Scripted::start(vec![say(greeting)]);
            let result = connect(&server, tls, LONG).await.map(|_| ());
            assert!(
                matches!(&result, Err(ImapTrouble::Later(words)) if words.contains(hint)),
                "{greeting}: {result:?}"
            );
            assert_eq!(server.transcript(), "");
        }
    }
}

#[tokio::test]
async fn a_login_is_refused_for_good_or_for_now() {
    for (reply, auth) in [
        ("{tag} NO [AUTHENTICATIONFAILED] wrong\r\n", true),
        ("{tag} NO wrong\r\n", true),
        ("{tag} NO [UNAVAILABLE] directory is down\r\n", false),
        ("{tag} NO [LIMIT] too many\r\n", false),
        ("* BYE\r\n", false),
    ] {
        let server = Scripted::start(vec![say("* OK ready\r\n"), Hear("LOGIN \"csirt\" \"secret\""), say(reply)]);
        let result = connect(&server, Tls::None, LONG).await.map(|_| ()).unwrap_err();
        assert_eq!(matches!(result, ImapTrouble::Auth(_)), auth, "{reply}: {result:?}");
        assert!(!result.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn a_slow_or_silent_server_is_left_on_time() {
    let drip = Drip(
        "* OK this greeting takes its time ........................................\r\n",
        Duration::from_millis(400),
    );
    for acts in [
        vec![drip],
        vec![Hang],
        vec![say("* OK\r\n"), Hear("LOGIN"), Hang],
        vec![Chatter("* OK wait\r\n", Duration::ZERO)],
    ] {
        let server = Scripted::start(acts);
        let start = Instant::now();
        let result = connect(&server, Tls::None, SHORT).await.map(|_| ());
        assert!(matches!(result, Err(ImapTrouble::Later(_))), "{result:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    for acts in [
        vec![Hear("SEARCH"), Hang],
        vec![Hear("SEARCH"), say("* SEARCH 1 2 3"), Hang],
        vec![Hear("SEARCH"), Drip("* SEARCH 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18", Duration::from_millis(400))],
        vec![Hear("SEARCH"), Chatter("* OK wait\r\n", Duration::from_millis(1))],
    ] {
        let (_server, mut session, selected) = inbox_within(SHORT, acts).await;
        let start = Instant::now();
        let result = session.search_all(&selected).await;
        assert_dead(&session, result, "SEARCH");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_mail_for_another_uid_is_not_taken_for_ours() {
    for reply in [
        "* 1 FETCH (UID 2 BODY[] {2}\r\nab)\r\n{tag} OK\r\n",
        "* 1 FETCH (BODY[] {2}\r\nab)\r\n{tag} OK\r\n",
        "* 1 FETCH (UID 1 BODY[] {2}\r\nab)\r\n* 2 FETCH (UID 2 BODY[] {2}\r\ncd)\r\n{tag} OK\r\n",
    ] {
        let (_server, mut session, _) = inbox(vec![Hear("UID FETCH 1 (UID BODY.PEEK[])"), say(reply)]).await;
        let result = session.fetch(&meta(1), LIMIT).await;
        assert_dead(&session, result, "not asked for");
    }
    // Flags of other mails may come at any time.
    let reply = "* 2 FETCH (FLAGS (\\Seen))\r\n* 3 FETCH (UID 3 FLAGS ())\r\n* 2 EXPUNGE\r\n* 1 FETCH (FLAGS () UID 1 BODY[] {2}\r\nab)\r\n{tag} OK\r\n";
    let (_server, mut session, _) = inbox(vec![Hear("UID FETCH 1"), say(reply)]).await;
    let Fetched::Mail(mail) = session.fetch(&meta(1), LIMIT).await.unwrap() else { panic!() };
    assert_eq!(mail.octets, b"ab");
}

#[tokio::test]
async fn a_mail_that_the_server_cannot_give_does_not_keep_the_others_back() {
    let (_server, mut session, _) = inbox(vec![
        Hear("UID FETCH 1:3 (UID BODY.PEEK[])"),
        say("* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n{tag} NO [SERVERBUG] broken\r\n"),
        Hear("UID FETCH 2 "),
        say("{tag} NO [SERVERBUG] broken\r\n"),
        Hear("UID FETCH 3 "),
        say("* 3 FETCH (UID 3 BODY[] \"c\")\r\n{tag} OK\r\n"),
        Hear("UID FETCH 4:5 "),
        say("* 1 FETCH (UID 4 BODY[] NIL)\r\n{tag} OK\r\n"),
        Hear("UID FETCH 4 "),
        say("* 1 FETCH (UID 4 BODY[] NIL)\r\n{tag} OK\r\n"),
    ])
    .await;
    let fetched = session.fetch_many(&[meta(1), meta(2), meta(3)], LIMIT).await.unwrap();
    assert!(matches!(&fetched[0], (1, Fetched::Mail(mail)) if mail.octets == b"a"));
    assert!(matches!(&fetched[1], (2, Fetched::Refused(words)) if words.contains("broken")), "{fetched:?}");
    assert!(matches!(&fetched[2], (3, Fetched::Mail(mail)) if mail.octets == b"c"));
    let fetched = session.fetch_many(&[meta(4), meta(5)], LIMIT).await.unwrap();
    assert!(matches!(fetched[..], [(4, Fetched::Refused(_)), (5, Fetched::Gone)]), "{fetched:?}");
}

#[tokio::test]
async fn replies_that_would_take_the_process_down_end_the_session() {
    let deep = format!("* 1 FETCH (UID 1 BODYSTRUCTURE {}\r\n", "(".repeat(400_000));
    let many = "* OK wait\r\n".repeat(400_000);
    let long = format!("* SEARCH{}\r\n", " 1".repeat(3_000_000));
    for (reply, hint) in [
        ("* 1 FETCH (UID 1 BODY[] {400000000}\r\n", "larger than was asked for"),
        ("* 1 FETCH (UID 1 BODY[] {4294967296}\r\n", "larger than was asked for"),
        ("* 1 FETCH (UID 1 BODY[] {99999999999999999999999999}\r\n", "literal"),
        ("* 1 FETCH (UID 1 BODY[] {-1}\r\n", "cut"),
        ("* 1 FETCH (UID 1 ENVELOPE {4}\r\n", "none belongs"),
        (deep.as_str(), "parentheses"),
        (long.as_str(), "line that is too long"),
        (many.as_str(), "more than was asked for"),
        // These make the parser panic.
        ("* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n{tag} OK\r\n", "no IMAP"),
        ("{tag} OK [ALERT]\u{e9}t\u{e9}\r\n", "no IMAP"),
        ("* 1 FETCH (UID 1 BODY[] {1}\r\nsecret of a mail\r\n{tag} OK\r\n", "cut"),
        ("* what is this secret\r\n{tag} OK\r\n", "no IMAP"),
        ("* 1 FETCH (UID 1 secret \r\n", "cut"),
    ] {
        let (_server, mut session, _) = inbox(vec![Hear("UID FETCH"), say(reply), Hang]).await;
        let result = session.fetch(&meta(1), LIMIT).await;
        let shown = format!("{result:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert_dead(&session, result, hint);
    }
}

#[tokio::test]
async fn a_folder_without_uidvalidity_is_refused_and_one_without_stable_uids_is_told() {
    for (reply, good) in [
        ("* 1 EXISTS\r\n{tag} OK\r\n", false),
        ("* OK [UIDVALIDITY 0] x\r\n{tag} OK\r\n", false),
        ("* OK [UIDVALIDITY 1] x\r\n{tag} NO\r\n", false),
        ("* OK [UIDVALIDITY 1] x\r\n* NO [UIDNOTSTICKY] x\r\n{tag} OK\r\n", true),
    ] {
        let server = Scripted::start([login(), vec![Hear("SELECT"), say(reply)]].concat());
        let result = connect(&server, Tls::None, LONG).await.unwrap().select("INBOX").await;
        assert_eq!(result.as_ref().is_ok_and(|selected| selected.unstable), good, "{reply}: {result:?}");
    }
}

#[tokio::test]
async fn a_move_is_believed_only_when_the_mail_is_gone() {
    let list = "* LIST (\\Noselect) \"/\" \"\"\r\n{tag} OK\r\n";
    let (server, mut session, _) = inbox(vec![
        Hear("LIST \"\" \"\""),
        say(list),
        Hear("LIST \"\" \"Filed\""),
        say("* LIST () \"/\" Filed\r\n{tag} OK\r\n"),
        Hear("UID MOVE 1:2 \"Filed\""),
        say("{tag} OK done\r\n"),
        Hear("UID SEARCH UID 1:2"),
        say("* SEARCH 2\r\n{tag} OK\r\n"),
        Hear("UID MOVE 2 \"Filed\""),
        say("{tag} NO [OVERQUOTA] full\r\n"),
        Hear("UID SEARCH UID 2"),
        say("* SEARCH 2\r\n{tag} OK\r\n"),
    ])
    .await;
    assert_eq!(session.move_to(&[1, 2], "Filed").await.unwrap(), [1]);
    let full = session.move_to(&[2], "Filed").await.unwrap_err();
    assert!(full.to_string().contains("[OVERQUOTA] full"), "{full}");
    assert!(session.is_alive() && server.fault.lock().unwrap().is_none());
}

#[tokio::test]
async fn without_move_nothing_is_deleted_that_was_not_copied() {
    let script = [
        login_with("UIDPLUS"),
        vec![
            Hear("SELECT"),
            say("* OK [UIDVALIDITY 1] x\r\n{tag} OK\r\n"),
            Hear("LIST"),
            say("* LIST () \"/\" \"\"\r\n{tag} OK\r\n"),
            Hear("LIST"),
            say("* LIST () \"/\" Filed\r\n{tag} OK\r\n"),
            Hear("UID COPY 1 \"Filed\""),
            say("{tag} NO full\r\n"),
            Hear("UID SEARCH"),
            say("* SEARCH 1\r\n{tag} OK\r\n"),
            Hang,
        ],
    ]
    .concat();
    let server = Scripted::start(script);
    let mut session = connect(&server, Tls::None, LONG).await.unwrap();
    session.select("INBOX").await.unwrap();
    assert!(session.move_to(&[1], "Filed").await.unwrap_err().to_string().contains("full"));
    assert!(!server.transcript().contains("STORE") && !server.transcript().contains("EXPUNGE"));
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_leaves_no_session_to_misread() {
    let (_server, mut session, selected) = inbox(vec![Hear("SEARCH"), Hang]).await;
    let dropped = tokio::time::timeout(Duration::from_millis(100), session.search_all(&selected)).await;
    assert!(dropped.is_err() && !session.is_alive());
}

#[tokio::test]
async fn alerts_of_the_server_reach_a_person_and_are_few() {
    let alert = "* OK [ALERT] disk \x07 is full\r\n".repeat(50);
    let (_server, mut session, selected) = inbox(vec![Hear("SEARCH"), say(format!("{alert}{{tag}} OK\r\n"))]).await;
    session.search_all(&selected).await.unwrap();
    assert_eq!(session.take_alerts(), ["disk <U+0007> is full"; 5]);
    assert!(session.take_alerts().is_empty());
}

#[tokio::test]
async fn a_huge_mailbox_is_searched_in_steps() {
    let script = [
        login(),
        vec![
            Hear("SELECT"),
            say("* 25000 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 25001] x\r\n{tag} OK\r\n"),
            Hear("UID SEARCH UID 1:10000"),
            say("* SEARCH 1\r\n{tag} OK\r\n"),
            Hear("UID SEARCH UID 10001:20000"),
            say("* SEARCH 10001\r\n{tag} OK\r\n"),
            Hear("UID SEARCH UID 20001:*"),
            say("* SEARCH 25000\r\n{tag} OK\r\n"),
            Hear("UID SEARCH UID 25001:*"),
            // The last mail, as the standard has it, though it is below what was asked.
            say("* SEARCH 25000\r\n{tag} OK\r\n"),
        ],
    ]
    .concat();
    let server = Scripted::start(script);
    let mut session = connect(&server, Tls::None, LONG).await.unwrap();
    let selected = session.select("INBOX").await.unwrap();
    assert_eq!(session.search_all(&selected).await.unwrap(), [1, 10_001, 25_000]);
    assert!(session.search_from(&selected, 25_001).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_one_answer_leaves_out_is_asked_for_again_and_only_a_search_says_gone() {
    use vigie::arrive::intake::{Found, Look, Pace, Watch, sync};
    use vigie::rules::settings::{Existing, Mailbox, Source};
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(vigie::store::Store::open(&folder.path().join("v.db"), None).unwrap());
    let mailbox = Mailbox {
        name: "csirt".into(),
        addresses: Vec::new(),
        kind: vigie::rules::ticket::Kind::Incident,
        source: Source::Maildir { path: "x".into(), filed_folder: String::new() },
        existing: Existing::Work,
    };
    let role = vigie::store::spool::Role::Inbox;
    let watch = Watch { mailbox, folder: "INBOX".into(), role, message_bytes: 1 << 20 };
    let now = "2026-11-27T18:01:00Z".parse().unwrap();
    let look = Look { now, pace: Pace::Batches, progress: &|_, _| {} };
    let (server, mut session, selected) = inbox(vec![
        Hear("UID SEARCH"),
        say("* SEARCH 1 2 3\r\n{tag} OK\r\n"),
        Hear("UID SEARCH"),
        say("* SEARCH 1 2 3\r\n{tag} OK\r\n"),
        // Neither 1 nor 2 is told of.
        Hear("RFC822.SIZE"),
        say("* 3 FETCH (UID 3 RFC822.SIZE 1)\r\n{tag} OK\r\n"),
        Hear("BODY.PEEK[]"),
        say("* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n{tag} OK\r\n"),
        // 1 is gone, 2 is not.
        Hear("UID SEARCH"),
        say("* SEARCH 2 3\r\n{tag} OK\r\n"),
        Hear("UID FETCH 2 (UID RFC822.SIZE"),
        say("* 1 FETCH (UID 2 RFC822.SIZE 1)\r\n{tag} OK\r\n"),
        Hear("UID FETCH 2 (UID BODY.PEEK[])"),
        say("* 1 FETCH (UID 2 BODY[] {1}\r\nb)\r\n{tag} OK\r\n"),
    ])
    .await;
    let found = sync(&mut session, &selected, &store, &watch, look).await;
    assert!(server.fault.lock().unwrap().is_none(), "{:?}", server.fault.lock().unwrap());
    assert_eq!(found.unwrap(), Found { came: 2, gone: 1, renumbered: 0 });
}
