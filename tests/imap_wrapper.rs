//! The IMAP wrapper against a real Dovecot: what a good server must be able to rely on.
//! Faults are in `imap_faults.rs`.

mod support;

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::certs::Authority;
use support::dovecot::{Dovecot, PASSWORD, UMLAUT};
use vigie::edge::imap::{Fetched, HEAD_OCTETS, IdleEnd, ImapTrouble, Mail, Session, Timeouts, batches, probe};
use vigie::edge::tls::client_config;
use vigie::rules::settings::{Server, Tls};

const USER: &str = "csirt@example.org";
const LIMIT: u32 = 4 * 1024 * 1024;

async fn connect(dovecot: &Dovecot, server: &Server) -> Result<Session, ImapTrouble> {
    let password = if server.user.as_deref() == Some(UMLAUT.0) { UMLAUT.1 } else { PASSWORD };
    Session::connect(server, password, client_config(Some(&dovecot.ca)).unwrap(), Timeouts::default()).await
}

async fn session(dovecot: &Dovecot) -> Session {
    connect(dovecot, &dovecot.server(Tls::Implicit, USER)).await.unwrap()
}

/// A mail of about `size` octets with octets of every kind in it.
fn mail(n: usize, size: usize) -> Vec<u8> {
    let mut mail = format!("Subject: {n}\r\n\r\n").into_bytes();
    while mail.len() < size {
        mail.extend((1..=255u8).filter(|octet| !matches!(octet, b'\r' | b'\n')));
        mail.extend(b")\r\nA0004 OK {400000000}\r\n(((((\r\n");
    }
    mail
}

fn octets(fetched: Fetched) -> Vec<u8> {
    match fetched {
        Fetched::Mail(Mail { octets, whole: true }) => octets,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_begins_by_tls_starttls_or_in_clear_on_this_machine() {
    let dovecot = Dovecot::start();
    for tls in [Tls::Implicit, Tls::StartTls, Tls::None] {
        for user in [USER, UMLAUT.0] {
            let mut session = connect(&dovecot, &dovecot.server(tls, user)).await.unwrap();
            assert!(session.can.idle && session.can.moves && session.can.uidplus);
            assert_eq!(session.select("INBOX").await.unwrap().exists, 0);
            session.logout().await;
        }
    }
}

#[tokio::test]
async fn an_unknown_authority_a_wrong_name_and_a_wrong_password_are_refused() {
    let dovecot = Dovecot::start();
    let other = client_config(Some(&Authority::new().pem())).unwrap();
    for tls in [Tls::Implicit, Tls::StartTls] {
        let server = dovecot.server(tls, USER);
        let unknown = Session::connect(&server, PASSWORD, Arc::clone(&other), Timeouts::default()).await.unwrap_err();
        assert!(matches!(&unknown, ImapTrouble::Later(words) if words.contains("ca_file")), "{unknown}");

        let elsewhere = Server { host: "127.0.0.1".into(), ..server.clone() };
        let misnamed = connect(&dovecot, &elsewhere).await.unwrap_err();
        assert!(matches!(&misnamed, ImapTrouble::Later(words) if words.contains("certificate")), "{misnamed}");

        let config = client_config(Some(&dovecot.ca)).unwrap();
        let wrong = Session::connect(&server, "guess", config, Timeouts::default()).await.unwrap_err();
        assert!(matches!(&wrong, ImapTrouble::Auth(words) if words.contains("Authentication failed")), "{wrong}");
    }
}

#[tokio::test]
async fn two_hundred_mails_are_found_and_fetched_octet_for_octet_and_stay_unseen() {
    let dovecot = Dovecot::start();
    let mails: Vec<Vec<u8>> = (0..200).map(|n| mail(n, n * 97)).collect();
    mails.iter().for_each(|mail| dovecot.deliver(USER, mail));
    let mut session = session(&dovecot).await;
    let selected = session.select("INBOX").await.unwrap();
    assert_eq!((selected.exists, selected.uidnext), (200, Some(201)));
    let uids = session.search_all(&selected).await.unwrap();
    assert_eq!(uids, (1..=200).collect::<Vec<_>>());
    assert_eq!(session.search_from(&selected, 199).await.unwrap(), [199, 200]);
    assert!(session.search_from(&selected, 201).await.unwrap().is_empty());

    let metas = session.size_and_date(&[uids, vec![999]].concat()).await.unwrap();
    assert_eq!(metas.len(), 200);
    for (meta, mail) in metas.iter().zip(&mails) {
        assert_eq!(meta.size as usize, mail.len());
        assert!(meta.internaldate.is_some());
    }
    let mut fetched = Vec::new();
    for batch in batches(&metas) {
        fetched.extend(session.fetch_many(batch, LIMIT).await.unwrap());
    }
    let config = client_config(Some(&dovecot.ca)).unwrap();
    let server = dovecot.server(Tls::Implicit, USER);
    assert_eq!(probe(&server, PASSWORD, config, Timeouts::default(), "INBOX").await.unwrap(), 200);
    for (((uid, fetched), meta), mail) in fetched.into_iter().zip(&metas).zip(&mails) {
        assert_eq!(uid, meta.uid);
        assert!(octets(fetched) == *mail, "mail {uid}");
    }
    assert!(octets(session.fetch(&metas[7], LIMIT).await.unwrap()) == mails[7]);
    session.logout().await;
    for file in dovecot.files(USER, "INBOX") {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(!name.split(":2,").nth(1).unwrap_or("").contains('S'), "{name}");
    }
}

#[tokio::test]
async fn a_mail_above_the_limit_gives_its_begin_and_a_vanished_one_is_gone() {
    let dovecot = Dovecot::start();
    let large = mail(1, LIMIT as usize + 1);
    dovecot.deliver(USER, &large);
    dovecot.deliver(USER, b"Subject: small\r\n\r\n");
    let mut session = session(&dovecot).await;
    session.select("INBOX").await.unwrap();
    let metas = session.size_and_date(&[1, 2]).await.unwrap();
    let fetched = session.fetch_many(&metas, LIMIT).await.unwrap();
    let Fetched::Mail(begin) = &fetched[0].1 else { panic!("{fetched:?}") };
    assert!(!begin.whole && begin.octets == large[..HEAD_OCTETS as usize]);
    assert_eq!(octets(fetched[1].1.clone()), b"Subject: small\r\n\r\n");

    dovecot.doveadm(&["expunge", "-u", USER, "mailbox", "INBOX", "all"]);
    // The server may tell before or within the command: gone, or refused, never an empty mail.
    for meta in &metas {
        let fetched = session.fetch(meta, LIMIT).await.unwrap();
        assert!(matches!(fetched, Fetched::Gone | Fetched::Refused(_)), "{fetched:?}");
    }
    assert_eq!(session.size_and_date(&[1, 2]).await.unwrap(), []);
    assert_eq!(session.move_to(&[1, 2], "Vigie/Filed").await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_delivery_ends_the_wait_within_a_second() {
    let dovecot = Dovecot::start();
    dovecot.deliver(USER, &mail(1, 10));
    let mut session = session(&dovecot).await;
    let selected = session.select("INBOX").await.unwrap();
    session.search_all(&selected).await.unwrap();
    let deliver = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        dovecot.deliver(USER, &mail(2, 10));
        Instant::now()
    };
    // As the daemon does, in a task of its own.
    let wait = tokio::spawn(async move {
        let end = session.idle(Duration::from_secs(20), pending()).await;
        (session, end)
    });
    let (waited, delivered) = tokio::join!(wait, deliver);
    let (mut session, end) = waited.unwrap();
    assert_eq!(end.unwrap(), IdleEnd::News);
    assert!(delivered.elapsed() < Duration::from_secs(2), "{:?}", delivered.elapsed());
    // Still news, until somebody looks.
    assert_eq!(session.idle(Duration::from_secs(20), pending()).await.unwrap(), IdleEnd::News);
    assert_eq!(session.search_from(&selected, 2).await.unwrap(), [2]);
    assert_eq!(session.idle(Duration::from_millis(200), pending()).await.unwrap(), IdleEnd::Time);
    assert_eq!(session.idle(Duration::from_secs(20), async {}).await.unwrap(), IdleEnd::Bell);
    assert_eq!(session.select("INBOX").await.unwrap().exists, 2);
}

#[tokio::test]
async fn filed_mail_moves_with_its_flags_and_moving_twice_does_no_harm() {
    let plain = "imap_capability = IMAP4rev1 UIDPLUS IDLE";
    let below = "namespace inbox {\n prefix = INBOX.\n separator = .\n}";
    let slash = "namespace inbox {\n separator = /\n}";
    for config in ["", plain, below, slash] {
        let dovecot = Dovecot::with(config);
        let mails: Vec<Vec<u8>> = (0..4).map(|n| mail(n, 50)).collect();
        mails.iter().for_each(|mail| dovecot.deliver(USER, mail));
        dovecot.doveadm(&["flags", "add", "-u", USER, "\\Flagged", "mailbox", "INBOX", "uid", "2"]);
        // What an analyst has marked as deleted is not ours to expunge.
        dovecot.doveadm(&["flags", "add", "-u", USER, "\\Deleted", "mailbox", "INBOX", "uid", "4"]);
        let mut session = session(&dovecot).await;
        assert_eq!(session.can.moves, config != plain);
        session.select("INBOX").await.unwrap();
        assert_eq!(session.move_to(&[1, 2], "Vigie/Filed").await.unwrap(), [1, 2], "{config}");
        assert_eq!(session.move_to(&[1, 2, 3, 9], "Vigie/Filed").await.unwrap(), [1, 2, 3, 9]);
        assert_eq!(session.examine("Vigie/Filed").await.unwrap().exists, 3);
        assert_eq!(session.select("INBOX").await.unwrap().exists, 1);
        let mut filed = dovecot.messages(USER, "Vigie/Filed");
        filed.sort();
        assert!(filed == mails[..3]);
        let names = format!("{:?}", dovecot.files(USER, "Vigie/Filed"));
        assert_eq!(names.matches(":2,F").count(), 1, "{names}");
        assert_eq!(dovecot.messages(USER, "INBOX").len(), 1);
    }
}

#[tokio::test]
async fn without_move_and_uidplus_mail_stays_where_it_is() {
    let dovecot = Dovecot::with("imap_capability = IMAP4rev1 IDLE");
    dovecot.deliver(USER, &mail(1, 50));
    let mut session = session(&dovecot).await;
    session.select("INBOX").await.unwrap();
    let words = session.move_to(&[1], "Vigie/Filed").await.unwrap_err();
    assert!(matches!(words, ImapTrouble::Cannot(_)), "{words}");
    assert!(session.is_alive());
    assert_eq!(dovecot.messages(USER, "INBOX").len(), 1);
}

#[tokio::test]
async fn a_missing_folder_is_told_apart_and_a_foreign_name_is_found() {
    let dovecot = Dovecot::start();
    let mut session = session(&dovecot).await;
    for missing in ["Sent", "100%", "*", "a\"b\\c"] {
        let none = session.select(missing).await.unwrap_err();
        assert!(matches!(&none, ImapTrouble::NoFolder(words) if words.contains(missing)), "{none}");
    }
    for name in ["Sent", "Éléments envoyés & \"autres\""] {
        dovecot.doveadm(&["mailbox", "create", "-u", USER, name]);
        assert_eq!(session.select(name).await.unwrap().exists, 0);
    }
    session.select("INBOX").await.unwrap();
    dovecot.doveadm(&["mailbox", "delete", "-u", USER, "Sent"]);
    let removed = session.select("Sent").await.unwrap_err();
    assert!(matches!(removed, ImapTrouble::NoFolder(_)), "{removed}");
    assert!(session.is_alive());
}

#[tokio::test]
async fn a_folder_made_anew_has_another_uidvalidity() {
    let dovecot = Dovecot::start();
    dovecot.doveadm(&["mailbox", "create", "-u", USER, "Reports"]);
    let mut session = session(&dovecot).await;
    let before = session.select("Reports").await.unwrap();
    assert_eq!(session.select("Reports").await.unwrap().uidvalidity, before.uidvalidity);
    dovecot.doveadm(&["mailbox", "delete", "-u", USER, "Reports"]);
    // Dovecot takes the second for the number.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    dovecot.doveadm(&["mailbox", "create", "-u", USER, "Reports"]);
    let after = match session.select("Reports").await {
        Ok(selected) => selected,
        // Dovecot may close the connection of who had a deleted folder open.
        Err(_) => self::session(&dovecot).await.select("Reports").await.unwrap(),
    };
    assert_ne!(after.uidvalidity, before.uidvalidity);
}
