//! OpenPGP, by Sequoia. The rest of the house sees plain data only: octets in, octets and a
//! verdict out.
//!
//! `seam` is where private keys live (law 8); `open` decrypts and verifies; `seal` signs and
//! encrypts; `certs` reads and describes certificates.

pub mod seam;

use jiff::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Our instant as Sequoia's; before 1970 there was no OpenPGP.
pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(at.as_second().clamp(0, i64::from(u32::MAX)).unsigned_abs())
}

/// Sequoia's instant as ours; out of range becomes the epoch.
pub(crate) fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH)
}
