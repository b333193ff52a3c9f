//! OpenPGP, by Sequoia. The rest of the house sees plain data only: octets in, octets and a
//! verdict out.
//!
//! `seam` is where private keys live (law 8); `open` decrypts and verifies; `seal` signs and
//! encrypts; `certs` reads and describes certificates.

pub mod certs;
pub mod open;
pub mod seal;
pub mod seam;
