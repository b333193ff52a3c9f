//! The five mails of the demo, as their senders' programs would have made them.
//!
//! The encrypted ones are written by our own composer with the sender's key; a forwarded mail and
//! a machine report, which Vigie never writes, are put together here. Hostile data: none; the
//! phishing mail is harmless and its names are reserved ones. Failure: words.

use super::people::Person;
use crate::edge::mime::{self, Attach, Disposition, Outgoing, Protection};
use crate::rules::address::Address;
use crate::rules::settings::Language;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Zoned;

/// What Camille reports; nothing of it may ever leave in clear.
pub(super) const SUBJECT_1: &str = "[TLP:GREEN] Panel open to all";
/// The urgent one: the tag stands in the encrypted subject alone.
pub(super) const SUBJECT_2: &str = "[URGENT] Rançongiciel en cours";
/// The forwarded one, which came in clear.
pub(super) const SUBJECT_3: &str = "[TLP:AMBER] Phishing of students";
/// The file in the first mail.
pub(super) const LOG_NAME: &str = "access.log";
/// The forwarded mail, as Lena's mail program names it.
pub(super) const FORWARDED_NAME: &str = "phishing.eml";
/// The file that Lena adds.
pub(super) const CLICKS_NAME: &str = "clicks.csv";

/// 1: encrypted and signed, with a log.
pub(super) fn signed_report(from: &Person, team: &Person, at: &Zoned) -> Result<Vec<u8>, String> {
    let text = "Hello,\n\n\
        the administration panel of our supplier answers to anybody:\n\n  \
        https://panel.supplier.example.com/admin/ (203.0.113.45)\n\n\
        Somebody has been looking at it since this morning, see the log.\n\n\
        Camille, Example Corp, +33 1 99 00 11 22\n";
    let log = Attach {
        name: LOG_NAME.to_owned(),
        content_type: "text/plain".to_owned(),
        bytes: log(),
        disposition: Disposition::Attachment,
    };
    encrypted(
        from,
        &team.address,
        &team.certificate,
        Words { subject: SUBJECT_1, text, language: Language::En },
        vec![log],
        at,
    )
}

/// The octets of the log.
pub(super) fn log() -> Vec<u8> {
    b"198.51.100.7 - - [30/Apr/2025:08:12:04 +0200] \"GET /admin/ HTTP/1.1\" 200 5120\n\
      198.51.100.7 - - [30/Apr/2025:08:12:31 +0200] \"POST /admin/export HTTP/1.1\" 200 881204\n"
        .to_vec()
}

/// 2: urgent, which only the encrypted subject says.
pub(super) fn urgent_report(from: &Person, team: &Person, at: &Zoned) -> Result<Vec<u8>, String> {
    let text = "Bonjour,\n\n\
        nos serveurs de fichiers sont en train d'être chiffrés depuis 17 h 30.\n\
        Les machines appellent 198.51.100.99. Que devons-nous couper en premier ?\n\n\
        Noor, +33 1 99 00 33 44\n";
    encrypted(
        from,
        &team.address,
        &team.certificate,
        Words { subject: SUBJECT_2, text, language: Language::Fr },
        vec![],
        at,
    )
}

/// 5: encrypted, but to a key that the team does not have.
pub(super) fn wrong_key_report(
    from: &Person,
    team: &Address,
    stranger: &Person,
    at: &Zoned,
) -> Result<Vec<u8>, String> {
    let text = "Hello,\n\nplease find our findings below.\n";
    encrypted(
        from,
        team,
        &stranger.certificate,
        Words { subject: "Findings", text, language: Language::En },
        vec![],
        at,
    )
}

/// What a reporter writes.
struct Words {
    subject: &'static str,
    text: &'static str,
    language: Language,
}

/// A mail that is signed, then encrypted to one certificate, with its subject inside.
fn encrypted(
    from: &Person,
    to: &Address,
    certificate: &[u8],
    words: Words,
    attachments: Vec<Attach>,
    at: &Zoned,
) -> Result<Vec<u8>, String> {
    let mail = Outgoing {
        from_name: from.name.to_owned(),
        from: from.address.clone(),
        to: vec![to.clone()],
        subject: words.subject.to_owned(),
        message_id: message_id(&from.address, at),
        in_reply_to: None,
        references: Vec::new(),
        date: at.clone(),
        auto_submitted: None,
        suppress_auto_response: false,
        text: words.text.to_owned(),
        language: words.language,
        attachments,
    };
    let recipients = [certificate.to_vec()];
    let protection = Protection::Encrypted { recipients: &recipients };
    let octets = mime::compose(&mail, protection, &from.keys, at.timestamp()).map_err(|e| e.to_string())?;
    Ok([trace(&from.address, at).as_bytes(), &octets].concat())
}

/// 3: somebody forwards a phishing mail whole, as an attachment.
pub(super) fn forwarded_phishing(from: &Address, at: &Zoned) -> Vec<u8> {
    let text = "Hello,\n\n\
        the attached mail asks our students for their passwords. The page is\n\
        hxxps://quota[.]example[.]net/login and sends them to 198[.]51[.]100[.]23.\n\
        Who opened it stands in the list.\n\n\
        Lena, computing centre\n";
    let mail = format!(
        "{}From: Lena <{from}>\n\
         To: report@example.org\n\
         Subject: {SUBJECT_3}\n\
         Date: {}\n\
         Message-ID: {}\n\
         MIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=\"forward\"\n\
         \n\
         --forward\n\
         Content-Type: text/plain; charset=utf-8\n\
         \n\
         {text}\n\
         --forward\n\
         Content-Type: message/rfc822\n\
         Content-Disposition: attachment; filename=\"{FORWARDED_NAME}\"\n\
         \n\
         {}\n\
         --forward\n\
         Content-Type: text/csv\n\
         Content-Disposition: attachment; filename=\"{CLICKS_NAME}\"\n\
         Content-Transfer-Encoding: base64\n\
         \n\
         {}\n\
         --forward--\n",
        trace(from, at),
        date(at),
        message_id(from, at),
        phishing(),
        STANDARD.encode(clicks()),
    );
    crlf(&mail)
}

/// The octets of the forwarded mail.
pub(super) fn forwarded() -> Vec<u8> {
    crlf(&phishing())
}

/// The octets of the list.
pub(super) fn clicks() -> Vec<u8> {
    b"time,address\r\n2025-04-30T17:03:00+02:00,2001:db8:17::5\r\n".to_vec()
}

/// The mail that Lena forwards.
fn phishing() -> String {
    let page = "<form action=\"https://quota.example.net/login\"><input name=\"pw\"></form>\n";
    format!(
        "Return-Path: <it@quota.example.net>\n\
         Received: from mail.quota.example.net (mail.quota.example.net [198.51.100.23])\n\
         \tby mx.uni.example with ESMTP id 7C1F2; Wed, 30 Apr 2025 16:58:12 +0200\n\
         From: \"IT service\" <it@quota.example.net>\n\
         To: students@uni.example\n\
         Subject: Your mailbox is full\n\
         Date: Wed, 30 Apr 2025 16:58:10 +0200\n\
         Message-ID: <7c1f2@quota.example.net>\n\
         MIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=\"bait\"\n\
         \n\
         --bait\n\
         Content-Type: text/plain; charset=utf-8\n\
         \n\
         Open the attached page and confirm your password within 24 hours.\n\
         \n\
         --bait\n\
         Content-Type: text/html; name=\"quota.html\"\n\
         Content-Disposition: attachment; filename=\"quota.html\"\n\
         Content-Transfer-Encoding: base64\n\
         \n\
         {}\n\
         --bait--",
        STANDARD.encode(page)
    )
}

/// 4: what an abuse desk's machine sends (RFC 5965).
pub(super) fn feed_report(from: &Address, at: &Zoned) -> Vec<u8> {
    let mail = format!(
        "{}From: Abuse reports <{from}>\n\
         To: csirt@example.org\n\
         Subject: Abuse report for 192.0.2.44\n\
         Date: {}\n\
         Message-ID: {}\n\
         MIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=\"report\"\n\
         \n\
         --report\n\
         Content-Type: text/plain; charset=us-ascii\n\
         \n\
         This is an email abuse report for a message received from 192.0.2.44.\n\
         \n\
         --report\n\
         Content-Type: message/feedback-report\n\
         \n\
         Feedback-Type: abuse\n\
         User-Agent: ExampleFeed/1.0\n\
         Version: 1\n\
         Source-IP: 192.0.2.44\n\
         Arrival-Date: Wed, 30 Apr 2025 17:01:00 +0200\n\
         \n\
         --report\n\
         Content-Type: message/rfc822-headers\n\
         \n\
         From: winner@lottery.example.com\n\
         Subject: You have won\n\
         \n\
         --report--\n",
        trace(from, at),
        date(at),
        message_id(from, at),
    );
    crlf(&mail)
}

/// What the team's mail server writes on top.
fn trace(from: &Address, at: &Zoned) -> String {
    format!(
        "Return-Path: <{from}>\r\n\
         Received: from mail.{0} (mail.{0} [192.0.2.25])\r\n\
         \tby mx.example.org with ESMTPS; {1}\r\n",
        from.domain(),
        date(at)
    )
}

fn date(at: &Zoned) -> String {
    at.strftime("%a, %-d %b %Y %H:%M:%S %z").to_string()
}

fn message_id(from: &Address, at: &Zoned) -> String {
    format!("<{}.{}@{}>", at.timestamp().as_second(), from.local(), from.domain())
}

fn crlf(text: &str) -> Vec<u8> {
    text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()
}
