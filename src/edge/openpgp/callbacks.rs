//! What Sequoia calls back while it reads a message: for a session key, for limits, for judgement.
//!
//! Hostile data: every packet of the message. Failure: reading stops, and `Notes` says why. Limits
//! are those in the head of `open`. Answers of private keys come through the seam alone.

use super::judge::{Ring, SignatureFact, judge};
use super::measure::Session;
use super::open::{HIDDEN_TRIES, LAYERS, PACKETS, RECIPIENTS, SIGNATURES};
use super::seam::{KeyTrouble, RemoteKey};
use super::{Lenient, system_time};
use crate::rules::verdict::{EncryptionProblem, Signature, SignatureProblem};
use jiff::Timestamp;
use openpgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use openpgp::crypto::SessionKey;
use openpgp::packet::{PKESK, SKESK};
use openpgp::parse::PacketParser;
use openpgp::parse::stream::{DecryptionHelper, MessageLayer, MessageStructure, VerificationError, VerificationHelper};
use openpgp::types::{RevocationStatus, SymmetricAlgorithm};
use openpgp::{Cert, KeyHandle, Packet};
use sequoia_openpgp as openpgp;

/// What was learnt, for the case that the decryptor fails and takes the callbacks down with it.
#[derive(Clone, Default)]
pub(super) struct Notes(std::rc::Rc<std::cell::Cell<Progress>>);

#[derive(Clone, Copy, Default)]
struct Progress {
    /// The container was reached.
    asked: bool,
    /// One of its recipients was a key of ours.
    named: bool,
    /// A session key came out whole.
    opened: bool,
    unavailable: bool,
    /// It was for a key of ours, by an algorithm that the library lacks.
    unsupported: bool,
    too_large: bool,
}

impl Notes {
    fn set(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.0.get();
        change(&mut progress);
        self.0.set(progress);
    }

    /// Why the message could not be read. Once the session key was right, whatever goes wrong with
    /// the content means that the content is not what was encrypted.
    pub fn problem(&self, error: Option<&openpgp::Error>) -> EncryptionProblem {
        use openpgp::Error::{UnsupportedAEADAlgorithm, UnsupportedSymmetricAlgorithm};
        let progress = self.0.get();
        match error {
            _ if progress.too_large => EncryptionProblem::TooLarge,
            Some(UnsupportedAEADAlgorithm(_) | UnsupportedSymmetricAlgorithm(_)) => EncryptionProblem::Unsupported,
            _ if progress.opened => EncryptionProblem::Tampered,
            _ if progress.unavailable => EncryptionProblem::KeyUnavailable,
            _ if progress.unsupported => EncryptionProblem::Unsupported,
            _ if progress.asked && !progress.named => EncryptionProblem::NoKey,
            _ => EncryptionProblem::Malformed,
        }
    }
}

/// What Sequoia calls back while it reads.
pub(super) struct Callbacks<'a> {
    ring: &'a Ring<'a>,
    team: Vec<Cert>,
    pub now: Timestamp,
    pub notes: Notes,
    signature_packets: usize,
    packets: usize,
    /// Whether the message stays within its limits, as far as these session keys show.
    fits: &'a dyn Fn(&[Session]) -> bool,
    sessions: Vec<Session>,
    pub checked: bool,
    pub encrypted: bool,
    pub old_key: bool,
    pub signatures: Vec<SignatureFact>,
}

impl<'a> Callbacks<'a> {
    pub fn new(
        ring: &'a Ring<'a>,
        team: Vec<Cert>,
        now: Timestamp,
        fits: &'a dyn Fn(&[Session]) -> bool,
    ) -> Callbacks<'a> {
        Callbacks {
            ring,
            team,
            now,
            notes: Notes::default(),
            signature_packets: 0,
            packets: 0,
            fits,
            sessions: Vec::new(),
            checked: false,
            encrypted: false,
            old_key: false,
            signatures: Vec::new(),
        }
    }

    /// Asks one of our keys for the session key of one recipient. True if it opened the container.
    fn ask(
        &mut self,
        cert: usize,
        key: &OurKey,
        pkesk: &PKESK,
        algorithm: Option<SymmetricAlgorithm>,
        open: Open,
    ) -> bool {
        let mut remote = RemoteKey::new(self.ring.keys, key.clone());
        let session = pkesk.decrypt(&mut remote, algorithm);
        if let Some(KeyTrouble::Unavailable(_)) = remote.trouble {
            self.notes.set(|progress| progress.unavailable = true);
        }
        if let Some((stated, _)) = &session {
            // A cipher that the library lacks is nobody's tampering.
            let foreign = stated.or(algorithm).is_some_and(|algorithm| !algorithm.is_supported());
            self.notes.set(|progress| {
                progress.opened |= !foreign;
                progress.unsupported |= foreign;
            });
        }
        let opened = session.filter(|(algorithm, session_key)| open(*algorithm, session_key));
        let Some(session) = opened else { return false };
        self.sessions.push(session);
        self.old_key = cert > 0 || self.is_retired(cert, key);
        true
    }

    fn too_large(&self) -> openpgp::anyhow::Error {
        self.notes.set(|progress| progress.too_large = true);
        openpgp::Error::PolicyViolation("over a limit".into(), None).into()
    }

    /// Whether our key is no longer to be encrypted to.
    fn is_retired(&self, cert: usize, key: &OurKey) -> bool {
        let at = system_time(self.now);
        let Some(cert) = self.team.get(cert) else { return false };
        let of_key = cert.keys().key_handle(key.fingerprint()).next().map(|key| key.with_policy(&Lenient, at));
        let Some(Ok(valid)) = of_key else { return true };
        let revoked = |status| matches!(status, RevocationStatus::Revoked(_));
        valid.alive().is_err()
            || valid.valid_cert().alive().is_err()
            || revoked(valid.revocation_status())
            || revoked(cert.revocation_status(&Lenient, at))
    }
}

type OurKey = openpgp::packet::Key<openpgp::packet::key::PublicParts, openpgp::packet::key::UnspecifiedRole>;
type Open<'o> = &'o mut dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool;

impl DecryptionHelper for Callbacks<'_> {
    fn decrypt(
        &mut self,
        pkesks: &[PKESK],
        _: &[SKESK],
        algorithm: Option<SymmetricAlgorithm>,
        open: Open,
    ) -> openpgp::Result<Option<Cert>> {
        self.notes.set(|progress| progress.asked = true);
        let ours: Vec<(usize, OurKey)> = self
            .team
            .iter()
            .enumerate()
            .flat_map(|(at, cert)| cert.keys().map(move |key| (at, key.key().clone().role_into_unspecified())))
            .filter(|(_, key)| key.pk_algo().for_encryption())
            .collect();
        for pkesk in pkesks.iter().take(RECIPIENTS) {
            let recipient = pkesk.recipient();
            let fits = |key: &OurKey| match &recipient {
                Some(handle) => handle.aliases(KeyHandle::from(key.fingerprint())),
                None => key.pk_algo() == pkesk.pk_algo(),
            };
            for (cert, key) in ours.iter().filter(|(_, key)| fits(key)).take(HIDDEN_TRIES) {
                let unsupported = !pkesk.pk_algo().is_supported();
                // A hidden one that none of our keys opens was meant for somebody else.
                let named = recipient.is_some();
                self.notes.set(|progress| {
                    progress.named |= named;
                    progress.unsupported |= unsupported;
                });
                if self.ask(*cert, key, pkesk, algorithm, open) {
                    // Measured before the reader goes in: it skips without asking.
                    return if (self.fits)(&self.sessions) { Ok(None) } else { Err(self.too_large()) };
                }
            }
        }
        Err(openpgp::Error::MissingSessionKey("no key of ours opens it".into()).into())
    }
}

impl VerificationHelper for Callbacks<'_> {
    fn inspect(&mut self, packet: &PacketParser) -> openpgp::Result<()> {
        self.packets += 1;
        self.signature_packets += usize::from(matches!(packet.packet, Packet::Signature(_)));
        let too_large =
            self.packets > PACKETS || self.signature_packets > SIGNATURES || packet.recursion_depth() > LAYERS;
        if too_large { Err(self.too_large()) } else { Ok(()) }
    }

    /// Certificates are looked up in `check`, which judges by itself.
    fn get_certs(&mut self, _: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(Vec::new())
    }

    fn check(&mut self, structure: MessageStructure) -> openpgp::Result<()> {
        for layer in structure {
            match layer {
                // A signature around a container says nothing of what was inside it.
                MessageLayer::Encryption { .. } => {
                    self.encrypted = true;
                    self.signatures.clear();
                }
                MessageLayer::Compression { .. } => {}
                MessageLayer::SignatureGroup { results } => {
                    for result in results {
                        let fact = match result {
                            Ok(good) => judge(good.sig, self.ring, self.now),
                            Err(error) => match of_error(&error) {
                                Some(signature) => judge(signature, self.ring, self.now),
                                None => SignatureFact::failed(Signature::Bad, Some(SignatureProblem::Unsupported)),
                            },
                        };
                        self.signatures.push(fact);
                    }
                }
            }
        }
        self.checked = true;
        Ok(())
    }
}

/// The signature that Sequoia would not call good; we judge it ourselves, arithmetic first.
fn of_error<'e>(error: &'e VerificationError<'e>) -> Option<&'e openpgp::packet::Signature> {
    match error {
        VerificationError::MissingKey { sig }
        | VerificationError::UnboundKey { sig, .. }
        | VerificationError::BadKey { sig, .. }
        | VerificationError::BadSignature { sig, .. }
        | VerificationError::MalformedSignature { sig, .. } => Some(sig),
        _ => None,
    }
}
