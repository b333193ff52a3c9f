//! What a mail shows before anything is opened, and the certificates that came with it.
//!
//! All that a reply to a mail with ciphertext may depend on comes from here, and nothing here
//! depends on what a private key answered (T26).
//! Hostile data: everything. Failure: none. Limits: 10 certificates, 2 MiB a part that may hold one,
//! 64 KiB of text for the guess of its language.

use super::addresses::{addresses, only_address};
use super::entity::{Body, Part, doubled_fields};
use super::envelope::{Layer, ascii, children, layer};
use super::header;
use crate::edge::openpgp::open::{self, Ring};
use crate::edge::openpgp::{armor, certs};
use crate::rules::address::Address;
use crate::rules::report::{MailedCertificate, Outer};
use crate::rules::untrusted::Untrusted;
use jiff::Timestamp;

const CERTIFICATES: usize = 10;
const CERTIFICATE_PART: usize = 2 << 20;
const CLEAR_TEXT: usize = 64 << 10;

/// Describes the outer mail. `recipients` and what follows from them come from packet headers.
pub(super) fn outer(root: &Part, ring: &Ring) -> Outer {
    let mut found = Found::default();
    look(root, &mut found, 0);
    let (from_name, from) = from(&root.headers);
    let names_our_key = found.has_ciphertext && open::names_our_key(&found.recipients, ring);
    Outer {
        subject: Untrusted::from(root.header("Subject").unwrap_or("")),
        from,
        from_name,
        to: all_addresses(&root.headers, "To"),
        cc: all_addresses(&root.headers, "Cc"),
        in_reply_to: root.header("In-Reply-To").map(header::message_ids).unwrap_or_default(),
        references: root.header("References").map(header::message_ids).unwrap_or_default(),
        ambiguous: doubled_fields(root),
        media_type: root.media_type.clone(),
        report_type: root.param("report-type").map(str::to_lowercase).filter(|_| root.media_type == "multipart/report"),
        part_types: found.part_types,
        has_ciphertext: found.has_ciphertext,
        recipients: found.recipients,
        names_our_key,
        clear_text: Untrusted::new(if found.has_ciphertext { String::new() } else { found.text }),
    }
}

/// Display name and address of the From field, if there is one such field with one plain address.
pub(super) fn from(headers: &[(String, String)]) -> (Untrusted, Option<Address>) {
    let mut fields = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("From"));
    let (Some((_, first)), second) = (fields.next(), fields.next()) else { return Default::default() };
    match only_address(first).filter(|_| second.is_none()) {
        Some((name, address)) => (Untrusted::new(name), Some(address)),
        None => (Untrusted::new(first.clone()), None),
    }
}

/// The plain addresses of all fields of that name.
pub(super) fn all_addresses(headers: &[(String, String)], name: &str) -> Vec<Address> {
    let fields = headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
    fields.flat_map(|(_, value)| addresses(value)).filter_map(|(_, address)| address).collect()
}

#[derive(Default)]
struct Found {
    part_types: Vec<String>,
    has_ciphertext: bool,
    recipients: Vec<String>,
    text: String,
}

/// Walks the parts of the mail itself, not those of forwarded ones.
fn look(part: &Part, found: &mut Found, depth: usize) {
    found.part_types.push(part.media_type.clone());
    if part.media_type == "multipart/encrypted" || matches!(layer(part), Layer::SmimeEncrypted) {
        found.has_ciphertext = true;
    }
    if depth < 32 {
        children(part).iter().for_each(|child| look(child, found, depth + 1));
    }
    let Body::Leaf { bytes, text } = &part.body else { return };
    let is_attached = part.disposition == "attachment";
    if let Some(text) = text.as_ref().filter(|_| !is_attached && part.media_type == "text/plain") {
        let left = CLEAR_TEXT.saturating_sub(found.text.len());
        let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= left).last();
        found.text.push_str(text.get(..end.unwrap_or(0)).unwrap_or_default());
    }
    for (is_message, recipients) in ciphertexts(part, bytes, text.is_some()) {
        found.has_ciphertext |= is_message;
        let new: Vec<String> = recipients.into_iter().filter(|one| !found.recipients.contains(one)).collect();
        found.recipients.extend(new);
    }
}

/// The OpenPGP messages in a leaf: whether there is something that looks like one, and whom it names.
fn ciphertexts(part: &Part, bytes: &[u8], is_text: bool) -> Vec<(bool, Vec<String>)> {
    let name = part.name.as_deref().unwrap_or("").to_ascii_lowercase();
    let named = [".pgp", ".gpg", ".asc"].iter().any(|end| name.ends_with(end));
    let binary = bytes.first().is_some_and(|first| first & 0x80 != 0);
    if binary && !is_text {
        let typed =
            named || matches!(part.media_type.as_str(), "application/octet-stream" | "application/pgp-encrypted");
        let recipients = open::recipients(bytes).filter(|_| typed);
        return recipients.map(|recipients| (true, recipients)).into_iter().collect();
    }
    if !bytes.windows(15).any(|window| window == b"-----BEGIN PGP ") {
        return Vec::new();
    }
    let text = ascii(bytes);
    let blocks = armor::find(&text).into_iter().filter(|block| block.kind == armor::Kind::Message);
    blocks
        .map(|block| (true, open::recipients(text.get(block.span).unwrap_or_default().as_bytes()).unwrap_or_default()))
        .collect()
}

/// Certificates in a tree: Autocrypt header, application/pgp-keys, key blocks in texts and files.
/// Those of the team and of its own addresses are left out.
pub(super) fn certificates(
    root: &Part,
    clear: bool,
    ring: &Ring,
    own: &[Address],
    now: Timestamp,
) -> Vec<MailedCertificate> {
    let mut octets = autocrypt(root);
    key_blocks(root, &mut octets, 0);
    let described = octets.iter().flat_map(|octets| certs::describe(octets, now).unwrap_or_default());
    let foreign = described.filter(|facts| {
        let team = ring.keys.team().iter().any(|key| key.fingerprint == facts.fingerprint);
        !team && (facts.addresses.is_empty() || facts.addresses.iter().any(|address| !own.contains(address)))
    });
    // Whoever attaches a certificate of somebody else chooses no key for what that person gets.
    let (_, from) = from(&root.headers);
    let of_sender = |facts: &certs::CertificateFacts| from.as_ref().is_some_and(|from| facts.addresses.contains(from));
    foreign
        .take(CERTIFICATES)
        .map(|facts| MailedCertificate { clear: clear && of_sender(&facts), bytes: facts.bytes })
        .collect()
}

/// The key of the Autocrypt header: exactly one, of the From address (Autocrypt Level 1, 2.1).
fn autocrypt(root: &Part) -> Vec<Vec<u8>> {
    let fields: Vec<_> = root.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Autocrypt")).collect();
    let [(_, value)] = fields.as_slice() else { return Vec::new() };
    let attribute = |wanted: &str| {
        value
            .split(';')
            .find_map(|pair| pair.split_once('=').filter(|(name, _)| name.trim() == wanted))
            .map(|(_, v)| v.trim())
    };
    let address = attribute("addr").and_then(Address::parse);
    if address.is_none() || address != from(&root.headers).1 {
        return Vec::new();
    }
    let armour = attribute("keydata").map(|data| format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{data}"));
    armour.as_deref().and_then(armor::decode).into_iter().collect()
}

fn key_blocks(part: &Part, octets: &mut Vec<Vec<u8>>, depth: usize) {
    if octets.len() > CERTIFICATES || depth > 32 {
        return;
    }
    children(part).iter().for_each(|child| key_blocks(child, octets, depth + 1));
    let Body::Leaf { bytes, .. } = &part.body else { return };
    if bytes.len() > CERTIFICATE_PART {
        return;
    }
    let is_keys = part.media_type == "application/pgp-keys";
    let marker = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
    if is_keys || bytes.windows(marker.len()).any(|window| window == marker) {
        octets.push(bytes.clone());
    }
}
