//! Private keys that live in gpg-agent, and so also on a smartcard: behind the seam (law 8), beside
//! the keys of files. Each question is a talk of its own over the agent's Unix socket.
//!
//! Hostile data: the numbers of PKESK packets, which the agent gets as they are, and whatever
//! answers on the socket. Failure: `KeyTrouble`; nobody is ever asked for a passphrase or a PIN, so
//! that a key which wants one that the agent does not remember is `Unavailable`.
//! Known gaps: the agent is not started here; a PIN that a card forgets must be given again by
//! hand; the padding of RSA is not checked in constant time, and nobody outside sees the outcome.

mod assuan;
mod keygrip;
mod sexp;

pub use keygrip::keygrip;

use super::keeper::waiting_for;
use super::seam::{KeyTrouble, MemoryKeys, PrivateKeys, TeamKey};
use assuan::{Answer, Talk, TalkTrouble};
use openpgp::Cert;
use openpgp::crypto::mem::Protected;
use openpgp::crypto::{ecdh, mpi};
use openpgp::packet::Key;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::parse::Parse;
use openpgp::serialize::MarshalInto;
use openpgp::types::HashAlgorithm;
use sequoia_openpgp as openpgp;
use sexp::{Sexp, atom, list};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// For one answer of a key: a smartcard takes seconds for RSA-4096, and may have others waiting.
const ANSWER: Duration = Duration::from_secs(10);
/// For asking how the keys are.
const LOOK: Duration = Duration::from_secs(3);
/// An agent that hangs is left alone so long: what waits behind one mail must not wait for each.
const REST: Duration = Duration::from_secs(30);

/// The keys of files, and behind them those that gpg-agent holds.
pub struct AgentKeys {
    files: MemoryKeys,
    socket: PathBuf,
    /// Keys whose secret part is in no file, by fingerprint.
    held: HashMap<String, Held>,
    /// Until when it is not asked again.
    rests_until: Mutex<Option<Instant>>,
}

/// A key that the agent may hold.
struct Held {
    public: Key<PublicParts, UnspecifiedRole>,
    grip: String,
    /// It signs or decrypts: not a primary key that certifies alone and may lie in a safe.
    works: bool,
}

/// How a key is in the agent.
#[derive(PartialEq, Eq)]
enum State {
    Ready,
    Locked,
    NotThere,
}

impl AgentKeys {
    /// Keys that no file holds are looked for in the agent at `socket`. It need not be there yet.
    pub fn beside(files: MemoryKeys, socket: &Path) -> AgentKeys {
        let mut held = HashMap::new();
        for cert in files.team().iter().filter_map(|own| Cert::from_bytes(&own.certificate).ok()) {
            for key in cert.keys() {
                let fingerprint = key.key().fingerprint().to_hex();
                if files.lacks(&fingerprint)
                    && let Some(grip) = keygrip(key.key().mpis())
                {
                    let public = key.key().clone().role_into_unspecified();
                    let works = works(&cert, &public);
                    held.insert(fingerprint, Held { public, grip, works });
                }
            }
        }
        AgentKeys { files, socket: socket.to_owned(), held, rests_until: Mutex::new(None) }
    }

    /// One talk. An async worker thread that waits here hands its other tasks on.
    fn talk<T>(
        &self,
        limit: Duration,
        work: impl FnOnce(&mut Talk) -> Result<T, TalkTrouble>,
    ) -> Result<T, TalkTrouble> {
        let began = Instant::now();
        if self.rests_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| began < until) {
            return Err(TalkTrouble::Silent);
        }
        let work = || {
            let mut talk = Talk::open(&self.socket, began + limit)?;
            // It answers at once where it would else ask a person for a passphrase, a PIN or a card.
            talk.ask("OPTION pinentry-mode=error", None)?;
            work(&mut talk)
        };
        let outcome = waiting_for(work);
        if let Err(TalkTrouble::Silent) = outcome {
            *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
        }
        outcome
    }

    fn state(&self, held: &Held) -> Result<State, TalkTrouble> {
        match self.talk(LOOK, |talk| talk.ask(&format!("KEYINFO {}", held.grip), None)) {
            Ok(answer) if is_locked(&answer) => self.tried(held),
            Ok(_) => Ok(State::Ready),
            Err(TalkTrouble::Refused(NOT_FOUND | NO_SECKEY)) => Ok(State::NotThere),
            Err(trouble) => Err(trouble),
        }
    }

    /// A locked key may open all the same: the agent tries the passphrase that it learnt last.
    fn tried(&self, held: &Held) -> Result<State, TalkTrouble> {
        let own = match held.public.mpis() {
            mpi::PublicKey::RSA { .. } => Some(mpi::Ciphertext::RSA { c: mpi::MPI::new(&[2]) }),
            mpi::PublicKey::ECDH { q, .. } => Some(mpi::Ciphertext::ECDH { e: q.clone(), key: Box::new([0; 8]) }),
            _ => None,
        };
        let answer = match own.as_ref().and_then(question) {
            Some(question) => self.ask_to_decrypt(held, LOOK, &question),
            None => self.ask_to_sign(held, LOOK, HashAlgorithm::SHA512, &[0; 64]),
        };
        match answer {
            Err(TalkTrouble::Refused(code)) if wants_passphrase(code) => Ok(State::Locked),
            Ok(_) | Err(TalkTrouble::Refused(_)) => Ok(State::Ready),
            Err(trouble) => Err(trouble),
        }
    }

    fn ask_to_decrypt(&self, held: &Held, limit: Duration, question: &[u8]) -> Result<Answer, TalkTrouble> {
        self.talk(limit, |talk| {
            talk.ask(&format!("SETKEY {}", held.grip), None)?;
            talk.ask("PKDECRYPT", Some(("CIPHERTEXT", question)))
        })
    }

    fn ask_to_sign(
        &self,
        held: &Held,
        limit: Duration,
        hash: HashAlgorithm,
        digest: &[u8],
    ) -> Result<Answer, TalkTrouble> {
        let hex: String = digest.iter().map(|octet| format!("{octet:02X}")).collect();
        self.talk(limit, |talk| {
            talk.ask(&format!("SIGKEY {}", held.grip), None)?;
            talk.ask(&format!("SETHASH {} {hex}", u8::from(hash)), None)?;
            talk.ask("PKSIGN", None)
        })
    }

    /// What is wrong in the agent with keys of this certificate.
    fn troubles_of(&self, team: &TeamKey) -> Result<Vec<String>, TalkTrouble> {
        let name = &team.fingerprint;
        let Ok(cert) = Cert::from_bytes(&team.certificate) else { return Ok(Vec::new()) };
        let keys: Vec<String> = cert.keys().map(|key| key.key().fingerprint().to_hex()).collect();
        // Where some are in a file, the others may be meant to be nowhere.
        let mut some_there = keys.iter().any(|key| !self.files.lacks(key));
        let mut troubles = Vec::new();
        for (key, held) in keys.iter().filter_map(|key| Some((key, self.held.get(key).filter(|held| held.works)?))) {
            let state = self.state(held)?;
            some_there |= state != State::NotThere;
            if state == State::Locked {
                troubles.push(locked(key));
            }
        }
        if !some_there {
            troubles.push(format!(
                "the secret part of the key {name} is neither in a file nor in gpg-agent; import it there (gpg --import)"
            ));
        }
        Ok(troubles)
    }

    fn trouble(&self, key: &str, trouble: TalkTrouble) -> KeyTrouble {
        let words = match trouble {
            TalkTrouble::Refused(code) => match code {
                // What the data is blamed for.
                30 | 55 | 65..=67 | 79 | 82 | 83 | 89 | 139 | 152 => return KeyTrouble::Refused,
                NO_SECKEY | NOT_FOUND => format!("gpg-agent does not hold the secret part of the key {key}"),
                code if wants_passphrase(code) => locked(key),
                91 | 108..=112 | 119 | 120 | 123 | 129..=131 => {
                    format!("the smartcard with the key {key} does not work (error {code}); see `gpg --card-status`")
                }
                code => format!("gpg-agent cannot use the key {key} (error {code}); see its log"),
            },
            trouble => self.unreachable(&trouble),
        };
        KeyTrouble::Unavailable(words)
    }

    fn unreachable(&self, trouble: &TalkTrouble) -> String {
        format!("gpg-agent at {} cannot be asked: {trouble}; start it, or mend `agent_socket`", self.socket.display())
    }
}

/// Codes of libgpg-error.
const NO_SECKEY: u32 = 17;
const NOT_FOUND: u32 = 27;

/// Bad or no passphrase, no pinentry, bad or no PIN, cancelled.
fn wants_passphrase(code: u32) -> bool {
    matches!(code, 11 | 31 | 85..=87 | 99 | 114 | 177 | 178 | 198)
}

fn locked(key: &str) -> String {
    format!("the key {key} in gpg-agent wants a passphrase or PIN that the agent does not remember; give it there once")
}

/// From `KEYINFO <grip> <type> <serial> <id> <cached> <protection> ...` (gpg-agent, "KEYINFO"). Of a card
/// nobody knows before it is asked.
fn is_locked(answer: &Answer) -> bool {
    let fields = |line: &String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    answer.status.iter().map(fields).any(|fields| {
        let field = |at: usize| fields.get(at).map(String::as_str);
        field(0) == Some("KEYINFO") && field(2) == Some("D") && field(6) == Some("P") && field(5) != Some("1")
    })
}

/// Whether a key was ever said to sign or decrypt; one of which nothing was said may do all.
fn works(cert: &Cert, key: &Key<PublicParts, UnspecifiedRole>) -> bool {
    let own = cert.keys().key_handle(key.fingerprint()).flat_map(|key| key.self_signatures().collect::<Vec<_>>());
    let of_users = cert.userids().flat_map(|user| user.self_signatures().collect::<Vec<_>>());
    let is_primary = key.fingerprint() == cert.fingerprint();
    let flags: Vec<_> =
        own.chain(of_users.filter(|_| is_primary)).filter_map(|signature| signature.key_flags()).collect();
    let use_for = |flag: &openpgp::types::KeyFlags| {
        flag.for_signing() || flag.for_transport_encryption() || flag.for_storage_encryption()
    };
    flags.is_empty() || flags.iter().any(use_for)
}

impl PrivateKeys for AgentKeys {
    fn team(&self) -> &[TeamKey] {
        self.files.team()
    }

    fn troubles(&self) -> Vec<String> {
        let mut troubles = self.files.troubles_of_files().to_vec();
        for team in self.team() {
            match self.troubles_of(team) {
                Ok(found) => troubles.extend(found),
                Err(trouble) => {
                    troubles.push(self.unreachable(&trouble));
                    break;
                }
            }
        }
        troubles
    }

    fn blind(&self) -> bool {
        self.files.blind()
    }

    fn session_key(
        &self,
        key: &str,
        ciphertext: &[u8],
        plaintext_len: Option<usize>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyTrouble> {
        let Some(held) = self.held.get(key) else { return self.files.session_key(key, ciphertext, plaintext_len) };
        let refused = |_| KeyTrouble::Refused;
        let ciphertext = mpi::Ciphertext::parse(held.public.pk_algo(), ciphertext).map_err(refused)?;
        let question = question(&ciphertext).ok_or(KeyTrouble::Refused)?;
        let answer = self.ask_to_decrypt(held, ANSWER, &question).map_err(|trouble| self.trouble(key, trouble))?;
        let babble = || self.trouble(key, TalkTrouble::Babble);
        let sexp = Sexp::read(&answer.data).ok_or_else(babble)?;
        let value = sexp.value("value").ok_or_else(babble)?;
        match &ciphertext {
            // A card takes the padding off, and says so.
            mpi::Ciphertext::RSA { .. } if answer.status.iter().any(|line| line == "PADDING 0") => {
                Ok(Zeroizing::new(value.to_vec()))
            }
            mpi::Ciphertext::RSA { .. } => {
                unpadded(value).map(|plain| Zeroizing::new(plain.to_vec())).ok_or(KeyTrouble::Refused)
            }
            _ => {
                let shared = shared_secret(held.public.mpis(), value).ok_or(KeyTrouble::Refused)?;
                let session_key = ecdh::decrypt_unwrap(&held.public, &shared, &ciphertext, plaintext_len);
                session_key.map(|session_key| Zeroizing::new(session_key.to_vec())).map_err(refused)
            }
        }
    }

    fn sign(&self, key: &str, hash: HashAlgorithm, digest: &[u8]) -> Result<Vec<u8>, KeyTrouble> {
        let Some(held) = self.held.get(key) else { return self.files.sign(key, hash, digest) };
        let answer = self.ask_to_sign(held, ANSWER, hash, digest).map_err(|trouble| self.trouble(key, trouble))?;
        let signature = signature(held.public.mpis(), &answer.data);
        signature.ok_or_else(|| self.trouble(key, TalkTrouble::Babble))?.to_vec().map_err(|_| KeyTrouble::Refused)
    }
}

/// A ciphertext as the agent wants it (gpg-agent, "PKDECRYPT").
fn question(ciphertext: &mpi::Ciphertext) -> Option<Vec<u8>> {
    let named = |name: &str, octets: &[u8]| list(name, &[atom(octets)]);
    let numbers = match ciphertext {
        // A signed number: a zero in front, lest a high bit make it negative.
        mpi::Ciphertext::RSA { c } => list("rsa", &[named("a", &[&[0], c.value()].concat())]),
        mpi::Ciphertext::ECDH { e, key } => {
            let wrapped = [&[u8::try_from(key.len()).ok()?], &key[..]].concat();
            list("ecdh", &[named("s", &wrapped), named("e", e.value())])
        }
        _ => return None,
    };
    Some(list("enc-val", &[numbers]))
}

/// What stands behind the padding of PKCS #1 v1.5 (RFC 8017, 7.2.2); leading zeros may lack.
fn unpadded(value: &[u8]) -> Option<&[u8]> {
    let start = value.iter().position(|octet| *octet != 0)?;
    let rest = value.get(start..)?.strip_prefix(&[2])?;
    let end = rest.iter().position(|octet| *octet == 0).filter(|end| *end >= 8)?;
    rest.get(end + 1..)
}

/// The x coordinate in a shared point: `04 x y`, `40 x`, `41 x` or `x`, by kind of agent and card.
fn shared_secret(key: &mpi::PublicKey, point: &[u8]) -> Option<Protected> {
    let mpi::PublicKey::ECDH { curve, .. } = key else { return None };
    let size = curve.field_size().ok()?;
    // All curves that we know have coordinates of even length: an odd one comes from the mark in front.
    let start = point.len() % 2;
    point.get(start..start + size).map(Protected::from)
}

/// A signature out of the agent's answer, for a key of its kind.
fn signature(key: &mpi::PublicKey, answer: &[u8]) -> Option<mpi::Signature> {
    let answer = Sexp::read(answer)?;
    let [signature] = answer.named("sig-val")? else { return None };
    let number = |kind: &str, name: &str| {
        let octets = signature.named(kind)?.iter().find_map(|item| item.value(name))?;
        Some(mpi::MPI::new(octets))
    };
    Some(match key {
        mpi::PublicKey::RSA { .. } => mpi::Signature::RSA { s: number("rsa", "s")? },
        mpi::PublicKey::EdDSA { .. } => mpi::Signature::EdDSA { r: number("eddsa", "r")?, s: number("eddsa", "s")? },
        mpi::PublicKey::ECDSA { .. } => mpi::Signature::ECDSA { r: number("ecdsa", "r")?, s: number("ecdsa", "s")? },
        _ => return None,
    })
}
