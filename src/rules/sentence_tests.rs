//! The sentences, word for word, and what none of them may say.

use super::*;

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

/// Every reason that there is for not opening, and that it was opened, in English and French.
const OPENED: &[(Encryption, Option<EncryptionProblem>, &str, &str)] = &[
    (Encryption::None, None, "Not encrypted", "Message non chiffré"),
    (Encryption::Decrypted, None, "Encrypted", "Message chiffré"),
    (
        Encryption::Failed,
        Some(EncryptionProblem::NoKey),
        "Encrypted, but to none of the team's keys: it cannot be read",
        "Message chiffré, mais pour aucune des clés de l'équipe : il est illisible",
    ),
    (
        Encryption::Failed,
        Some(EncryptionProblem::KeyUnavailable),
        "Encrypted to a key of the team that cannot be used at the moment: it waits to be opened",
        "Message chiffré pour une clé de l'équipe qui est indisponible en ce moment : il attend d'être ouvert",
    ),
    (
        Encryption::Failed,
        Some(EncryptionProblem::PasswordOnly),
        "Encrypted with a password and not to a key: it cannot be read",
        "Message chiffré par un mot de passe et non pour une clé : il est illisible",
    ),
    (
        Encryption::Failed,
        Some(EncryptionProblem::NoIntegrity),
        "Encrypted in an old way without protection against changes: not opened, perhaps an attack",
        "Message chiffré d'une façon ancienne, sans protection contre les altérations : il n'a pas été ouvert, c'est peut-être une attaque",
    ),
    (
        Encryption::Failed,
        Some(EncryptionProblem::Tampered),
        "Encrypted, but changed on its way: not opened, perhaps an attack",
        "Message chiffré, mais altéré en chemin : il n'a pas été ouvert, c'est peut-être une attaque",
    ),
    (
        Encryption::Failed,
        Some(EncryptionProblem::Truncated),
        "Encrypted, but its end is missing: not opened, perhaps an attack",
        "Message chiffré, mais il manque la fin : il n'a pas été ouvert, c'est peut-être une attaque",
    ),
    (
        Encryption::Failed,
        Some(EncryptionProblem::TooLarge),
        "Encrypted, but larger inside than the limits allow: not opened",
        "Message chiffré, mais son contenu dépasse les limites : il n'a pas été ouvert",
    ),
    (
        Encryption::Failed,
        Some(EncryptionProblem::Malformed),
        "Said to be encrypted, but broken: it cannot be read",
        "Message présenté comme chiffré, mais endommagé : il est illisible",
    ),
    (
        Encryption::Failed,
        Some(EncryptionProblem::Unsupported),
        "Encrypted in a way that Vigie does not read",
        "Message chiffré d'une façon que Vigie ne sait pas lire",
    ),
];

/// Every signature that can be reached, and what of it the words depend on.
type Signed = (Signature, Option<SignatureProblem>, Covers, bool, Authenticated);

const fn counts_as_none(state: Signature, problem: Option<SignatureProblem>) -> Signed {
    (state, problem, Covers::None, false, Authenticated::None)
}

const fn signed(problem: Option<SignatureProblem>, covers: Covers, by_sender: bool, rung: Authenticated) -> Signed {
    (Signature::Good, problem, covers, by_sender, rung)
}

const SIGNED: &[(Signed, &str, &str)] = &[
    (
        counts_as_none(Signature::None, None),
        "not signed: nothing proves who wrote it",
        "non signé : rien ne prouve qui l'a écrit",
    ),
    (
        signed(None, Covers::Whole, true, Authenticated::Full),
        "verified: signed by the sender, with a key that the team has confirmed",
        "origine vérifiée : signé par l'expéditeur, avec une clé que l'équipe a confirmée",
    ),
    (
        signed(None, Covers::Whole, true, Authenticated::Marginal),
        "signed by the holder of the sender's key, which the team has imported but not confirmed",
        "signé par le détenteur de la clé de l'expéditeur, que l'équipe a importée mais pas confirmée",
    ),
    (
        signed(None, Covers::Whole, true, Authenticated::None),
        "signed by a key in the sender's name, and nothing yet tells whose key that is",
        "signé par une clé au nom de l'expéditeur, mais rien ne dit encore à qui elle appartient",
    ),
    (
        signed(None, Covers::Whole, false, Authenticated::Full),
        "signed as a whole with a key that does not belong to the From address",
        "signé en entier, mais avec une clé qui n'appartient pas à l'adresse de l'expéditeur",
    ),
    (
        signed(Some(SignatureProblem::Old), Covers::Whole, true, Authenticated::Full),
        "its signature and its dates lie more than seven days apart: perhaps an old mail sent again",
        "sa signature et ses dates sont à plus de sept jours d'écart : c'est peut-être un ancien message renvoyé",
    ),
    (
        signed(Some(SignatureProblem::Partial), Covers::Part, false, Authenticated::Full),
        "only a part of it is signed: the rest may come from anybody",
        "une partie seulement est signée : le reste peut venir de n'importe qui",
    ),
    (
        signed(Some(SignatureProblem::Old), Covers::Part, false, Authenticated::Full),
        "only a part of it is signed, and more than seven days from its dates: perhaps an old text sent again",
        "une partie seulement est signée, et à plus de sept jours de ses dates : c'est peut-être un ancien texte renvoyé",
    ),
    (
        counts_as_none(Signature::Bad, None),
        "its signature is wrong: the text was changed or the signature is forged; treat it as unsigned",
        "sa signature est fausse : le texte a été modifié ou la signature contrefaite ; à traiter comme non signé",
    ),
    (
        counts_as_none(Signature::Bad, Some(SignatureProblem::WrongFlags)),
        "it bears a signature by a key that is not meant for signing, which proves nothing",
        "il porte une signature d'une clé qui n'est pas faite pour signer, ce qui ne prouve rien",
    ),
    (
        counts_as_none(Signature::Bad, Some(SignatureProblem::NotForUs)),
        "it bears a signature meant for other recipients: treat it as unsigned, perhaps something old sent on",
        "il porte une signature destinée à d'autres : à traiter comme non signé, c'est peut-être un ancien envoi réexpédié",
    ),
    (
        counts_as_none(Signature::Bad, Some(SignatureProblem::Old)),
        "it bears a signature that was made for a time that is over: treat it as unsigned",
        "il porte une signature dont la durée de validité est passée : à traiter comme non signé",
    ),
    (
        counts_as_none(Signature::Bad, Some(SignatureProblem::Future)),
        "its signature is dated in the future: treat it as unsigned",
        "sa signature est datée dans le futur : à traiter comme non signé",
    ),
    (
        counts_as_none(Signature::Bad, Some(SignatureProblem::Malformed)),
        "it bears a signature that cannot be read: treat it as unsigned",
        "il porte une signature illisible : à traiter comme non signé",
    ),
    (
        counts_as_none(Signature::Bad, Some(SignatureProblem::Unsupported)),
        "it bears a signature that cannot be read: treat it as unsigned",
        "il porte une signature illisible : à traiter comme non signé",
    ),
    (
        counts_as_none(Signature::UnknownKey, None),
        "it bears a signature by a key that the team has not taken in, which proves nothing",
        "il porte une signature d'une clé que l'équipe n'a pas importée, ce qui ne prouve rien",
    ),
    (
        counts_as_none(Signature::ExpiredKey, Some(SignatureProblem::ExpiredAtSigning)),
        "it bears a signature by a key that had expired before it signed, which proves nothing",
        "il porte une signature d'une clé qui avait expiré avant de signer, ce qui ne prouve rien",
    ),
    (
        counts_as_none(Signature::ExpiredKey, None),
        "it bears a signature by a key that has expired since, which proves nothing",
        "il porte une signature d'une clé qui a expiré depuis, ce qui ne prouve rien",
    ),
    (
        counts_as_none(Signature::RevokedKey, Some(SignatureProblem::RevokedHard)),
        "it bears a signature by a revoked key, which proves nothing; the key may be stolen",
        "il porte une signature d'une clé révoquée, ce qui ne prouve rien ; la clé est peut-être volée",
    ),
    (
        counts_as_none(Signature::RevokedKey, Some(SignatureProblem::RevokedSoft)),
        "it bears a signature by a key that its owner has withdrawn or replaced, which proves nothing",
        "il porte une signature d'une clé que son propriétaire a retirée ou remplacée, ce qui ne prouve rien",
    ),
    (
        counts_as_none(Signature::Weak, None),
        "it bears a signature made with an outdated method, which proves nothing",
        "il porte une signature faite par une méthode dépassée, ce qui ne prouve rien",
    ),
];

#[test]
fn every_sentence_word_for_word() {
    for &(encryption, encryption_problem, english, french) in OPENED {
        for &((signature, signature_problem, covers, signed_by_sender, authenticated), signed, signe) in SIGNED {
            let verdict = Verdict {
                encryption,
                encryption_problem,
                signature,
                signature_problem,
                covers,
                signed_by_sender,
                authenticated,
                ..Verdict::default()
            };
            let alone = encryption == Encryption::Failed && signature == Signature::None;
            let (in_english, in_french) = match alone {
                true => (format!("{english}."), format!("{french}.")),
                false => (format!("{english}; {signed}."), format!("{french} ; {signe}.")),
            };
            assert_eq!(summary(&verdict, Language::En), in_english, "{verdict:?}");
            assert_eq!(summary(&verdict, Language::Fr), in_french, "{verdict:?}");
        }
    }
}

#[test]
fn the_tables_hold_every_value_and_each_has_its_own_words() {
    for &encryption in Encryption::ALL {
        assert!(OPENED.iter().any(|row| row.0 == encryption), "{encryption}");
    }
    for &problem in EncryptionProblem::ALL {
        assert!(OPENED.iter().any(|row| row.1 == Some(problem)), "{problem}");
    }
    for &signature in Signature::ALL {
        assert!(SIGNED.iter().any(|row| row.0.0 == signature), "{signature}");
    }
    for &problem in SignatureProblem::ALL {
        assert!(SIGNED.iter().any(|row| row.0.1 == Some(problem)), "{problem}");
    }
    for &covers in Covers::ALL {
        assert!(SIGNED.iter().any(|row| row.0.2 == covers), "{covers}");
    }
    for &rung in Authenticated::ALL {
        assert!(SIGNED.iter().any(|row| row.0.4 == rung), "{rung}");
    }
    let english: std::collections::BTreeSet<&str> =
        OPENED.iter().map(|row| row.2).chain(SIGNED.iter().map(|row| row.1)).collect();
    // What cannot be read and what is not understood are one sentence.
    assert_eq!(english.len(), OPENED.len() + SIGNED.len() - 1);
}

#[test]
fn a_file_is_told_by_the_same_words_and_never_said_to_come_from_the_sender() {
    for &(encryption, encryption_problem, english, french) in OPENED {
        for &((signature, signature_problem, covers, _, authenticated), signed, signe) in SIGNED {
            if signature == Signature::Good && (signature_problem.is_some() || covers != Covers::Whole) {
                continue;
            }
            let verdict = FileVerdict {
                encryption,
                encryption_problem,
                signature,
                signature_problem,
                authenticated,
                ..FileVerdict::default()
            };
            let [in_english, in_french] = [Language::En, Language::Fr].map(|one| file_summary(&verdict, one));
            assert!(in_english.starts_with(english), "{in_english}");
            assert!(in_french.starts_with(&french.replacen("Message", "Fichier", 1)), "{in_french}");
            let own_words = matches!(
                (signature, signature_problem),
                (Signature::None | Signature::Good, _) | (Signature::Bad, None)
            );
            if !own_words {
                assert!(in_english.ends_with(&format!("; {signed}.")), "{in_english}");
                assert!(in_french.ends_with(&format!(" ; {signe}.")), "{in_french}");
            }
            for word in ["sender", "verified", "signed by", "expéditeur", "vérifi", "signé par"] {
                assert!(!in_english.contains(word) && !in_french.contains(word), "{in_english} {in_french}");
            }
        }
    }
    let good = |authenticated| FileVerdict { signature: Signature::Good, authenticated, ..FileVerdict::default() };
    for (verdict, english, french) in [
        (
            FileVerdict { encryption: Encryption::Decrypted, ..FileVerdict::default() },
            "Encrypted; not signed: nothing proves who made it.",
            "Fichier chiffré ; non signé : rien ne prouve qui l'a fait.",
        ),
        (
            good(Authenticated::Full),
            "Not encrypted; signed with a key that the team has confirmed.",
            "Fichier non chiffré ; signé avec une clé que l'équipe a confirmée.",
        ),
        (
            good(Authenticated::Marginal),
            "Not encrypted; signed with a key that the team has imported but not confirmed.",
            "Fichier non chiffré ; signé avec une clé que l'équipe a importée mais pas confirmée.",
        ),
        (
            good(Authenticated::None),
            "Not encrypted; signed with a key, and nothing yet tells whose key that is.",
            "Fichier non chiffré ; signé avec une clé, mais rien ne dit encore à qui elle appartient.",
        ),
        (
            FileVerdict { signature: Signature::Bad, ..FileVerdict::default() },
            "Not encrypted; its signature is wrong: the file was changed or the signature is forged; treat it as unsigned.",
            "Fichier non chiffré ; sa signature est fausse : le fichier a été modifié ou la signature contrefaite ; à traiter comme non signé.",
        ),
    ] {
        assert_eq!(file_summary(&verdict, Language::En), english);
        assert_eq!(file_summary(&verdict, Language::Fr), french);
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
            assert!(sentence.chars().next().is_some_and(char::is_uppercase) && !sentence.contains('\n'), "{sentence}");
        }
    });
}
