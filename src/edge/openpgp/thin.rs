//! A certificate without what strangers hung on it, before anything is verified (T40).
//!
//! Hostile data: certificates of any size, flooded with foreign signatures, user attributes, user IDs
//! that nobody bound. Failure: none; what is no certificate comes back as it was, for the parser to
//! refuse. What a signature says of its issuer is a hint: what stays is verified later.

use super::armor;
use openpgp::Packet;
use openpgp::packet::Signature;
use openpgp::parse::Parse;
use openpgp::types::SignatureType;
use sequoia_openpgp as openpgp;

/// No honest self-signature is larger, nor any key.
const PACKET: usize = 64 << 10;
/// Signatures of one component that do not say whose they are: old, and few.
const NAMELESS: usize = 8;

/// The primary key, user IDs and subkeys with the signatures that claim to be its own, or those of
/// introducers (fingerprints) over user IDs. A user ID or subkey without a signature of its own goes.
pub(super) fn thin(octets: &[u8], introducers: &[String]) -> Vec<u8> {
    let mut packets = armor::packets(octets);
    let own = packets.next().filter(|first| matches!(first.tag, 5 | 6)).and_then(|first| {
        let key = octets.get(first.span)?;
        Some(([fingerprint(key)?], key))
    });
    let Some((own, key)) = own else { return octets.to_vec() };
    let mut kept = key.to_vec();
    let mut component = Component { is_bound: true, ..Component::new(Vec::new(), true, false) };
    for packet in packets {
        let Some(whole) = octets.get(packet.span.clone()) else { break };
        match packet.tag {
            7 | 13 | 14 | 17 => {
                component.end(&mut kept);
                // 17 is a user attribute: a picture, which nothing here shows.
                let is_wanted = packet.tag != 17 && whole.len() <= PACKET;
                let octets = if is_wanted { whole.to_vec() } else { Vec::new() };
                component = Component::new(octets, is_wanted, packet.tag == 13);
            }
            2 if component.is_wanted && whole.len() <= PACKET => {
                if let Some(body) = octets.get(packet.body)
                    && let Ok(signature) = Signature::from_bytes(body)
                {
                    component.sign(&signature, whole, &own, introducers);
                }
            }
            _ => {}
        }
    }
    component.end(&mut kept);
    kept
}

/// Whether a signature says that it is by one of these (fingerprints in capital hex).
pub(super) fn issued_by(signature: &Signature, fingerprints: &[String]) -> bool {
    signature.get_issuers().iter().any(|issuer| names(&issuer.to_hex(), fingerprints))
}

/// Version 4 key IDs end a fingerprint, version 6 ones begin it.
fn names(issuer: &str, fingerprints: &[String]) -> bool {
    fingerprints.iter().any(|fingerprint| match fingerprint.len() {
        64 => fingerprint.starts_with(issuer),
        _ => fingerprint.ends_with(issuer),
    })
}

/// The fingerprint of a primary key from its packet.
fn fingerprint(packet: &[u8]) -> Option<String> {
    match Packet::from_bytes(packet).ok()? {
        Packet::PublicKey(key) => Some(key.fingerprint().to_hex()),
        Packet::SecretKey(key) => Some(key.fingerprint().to_hex()),
        _ => None,
    }
}

/// A key or user ID with the signatures over it.
struct Component {
    octets: Vec<u8>,
    is_bound: bool,
    is_wanted: bool,
    is_user_id: bool,
    nameless: usize,
}

impl Component {
    fn new(octets: Vec<u8>, is_wanted: bool, is_user_id: bool) -> Component {
        Component { octets, is_bound: false, is_wanted, is_user_id, nameless: 0 }
    }

    fn sign(&mut self, signature: &Signature, whole: &[u8], own: &[String], introducers: &[String]) {
        let is_nameless = signature.get_issuers().is_empty();
        self.nameless += usize::from(is_nameless);
        let is_own = issued_by(signature, own) || (is_nameless && self.nameless <= NAMELESS);
        let is_certification = matches!(
            signature.typ(),
            SignatureType::GenericCertification
                | SignatureType::PersonaCertification
                | SignatureType::CasualCertification
                | SignatureType::PositiveCertification
                | SignatureType::CertificationRevocation
        );
        let is_introduction = self.is_user_id && is_certification && issued_by(signature, introducers);
        self.is_bound |= is_own;
        if is_own || is_introduction {
            self.octets.extend_from_slice(whole);
        }
    }

    fn end(&mut self, kept: &mut Vec<u8>) {
        if self.is_wanted && self.is_bound {
            kept.append(&mut self.octets);
        }
    }
}
