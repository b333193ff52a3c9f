//! The one seam behind which private keys live (law 8): a session key from a PKESK, a
//! signature from a digest. Nothing else ever asks a private key for anything.
//!
//! Behind it: keys in memory (`MemoryKeys`), beside them gpg-agent (`agent`), before both the keeper
//! process (`keeper`).
//! Hostile data: the numbers of PKESK packets. Failure: `KeyTrouble`, which names no content.
//! Known gap: unlocked RSA keys lie in OpenSSL's heap, wiped only when dropped.

use openpgp::Cert;
use openpgp::cert::CertParser;
use openpgp::crypto::mpi::{self, SecretKeyMaterial};
use openpgp::crypto::{Decryptor, KeyPair, Password, S2K, SessionKey, Signer};
use openpgp::packet::key::{PublicParts, SecretParts, UnspecifiedRole};
use openpgp::packet::{Key, key};
use openpgp::parse::Parse;
use openpgp::serialize::MarshalInto;
use openpgp::types::HashAlgorithm;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::error::ErrorStack;
use openssl::pkey::Private;
use openssl::rsa::{Padding, Rsa, RsaPrivateKeyBuilder};
use sequoia_openpgp as openpgp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use zeroize::Zeroizing;

/// Why a private key did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TeamKey {
    /// Full fingerprint, capital hex.
    pub fingerprint: String,
    /// The public certificate, binary.
    #[serde(with = "serde_bytes")]
    pub certificate: Vec<u8>,
}

/// Where private keys live.
pub trait PrivateKeys: Send + Sync {
    /// The team's keys; the first signs, all decrypt. Holds those too whose secret cannot be used
    /// now: mail to them is `key_unavailable`. Empty where none could be loaded.
    fn team(&self) -> &[TeamKey];
    /// What is wrong with keys that could not be loaded or cannot be used now, in words for the
    /// operator; empty where all is well. May ask an agent, so it may take a moment.
    fn troubles(&self) -> Vec<String>;
    /// Some key could not even be read, so that nobody can tell what mail to it looks like.
    fn blind(&self) -> bool {
        self.team().is_empty() && !self.troubles().is_empty()
    }
    /// The session key, as Sequoia's `Decryptor::decrypt` gives it: `key` is the subkey's or
    /// primary key's fingerprint in capital hex, `ciphertext` the serialised `mpi::Ciphertext`
    /// (without algorithm), `plaintext_len` as in the trait.
    fn session_key(
        &self,
        key: &str,
        ciphertext: &[u8],
        plaintext_len: Option<usize>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyTrouble>;
    /// The serialised `mpi::Signature` over `digest`.
    fn sign(&self, key: &str, hash: HashAlgorithm, digest: &[u8]) -> Result<Vec<u8>, KeyTrouble>;
}

/// A key that answers.
enum Ready {
    /// RSA with its CRT values: four times as fast as Sequoia's own, which passes none.
    Rsa(Box<Key<PublicParts, UnspecifiedRole>>, Box<Rsa<Private>>),
    /// Everything else, by Sequoia.
    Pair(Box<KeyPair>),
}

/// The team's keys in the memory of this process.
#[derive(Default)]
pub struct MemoryKeys {
    team: Vec<TeamKey>,
    troubles: Vec<String>,
    ready: HashMap<String, Ready>,
    /// Known, but of no use now: fingerprint and why.
    locked: HashMap<String, String>,
    /// Known, but the secret part is in no file: fingerprint and where it was looked for.
    absent: HashMap<String, String>,
    /// What is wrong with certificates none of whose secret parts is in a file.
    bare: Vec<String>,
    blind: bool,
}

/// What unlocking a key file may cost: Argon2 with 2^18 KiB, 256 MiB (T41).
const ARGON2_MEMORY: u8 = 18;

impl MemoryKeys {
    /// Loads armoured or binary secret keys, several files and several keys a file; the first
    /// good signing key signs. Each file comes as its name, for messages, and its octets.
    ///
    /// Never fails: what cannot be loaded stands in `troubles`, in words for the operator.
    pub fn load(files: &[(String, Vec<u8>)], passphrase: Option<&str>) -> MemoryKeys {
        let passphrase = passphrase.map(Password::from);
        let mut keys = MemoryKeys::default();
        for (name, octets) in files {
            let mut found = false;
            for block in blocks(octets) {
                match CertParser::from_bytes(block) {
                    Ok(certs) => {
                        for cert in certs {
                            found = true;
                            match cert {
                                Ok(cert) => keys.add(name, cert, passphrase.as_ref()),
                                Err(_) => {
                                    keys.blind = true;
                                    keys.troubles.push(format!(
                                    "{name}: holds something that is not a readable OpenPGP key; export the key again"
                                ))
                                }
                            }
                        }
                    }
                    Err(_) => continue,
                }
            }
            if !found {
                keys.blind = true;
                keys.troubles.push(format!(
                    "{name}: holds no OpenPGP key; write the secret key there (gpg --armor --export-secret-keys)"
                ));
            }
        }
        keys
    }

    /// The same, with what was wrong before the files could even be read.
    pub fn with_troubles(mut self, troubles: Vec<String>) -> MemoryKeys {
        self.blind |= !troubles.is_empty();
        self.troubles.splice(0..0, troubles);
        self
    }

    fn add(&mut self, name: &str, cert: Cert, passphrase: Option<&Password>) {
        let fingerprint = cert.fingerprint().to_hex();
        let mut usable = false;
        let mut reason = None;
        for key in cert.keys().secret() {
            let subkey = key.key().fingerprint().to_hex();
            match unlock(key.key().clone(), passphrase) {
                Ok(Some(ready)) => {
                    usable = true;
                    self.locked.remove(&subkey);
                    self.ready.insert(subkey, ready);
                }
                // A stub: the secret of this key is kept elsewhere, as for an offline primary key.
                Ok(None) => {}
                Err(why) => {
                    if !self.ready.contains_key(&subkey) {
                        self.locked.insert(subkey, format!("the secret key {fingerprint} {why}"));
                    }
                    reason = Some(why);
                }
            }
        }
        if let Some(why) = reason {
            self.troubles.push(format!("{name}: the secret key {fingerprint} {why}"));
        } else if !usable {
            self.bare.push(format!(
                "{name}: the key {fingerprint} comes without its secret part; export it with the secret part, \
                 or name the socket of the gpg-agent that holds it in `agent_socket`"
            ));
        }
        for key in cert.keys() {
            let subkey = key.key().fingerprint().to_hex();
            let why = || format!("the secret part of the key {subkey} is not in {name}");
            self.absent.entry(subkey.clone()).or_insert_with(why);
        }
        self.list(fingerprint, cert.strip_secret_key_material());
    }

    /// Adds a certificate to the team's, or merges it with itself from another file.
    fn list(&mut self, fingerprint: String, cert: Cert) {
        let before = self.team.iter_mut().find(|key| key.fingerprint == fingerprint);
        let whole = match &before {
            Some(known) => match Cert::from_bytes(&known.certificate) {
                Ok(old) => old.merge_public(cert.clone()).unwrap_or(cert),
                Err(_) => cert,
            },
            None => cert,
        };
        let Ok(certificate) = whole.to_vec() else { return };
        match before {
            Some(known) => known.certificate = certificate,
            None => self.team.push(TeamKey { fingerprint, certificate }),
        }
    }

    fn find(&self, key: &str) -> Result<&Ready, KeyTrouble> {
        match (self.ready.get(key), self.locked.get(key).or(self.absent.get(key))) {
            (Some(ready), _) => Ok(ready),
            (None, Some(why)) => Err(KeyTrouble::Unavailable(why.clone())),
            (None, None) => Err(KeyTrouble::NoKey),
        }
    }

    /// Whether the secret part of this key of the team was in no file at all.
    pub fn lacks(&self, key: &str) -> bool {
        !self.ready.contains_key(key) && !self.locked.contains_key(key) && self.absent.contains_key(key)
    }

    /// The troubles of the files alone: a certificate may come without its secret part.
    pub(super) fn troubles_of_files(&self) -> &[String] {
        &self.troubles
    }
}

impl PrivateKeys for MemoryKeys {
    fn team(&self) -> &[TeamKey] {
        &self.team
    }

    fn troubles(&self) -> Vec<String> {
        [&self.troubles[..], &self.bare].concat()
    }

    fn blind(&self) -> bool {
        self.blind
    }

    fn session_key(
        &self,
        key: &str,
        ciphertext: &[u8],
        plaintext_len: Option<usize>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyTrouble> {
        let refused = |_| KeyTrouble::Refused;
        match self.find(key)? {
            Ready::Rsa(public, rsa) => {
                let parsed = mpi::Ciphertext::parse(public.pk_algo(), ciphertext).map_err(refused)?;
                let mpi::Ciphertext::RSA { c } = parsed else { return Err(KeyTrouble::Refused) };
                let mut plain = Zeroizing::new(vec![0; rsa.size() as usize]);
                let length =
                    rsa.private_decrypt(c.value(), &mut plain, Padding::PKCS1).map_err(|_| KeyTrouble::Refused)?;
                Ok(Zeroizing::new(plain.get(..length).unwrap_or_default().to_vec()))
            }
            Ready::Pair(pair) => {
                let parsed = mpi::Ciphertext::parse(pair.public().pk_algo(), ciphertext).map_err(refused)?;
                let session_key = pair.as_ref().clone().decrypt(&parsed, plaintext_len).map_err(refused)?;
                Ok(Zeroizing::new(session_key.to_vec()))
            }
        }
    }

    fn sign(&self, key: &str, hash: HashAlgorithm, digest: &[u8]) -> Result<Vec<u8>, KeyTrouble> {
        let refused = |_| KeyTrouble::Refused;
        let signature = match self.find(key)? {
            Ready::Rsa(_, rsa) => {
                // PKCS #1 v1.5 over a DigestInfo (RFC 9580, 5.2.3.1).
                let info = [hash.oid().map_err(refused)?, digest].concat();
                let mut s = vec![0; rsa.size() as usize];
                let length = rsa.private_encrypt(&info, &mut s, Padding::PKCS1).map_err(|_| KeyTrouble::Refused)?;
                s.truncate(length);
                mpi::Signature::RSA { s: s.into() }
            }
            Ready::Pair(pair) => pair.as_ref().clone().sign(hash, digest).map_err(refused)?,
        };
        signature.to_vec().map_err(refused)
    }
}

/// The armoured blocks in a file, each with its header line, or the whole of a binary one.
fn blocks(octets: &[u8]) -> Vec<&[u8]> {
    const BEGIN: &[u8] = b"-----BEGIN PGP ";
    let starts: Vec<usize> =
        octets.windows(BEGIN.len()).enumerate().filter(|(_, w)| *w == BEGIN).map(|(i, _)| i).collect();
    if starts.is_empty() {
        return vec![octets];
    }
    let ends = starts.iter().skip(1).copied().chain([octets.len()]);
    starts.iter().zip(ends).filter_map(|(&start, end)| octets.get(start..end)).collect()
}

/// Makes a key ready. `None` for a stub; an error says what is wrong and what to do.
fn unlock(key: Key<SecretParts, UnspecifiedRole>, passphrase: Option<&Password>) -> Result<Option<Ready>, String> {
    let key = match key.secret() {
        key::SecretKeyMaterial::Unencrypted(_) => key,
        key::SecretKeyMaterial::Encrypted(locked) => {
            match locked.s2k() {
                S2K::Private { .. } => return Ok(None),
                S2K::Argon2 { m, .. } if *m > ARGON2_MEMORY => {
                    return Err("wants more than 256 MiB of memory to be unlocked; protect it with less".into());
                }
                _ => {}
            }
            let Some(passphrase) = passphrase else {
                return Err("is locked with a passphrase; name its file in `passphrase_file`".into());
            };
            let wrong =
                |_| "does not open with the passphrase given; put the right one into `passphrase_file`".to_owned();
            key.decrypt_secret(passphrase).map_err(wrong)?
        }
    };
    let public = key.clone().take_secret().0;
    let pair = key.into_keypair().map_err(|_| "cannot be read; export it again".to_owned())?;
    let rsa = pair.secret().map(|secret| match (public.mpis(), secret) {
        (mpi::PublicKey::RSA { e, n }, SecretKeyMaterial::RSA { d, p, q, .. }) => {
            Some(rsa_with_crt(n.value(), e.value(), d.value(), p.value(), q.value()))
        }
        _ => None,
    });
    match rsa {
        None => Ok(Some(Ready::Pair(Box::new(pair)))),
        Some(Ok(rsa)) => Ok(Some(Ready::Rsa(Box::new(public), Box::new(rsa)))),
        Some(Err(_)) => Err("holds numbers that make no RSA key; export it again".into()),
    }
}

/// An RSA key with the values of the Chinese remainder theorem, derived from the primes.
fn rsa_with_crt(n: &[u8], e: &[u8], d: &[u8], p: &[u8], q: &[u8]) -> Result<Rsa<Private>, ErrorStack> {
    let secret = |octets| -> Result<BigNum, ErrorStack> {
        let mut number = BigNum::new_secure()?;
        number.copy_from_slice(octets)?;
        Ok(number)
    };
    let (n, e, d, p, q) = (BigNum::from_slice(n)?, BigNum::from_slice(e)?, secret(d)?, secret(p)?, secret(q)?);
    let mut context = BigNumContext::new_secure()?;
    let less_one = |prime: &BigNum| -> Result<BigNum, ErrorStack> {
        let mut less = BigNumRef::to_owned(prime)?;
        less.sub_word(1)?;
        Ok(less)
    };
    let (mut dp, mut dq, mut inverse) = (BigNum::new_secure()?, BigNum::new_secure()?, BigNum::new_secure()?);
    let (p1, q1) = (less_one(&p)?, less_one(&q)?);
    dp.nnmod(&d, &p1, &mut context)?;
    dq.nnmod(&d, &q1, &mut context)?;
    inverse.mod_inverse(&q, &p, &mut context)?;
    let rsa = RsaPrivateKeyBuilder::new(n, e, d)?.set_factors(p, q)?.set_crt_params(dp, dq, inverse)?.build();
    if rsa.check_key()? { Ok(rsa) } else { Err(ErrorStack::get()) }
}

/// A private key behind the seam, as Sequoia wants to see one: to decrypt and to sign.
///
/// Keeps the last trouble, since Sequoia's own error would say less.
pub struct RemoteKey<'a> {
    keys: &'a dyn PrivateKeys,
    public: Key<PublicParts, UnspecifiedRole>,
    pub trouble: Option<KeyTrouble>,
}

impl<'a> RemoteKey<'a> {
    /// `public` is the primary key or subkey to use; it must be one of the team's.
    pub fn new(keys: &'a dyn PrivateKeys, public: Key<PublicParts, UnspecifiedRole>) -> RemoteKey<'a> {
        RemoteKey { keys, public, trouble: None }
    }

    fn settle<T>(&mut self, answer: Result<T, KeyTrouble>) -> openpgp::Result<T> {
        answer.map_err(|trouble| {
            self.trouble = Some(trouble.clone());
            trouble.into()
        })
    }
}

impl Decryptor for RemoteKey<'_> {
    fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        &self.public
    }

    fn decrypt(&mut self, ciphertext: &mpi::Ciphertext, plaintext_len: Option<usize>) -> openpgp::Result<SessionKey> {
        let octets = ciphertext.to_vec()?;
        let answer = self.keys.session_key(&self.public.fingerprint().to_hex(), &octets, plaintext_len);
        Ok(SessionKey::from(self.settle(answer)?.as_slice()))
    }
}

impl Signer for RemoteKey<'_> {
    fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        &self.public
    }

    fn sign(&mut self, hash: HashAlgorithm, digest: &[u8]) -> openpgp::Result<mpi::Signature> {
        let answer = self.keys.sign(&self.public.fingerprint().to_hex(), hash, digest);
        let octets = self.settle(answer)?;
        mpi::Signature::parse(self.public.pk_algo(), octets.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openpgp::cert::{CertBuilder, CipherSuite};
    use openpgp::serialize::Serialize;

    fn key_file(suite: CipherSuite, password: Option<&str>) -> (Cert, Vec<u8>) {
        let builder = CertBuilder::general_purpose(Some("Team <team@example.org>")).set_cipher_suite(suite);
        let (cert, _) = builder.set_password(password.map(Into::into)).generate().unwrap();
        let mut octets = Vec::new();
        cert.as_tsk().armored().serialize(&mut octets).unwrap();
        (cert, octets)
    }

    /// Signs and decrypts with every key of the certificate, through the seam and by Sequoia.
    fn answers_as_sequoia_does(suite: CipherSuite) -> Vec<(mpi::Signature, mpi::Signature)> {
        let (cert, octets) = key_file(suite, None);
        let keys = MemoryKeys::load(&[("team.asc".into(), octets)], None);
        assert_eq!((keys.troubles().len(), keys.team().len()), (0, 1));
        let mut signatures = Vec::new();
        for amalgam in cert.keys().secret() {
            let pair_key: Key<SecretParts, UnspecifiedRole> = amalgam.key().clone();
            let public = pair_key.clone().take_secret().0;
            let mut own = pair_key.into_keypair().unwrap();
            let mut remote = RemoteKey::new(&keys, public.clone());
            if public.pk_algo().for_encryption() {
                let session_key = SessionKey::from(&[7_u8; 35][..]);
                let ciphertext = public.encrypt(&session_key).unwrap();
                assert_eq!(remote.decrypt(&ciphertext, Some(35)).unwrap(), session_key);
                assert_eq!(own.decrypt(&ciphertext, Some(35)).unwrap(), session_key);
            }
            if public.pk_algo().for_signing() {
                let digest = [9; 32];
                let by_seam = Signer::sign(&mut remote, HashAlgorithm::SHA256, &digest).unwrap();
                let by_sequoia = Signer::sign(&mut own, HashAlgorithm::SHA256, &digest).unwrap();
                assert!(public.verify_digest(&by_seam, &digest), "{suite:?}");
                signatures.push((by_seam, by_sequoia));
            }
        }
        assert!(!signatures.is_empty());
        signatures
    }

    trait VerifyDigest {
        fn verify_digest(&self, signature: &mpi::Signature, digest: &[u8]) -> bool;
    }
    impl VerifyDigest for Key<PublicParts, UnspecifiedRole> {
        fn verify_digest(&self, signature: &mpi::Signature, digest: &[u8]) -> bool {
            self.verify(signature, HashAlgorithm::SHA256, digest).is_ok()
        }
    }

    #[test]
    fn rsa_with_crt_gives_what_sequoia_gives() {
        for (by_seam, by_sequoia) in answers_as_sequoia_does(CipherSuite::RSA4k) {
            assert_eq!(by_seam, by_sequoia, "PKCS #1 v1.5 signatures are deterministic");
        }
    }

    #[test]
    fn every_other_algorithm_goes_through_sequoia() {
        for suite in [CipherSuite::Cv25519, CipherSuite::P256, CipherSuite::P521] {
            answers_as_sequoia_does(suite);
        }
    }

    #[test]
    fn a_locked_key_is_known_but_does_not_answer() {
        let (cert, octets) = key_file(CipherSuite::Cv25519, Some("open sesame"));
        for wrong in [None, Some("guess")] {
            let keys = MemoryKeys::load(&[("team.asc".into(), octets.clone())], wrong);
            assert_eq!(keys.team()[0].fingerprint, cert.fingerprint().to_hex());
            assert_eq!(keys.troubles().len(), 1);
            assert!(keys.troubles()[0].contains("passphrase_file"), "{:?}", keys.troubles());
            let answer = keys.sign(&cert.fingerprint().to_hex(), HashAlgorithm::SHA256, &[0; 32]);
            assert!(matches!(answer, Err(KeyTrouble::Unavailable(_))));
        }
        let keys = MemoryKeys::load(&[("team.asc".into(), octets)], Some("open sesame"));
        assert!(keys.troubles().is_empty());
        assert!(keys.sign(&cert.fingerprint().to_hex(), HashAlgorithm::SHA256, &[0; 32]).is_ok());
        assert_eq!(keys.sign("00", HashAlgorithm::SHA256, &[0; 32]), Err(KeyTrouble::NoKey));
    }

    #[test]
    fn one_file_may_hold_several_keys_and_a_bad_file_hides_no_good_one() {
        let (first, mut both) = key_file(CipherSuite::Cv25519, None);
        let (second, more) = key_file(CipherSuite::Cv25519, None);
        both.extend_from_slice(b"\nsome words between\n");
        both.extend_from_slice(&more);
        let (third, _) = key_file(CipherSuite::Cv25519, None);
        let mut binary = Vec::new();
        third.as_tsk().serialize(&mut binary).unwrap();
        let public_only = first.clone().strip_secret_key_material().armored().to_vec().unwrap();
        let files = [
            ("junk".to_owned(), b"no key".to_vec()),
            ("both.asc".to_owned(), both),
            ("third.pgp".to_owned(), binary),
            ("public.asc".to_owned(), public_only),
        ];
        let keys = MemoryKeys::load(&files, None);
        let team: Vec<_> = keys.team().iter().map(|key| key.fingerprint.clone()).collect();
        assert_eq!(team, [&first, &second, &third].map(|cert| cert.fingerprint().to_hex()));
        assert_eq!(keys.troubles().len(), 2, "{:?}", keys.troubles());
        assert!(keys.troubles()[0].starts_with("junk: holds no OpenPGP key"));
        for key in keys.team() {
            assert!(!Cert::from_bytes(&key.certificate).unwrap().is_tsk());
        }
    }
}
