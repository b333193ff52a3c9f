//! The people of the demo and their keys.
//!
//! Hostile data: none. Failure: words; a key that cannot be made.

use crate::edge::openpgp::certs;
use crate::edge::openpgp::seam::{MemoryKeys, PrivateKeys};
use crate::rules::address::Address;
use jiff::Timestamp;

/// Somebody with an address and a key made for the demo.
pub(super) struct Person {
    pub name: &'static str,
    pub address: Address,
    /// Armoured, without passphrase.
    pub secret: String,
    /// Armoured.
    pub public: String,
    /// Binary.
    pub certificate: Vec<u8>,
    /// Capital hex.
    pub fingerprint: String,
    pub keys: MemoryKeys,
}

impl Person {
    /// Makes a person with a new key, as of `born`.
    pub fn new(name: &'static str, address: &str, born: Timestamp) -> Result<Person, String> {
        let address = Address::parse(address).ok_or_else(|| format!("{address} is no address"))?;
        let (secret, fingerprint) = certs::generate(&format!("{name} <{address}>"), born)?;
        let keys = MemoryKeys::load(&[(format!("the key of {name}"), secret.clone().into_bytes())], None);
        let certificate = match (keys.team().first(), keys.troubles().first()) {
            (Some(key), None) => key.certificate.clone(),
            (_, trouble) => return Err(trouble.cloned().unwrap_or_else(|| format!("{name} has no key"))),
        };
        let public = certs::export_armored(&certificate)?;
        Ok(Person { name, address, secret, public, certificate, fingerprint, keys })
    }
}
