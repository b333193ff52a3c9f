//! Mail made to deceive, and odd mail that is honest: each with what the verdict must say, no more and no less.

use super::*;

/// The verdict in a few words.
fn said(mail: &Opened) -> String {
    let verdict = &mail.verdict;
    let why = |word: Option<&str>| word.map(|word| format!("({word})")).unwrap_or_default();
    format!(
        "{}{} {}{} {}{}",
        verdict.encryption,
        why(verdict.encryption_problem.map(EncryptionProblem::word)),
        verdict.signature,
        why(verdict.signature_problem.map(SignatureProblem::word)),
        verdict.covers,
        if verdict.signed_by_sender { " sender" } else { "" }
    )
}

const E: &str = "e@corp.example";
const R: &str = "r@corp.example";
const TEAM: &str = "team-ecc@example.org";

/// Every case with what is said of it; all faults at once.
fn hold(cases: &[(&str, String, &str)]) {
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|(what, raw, expected)| {
            let said = said(&opened(raw));
            (said != *expected).then(|| format!("{what}: {said}, not {expected}"))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn with_fields(fields: &str, entity: &str) -> String {
    format!("{fields}To: csirt@example.org\r\nMIME-Version: 1.0\r\n{entity}")
}

fn entity_of(mail: &str) -> String {
    let (_, entity) = mail.split_once("MIME-Version: 1.0\r\n").unwrap();
    entity.trim_end().replace("\r\n", "\n").replace('\n', "\r\n")
}

fn sealed(signer: &str) -> String {
    entity_of(&encrypted(E, &encrypt(TEAM, Some(signer), ENTITY)))
}

fn mixed(parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--mix\r\n{part}\r\n")).collect();
    format!("Content-Type: multipart/mixed; boundary=mix\r\n\r\n{parts}--mix--\r\n")
}

fn text_part(text: &str) -> String {
    format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}")
}

fn clearsign(signer: &str, text: &str) -> String {
    world().gpg.text(&["--local-user", signer, "--clearsign"], text.as_bytes()).replace('\n', "\r\n")
}

#[test]
fn whoever_signs_is_the_sender_only_by_the_one_from_address() {
    let by_e = sealed(E);
    let from = |fields: &str| with_fields(fields, &by_e);
    hold(&[
        ("its owner", from("From: E <e@corp.example>\r\n"), "decrypted good whole sender"),
        ("in capitals", from("From: E <E@CORP.EXAMPLE>\r\n"), "decrypted good whole sender"),
        ("another", from("From: R <r@corp.example>\r\n"), "decrypted good whole"),
        ("an address as name", from("From: \"e@corp.example\" <x@evil.example>\r\n"), "decrypted good whole"),
        ("two fields", from("From: e@corp.example\r\nFrom: r@corp.example\r\n"), "decrypted good whole"),
        ("two addresses", from("From: e@corp.example, r@corp.example\r\n"), "decrypted good whole"),
        ("no From", from("Sender: e@corp.example\r\n"), "decrypted good whole"),
        ("an empty From", from("From: <>\r\nSender: e@corp.example\r\n"), "decrypted good whole"),
        ("a group", from("From: e@corp.example:;\r\n"), "decrypted good whole"),
        ("Sender", from("From: r@corp.example\r\nSender: e@corp.example\r\n"), "decrypted good whole"),
        ("Reply-To", from("From: r@corp.example\r\nReply-To: e@corp.example\r\n"), "decrypted good whole"),
        (
            "replies elsewhere",
            from("From: e@corp.example\r\nReply-To: x@evil.example\r\nSender: x@evil.example\r\n"),
            "decrypted good whole sender",
        ),
        ("a longer name", from("From: ee@corp.example\r\n"), "decrypted good whole"),
        ("a longer domain", from("From: e@corp.example.evil.example\r\n"), "decrypted good whole"),
    ]);
}

#[test]
fn of_several_signatures_a_good_one_names_its_own_signer_and_no_part_hides_another() {
    let mail = |entity: &str| format!("{}{entity}", head(E, "x"));
    let gpg = &world().gpg;
    let binary = |signer: &str, content: &str| gpg.run(&["--local-user", signer, "--detach-sign"], content.as_bytes());
    let armoured = |octets: &[u8]| {
        gpg.text(&["--enarmor"], octets)
            .replace("ARMORED FILE", "SIGNATURE")
            .replace("Comment: Use \"gpg --dearmor\" for unpacking\n", "")
    };
    let both = |first: Vec<u8>, second: Vec<u8>| mail(&signed_entity(ENTITY, &armoured(&[first, second].concat())));
    let stranger = "stranger@evil.example";
    let around = |signer: &str, inner: &str| {
        let inner = inner.trim_end().replace("boundary=sig", "boundary=inner").replace("--sig", "--inner");
        let inner = inner.replace("\r\n", "\n").replace('\n', "\r\n");
        signed_entity(&inner, &sign(signer, &inner))
    };
    let by_e = signed_entity(ENTITY, &sign(E, ENTITY));
    let forged = clearsign(E, "Do not pay.\n").replace("not ", "");
    hold(&[
        ("good, then bad", both(binary(E, ENTITY), binary(R, "x")), "none good whole sender"),
        ("bad, then good", both(binary(R, "x"), binary(E, ENTITY)), "none good whole sender"),
        ("good of another, bad of the sender", both(binary(R, ENTITY), binary(E, "x")), "none good whole"),
        ("unknown and good", both(binary(stranger, ENTITY), binary(E, ENTITY)), "none good whole sender"),
        ("unknown and bad", both(binary(stranger, ENTITY), binary(E, "x")), "none bad none"),
        ("a stranger around", mail(&around(stranger, &by_e)), "none good whole sender"),
        ("the sender around a stranger", mail(&around(E, &by_e.replace("198", "199"))), "none good whole sender"),
        (
            "a good block and a forged one",
            mail(&text_part(&format!("{}\r\n{forged}", clearsign(E, "Pay.\n")))),
            "none bad none",
        ),
        (
            "a forged block and a good one",
            mail(&text_part(&format!("{forged}\r\n{}", clearsign(E, "Pay.\n")))),
            "none bad none",
        ),
        (
            "a good block and a stranger's",
            mail(&text_part(&format!("{}\r\n{}", clearsign(E, "Yes.\n"), clearsign(stranger, "No.\n")))),
            "none unknown_key none",
        ),
    ]);
}

#[test]
fn text_blocks_are_read_however_they_were_sent() {
    use base64::Engine;
    let mail = |entity: &str| format!("{}{entity}", head(E, "x"));
    let base64 = |text: &str| {
        let coded = base64::engine::general_purpose::STANDARD.encode(text);
        let lines: Vec<String> =
            coded.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        mail(&format!(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            lines.join("\r\n")
        ))
    };
    let quoted = |text: &str| {
        mail(&format!(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
            text.replace('=', "=3D")
        ))
    };
    let flowed = |text: &str| mail(&format!("Content-Type: text/plain; charset=utf-8; format=flowed\r\n\r\n{text}"));
    let odd = "- dash\n-- \nFrom here\n\n  blanks at the end \t\nlast\n";
    let clear = clearsign(E, odd);
    let block = encrypt(TEAM, Some(E), "We saw 198.51.100.7.\n").replace('\n', "\r\n");
    let html = "Content-Type: text/html\r\n\r\n<p>Something else</p>";
    let two = |first: &str, second: &str| {
        mail(&format!(
            "Content-Type: multipart/alternative; boundary=alt\r\n\r\n--alt\r\n{first}\r\n--alt\r\n{second}\r\n--alt--\r\n"
        ))
    };
    let in_html = format!("Content-Type: text/html\r\n\r\n<pre>{block}</pre>");
    let part = "none good(partial) part";
    let opened_part = "decrypted good(partial) part";
    hold(&[
        ("dashes and blanks", mail(&text_part(&clear)), part),
        ("base64", base64(&clear), part),
        ("quoted-printable", quoted(&clear), part),
        ("format=flowed", flowed(&clear), part),
        ("other line ends", mail(&text_part(&clear)).replace("\r\n", "\n"), part),
        ("blanks added at line ends", mail(&text_part(&clear.replace("last\r\n", "last   \r\n"))), part),
        ("a changed dash", mail(&text_part(&clear.replace("- - dash", "- -dash"))), "none bad none"),
        (
            "a charset header",
            mail(&text_part(&clear.replace("Hash:", "Charset: utf-8\r\nHash:"))),
            "none bad(malformed) none",
        ),
        ("a false digest header", mail(&text_part(&clear.replace("Hash: SHA512", "Hash: MD5"))), part),
        ("encrypted, base64", base64(&block), opened_part),
        ("encrypted, quoted-printable", quoted(&block), opened_part),
        ("encrypted, format=flowed", flowed(&block), opened_part),
        ("beside HTML", two(&text_part(&block), html), opened_part),
        ("in HTML alone", mail(&in_html), opened_part),
        ("quoted with >", mail(&text_part(&format!("> {}", block.replace("\r\n", "\r\n> ")))), "none none none"),
    ]);
    let shown = text_of(&opened(&two(&text_part(&block), html)).tree);
    assert!(shown.contains("198.51.100.7"), "{shown}");
    // The octets count, whatever the charset says they are.
    let latin = world().gpg.run(&["--local-user", E, "--clearsign"], b"caf\xe9\n");
    let mut raw =
        mail("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n").into_bytes();
    raw.extend(&latin);
    let open = |raw: &[u8]| {
        let world = world();
        let find = |_: &[String]| world.known.clone();
        let ring = Ring { keys: &world.keys, find: &find, introducers: &[] };
        let at = system_now() + SignedDuration::from_secs(2);
        vigie::arrive::open::open(raw, &ring, &[], at, at)
    };
    let read = open(&raw);
    assert_eq!((said(&read).as_str(), text_of(&read.tree).trim()), (part, "caf\u{e9}"));
    let coded: Vec<u8> = raw.iter().flat_map(|b| if *b == 0xe9 { vec![0xc3, 0xa9] } else { vec![*b] }).collect();
    assert_eq!(said(&open(&coded)), "none bad none", "other octets were signed");
}

#[test]
fn structures_say_what_they_prove_and_no_more() {
    let mail = |entity: &str| format!("{}{entity}", head(E, "x"));
    let signed = signed_entity(ENTITY, &sign(E, ENTITY));
    let cipher = sealed(E);
    let footer = text_part("a footer");
    let html = "Content-Type: text/html\r\n\r\n<div>";
    let file = "Content-Type: image/png; name=a.png\r\nContent-Disposition: attachment\r\n\r\nx";
    let forwarded = format!("Content-Type: message/rfc822\r\n\r\n{}", mail(&cipher));
    let part = "none good(partial) part";
    let opened_part = "decrypted good(partial) part";
    let swapped = {
        let halves: Vec<&str> = cipher.split("--enc\r\n").collect();
        format!(
            "{}--enc\r\n{}\r\n--enc\r\n{}\r\n--enc--\r\n",
            halves[0],
            halves[2].replace("\r\n--enc--", ""),
            halves[1]
        )
    };
    hold(&[
        ("a wrong micalg", mail(&signed.replace("pgp-sha512", "pgp-md5")), "none good whole sender"),
        (
            "no protocol",
            mail(&signed.replace("protocol=\"application/pgp-signature\"; ", "")),
            "none good whole sender",
        ),
        (
            "a wrong protocol",
            mail(&signed.replace("protocol=\"application/pgp-signature\"", "protocol=\"application/x\"")),
            "none none none",
        ),
        (
            "a part after the signature",
            mail(&signed.replace("--sig--", &format!("--sig\r\n{footer}\r\n--sig--"))),
            "none none none",
        ),
        ("a preface", mail(&signed.replacen("--sig\r\n", "not signed\r\n--sig\r\n", 1)), "none good whole sender"),
        ("an epilogue", mail(&format!("{signed}not signed\r\n")), "none good whole sender"),
        ("a list's footer", mail(&mixed(&[&signed, &footer])), part),
        ("a list's head and footer", mail(&mixed(&[&footer, &signed, &footer])), part),
        (
            "a list within a list",
            mail(&mixed(&[
                &mixed(&[&signed, &footer]).replace("mix\r\n", "inner\r\n").replace("--mix--", "--inner--"),
                &footer,
            ])),
            part,
        ),
        ("a forged mail and a list's footer", mail(&mixed(&[&signed.replace("198", "199"), &footer])), "none bad none"),
        ("HTML around what is signed", mail(&mixed(&[html, &signed])), "none none none"),
        ("two signed parts, one forged", mail(&mixed(&[&signed, &signed.replace("198", "199")])), "none bad none"),
        ("a ciphertext and a footer", mail(&mixed(&[&cipher, &footer])), opened_part),
        ("a ciphertext and a file", mail(&mixed(&[&cipher, file])), opened_part),
        ("a ciphertext in HTML", mail(&mixed(&[html, &cipher, html])), "failed(malformed) none none"),
        (
            "a ciphertext beside attached HTML",
            mail(&mixed(&[&cipher, "Content-Type: text/html\r\nContent-Disposition: attachment\r\n\r\nx"])),
            "failed(malformed) none none",
        ),
        (
            "a ciphertext in a ciphertext's text",
            mail(&entity_of(&encrypted(E, &encrypt(TEAM, None, &mixed(&[&footer, &cipher]))))),
            "decrypted none none",
        ),
        ("forwarded", mail(&mixed(&[&footer, &forwarded])), "none none none"),
        (
            "forwarded inside a ciphertext",
            mail(&entity_of(&encrypted(E, &encrypt(TEAM, Some(E), &forwarded)))),
            "decrypted good whole sender",
        ),
        (
            "three parts",
            mail(&cipher.replace("--enc--", &format!("--enc\r\n{footer}\r\n--enc--"))),
            "failed(malformed) none none",
        ),
        ("the parts the other way round", mail(&swapped), "failed(malformed) none none"),
        ("no version", mail(&cipher.replace("Version: 1", "Version: 2")), "failed(malformed) none none"),
        ("words in place of a ciphertext", mail(&entity_of(&encrypted(E, "hello"))), "failed(malformed) none none"),
    ]);
    // Nothing of a ciphertext that stays closed is shown.
    for raw in [
        mail(&mixed(&[html, &cipher, html])),
        mail(&mixed(&[&footer, &forwarded])),
        mail(&swapped),
        mail(&entity_of(&encrypted(E, &encrypt(TEAM, None, &mixed(&[&footer, &cipher]))))),
    ] {
        assert!(!is_shown(&opened(&raw)), "{raw}");
        assert!(opened(&raw).problems.iter().any(|p| matches!(p, Problem::InnerLayer | Problem::BadStructure)));
    }
    for raw in [mail(&mixed(&[&cipher, &footer])), mail(&mixed(&[&cipher, file]))] {
        let read = opened(&raw);
        assert!(is_shown(&read) && read.problems.contains(&Problem::InnerLayer) && !read.verdict.subject_protected);
    }
}

#[test]
fn a_footer_changes_nothing_of_why_a_ciphertext_stays_closed() {
    let mail = |cipher: &str| {
        format!("{}{}", head(E, "x"), mixed(&[&entity_of(&encrypted(E, cipher)), &text_part("a footer")]))
    };
    let elsewhere = encrypt("stranger@evil.example", Some(E), ENTITY);
    let password =
        world().gpg.text(&["--armor", "--passphrase", "x", "--s2k-mode", "1", "--symmetric"], ENTITY.as_bytes());
    let hidden = world().gpg.text(
        &["--armor", "--hidden-recipient", "stranger@evil.example", "--hidden-recipient", TEAM, "--encrypt"],
        ENTITY.as_bytes(),
    );
    let mix = world().gpg.text(
        &["--armor", "--passphrase", "x", "--s2k-mode", "1", "--recipient", TEAM, "--symmetric", "--encrypt"],
        ENTITY.as_bytes(),
    );
    hold(&[
        ("to somebody else", mail(&elsewhere), "failed(no_key) none none"),
        ("for a password", mail(&password), "failed(password_only) none none"),
        ("cut", mail(&elsewhere[..elsewhere.len() / 3]), "failed(no_key) none none"),
        ("hidden", mail(&hidden), "decrypted none none"),
        ("for us and a password", mail(&mix), "decrypted none none"),
    ]);
    assert!(opened(&mail(&mix)).problems.contains(&Problem::MixedRecipients));
}

#[test]
fn header_fields_count_where_they_were_really_protected() {
    let field = |params: &str, more: &str| {
        format!(
            "Content-Type: text/plain; charset=utf-8{params}\r\nFrom: {E}\r\nSubject: inside\r\n{more}\r\nWe saw 198.51.100.7.\r\n"
        )
    };
    let outside = |entity: &str| format!("{}{entity}", head(E, "outside"));
    let in_cipher = |content: &str| {
        let whole = outside(&entity_of(&encrypted(E, &encrypt(TEAM, Some(E), content))));
        opened(&whole)
    };
    let in_signature =
        |content: &str| opened(&outside(&signed_entity(content.trim_end(), &sign(E, content.trim_end()))));
    let changed = |mail: &Opened| mail.problems.contains(&Problem::OuterHeadersChanged);
    let lie = "HP-Outer: Subject: another\r\n";
    for (what, mail, subject, is_changed) in [
        ("cipher", in_cipher(&field("; hp=\"cipher\"", "")), "inside", true),
        ("a lie of HP-Outer", in_cipher(&field("; hp=\"cipher\"", lie)), "inside", true),
        ("clear", in_signature(&field("; hp=\"clear\"", "")), "inside", true),
        ("cipher that is only signed", in_signature(&field("; hp=\"cipher\"", "")), "outside", false),
        ("an unknown word", in_cipher(&field("; hp=\"both\"", "")), "outside", false),
        ("no mark", in_cipher(&field("", "")), "outside", false),
        ("the older mark", in_cipher(&field("; protected-headers=\"v1\"", "")), "inside", false),
        ("a later version of it", in_cipher(&field("; protected-headers=\"v2\"", "")), "outside", false),
        ("below the root", in_cipher(&mixed(&[&field("; hp=\"cipher\"", "")])), "outside", false),
        ("beside a footer", opened(&outside(&mixed(&[&sealed(E), &field("; hp=\"clear\"", "")]))), "outside", false),
        ("not protected at all", opened(&outside(&field("; hp=\"clear\"", ""))), "outside", false),
    ] {
        assert_eq!(mail.subject, subject, "{what}");
        assert_eq!(mail.verdict.subject_protected, subject == "inside", "{what}");
        assert_eq!(changed(&mail), is_changed, "{what}");
    }
    let forged = field("; hp=\"clear\"", "");
    let entity =
        signed_entity(forged.trim_end(), &sign(E, forged.trim_end())).replace("Subject: inside", "Subject: forged");
    let mail = opened(&outside(&entity));
    assert_eq!((mail.verdict.signature, mail.subject.as_str()), (Signature::Bad, "outside"));
}
