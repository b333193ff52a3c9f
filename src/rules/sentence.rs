//! The verdict in one plain sentence for the analyst, in French and English.
//!
//! It never says more than was proven (law 6): "verified" stands there only for a mail that the
//! owner of the From address signed as a whole with a key that the team has confirmed, and "signed
//! by" only where the signature is good and bound to that address.
//!
//! Hostile data: none reaches the sentence; it is made of fixed words. Failure: none.

use super::settings::Language;
use super::verdict::{
    Authenticated, Covers, Encryption, EncryptionProblem, FileVerdict, Signature, SignatureProblem, Verdict,
};

/// The sentence.
pub fn summary(verdict: &Verdict, language: Language) -> String {
    let (opened, signed) = (opened(verdict.encryption, verdict.encryption_problem), signature(verdict));
    // A mail that could not be opened has no signature to speak of, unless one stands outside.
    let alone = verdict.encryption == Encryption::Failed && verdict.signature == Signature::None;
    sentence("Message", opened, (!alone).then_some(signed), language)
}

/// The sentence about an attached file by itself.
pub fn file_summary(verdict: &FileVerdict, language: Language) -> String {
    let (opened, signed) = (opened(verdict.encryption, verdict.encryption_problem), file_signature(verdict));
    let alone = verdict.encryption == Encryption::Failed && verdict.signature == Signature::None;
    sentence("Fichier", opened, (!alone).then_some(signed), language)
}

/// `what`: what it is about, in French. The English sentence needs no word for it.
fn sentence(what: &str, opened: Both, signed: Option<Both>, language: Language) -> String {
    match (language, signed) {
        (Language::En, Some(signed)) => format!("{}; {}.", opened.0, signed.0),
        (Language::En, None) => format!("{}.", opened.0),
        (Language::Fr, Some(signed)) => format!("{what} {} ; {}.", opened.1, signed.1),
        (Language::Fr, None) => format!("{what} {}.", opened.1),
    }
}

/// English and French.
type Both = (&'static str, &'static str);

fn opened(encryption: Encryption, problem: Option<EncryptionProblem>) -> Both {
    match encryption {
        Encryption::None => ("Not encrypted", "non chiffré"),
        Encryption::Decrypted => ("Encrypted", "chiffré"),
        Encryption::Failed => not_opened(problem),
    }
}

fn not_opened(problem: Option<EncryptionProblem>) -> Both {
    use EncryptionProblem::*;
    match problem {
        Some(NoKey) => (
            "Encrypted, but to none of the team's keys: it cannot be read",
            "chiffré, mais pour aucune des clés de l'équipe : il est illisible",
        ),
        Some(KeyUnavailable) => (
            "Encrypted to a key of the team that cannot be used at the moment: it waits to be opened",
            "chiffré pour une clé de l'équipe qui est indisponible en ce moment : il attend d'être ouvert",
        ),
        Some(PasswordOnly) => (
            "Encrypted with a password and not to a key: it cannot be read",
            "chiffré par un mot de passe et non pour une clé : il est illisible",
        ),
        Some(NoIntegrity) => (
            "Encrypted in an old way without protection against changes: not opened, perhaps an attack",
            "chiffré d'une façon ancienne, sans protection contre les altérations : il n'a pas été ouvert, c'est peut-être une attaque",
        ),
        Some(Tampered) => (
            "Encrypted, but changed on its way: not opened, perhaps an attack",
            "chiffré, mais altéré en chemin : il n'a pas été ouvert, c'est peut-être une attaque",
        ),
        Some(Truncated) => (
            "Encrypted, but its end is missing: not opened, perhaps an attack",
            "chiffré, mais il manque la fin : il n'a pas été ouvert, c'est peut-être une attaque",
        ),
        Some(TooLarge) => (
            "Encrypted, but larger inside than the limits allow: not opened",
            "chiffré, mais son contenu dépasse les limites : il n'a pas été ouvert",
        ),
        Some(Malformed) => (
            "Said to be encrypted, but broken: it cannot be read",
            "présenté comme chiffré, mais endommagé : il est illisible",
        ),
        Some(Unsupported) => {
            ("Encrypted in a way that Vigie does not read", "chiffré d'une façon que Vigie ne sait pas lire")
        }
        None => ("Encrypted, but it could not be opened", "chiffré, mais il n'a pas pu être ouvert"),
    }
}

fn signature(verdict: &Verdict) -> Both {
    match verdict.signature {
        Signature::None => ("not signed: nothing proves who wrote it", "non signé : rien ne prouve qui l'a écrit"),
        Signature::Good => good(verdict),
        Signature::Bad if verdict.signature_problem.is_none() => (
            "its signature is wrong: the text was changed or the signature is forged; treat it as unsigned",
            "sa signature est fausse : le texte a été modifié ou la signature contrefaite ; à traiter comme non signé",
        ),
        state => not_good(state, verdict.signature_problem),
    }
}

fn file_signature(verdict: &FileVerdict) -> Both {
    match verdict.signature {
        Signature::None => ("not signed: nothing proves who made it", "non signé : rien ne prouve qui l'a fait"),
        Signature::Good => match verdict.authenticated {
            Authenticated::Full => {
                ("signed with a key that the team has confirmed", "signé avec une clé que l'équipe a confirmée")
            }
            Authenticated::Marginal => (
                "signed with a key that the team has imported but not confirmed",
                "signé avec une clé que l'équipe a importée mais pas confirmée",
            ),
            Authenticated::None => (
                "signed with a key, and nothing yet tells whose key that is",
                "signé avec une clé, mais rien ne dit encore à qui elle appartient",
            ),
        },
        Signature::Bad if verdict.signature_problem.is_none() => (
            "its signature is wrong: the file was changed or the signature is forged; treat it as unsigned",
            "sa signature est fausse : le fichier a été modifié ou la signature contrefaite ; à traiter comme non signé",
        ),
        state => not_good(state, verdict.signature_problem),
    }
}

/// Why a signature counts as none.
fn not_good(state: Signature, problem: Option<SignatureProblem>) -> Both {
    use SignatureProblem::*;
    match (state, problem) {
        (Signature::UnknownKey, _) => (
            "it bears a signature by a key that the team has not taken in, which proves nothing",
            "il porte une signature d'une clé que l'équipe n'a pas importée, ce qui ne prouve rien",
        ),
        (Signature::ExpiredKey, Some(ExpiredAtSigning)) => (
            "it bears a signature by a key that had expired before it signed, which proves nothing",
            "il porte une signature d'une clé qui avait expiré avant de signer, ce qui ne prouve rien",
        ),
        (Signature::ExpiredKey, _) => (
            "it bears a signature by a key that has expired since, which proves nothing",
            "il porte une signature d'une clé qui a expiré depuis, ce qui ne prouve rien",
        ),
        (Signature::RevokedKey, Some(RevokedSoft)) => (
            "it bears a signature by a key that its owner has withdrawn or replaced, which proves nothing",
            "il porte une signature d'une clé que son propriétaire a retirée ou remplacée, ce qui ne prouve rien",
        ),
        (Signature::RevokedKey, _) => (
            "it bears a signature by a revoked key, which proves nothing; the key may be stolen",
            "il porte une signature d'une clé révoquée, ce qui ne prouve rien ; la clé est peut-être volée",
        ),
        (Signature::Weak, _) => (
            "it bears a signature made with an outdated method, which proves nothing",
            "il porte une signature faite par une méthode dépassée, ce qui ne prouve rien",
        ),
        (_, Some(WrongFlags)) => (
            "it bears a signature by a key that is not meant for signing, which proves nothing",
            "il porte une signature d'une clé qui n'est pas faite pour signer, ce qui ne prouve rien",
        ),
        (_, Some(NotForUs)) => (
            "it bears a signature meant for other recipients: treat it as unsigned, perhaps something old sent on",
            "il porte une signature destinée à d'autres : à traiter comme non signé, c'est peut-être un ancien envoi réexpédié",
        ),
        (_, Some(Old)) => (
            "it bears a signature that was made for a time that is over: treat it as unsigned",
            "il porte une signature dont la durée de validité est passée : à traiter comme non signé",
        ),
        (_, Some(Future)) => (
            "its signature is dated in the future: treat it as unsigned",
            "sa signature est datée dans le futur : à traiter comme non signé",
        ),
        _ => (
            "it bears a signature that cannot be read: treat it as unsigned",
            "il porte une signature illisible : à traiter comme non signé",
        ),
    }
}

fn good(verdict: &Verdict) -> Both {
    match (verdict.covers, verdict.signature_problem) {
        (Covers::None, _) => (
            "a signature inside covers nothing of what is shown: treat it as unsigned",
            "une signature à l'intérieur ne couvre rien de ce qui est affiché : à traiter comme non signé",
        ),
        (Covers::Part, Some(SignatureProblem::Old)) => (
            "only a part of it is signed, and more than seven days from its dates: perhaps an old text sent again",
            "une partie seulement est signée, et à plus de sept jours de ses dates : c'est peut-être un ancien texte renvoyé",
        ),
        (Covers::Part, _) | (_, Some(SignatureProblem::Partial)) => (
            "only a part of it is signed: the rest may come from anybody",
            "une partie seulement est signée : le reste peut venir de n'importe qui",
        ),
        (Covers::Whole, Some(SignatureProblem::Old)) => (
            "its signature and its dates lie more than seven days apart: perhaps an old mail sent again",
            "sa signature et ses dates sont à plus de sept jours d'écart : c'est peut-être un ancien message renvoyé",
        ),
        (Covers::Whole, Some(problem)) => not_good(Signature::Good, Some(problem)),
        (Covers::Whole, None) if !verdict.signed_by_sender => (
            "signed as a whole with a key that does not belong to the From address",
            "signé en entier, mais avec une clé qui n'appartient pas à l'adresse de l'expéditeur",
        ),
        (Covers::Whole, None) => match verdict.authenticated {
            Authenticated::Full => (
                "verified: signed by the sender, with a key that the team has confirmed",
                "origine vérifiée : signé par l'expéditeur, avec une clé que l'équipe a confirmée",
            ),
            Authenticated::Marginal => (
                "signed by the holder of the sender's key, which the team has imported but not confirmed",
                "signé par le détenteur de la clé de l'expéditeur, que l'équipe a importée mais pas confirmée",
            ),
            Authenticated::None => (
                "signed by a key in the sender's name, and nothing yet tells whose key that is",
                "signé par une clé au nom de l'expéditeur, mais rien ne dit encore à qui elle appartient",
            ),
        },
    }
}

#[cfg(test)]
#[path = "sentence_tests.rs"]
mod tests;
