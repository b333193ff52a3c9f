//! Our Message-IDs: recognised later from themselves alone.
//!
//! `<EX-2026-000042.SLOT.HASH@domain>`: the ticket's number (or `vigie` where there is none),
//! 16 hex digits that differ by kind and slot of the intent, 32 hex digits of HMAC-SHA256 over all
//! before them and the domain. The same intent always gets the same ID, so a retry sends the same
//! octets. It shows no host name, no time and no kind.
//!
//! Hostile data: IDs in References and In-Reply-To. Failure: `None`. A good hash proves that its
//! bearer saw a mail of ours about this ticket, not who they are.

use super::ticket::Number;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const NO_TICKET: &str = "vigie";
const SLOT_OCTETS: usize = 8;
const HASH_OCTETS: usize = 16;
/// Longer ones are not ours: the longest that we make has some 300 octets.
const LONGEST: usize = 998;

/// The Message-ID, with angle brackets, of the mail for one intent. `kind` and `slot` are those of
/// the outbox row; `domain` is that of the team's address.
pub fn make(key: &[u8; 32], ticket: Option<&Number>, kind: &str, slot: &str, domain: &str) -> String {
    let ticket = ticket.map_or_else(|| NO_TICKET.to_owned(), Number::to_string);
    let slot = hex(&hash(key, &["slot", kind, slot])[..SLOT_OCTETS]);
    let mark = hex(&mark(key, &ticket, &slot, domain));
    format!("<{ticket}.{slot}.{mark}@{domain}>")
}

/// The ticket that one of our Message-IDs is bound to; None for anything else, also for mail of
/// ours without a ticket.
pub fn verify(key: &[u8; 32], id: &str) -> Option<Number> {
    Number::parse(checked(key, id)?)
}

/// Whether we made this Message-ID.
pub fn is_ours(key: &[u8; 32], id: &str) -> bool {
    checked(key, id).is_some()
}

/// The ticket part of an ID whose hash is good.
fn checked<'a>(key: &[u8; 32], id: &'a str) -> Option<&'a str> {
    if id.len() > LONGEST {
        return None;
    }
    let (local, domain) = id.trim().strip_prefix('<')?.strip_suffix('>')?.split_once('@')?;
    let mut parts = local.split('.');
    let (ticket, slot, given) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let expected = hex(&mark(key, ticket, slot, domain));
    bool::from(expected.as_bytes().ct_eq(given.as_bytes())).then_some(ticket)
}

fn mark(key: &[u8; 32], ticket: &str, slot: &str, domain: &str) -> [u8; HASH_OCTETS] {
    let whole = hash(key, &["message-id", ticket, slot, domain]);
    let mut mark = [0; HASH_OCTETS];
    mark.copy_from_slice(&whole[..HASH_OCTETS]);
    mark
}

/// Each field with its length before it, so that no two lists of fields are hashed alike.
pub(super) fn hash(key: &[u8; 32], fields: &[&str]) -> [u8; 32] {
    // HMAC fills a short key with zeros up to its block (RFC 2104 2): a whole block cannot fail.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut hmac = Hmac::<Sha256>::new(&block.into());
    for field in fields {
        hmac.update(&(field.len() as u64).to_be_bytes());
        hmac.update(field.as_bytes());
    }
    hmac.finalize().into_bytes().into()
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &[u8; 32] = &[7; 32];

    fn number() -> Number {
        Number::new("EX", 2026, 42)
    }

    fn id() -> String {
        make(KEY, Some(&number()), "acknowledgement", "1", "example.org")
    }

    #[test]
    fn our_ids_are_known_from_themselves_and_name_their_ticket() {
        assert_eq!(verify(KEY, &id()), Some(number()));
        assert!(id().starts_with("<EX-2026-000042.") && id().ends_with("@example.org>") && id().len() < 100);
        let without = make(KEY, None, "alert", "1", "example.org");
        assert_eq!(verify(KEY, &without), None);
        assert!(is_ours(KEY, &without) && is_ours(KEY, &id()));
        let hyphens = Number::new("CSIRT-X", 2026, 1);
        assert_eq!(verify(KEY, &make(KEY, Some(&hyphens), "k", "s", "a.b-c.example")), Some(hyphens));
    }

    #[test]
    fn the_same_intent_has_the_same_id_and_another_one_another() {
        let same = |kind, slot| make(KEY, Some(&number()), kind, slot, "example.org");
        assert_eq!(same("answer", "1"), same("answer", "1"));
        assert_ne!(same("answer", "1"), same("answer", "2"));
        assert_ne!(same("answer", "1"), same("alert", "1"));
        assert_ne!(same("a", "bc"), same("ab", "c"));
    }

    #[test]
    fn the_keyed_hash_is_hmac_sha256() {
        // RFC 4231 test case 2 with the key filled up to 32 octets, which HMAC takes for the same.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mut block = [0; 64];
        block[..32].copy_from_slice(&key);
        let mut hmac = Hmac::<Sha256>::new(&block.into());
        hmac.update(b"what do ya want for nothing?");
        let octets: [u8; 32] = hmac.finalize().into_bytes().into();
        assert_eq!(hex(&octets), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn forged_truncated_and_moved_ids_are_not_ours() {
        let id = id();
        let bare = id.trim_matches(['<', '>']).to_owned();
        for forged in [
            "".to_owned(),
            "<>".into(),
            "<@>".into(),
            bare.clone(),
            format!("<{bare}"),
            id.replace("000042", "000043"),
            id.replace("EX-", "EY-"),
            id.replace("example.org", "example.com"),
            id.replace("example.org", "EXAMPLE.org"),
            id.replace('@', "a@"),
            id.replace("@", ".@"),
            id.replacen('.', "", 1),
            "<EX-2026-000042..@example.org>".to_string(),
            format!("<EX-2026-000042.0000000000000000.{}@example.org>", "0".repeat(32)),
            "<EX-2026-000042@example.org>".to_string(),
            format!("<{}>", "a.".repeat(1000)),
        ] {
            assert!(!is_ours(KEY, &forged), "{forged}");
        }
        let (head, tail) = id.split_once('@').unwrap();
        for cut in 1..head.len() {
            let text = format!("{}@{tail}", &head[..cut]);
            assert!(!is_ours(KEY, &text), "{text}");
        }
        assert!(!is_ours(&[8; 32], &id));
    }

    proptest! {
        #[test]
        fn no_changed_octet_goes_unseen(place in 1usize..90, octet in 0x21u8..0x7f) {
            let id = id();
            let mut changed = id.clone().into_bytes();
            let place = place.min(changed.len() - 2);
            changed[place] = octet;
            let changed = String::from_utf8(changed).unwrap();
            prop_assert_eq!(is_ours(KEY, &changed), changed == id);
        }

        #[test]
        fn no_text_stops_the_reader(text in "\\PC{0,80}") {
            prop_assert!(!is_ours(KEY, &text));
        }
    }
}
