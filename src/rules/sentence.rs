//! The verdict in one plain sentence for the analyst, in French and English.
//!
//! It never says more than was proven (law 6): "verified" stands there only for a mail that the
//! owner of the From address signed as a whole with a key that the team has confirmed, and "signed
//! by" only where the signature is good and bound to that address.
//!
//! Hostile data: none reaches the sentence; it is made of fixed words. Failure: none.

use super::settings::Language;
use super::verdict::{Authenticated, Covers, Encryption, EncryptionProblem, Signature, SignatureProblem, Verdict};

/// The sentence.
pub fn summary(verdict: &Verdict, language: Language) -> String {
    let (opened, signed) = (opened(verdict), signature(verdict));
    // A mail that could not be opened has no signature to speak of, unless one stands outside.
    let alone = verdict.encryption == Encryption::Failed && verdict.signature == Signature::None;
    match language {
        Language::En if alone => format!("{}.", opened.0),
        Language::Fr if alone => format!("{}.", opened.1),
        Language::En => format!("{}; {}.", opened.0, signed.0),
        Language::Fr => format!("{} ; {}.", opened.1, signed.1),
    }
}

/// English and French.
type Both = (&'static str, &'static str);

fn opened(verdict: &Verdict) -> Both {
    match verdict.encryption {
        Encryption::None => ("Not encrypted", "Message non chiffré"),
        Encryption::Decrypted => ("Encrypted", "Message chiffré"),
        Encryption::Failed => not_opened(verdict.encryption_problem),
    }
}

fn not_opened(problem: Option<EncryptionProblem>) -> Both {
    use EncryptionProblem::*;
    match problem {
        Some(NoKey) => (
            "Encrypted, but to none of the team's keys: it cannot be read",
            "Message chiffré, mais pour aucune des clés de l'équipe : il est illisible",
        ),
        Some(KeyUnavailable) => (
            "Encrypted to a key of the team that cannot be used at the moment: it waits to be opened",
            "Message chiffré pour une clé de l'équipe qui est indisponible en ce moment : il attend d'être ouvert",
        ),
        Some(PasswordOnly) => (
            "Encrypted with a password and not to a key: it cannot be read",
            "Message chiffré par un mot de passe et non pour une clé : il est illisible",
        ),
        Some(NoIntegrity) => (
            "Encrypted in an old way without protection against changes: not opened, perhaps an attack",
            "Message chiffré d'une façon ancienne, sans protection contre les altérations : il n'a pas été ouvert, c'est peut-être une attaque",
        ),
        Some(Tampered) => (
            "Encrypted, but changed on its way: not opened, perhaps an attack",
            "Message chiffré, mais altéré en chemin : il n'a pas été ouvert, c'est peut-être une attaque",
        ),
        Some(Truncated) => (
            "Encrypted, but its end is missing: not opened, perhaps an attack",
            "Message chiffré, mais il manque la fin : il n'a pas été ouvert, c'est peut-être une attaque",
        ),
        Some(TooLarge) => (
            "Encrypted, but larger inside than the limits allow: not opened",
            "Message chiffré, mais son contenu dépasse les limites : il n'a pas été ouvert",
        ),
        Some(Malformed) => (
            "Said to be encrypted, but broken: it cannot be read",
            "Message présenté comme chiffré, mais endommagé : il est illisible",
        ),
        Some(Unsupported) => {
            ("Encrypted in a way that Vigie does not read", "Message chiffré d'une façon que Vigie ne sait pas lire")
        }
        None => ("Encrypted, but it could not be opened", "Message chiffré, mais il n'a pas pu être ouvert"),
    }
}

fn signature(verdict: &Verdict) -> Both {
    use Signature::*;
    match verdict.signature {
        None => ("not signed: nothing proves who wrote it", "non signé : rien ne prouve qui l'a écrit"),
        Good => good(verdict),
        Bad => (
            "its signature is wrong: the text was changed or the signature is forged; treat it as unsigned",
            "sa signature est fausse : le texte a été modifié ou la signature contrefaite ; à traiter comme non signé",
        ),
        UnknownKey => (
            "it bears a signature by a key that the team has not taken in, which proves nothing",
            "il porte une signature d'une clé que l'équipe n'a pas importée, ce qui ne prouve rien",
        ),
        ExpiredKey => (
            "it bears a signature by an expired key, which proves nothing",
            "il porte une signature d'une clé expirée, ce qui ne prouve rien",
        ),
        RevokedKey => (
            "it bears a signature by a revoked key, which proves nothing; the key may be stolen",
            "il porte une signature d'une clé révoquée, ce qui ne prouve rien ; la clé est peut-être volée",
        ),
        Weak => (
            "it bears a signature made with an outdated method, which proves nothing",
            "il porte une signature faite par une méthode dépassée, ce qui ne prouve rien",
        ),
    }
}

fn good(verdict: &Verdict) -> Both {
    if let Some(problem) = verdict.signature_problem {
        return worth_less(problem);
    }
    match verdict.covers {
        Covers::None => nothing_covered(),
        Covers::Part => part_covered(),
        Covers::Whole if !verdict.signed_by_sender => (
            "signed as a whole with a key that does not belong to the From address",
            "signé en entier, mais avec une clé qui n'appartient pas à l'adresse de l'expéditeur",
        ),
        Covers::Whole => match verdict.authenticated {
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

fn nothing_covered() -> Both {
    (
        "a signature inside covers nothing of what is shown: treat it as unsigned",
        "une signature à l'intérieur ne couvre rien de ce qui est affiché : à traiter comme non signé",
    )
}

fn part_covered() -> Both {
    (
        "only a part of it is signed: the rest may come from anybody",
        "une partie seulement est signée : le reste peut venir de n'importe qui",
    )
}

fn worth_less(problem: SignatureProblem) -> Both {
    use SignatureProblem::*;
    match problem {
        Partial => part_covered(),
        WrongFlags => (
            "it bears a signature by a key that is not meant for signing, which proves nothing",
            "il porte une signature d'une clé qui n'est pas faite pour signer, ce qui ne prouve rien",
        ),
        NotForUs => (
            "it bears a signature meant for other recipients: treat it as unsigned, perhaps an old mail sent on",
            "il porte une signature destinée à d'autres : à traiter comme non signé, c'est peut-être un ancien message réexpédié",
        ),
        Old => (
            "its signature was made more than seven days before it arrived: perhaps an old mail sent again",
            "sa signature a été faite plus de sept jours avant son arrivée : c'est peut-être un ancien message renvoyé",
        ),
        Future => (
            "its signature is dated in the future: treat it as unsigned",
            "sa signature est datée dans le futur : à traiter comme non signé",
        ),
        RevokedHard | RevokedSoft => (
            "it bears a signature by a revoked key, which proves nothing; the key may be stolen",
            "il porte une signature d'une clé révoquée, ce qui ne prouve rien ; la clé est peut-être volée",
        ),
        ExpiredAtSigning => (
            "it bears a signature by an expired key, which proves nothing",
            "il porte une signature d'une clé expirée, ce qui ne prouve rien",
        ),
        Malformed | Unsupported => (
            "it bears a signature that cannot be read: treat it as unsigned",
            "il porte une signature illisible : à traiter comme non signé",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::verdict::Authenticated;

    fn options<T: Copy>(all: &[T]) -> Vec<Option<T>> {
        all.iter().copied().map(Some).chain([None]).collect()
    }

    /// Every verdict there is, but for the fingerprint, which the sentence does not hold.
    fn every_verdict(mut each: impl FnMut(&Verdict)) {
        let encryptions =
            Encryption::ALL.iter().flat_map(|&e| options(EncryptionProblem::ALL).into_iter().map(move |p| (e, p)));
        for (encryption, encryption_problem) in encryptions {
            for (&signature, signature_problem) in
                Signature::ALL.iter().flat_map(|s| options(SignatureProblem::ALL).into_iter().map(move |p| (s, p)))
            {
                for (&authenticated, &covers) in
                    Authenticated::ALL.iter().flat_map(|a| Covers::ALL.iter().map(move |c| (a, c)))
                {
                    for (signed_by_sender, subject_protected) in
                        [(true, true), (true, false), (false, false), (false, true)]
                    {
                        each(&Verdict {
                            encryption,
                            encryption_problem,
                            signature,
                            signature_problem,
                            signer: None,
                            signed_by_sender,
                            authenticated,
                            covers,
                            subject_protected,
                        });
                    }
                }
            }
        }
    }

    fn good(signed_by_sender: bool, authenticated: Authenticated, covers: Covers) -> Verdict {
        let encryption = Encryption::Decrypted;
        Verdict {
            encryption,
            signature: Signature::Good,
            signed_by_sender,
            authenticated,
            covers,
            ..Verdict::default()
        }
    }

    #[test]
    fn the_main_sentences_word_for_word() {
        let plain = Verdict::default();
        let encrypted = Verdict { encryption: Encryption::Decrypted, ..Verdict::default() };
        let no_key = Verdict {
            encryption: Encryption::Failed,
            encryption_problem: Some(EncryptionProblem::NoKey),
            ..Verdict::default()
        };
        for (verdict, english, french) in [
            (
                plain,
                "Not encrypted; not signed: nothing proves who wrote it.",
                "Message non chiffré ; non signé : rien ne prouve qui l'a écrit.",
            ),
            (
                encrypted,
                "Encrypted; not signed: nothing proves who wrote it.",
                "Message chiffré ; non signé : rien ne prouve qui l'a écrit.",
            ),
            (
                good(true, Authenticated::Full, Covers::Whole),
                "Encrypted; verified: signed by the sender, with a key that the team has confirmed.",
                "Message chiffré ; origine vérifiée : signé par l'expéditeur, avec une clé que l'équipe a confirmée.",
            ),
            (
                good(true, Authenticated::Marginal, Covers::Whole),
                "Encrypted; signed by the holder of the sender's key, which the team has imported but not confirmed.",
                "Message chiffré ; signé par le détenteur de la clé de l'expéditeur, que l'équipe a importée mais pas confirmée.",
            ),
            (
                good(false, Authenticated::Full, Covers::Whole),
                "Encrypted; signed as a whole with a key that does not belong to the From address.",
                "Message chiffré ; signé en entier, mais avec une clé qui n'appartient pas à l'adresse de l'expéditeur.",
            ),
            (
                good(true, Authenticated::Full, Covers::Part),
                "Encrypted; only a part of it is signed: the rest may come from anybody.",
                "Message chiffré ; une partie seulement est signée : le reste peut venir de n'importe qui.",
            ),
            (
                no_key,
                "Encrypted, but to none of the team's keys: it cannot be read.",
                "Message chiffré, mais pour aucune des clés de l'équipe : il est illisible.",
            ),
        ] {
            assert_eq!(summary(&verdict, Language::En), english);
            assert_eq!(summary(&verdict, Language::Fr), french);
        }
    }

    #[test]
    fn no_sentence_claims_more_than_was_proven() {
        every_verdict(|verdict| {
            let english = summary(verdict, Language::En);
            let french = summary(verdict, Language::Fr);
            let verified = english.to_lowercase().contains("verified");
            assert_eq!(verified, french.contains("vérifi"), "{verdict:?}");
            assert!(!verified || verdict.proves_sender(Authenticated::Full), "{verdict:?}");
            let by_sender = english.contains("signed by");
            assert_eq!(by_sender, french.contains("signé par"), "{verdict:?}");
            assert!(!by_sender || verdict.proves_sender(Authenticated::None), "{verdict:?}");
            let confirmed = english.contains("has confirmed") || french.contains("a confirmée");
            assert!(!confirmed || verdict.proves_sender(Authenticated::Full), "{verdict:?}");
            if verdict.signature == Signature::None && verdict.encryption != Encryption::Failed {
                assert!(english.contains("not signed") && french.contains("non signé"), "{verdict:?}");
            }
            if verdict.encryption != Encryption::Decrypted {
                assert!(!english.starts_with("Encrypted;") && !french.starts_with("Message chiffré ;"), "{verdict:?}");
            }
        });
    }

    #[test]
    fn what_was_proven_is_said_and_every_sentence_is_one() {
        every_verdict(|verdict| {
            let english = summary(verdict, Language::En);
            let opened = verdict.encryption != Encryption::Failed;
            if opened && verdict.proves_sender(Authenticated::Full) {
                assert!(english.contains("verified"), "{verdict:?}");
            }
            for sentence in [english, summary(verdict, Language::Fr)] {
                assert!(sentence.ends_with('.') && sentence.matches('.').count() == 1, "{sentence}");
                assert!(
                    sentence.chars().next().is_some_and(char::is_uppercase) && !sentence.contains('\n'),
                    "{sentence}"
                );
            }
        });
    }
}
