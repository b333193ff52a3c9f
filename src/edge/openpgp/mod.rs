//! OpenPGP, by Sequoia. The rest of the house sees plain data only: octets in, octets and a
//! verdict out.
//!
//! `seam` is where private keys live (law 8), `agent` asks gpg-agent for its own; `open` decrypts and
//! verifies (`callbacks` is what Sequoia asks meanwhile, `measure` says how far a message expands), `judge` says what a signature is worth;
//! `seal` signs and encrypts; `certs` reads and describes certificates; `thin` takes from a
//! certificate what strangers hung on it; `armor` is the text around them.

pub mod agent;
pub mod armor;
mod callbacks;
pub mod certs;
#[cfg(test)]
pub(crate) mod fixtures;
mod judge;
pub mod keeper;
mod measure;
pub mod open;
pub mod seal;
pub mod seam;
mod thin;

use jiff::Timestamp;
use sequoia_openpgp::Result;
use sequoia_openpgp::cert::amalgamation::key::ValidErasedKeyAmalgamation;
use sequoia_openpgp::packet::{Packet, Signature, key::PublicParts};
use sequoia_openpgp::policy::{HashAlgoSecurity, Policy};
use sequoia_openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Makes OpenSSL load what it loads at first use, algorithms of old mail among it: behind walls no
/// file can be opened any more.
pub(crate) fn warm_up() {
    use sequoia_openpgp::types::HashAlgorithm;
    openssl::init();
    for algorithm in SymmetricAlgorithm::variants() {
        let _ = algorithm.is_supported();
    }
    for algorithm in HashAlgorithm::variants() {
        let _ = algorithm.context().map(|context| context.for_digest());
    }
}

/// Our instant as Sequoia's; before 1970 there was no OpenPGP.
pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(at.as_second().clamp(0, i64::from(u32::MAX)).unsigned_abs())
}

/// Sequoia's instant as ours; out of range becomes the epoch.
pub(crate) fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Accepts everything, to read what the strict policy refuses and to say why it was refused.
/// Whatever it accepts is never called good.
#[derive(Debug)]
pub(crate) struct Lenient;

impl Policy for Lenient {
    fn signature(&self, _: &Signature, _: HashAlgoSecurity) -> Result<()> {
        Ok(())
    }
    fn key(&self, _: &ValidErasedKeyAmalgamation<PublicParts>) -> Result<()> {
        Ok(())
    }
    fn symmetric_algorithm(&self, _: SymmetricAlgorithm) -> Result<()> {
        Ok(())
    }
    fn aead_algorithm(&self, _: AEADAlgorithm) -> Result<()> {
        Ok(())
    }
    fn packet(&self, _: &Packet) -> Result<()> {
        Ok(())
    }
}
