//! The one seam behind which private keys live (law 8): a session key from a PKESK, a
//! signature from a digest. Nothing else ever asks a private key for anything.
//!
//! Behind it: keys in memory (`MemoryKeys`), later the keeper process and gpg-agent.

use sequoia_openpgp as openpgp;
use zeroize::Zeroizing;

/// Why a private key did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyTrouble {
    /// No such key here.
    #[error("no such key")]
    NoKey,
    /// It is here but cannot be used now: unreadable file, wrong passphrase, agent gone.
    #[error("{0}")]
    Unavailable(String),
    /// The key answered that the request makes no sense to it.
    #[error("the key refused the request")]
    Refused,
}

/// One key pair of the team, as the outside may know it.
#[derive(Debug, Clone)]
pub struct TeamKey {
    /// Full fingerprint, capital hex.
    pub fingerprint: String,
    /// The public certificate, binary.
    pub certificate: Vec<u8>,
}

/// Where private keys live.
pub trait PrivateKeys: Send + Sync {
    /// The team's keys; the first signs, all decrypt. Empty where none could be loaded.
    fn team(&self) -> &[TeamKey];
    /// What is wrong with keys that could not be loaded; empty where all is well.
    fn troubles(&self) -> &[String];
    /// The session key, as Sequoia's `Decryptor::decrypt` gives it: `key` is the subkey's or
    /// primary key's fingerprint in capital hex, `ciphertext` the serialised `mpi::Ciphertext`
    /// (without algorithm), `plaintext_len` as in the trait.
    fn session_key(&self, key: &str, ciphertext: &[u8], plaintext_len: Option<usize>) -> Result<Zeroizing<Vec<u8>>, KeyTrouble>;
    /// The serialised `mpi::Signature` over `digest`.
    fn sign(&self, key: &str, hash: openpgp::types::HashAlgorithm, digest: &[u8]) -> Result<Vec<u8>, KeyTrouble>;
}
