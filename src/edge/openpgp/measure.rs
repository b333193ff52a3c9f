//! How far a message expands, layer by layer, before anything of it is read.
//!
//! Hostile data: the whole message. Failure: `false`, it expands beyond the limit. Every octet that
//! comes out of a compressed packet counts, also what a reader would skip: the room between two
//! layers, private packets, padding (T27). What is broken is left for the reader to name.

use super::open::{LAYERS, PACKETS};
use openpgp::Packet;
use openpgp::crypto::SessionKey;
use openpgp::parse::{Dearmor, PacketParserBuilder, PacketParserResult, Parse};
use openpgp::types::SymmetricAlgorithm;
use sequoia_openpgp as openpgp;
use std::io::Read;

/// A session key that opened a container of the message.
pub(super) type Session = (Option<SymmetricAlgorithm>, SessionKey);

/// Whether all compressed packets of a message, at all depths, hold at most `limit` octets together.
/// Containers are opened with the session keys that are known so far; others stay closed.
pub(super) fn fits(octets: &[u8], sessions: &[Session], limit: usize) -> bool {
    Meter { sessions, left: limit, packets: 0 }.level(octets, 0)
}

struct Meter<'s> {
    sessions: &'s [Session],
    left: usize,
    packets: usize,
}

impl Meter<'_> {
    /// Calls itself at most `LAYERS` deep.
    fn level(&mut self, octets: &[u8], depth: isize) -> bool {
        let parser = PacketParserBuilder::from_bytes(octets).and_then(|it| it.dearmor(Dearmor::Disabled).build());
        let Ok(mut rest) = parser else { return true };
        while let PacketParserResult::Some(mut packet) = rest {
            let depth = depth + packet.recursion_depth();
            self.packets += 1;
            if self.packets > PACKETS || depth > LAYERS {
                return false;
            }
            let mut opened = false;
            match &packet.packet {
                Packet::CompressedData(_) if depth == LAYERS => return false,
                Packet::CompressedData(_) => {
                    let mut content = Vec::new();
                    // What cannot be decompressed to its end is measured up to there.
                    let _ = packet.by_ref().take(self.left as u64 + 1).read_to_end(&mut content);
                    if content.len() > self.left {
                        return false;
                    }
                    self.left -= content.len();
                    if !self.level(&content, depth + 1) {
                        return false;
                    }
                }
                Packet::SEIP(_) => {
                    opened = self.sessions.iter().any(|(algorithm, key)| packet.decrypt(*algorithm, key).is_ok());
                }
                _ => {}
            }
            let next = if opened { packet.recurse() } else { packet.next() };
            match next {
                Ok((_, next)) => rest = next,
                Err(_) => return true,
            }
        }
        true
    }
}
