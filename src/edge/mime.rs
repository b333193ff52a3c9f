//! Writes the mail that we send: plain, signed, or signed and encrypted (RFC 3156), with the
//! header protected (RFC 9788).
//!
//! The inner entity is written once to octets; those are signed and wrapped by the same
//! writer, so nothing re-encodes what a signature covers. All is 7-bit except addresses that are
//! not ASCII. Boundaries are hashes of what they part: the same mail gives the same entity.
//! Hostile data: subjects, names, Message-IDs and files of reporters that an answer takes up.
//! Failure: a `SealTrouble`; a plain mail fails only if our own Message-ID is malformed.

mod body;
mod fields;

use crate::edge::openpgp::seal::{self, SealTrouble};
use crate::edge::openpgp::seam::PrivateKeys;
use crate::rules::address::Address;
use crate::rules::settings::Language;
use fields::Field;
use jiff::{Timestamp, Zoned};
use sha2::{Digest, Sha256};

/// A mail to be written.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Display name of the sender.
    pub from_name: String,
    pub from: Address,
    /// One for machine mail.
    pub to: Vec<Address>,
    /// Any text; line ends and control characters become blanks, 200 characters are kept.
    pub subject: String,
    /// Ours, with angle brackets.
    pub message_id: String,
    pub in_reply_to: Option<String>,
    /// Of the mail answered, oldest first, its own ID last. Malformed ones are left out.
    pub references: Vec<String>,
    pub date: Zoned,
    /// `auto-replied`, `auto-generated`; None for what a human wrote (RFC 3834 5).
    pub auto_submitted: Option<&'static str>,
    /// Asks Exchange to send no out-of-office reply.
    pub suppress_auto_response: bool,
    /// UTF-8 with any line ends.
    pub text: String,
    pub language: Language,
    pub attachments: Vec<Attach>,
}

/// A file that goes with a mail.
#[derive(Clone)]
pub struct Attach {
    /// Shown to the receiver; may be any text.
    pub name: String,
    /// `type/subtype`; what is none, and a mail or multipart, goes as application/octet-stream.
    pub content_type: String,
    pub bytes: Vec<u8>,
    pub disposition: Disposition,
}

impl std::fmt::Debug for Attach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attach({} bytes)", self.bytes.len())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    Attachment,
    Inline,
}

/// How a mail is protected.
#[derive(Debug, Clone, Copy)]
pub enum Protection<'a> {
    Plain,
    /// Signed by the team's first key.
    Signed,
    /// Signed, then encrypted in one OpenPGP message, to these certificates and to ourselves.
    Encrypted {
        recipients: &'a [Vec<u8>],
    },
}

/// Which header protection the inner entity declares (RFC 9788 2.1).
#[derive(Clone, Copy)]
enum Inside {
    /// None: the entity is the mail itself.
    Nothing,
    Clear,
    Cipher,
}

/// What the outside of an encrypted mail has for a subject (RFC 9788, hcp_baseline).
const HIDDEN_SUBJECT: &str = "[...]";

/// The whole mail, ready for SMTP: CRLF line ends, no line over 998 octets.
/// `now` is when the signature is made.
pub fn compose(
    mail: &Outgoing,
    protection: Protection<'_>,
    keys: &dyn PrivateKeys,
    now: Timestamp,
) -> Result<Vec<u8>, SealTrouble> {
    let real = header(mail)?;
    match protection {
        Protection::Plain => Ok(whole(&real, &entity(mail, &real, Inside::Nothing))),
        Protection::Signed => {
            let inner = entity(mail, &real, Inside::Clear);
            let (signature, micalg) = seal::sign_detached(inner.as_bytes(), keys, now)?;
            Ok(whole(&real, &signed(inner, &signature, micalg)))
        }
        Protection::Encrypted { recipients } => {
            let inner = entity(mail, &real, Inside::Cipher);
            let ciphertext = seal::encrypt(inner.as_bytes(), recipients, keys, true, now)?;
            Ok(whole(&shown_outside(&real), &encrypted(&ciphertext)))
        }
    }
}

/// The fields of the mail, except those that MIME owns.
fn header(mail: &Outgoing) -> Result<Vec<Field>, SealTrouble> {
    let own = |what: &str| SealTrouble::Library(format!("the mail has {what}"));
    let date = jiff::fmt::rfc2822::to_string(&mail.date).map_err(|_| own("a date that mail cannot say"))?;
    let id = Field::ids("Message-ID", std::slice::from_ref(&mail.message_id)).ok_or_else(|| own("no Message-ID"))?;
    let mut fields = vec![
        Field::mailbox("From", &mail.from_name, &mail.from),
        Field::addresses("To", &mail.to),
        Field::text("Subject", &mail.subject),
        Field { name: "Date", value: date },
        id,
    ];
    fields.extend(Field::ids("In-Reply-To", mail.in_reply_to.as_slice()));
    fields.extend(Field::ids("References", &mail.references));
    fields.extend(mail.auto_submitted.map(|word| Field::fixed("Auto-Submitted", word)));
    if mail.suppress_auto_response {
        fields.push(Field::fixed("X-Auto-Response-Suppress", "All"));
    }
    Ok(fields)
}

fn shown_outside(real: &[Field]) -> Vec<Field> {
    let hide = |field: &Field| match field.name {
        "Subject" => Field::fixed("Subject", HIDDEN_SUBJECT),
        _ => field.clone(),
    };
    real.iter().map(hide).collect()
}

fn whole(fields: &[Field], entity: &str) -> Vec<u8> {
    let mut out: String = fields.iter().map(ToString::to_string).collect();
    out.push_str("MIME-Version: 1.0\r\n");
    out.push_str(entity);
    out.into_bytes()
}

/// The content as a MIME entity: what is signed and encrypted, or follows the header of a plain mail.
fn entity(mail: &Outgoing, real: &[Field], inside: Inside) -> String {
    let mark = match inside {
        Inside::Nothing => "",
        Inside::Clear => "; hp=\"clear\"",
        Inside::Cipher => "; hp=\"cipher\"",
    };
    let mut protected = String::new();
    if !matches!(inside, Inside::Nothing) {
        protected.extend(real.iter().map(ToString::to_string));
    }
    if matches!(inside, Inside::Cipher) {
        protected.extend(shown_outside(real).iter().map(|field| field.outer().to_string()));
    }
    if mail.attachments.is_empty() {
        return format!("{protected}{}", text_part(mail, mark));
    }
    let mut parts = vec![text_part(mail, "")];
    parts.extend(mail.attachments.iter().map(attachment_part));
    let (boundary, content) = multipart(&parts);
    format!("{protected}Content-Type: multipart/mixed{mark};\r\n boundary=\"{boundary}\"\r\n\r\n{content}")
}

fn text_part(mail: &Outgoing, mark: &str) -> String {
    let language = match mail.language {
        Language::En => "en",
        Language::Fr => "fr",
    };
    format!(
        "Content-Type: text/plain; charset=\"utf-8\"{mark}\r\n\
         Content-Language: {language}\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\
         \r\n\
         {}",
        body::quoted_printable(&mail.text)
    )
}

fn attachment_part(file: &Attach) -> String {
    let kind = match file.disposition {
        Disposition::Attachment => "attachment",
        Disposition::Inline => "inline",
    };
    format!(
        "Content-Type: {}\r\n\
         Content-Disposition: {kind}{}\r\n\
         Content-Transfer-Encoding: base64\r\n\
         \r\n\
         {}",
        fields::media_type(&file.content_type),
        fields::parameter("filename", &file.name),
        body::base64(&file.bytes)
    )
}

/// Around the very octets that were signed (RFC 3156 5).
fn signed(inner: String, signature: &str, micalg: &str) -> String {
    let signature = part("application/pgp-signature", "signature.asc", "attachment", signature);
    let (boundary, content) = multipart(&[inner, signature]);
    format!(
        "Content-Type: multipart/signed; micalg=\"{micalg}\";\r\n \
         protocol=\"application/pgp-signature\";\r\n \
         boundary=\"{boundary}\"\r\n\r\n{content}"
    )
}

/// RFC 3156 4.
fn encrypted(ciphertext: &str) -> String {
    let version = "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n".to_owned();
    let ciphertext = part("application/octet-stream", "encrypted.asc", "inline", ciphertext);
    let (boundary, content) = multipart(&[version, ciphertext]);
    format!(
        "Content-Type: multipart/encrypted;\r\n \
         protocol=\"application/pgp-encrypted\";\r\n \
         boundary=\"{boundary}\"\r\n\r\n{content}"
    )
}

fn part(media_type: &str, name: &str, disposition: &str, armored: &str) -> String {
    format!(
        "Content-Type: {media_type}; name=\"{name}\"\r\nContent-Disposition: {disposition}; filename=\"{name}\"\r\n\r\n{}",
        armored.replace("\r\n", "\n").replace('\n', "\r\n")
    )
}

/// The boundary and the body of a multipart with these parts.
fn multipart(parts: &[String]) -> (String, String) {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    // `=_` stands in no quoted-printable and no base64, and nobody writes a text with its own hash.
    let boundary: String = "=_"
        .chars()
        .chain(hash.finalize()[..16].iter().flat_map(|b| format!("{b:02x}").into_bytes()).map(char::from))
        .collect();
    let mut content = String::with_capacity(parts.iter().map(|part| part.len() + 48).sum());
    for part in parts {
        content.push_str(&format!("--{boundary}\r\n"));
        content.push_str(part);
        content.push_str("\r\n");
    }
    content.push_str(&format!("--{boundary}--\r\n"));
    (boundary, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::openpgp::seam::MemoryKeys;
    use mail_parser::{MessageParser, MimeHeaders};
    use sequoia_openpgp as openpgp;
    use sequoia_openpgp::serialize::MarshalInto;

    fn now() -> Timestamp {
        "2026-11-27T17:01:00Z".parse().unwrap()
    }

    fn keys() -> MemoryKeys {
        let (cert, _) = openpgp::cert::CertBuilder::general_purpose(Some("team"))
            .set_cipher_suite(openpgp::cert::CipherSuite::Cv25519)
            .set_creation_time(crate::edge::openpgp::system_time("2026-01-01T00:00:00Z".parse().unwrap()))
            .generate()
            .unwrap();
        MemoryKeys::load(&[("team".to_owned(), cert.as_tsk().to_vec().unwrap())], None)
    }

    fn mail() -> Outgoing {
        Outgoing {
            from_name: "CSIRT EXAMPLE".to_owned(),
            from: Address::parse("csirt@example.org").unwrap(),
            to: vec![Address::parse("a@corp.example").unwrap()],
            subject: "[EX-2026-000001] Réponse".to_owned(),
            message_id: "<1.x@example.org>".to_owned(),
            in_reply_to: Some("<r@corp.example>".to_owned()),
            references: vec!["<q@corp.example>".to_owned(), "<r@corp.example>".to_owned()],
            date: now().to_zoned(jiff::tz::TimeZone::get("Europe/Paris").unwrap()),
            auto_submitted: Some("auto-replied"),
            suppress_auto_response: true,
            text: "Hello\n".to_owned(),
            language: Language::En,
            attachments: vec![],
        }
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_plain_mail_reads_like_this() {
        assert_eq!(
            text(compose(&mail(), Protection::Plain, &MemoryKeys::default(), now()).unwrap()),
            "From: \"CSIRT EXAMPLE\" <csirt@example.org>\r\n\
             To: a@corp.example\r\n\
             Subject: =?utf-8?b?W0VYLTIwMjYtMDAwMDAxXSBSw6lwb25zZQ==?=\r\n\
             Date: Fri, 27 Nov 2026 18:01:00 +0100\r\n\
             Message-ID: <1.x@example.org>\r\n\
             In-Reply-To: <r@corp.example>\r\n\
             References: <q@corp.example>\r\n <r@corp.example>\r\n\
             Auto-Submitted: auto-replied\r\n\
             X-Auto-Response-Suppress: All\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=\"utf-8\"\r\n\
             Content-Language: en\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\
             \r\n\
             Hello\r\n"
        );
    }

    #[test]
    fn the_header_of_a_signed_mail_is_signed_too() {
        let raw = text(compose(&mail(), Protection::Signed, &keys(), now()).unwrap());
        let (outer, inner) = raw.split_once("\r\n\r\n").unwrap();
        let protected = inner.split_once("\r\n\r\n").unwrap().0;
        assert!(protected.contains("Content-Type: text/plain; charset=\"utf-8\"; hp=\"clear\"\r\n"), "{protected}");
        for line in outer.split("MIME-Version").next().unwrap().lines() {
            assert!(protected.lines().any(|l| l == line), "{line}");
        }
        assert!(!raw.contains("HP-Outer"));
    }

    #[test]
    fn the_inside_of_an_encrypted_mail_says_what_the_outside_shows() {
        let mail = mail();
        let real = header(&mail).unwrap();
        let inside = entity(&mail, &real, Inside::Cipher);
        let fields = inside.split_once("\r\n\r\n").unwrap().0.replace("\r\n ", " ");
        for (count, start) in
            [(1, "Subject: =?utf-8?b?"), (1, "HP-Outer: Subject: [...]"), (1, "From: "), (9, "HP-Outer: ")]
        {
            assert_eq!(fields.lines().filter(|line| line.starts_with(start)).count(), count, "{start}\n{fields}");
        }
        assert!(fields.contains("hp=\"cipher\""));

        let raw = text(compose(&mail, Protection::Encrypted { recipients: &[] }, &keys(), now()).unwrap());
        let outer = raw.split_once("\r\n\r\n").unwrap().0.replace("\r\n ", " ");
        let shown: Vec<&str> = outer.lines().take_while(|line| !line.starts_with("MIME-Version")).collect();
        let told: Vec<&str> = fields.lines().filter_map(|line| line.strip_prefix("HP-Outer: ")).collect();
        assert_eq!(shown, told);
        assert!(!raw.contains("W0VYLTIwMjY"), "the real subject is nowhere in clear");
    }

    #[test]
    fn attachments_arrive_and_cannot_pose_as_parts_of_ours() {
        let hostile = b"--=_00\r\nContent-Type: text/plain\r\n\r\nFrom me\r\n.\r\n".to_vec();
        let file = |name: &str, content_type: &str| Attach {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            bytes: hostile.clone(),
            disposition: Disposition::Attachment,
        };
        let mail = Outgoing {
            subject: "x\r\nBcc: evil@corp.example".to_owned(),
            from_name: "y\n\nbody".to_owned(),
            references: vec!["<a@b>\r\nBcc: evil@corp.example".to_owned()],
            attachments: vec![file("key.asc", "application/pgp-keys"), file("a\r\nX: y", "message/rfc822\r\nX: y")],
            ..mail()
        };
        for protection in [Protection::Plain, Protection::Signed] {
            let raw = compose(&mail, protection, &keys(), now()).unwrap();
            let parsed = MessageParser::default().parse(&raw).unwrap();
            assert_eq!(parsed.subject(), Some("x Bcc: evil@corp.example"));
            assert!(parsed.bcc().is_none() && parsed.references().as_text_list().is_none());
            let ours = parsed.attachments().filter(|part| part.attachment_name() != Some("signature.asc"));
            let files: Vec<_> = ours.map(|part| (part.attachment_name().unwrap(), part.contents())).collect();
            assert_eq!(files, [("key.asc", &hostile[..]), ("a X: y", &hostile[..])]);
            assert!(text(raw).split("\r\n").all(|line| line.len() <= 78 && !line.contains(['\r', '\n'])));
        }
    }

    #[test]
    fn a_mail_without_a_message_id_is_not_written() {
        let mail = Outgoing { message_id: "1.x@example.org".to_owned(), ..mail() };
        assert!(compose(&mail, Protection::Plain, &MemoryKeys::default(), now()).is_err());
    }
}
