//! What decryption and verification proved about one mail, and the one sentence that says it.
//!
//! Four separate facts: how it was opened; the state of the signature; who signed, and
//! whether that is the sender; how far that key is authenticated. No screen, alert or mail
//! shows more than stands here (law 6).

use super::ticket::words;
use serde::{Deserialize, Serialize};

words! {
    /// How the mail was opened.
    Encryption { None = "none", Decrypted = "decrypted", Failed = "failed" }
}

words! {
    /// Why a mail could not be opened.
    EncryptionProblem {
        /// Encrypted, but to no key of ours.
        NoKey = "no_key",
        /// Encrypted to a key of ours that cannot be used at the moment.
        KeyUnavailable = "key_unavailable",
        /// Encrypted for a password only; we never try one.
        PasswordOnly = "password_only",
        /// A packet without integrity protection (SED, tag 9; MDC stripped).
        NoIntegrity = "no_integrity",
        /// The integrity check failed.
        Tampered = "tampered",
        /// The data ends before its last chunk.
        Truncated = "truncated",
        /// Over a limit of size, ratio or layers.
        TooLarge = "too_large",
        /// Not a well-formed OpenPGP message.
        Malformed = "malformed",
        /// Well-formed, but a kind that the library does not read (LibrePGP tag 20, post-quantum, S/MIME).
        Unsupported = "unsupported",
    }
}

words! {
    /// The state of the signature. Anything but `good` counts as unsigned for every decision.
    Signature {
        None = "none",
        Good = "good",
        Bad = "bad",
        UnknownKey = "unknown_key",
        ExpiredKey = "expired_key",
        RevokedKey = "revoked_key",
        Weak = "weak",
    }
}

words! {
    /// Why a signature is worth less than it looks.
    SignatureProblem {
        /// Made by a key that may not sign, or without back-signature.
        WrongFlags = "wrong_flags",
        /// Names intended recipients, and none is us (A5.8).
        NotForUs = "not_for_us",
        /// Made more than 7 days before the mail was received (A5.9).
        Old = "old",
        /// Covers only a part of what is shown.
        Partial = "partial",
        RevokedHard = "revoked_hard",
        RevokedSoft = "revoked_soft",
        /// Made in the future, by more than 5 minutes.
        Future = "future",
        /// Not a well-formed signature.
        Malformed = "malformed",
        /// A kind that the library does not read.
        Unsupported = "unsupported",
        /// The signing key had expired when it signed.
        ExpiredAtSigning = "expired_at_signing",
    }
}

words! {
    /// How far the key of the signer is authenticated. Ordered.
    Authenticated {
        None = "none",
        /// Imported by the team, not confirmed.
        Marginal = "marginal",
        /// Fingerprint confirmed, or certified by an introducer.
        Full = "full",
    }
}

words! {
    /// How much of the shown message a good signature covers.
    Covers { None = "none", Part = "part", Whole = "whole" }
}

/// What was proven. See the file head; the field names are those of the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub encryption: Encryption,
    pub encryption_problem: Option<EncryptionProblem>,
    pub signature: Signature,
    pub signature_problem: Option<SignatureProblem>,
    /// Full fingerprint in capital hex of the certificate (primary key) whose key signed, as far
    /// as the signature tells; also for signatures that are not good.
    pub signer: Option<String>,
    /// The signature is good, covers the whole, and its certificate is bound to the From address.
    pub signed_by_sender: bool,
    pub authenticated: Authenticated,
    pub covers: Covers,
    /// The subject stood inside the cryptographic envelope.
    pub subject_protected: bool,
}

impl Default for Verdict {
    fn default() -> Self {
        Verdict {
            encryption: Encryption::None,
            encryption_problem: None,
            signature: Signature::None,
            signature_problem: None,
            signer: None,
            signed_by_sender: false,
            authenticated: Authenticated::None,
            covers: Covers::None,
            subject_protected: false,
        }
    }
}

/// What was proven about one attached file by itself, be it encrypted, signed inside, or signed by a
/// signature beside it. It says nothing of the mail that carried the file, and the mail nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileVerdict {
    pub encryption: Encryption,
    pub encryption_problem: Option<EncryptionProblem>,
    pub signature: Signature,
    pub signature_problem: Option<SignatureProblem>,
    /// As in `Verdict`.
    pub signer: Option<String>,
    /// Of a good signature: the addresses for which its certificate stands at `authenticated`.
    pub signer_addresses: Vec<String>,
    pub authenticated: Authenticated,
}

impl Default for FileVerdict {
    fn default() -> Self {
        FileVerdict {
            encryption: Encryption::None,
            encryption_problem: None,
            signature: Signature::None,
            signature_problem: None,
            signer: None,
            signer_addresses: Vec::new(),
            authenticated: Authenticated::None,
        }
    }
}

impl Signature {
    /// Which of several signatures is told first: a good one names its own signer only, whatever
    /// stands beside it (T33); of the others the one that says most.
    pub fn weight(self) -> u8 {
        match self {
            Signature::Good => 6,
            Signature::RevokedKey => 5,
            Signature::ExpiredKey => 4,
            Signature::Weak => 3,
            Signature::Bad => 2,
            Signature::UnknownKey => 1,
            Signature::None => 0,
        }
    }
}

impl Verdict {
    /// Whether the mail proves that the owner of the From address wrote the whole of it with a
    /// key that the team holds at `rung` or above.
    pub fn proves_sender(&self, rung: Authenticated) -> bool {
        self.signature == Signature::Good
            && self.covers == Covers::Whole
            && self.signed_by_sender
            && self.signature_problem.is_none()
            && self.authenticated >= rung
    }
}
