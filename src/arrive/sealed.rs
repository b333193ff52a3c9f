//! Files that were encrypted or signed one by one and attached (`log.txt.gpg`, `report.asc`).
//!
//! What such a file holds stands beside it as a further attachment and is nothing else: it joins no
//! text, and it says nothing of the mail around it (T23, T29). The file itself is kept.
//! Hostile data: everything. Failure: none; a file that does not open stays as it came. Nothing is
//! given out whose integrity was not shown. Limits: 20 files a mail, 100 MiB together.
//! Known gap: a detached signature beside a file is listed and not verified.

use super::entity::{Body, Part};
use crate::edge::openpgp::open::{self, Decryption, Ring};
use jiff::Timestamp;

pub(super) const FILES: usize = 20;
pub(super) const OCTETS: usize = 100 << 20;

const ENDINGS: [&str; 3] = [".pgp", ".gpg", ".asc"];

/// Whether an attachment is an OpenPGP message, by its packets. What is only signed counts where the
/// name says so too: many a picture begins like a packet.
pub(super) fn is_sealed(part: &Part) -> bool {
    let Body::Leaf { bytes, .. } = &part.body else { return false };
    let is_text = part.media_type.starts_with("text/");
    let typed = matches!(part.media_type.as_str(), "application/octet-stream" | "application/pgp-encrypted");
    let named = part.name.as_deref().is_some_and(|name| stem(name).is_some());
    if !(named || typed) || (is_text && part.disposition != "attachment") {
        return false;
    }
    let is_armoured = bytes.trim_ascii_start().starts_with(b"-----BEGIN PGP MESSAGE-----");
    let is_binary = bytes.first().is_some_and(|first| first & 0x80 != 0);
    (is_armoured || is_binary) && (open::recipients(bytes).is_some() || named && open::is_in_the_clear(bytes))
}

/// The file inside, and how it came out.
pub(super) fn unseal(part: &Part, ring: &Ring, now: Timestamp) -> (Option<Part>, Decryption) {
    let Body::Leaf { bytes, .. } = &part.body else { return (None, Decryption::default()) };
    let mut opened = open::decrypt(bytes, ring, now);
    let inside = opened.plaintext.take().map(|bytes| Part {
        // What it is, only its reader can tell.
        media_type: "application/octet-stream".to_owned(),
        disposition: "attachment".to_owned(),
        name: Some(inner_name(part.name.as_deref().unwrap_or(""))),
        body: Body::Leaf { bytes, text: None },
        ..Part::default()
    });
    (inside, opened)
}

/// The name without the ending that the tools add.
fn stem(name: &str) -> Option<&str> {
    let cut = name.len().checked_sub(4)?;
    let (stem, ending) = (name.get(..cut)?, name.get(cut..)?);
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)).then_some(stem)
}

/// What the file inside is called; never as the one around it.
fn inner_name(name: &str) -> String {
    match stem(name).filter(|stem| !stem.is_empty()) {
        Some(stem) => stem.to_owned(),
        None => format!("{name}.opened"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::openpgp::fixtures::*;

    fn file(name: &str, media_type: &str, bytes: Vec<u8>) -> Part {
        Part {
            name: Some(name.to_owned()),
            media_type: media_type.to_owned(),
            disposition: "attachment".to_owned(),
            body: Body::Leaf { bytes, text: None },
            ..Part::default()
        }
    }

    #[test]
    fn the_ending_of_the_tool_goes_and_no_name_is_used_twice() {
        for (name, inner) in [
            ("a.txt.gpg", "a.txt"),
            ("a.PGP", "a"),
            ("a.asc", "a"),
            (".gpg", ".gpg.opened"),
            ("data.bin", "data.bin.opened"),
            ("é.gp", "é.gp.opened"),
            ("", ".opened"),
        ] {
            assert_eq!(inner_name(name), inner);
        }
    }

    #[test]
    fn a_file_is_sealed_by_its_packets_and_not_by_its_name() {
        let world = World::new();
        let cipher = encrypted(&world.team, &Content::Literal(b"text"));
        let octets = "application/octet-stream";
        assert!(is_sealed(&file("x", octets, cipher.clone())));
        assert!(is_sealed(&file("x.gpg", "application/x-whatever", cipher.clone())));
        assert!(!is_sealed(&file("x.png", "image/png", cipher.clone())));
        assert!(!is_sealed(&Part { disposition: String::new(), ..file("x.asc", "text/plain", cipher.clone()) }));
        for other in
            [b"text".to_vec(), b"\x89PNG\r\n\x1a\n".to_vec(), b"\xff\xd8\xff\xe0".to_vec(), secret(&world.team)]
        {
            assert!(!is_sealed(&file("x.gpg", octets, other)));
        }
        let detached = detached(&world.reporter, b"text", now());
        assert!(!is_sealed(&file("x.asc", octets, detached)), "a detached signature holds no file");
        let (inside, _) = world.with_ring(|ring| unseal(&file("x.gpg", octets, cipher.clone()), ring, now()));
        let Some(Part { name, body: Body::Leaf { bytes, text }, .. }) = inside else { panic!("not opened") };
        assert_eq!((name.as_deref(), bytes.as_slice(), text), (Some("x"), &b"text"[..], None));
        let mut changed = cipher;
        *changed.last_mut().unwrap() ^= 1;
        let (inside, opened) = world.with_ring(|ring| unseal(&file("x.gpg", octets, changed), ring, now()));
        assert!(inside.is_none() && opened.plaintext.is_none());
    }
}
