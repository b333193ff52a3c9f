//! Mail made by GnuPG 2.2, opened by us: what each form proves, and what it does not.

use jiff::{SignedDuration, Timestamp};
use std::cell::Cell;
use std::io::Write;
use std::process::{Command, Stdio};
use std::rc::Rc;
use vigie::arrive::entity::{Body, Part};
use vigie::arrive::open::{Opened, open};
use vigie::edge::clock::system_now;
use vigie::edge::openpgp::certs;
use vigie::edge::openpgp::open::{KnownCertificate, Ring};
use vigie::edge::openpgp::seam::{MemoryKeys, PrivateKeys};
use vigie::rules::address::Address;
use vigie::rules::report::Problem;
use vigie::rules::verdict::{Authenticated, Covers, Encryption, EncryptionProblem, Signature, SignatureProblem};

/// A GnuPG home that ends with the test, and its agent with it.
struct Gpg {
    home: tempfile::TempDir,
}

impl Gpg {
    fn new() -> Gpg {
        Gpg { home: tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap() }
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("gpg")
            .args(["--batch", "--quiet", "--yes", "--no-tty", "--trust-model", "always", "--pinentry-mode", "loopback"])
            .args(["--passphrase", "", "--homedir"])
            .arg(self.home.path())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gpg is installed");
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        let _ = feeder.join().unwrap();
        assert!(output.status.success(), "gpg {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn text(&self, args: &[&str], input: &[u8]) -> String {
        String::from_utf8(self.run(args, input)).unwrap()
    }

    fn generate(&self, user_id: &str, algorithm: &str, extra: &[&str]) {
        let (primary, subkey) = if algorithm == "rsa" { ("rsa4096", "rsa4096") } else { ("ed25519", "cv25519") };
        let with = |args: &[&str]| self.run(&[extra, args].concat(), b"");
        with(&["--quick-generate-key", user_id, primary, "sign,cert", "never"]);
        let fingerprint = self.fingerprint(user_id);
        with(&["--quick-add-key", &fingerprint, subkey, "encr", "never"]);
    }

    fn fingerprint(&self, user_id: &str) -> String {
        let listing = self.text(&["--with-colons", "--list-keys", user_id], b"");
        listing.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap().trim_end_matches(':').to_owned()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "gpg-agent"]).status();
    }
}

/// Two team keys and some reporters in one GnuPG, and what we hold of them.
struct World {
    gpg: Gpg,
    keys: MemoryKeys,
    known: Vec<KnownCertificate>,
}

const PEOPLE: [(&str, &str); 3] =
    [("rsa", "r@corp.example"), ("ecc", "e@corp.example"), ("ecc", "stranger@evil.example")];

#[path = "open_gnupg/crafted.rs"]
mod crafted;

thread_local! {
    /// RSA keys take GnuPG seconds: the tests that want some say so before they use the world.
    static WANT_RSA: Cell<bool> = const { Cell::new(false) };
    /// One a test, and it ends with the thread of the test, so that no agent is left behind.
    static WORLD: Rc<World> = Rc::new(World::new());
}

fn world() -> Rc<World> {
    WORLD.with(Rc::clone)
}

impl World {
    fn new() -> World {
        let gpg = Gpg::new();
        let of = |algorithm| if WANT_RSA.get() { algorithm } else { "ecc" };
        for (algorithm, address) in [("rsa", "team-rsa@example.org"), ("ecc", "team-ecc@example.org")] {
            gpg.generate(&format!("Team <{address}>"), of(algorithm), &[]);
        }
        for (algorithm, address) in PEOPLE {
            gpg.generate(&format!("Somebody <{address}>"), of(algorithm), &[]);
        }
        let files = ["team-rsa@example.org", "team-ecc@example.org"]
            .map(|team| (team.to_owned(), gpg.run(&["--armor", "--export-secret-keys", team], b"")));
        let keys = MemoryKeys::load(&files, None);
        assert!(keys.troubles().is_empty(), "{:?}", keys.troubles());
        let known = PEOPLE[..2].iter().map(|(_, address)| known(&gpg.run(&["--export", address], b""))).collect();
        World { gpg, keys, known }
    }
}

fn known(octets: &[u8]) -> KnownCertificate {
    let facts = certs::describe(octets, system_now()).unwrap().remove(0);
    KnownCertificate {
        fingerprint: facts.fingerprint,
        bytes: facts.bytes,
        candidate: false,
        confirmed: false,
        addresses: facts.addresses,
    }
}

fn open_knowing(raw: &str, known: &[KnownCertificate], at: Timestamp) -> Opened {
    let find = |handles: &[String]| -> Vec<KnownCertificate> {
        let holds = |known: &&KnownCertificate| {
            certs::describe(&known.bytes, at).unwrap()[0].handles.iter().any(|handle| handles.contains(handle))
        };
        known.iter().filter(holds).cloned().collect()
    };
    let world = world();
    let ring = Ring { keys: &world.keys, find: &find, introducers: &[] };
    let own = [Address::parse("csirt@example.org").unwrap()];
    open(raw.as_bytes(), &ring, &own, at, at)
}

fn opened(raw: &str) -> Opened {
    open_knowing(raw, &world().known, system_now() + SignedDuration::from_secs(2))
}

fn text_of(part: &Part) -> String {
    match &part.body {
        Body::Leaf { text, .. } => text.clone().unwrap_or_default(),
        Body::Multi(parts) => parts.iter().map(text_of).collect(),
        Body::Message { .. } => String::new(),
    }
}

fn head(from: &str, subject: &str) -> String {
    format!("From: Somebody <{from}>\r\nTo: csirt@example.org\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n")
}

/// RFC 3156, 4.
fn encrypted(from: &str, cipher: &str) -> String {
    format!(
        "{}Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=enc\r\n\r\n--enc\r\n\
         Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--enc\r\n\
         Content-Type: application/octet-stream\r\n\r\n{cipher}\r\n--enc--\r\n",
        head(from, "...")
    )
}

/// RFC 3156, 5: an entity, signed.
fn signed_entity(content: &str, signature: &str) -> String {
    format!(
        "Content-Type: multipart/signed; micalg=pgp-sha512; protocol=\"application/pgp-signature\"; boundary=sig\r\n\r\n\
         --sig\r\n{content}\r\n--sig\r\nContent-Type: application/pgp-signature\r\n\r\n{signature}\r\n--sig--\r\n"
    )
}

const ENTITY: &str = "Content-Type: text/plain; charset=utf-8\r\n\r\nWe saw 198.51.100.7.\r\n";
const SECRET: &str = "We saw 198.51.100.7.";

fn encrypt(to: &str, signer: Option<&str>, content: &str) -> String {
    let mut args = vec!["--armor", "--recipient", to];
    if let Some(signer) = signer {
        args.extend(["--local-user", signer, "--sign"]);
    }
    args.push("--encrypt");
    world().gpg.text(&args, content.as_bytes())
}

fn sign(signer: &str, content: &str) -> String {
    world().gpg.text(&["--armor", "--local-user", signer, "--detach-sign"], content.as_bytes())
}

fn claims(opened: &Opened) -> (Encryption, Option<EncryptionProblem>, Signature, Covers, bool) {
    let verdict = &opened.verdict;
    (verdict.encryption, verdict.encryption_problem, verdict.signature, verdict.covers, verdict.signed_by_sender)
}

const PROVEN: (Encryption, Option<EncryptionProblem>, Signature, Covers, bool) =
    (Encryption::Decrypted, None, Signature::Good, Covers::Whole, true);

fn is_shown(opened: &Opened) -> bool {
    text_of(&opened.tree).contains(SECRET)
}

#[test]
fn signed_and_encrypted_mail_opens_for_every_pair_of_keys() {
    WANT_RSA.set(true);
    for team in ["team-rsa@example.org", "team-ecc@example.org"] {
        for (_, reporter) in &PEOPLE[..2] {
            let mail = opened(&encrypted(reporter, &encrypt(team, Some(reporter), ENTITY)));
            assert_eq!(claims(&mail), PROVEN, "{reporter} to {team}");
            assert!(is_shown(&mail));
            assert_eq!(mail.verdict.authenticated, Authenticated::Marginal);
            assert_eq!(mail.verdict.signer, Some(world().gpg.fingerprint(reporter)));
            assert_eq!((mail.verdict.signature_problem, mail.verdict.subject_protected), (None, false));
            assert!(mail.outer.has_ciphertext && mail.outer.names_our_key && mail.outer.clear_text.is_blank());
            assert_eq!(mail.outer.recipients.len(), 1);
            // The second of the keys does not sign any more.
            assert_eq!(mail.problems.contains(&Problem::OldKey), team.contains("ecc"));
        }
    }
}

#[test]
fn encrypted_mail_without_a_signature_proves_nobody() {
    let mail = opened(&encrypted("e@corp.example", &encrypt("team-ecc@example.org", None, ENTITY)));
    assert_eq!(claims(&mail), (Encryption::Decrypted, None, Signature::None, Covers::None, false));
    assert!(is_shown(&mail));
}

#[test]
fn the_signature_of_one_person_does_not_speak_for_another() {
    let mail = opened(&encrypted("r@corp.example", &encrypt("team-ecc@example.org", Some("e@corp.example"), ENTITY)));
    assert_eq!(claims(&mail), (Encryption::Decrypted, None, Signature::Good, Covers::Whole, false));
    let mail = opened(&encrypted(
        "stranger@evil.example",
        &encrypt("team-ecc@example.org", Some("stranger@evil.example"), ENTITY),
    ));
    assert_eq!(claims(&mail), (Encryption::Decrypted, None, Signature::UnknownKey, Covers::None, false));
    assert_eq!(mail.verdict.signer, Some(world().gpg.fingerprint("stranger@evil.example")));
    // A key that came with a mail verifies nothing, though we could.
    let mut candidate = known(&world().gpg.run(&["--export", "stranger@evil.example"], b""));
    candidate.candidate = true;
    let raw =
        encrypted("stranger@evil.example", &encrypt("team-ecc@example.org", Some("stranger@evil.example"), ENTITY));
    let mail = open_knowing(&raw, &[candidate], system_now());
    assert_eq!((mail.verdict.signature, mail.verdict.authenticated), (Signature::UnknownKey, Authenticated::None));
}

#[test]
fn a_signed_mail_is_verified_over_the_octets_that_came() {
    WANT_RSA.set(true);
    let content = "Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\nWe saw 198.51.100.7. \r\n\r\n--in\r\n\
                   Content-Type: text/plain; name=a.txt\r\n\r\nmore\r\n--in--";
    for (_, reporter) in &PEOPLE[..2] {
        let entity = signed_entity(content, &sign(reporter, content));
        let raw = format!("{}{entity}", head(reporter, "[URGENT] x"));
        for raw in [raw.clone(), raw.replace("\r\n", "\n")] {
            let mail = opened(&raw);
            assert_eq!(claims(&mail), (Encryption::None, None, Signature::Good, Covers::Whole, true));
            assert!(is_shown(&mail) && !mail.verdict.subject_protected);
            assert_eq!(mail.tree.media_type, "multipart/mixed");
            assert!(!mail.outer.has_ciphertext && !mail.outer.clear_text.is_blank());
        }
        let forged = opened(&raw.replace("198.51.100.7", "198.51.100.8"));
        assert_eq!((forged.verdict.signature, forged.verdict.covers), (Signature::Bad, Covers::None));
        let cut = opened(&raw.replace("--sig--", ""));
        assert_eq!(cut.verdict.signature, Signature::None, "a structure that is never closed is not signed");
    }
}

#[test]
fn layers_open_in_every_order() {
    let reporter = "e@corp.example";
    let inner = signed_entity(ENTITY, &sign(reporter, ENTITY));
    let mail = opened(&encrypted(reporter, &encrypt("team-rsa@example.org", None, &inner)));
    assert_eq!(claims(&mail), PROVEN);
    let whole = encrypted(reporter, &encrypt("team-rsa@example.org", None, ENTITY));
    let entity = whole.split_once("MIME-Version: 1.0\r\n").unwrap().1.trim_end();
    let entity = &entity.replace("\r\n", "\n").replace('\n', "\r\n");
    let mail = opened(&format!("{}{}", head(reporter, "x"), signed_entity(entity, &sign(reporter, entity))));
    // Anyone can sign a ciphertext: it says who sent it, not who wrote what is in it.
    assert_eq!(claims(&mail), (Encryption::Decrypted, None, Signature::Good, Covers::Part, false));
    assert!(is_shown(&mail));
    let twice = opened(&encrypted(reporter, &encrypt("team-rsa@example.org", Some(reporter), entity)));
    assert_eq!(claims(&twice), (Encryption::Decrypted, None, Signature::Good, Covers::Part, false));
    let both = encrypted(reporter, &encrypt("team-ecc@example.org", Some(reporter), ENTITY));
    let entity = both.split_once("MIME-Version: 1.0\r\n").unwrap().1;
    let mail = opened(&encrypted(reporter, &encrypt("team-rsa@example.org", None, entity)));
    assert_eq!(claims(&mail), PROVEN);
    assert!(is_shown(&twice) && is_shown(&mail));
}

#[test]
fn what_lies_below_the_envelope_is_a_part_at_most() {
    let reporter = "e@corp.example";
    let wrap = |part: &str| {
        format!(
            "{}Content-Type: multipart/mixed; boundary=list\r\n\r\n--list\r\n{part}\r\n--list\r\n\r\na footer\r\n--list--\r\n",
            head(reporter, "x")
        )
    };
    let signed = opened(&wrap(&signed_entity(ENTITY, &sign(reporter, ENTITY))));
    assert_eq!(claims(&signed), (Encryption::None, None, Signature::Good, Covers::Part, false));
    assert_eq!(signed.verdict.signature_problem, Some(SignatureProblem::Partial));
    assert!(is_shown(&signed) && text_of(&signed.tree).contains("a footer"));
    assert!(signed.problems.contains(&Problem::InnerLayer));
    let cipher = encrypted(reporter, &encrypt("team-ecc@example.org", Some(reporter), ENTITY));
    let entity = cipher.split_once("MIME-Version: 1.0\r\n").unwrap().1;
    let listed = opened(&wrap(entity));
    assert_eq!(claims(&listed), (Encryption::Decrypted, None, Signature::Good, Covers::Part, false));
    assert!(is_shown(&listed) && listed.problems.contains(&Problem::InnerLayer) && !listed.verdict.subject_protected);
    let closed =
        opened(&wrap(entity).replace("--list\r\n\r\na footer", "--list\r\nContent-Type: text/html\r\n\r\na footer"));
    assert!(!is_shown(&closed), "ciphertext below the Envelope stays closed");
    assert_eq!(closed.verdict.encryption, Encryption::Failed);
    assert!(closed.problems.contains(&Problem::InnerLayer) && closed.outer.has_ciphertext);
    let forwarded = wrap(&format!(
        "Content-Type: message/rfc822\r\n\r\n{}{}",
        head(reporter, "y"),
        signed_entity(ENTITY, &sign(reporter, ENTITY))
    ));
    assert_eq!(opened(&forwarded).verdict.signature, Signature::None);
}

#[test]
fn inline_blocks_speak_for_themselves_alone() {
    let reporter = "r@corp.example";
    let plain = |body: &str| format!("{}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}", head(reporter, "x"));
    let block = encrypt("team-ecc@example.org", Some(reporter), "We saw 198.51.100.7.\nBye\u{e9}\n");
    for around in [("", ""), ("Hello,\r\n\r\n", "-- \r\nfooter\r\n")] {
        let mail = opened(&plain(&format!("{}{block}{}", around.0, around.1)));
        assert_eq!(claims(&mail), (Encryption::Decrypted, None, Signature::Good, Covers::Part, false));
        assert_eq!(mail.verdict.signature_problem, Some(SignatureProblem::Partial));
        let text = text_of(&mail.tree);
        assert_eq!(
            text.replace("\r\n", "\n"),
            format!("{}We saw 198.51.100.7.\nBye\u{e9}\n{}", around.0, around.1).replace("\r\n", "\n")
        );
        assert!(mail.outer.has_ciphertext && mail.outer.names_our_key);
    }
    let clear = world().gpg.text(&["--local-user", reporter, "--clearsign"], b"We saw 198.51.100.7.\n- dash\n");
    let mail = opened(&plain(&format!("before\n{clear}after\n")));
    assert_eq!(claims(&mail), (Encryption::None, None, Signature::Good, Covers::Part, false));
    assert_eq!(text_of(&mail.tree).replace('\r', ""), "before\nWe saw 198.51.100.7.\n- dash\nafter\n");
    let forged = opened(&plain(&clear.replace("198", "199")));
    assert_eq!((forged.verdict.signature, forged.verdict.covers), (Signature::Bad, Covers::None));
    let odd = opened(&plain(&clear.replace("Hash: ", "Hash: x\nComment: ")));
    assert_eq!(odd.verdict.signature, Signature::Bad);
    let only_signed = world().gpg.text(&["--armor", "--local-user", reporter, "--sign"], b"We saw 198.51.100.7.\n");
    let mail = opened(&plain(&only_signed));
    assert_eq!(claims(&mail), (Encryption::None, None, Signature::Good, Covers::Part, false));
    assert!(is_shown(&mail));
    // Claims to be encrypted, is only signed.
    let mail = opened(&encrypted(
        reporter,
        &world().gpg.text(&["--armor", "--local-user", reporter, "--sign"], ENTITY.as_bytes()),
    ));
    assert_eq!(claims(&mail), (Encryption::None, None, Signature::Good, Covers::Whole, true));
}

#[test]
fn the_protected_subject_counts_where_it_was_really_protected() {
    let reporter = "e@corp.example";
    let entity = |params: &str| {
        format!(
            "From: Somebody <{reporter}>\r\nTo: csirt@example.org\r\nSubject: [URGENT] real\r\nHP-Outer: Subject: ...\r\nHP-Outer: From: Somebody <{reporter}>\r\n\
                 HP-Outer: To: csirt@example.org\r\nContent-Type: text/plain; charset=utf-8{params}\r\n\r\nWe saw 198.51.100.7.\r\n"
        )
    };
    let subject = |mail: &Opened| (mail.subject.clone(), mail.verdict.subject_protected);
    let real = ("[URGENT] real".to_owned(), true);
    for (params, expected) in [
        ("; hp=\"cipher\"", real.clone()),
        ("; protected-headers=\"v1\"", real.clone()),
        ("", ("...".to_owned(), false)),
    ] {
        let mail = opened(&encrypted(reporter, &encrypt("team-ecc@example.org", Some(reporter), &entity(params))));
        assert_eq!(subject(&mail), expected, "{params}");
        assert_eq!(claims(&mail), PROVEN);
        assert!(!mail.problems.contains(&Problem::OuterHeadersChanged), "{params}");
    }
    let sealed = encrypted(reporter, &encrypt("team-ecc@example.org", Some(reporter), &entity("; hp=\"cipher\"")));
    let changed = opened(&sealed.replace("Subject: ...", "Subject: changed"));
    assert_eq!(subject(&changed), real);
    assert!(changed.problems.contains(&Problem::OuterHeadersChanged));
    // Signed only: "cipher" is a lie, "clear" is not.
    for (params, expected) in [("; hp=\"cipher\"", ("outer".to_owned(), false)), ("; hp=\"clear\"", real)] {
        let content = entity(params);
        let mail =
            opened(&format!("{}{}", head(reporter, "outer"), signed_entity(&content, &sign(reporter, &content))));
        assert_eq!(mail.verdict.signature, Signature::Good);
        assert_eq!(subject(&mail), expected, "{params}");
    }
    let content = entity("; hp=\"clear\"");
    let unproven = opened(&format!(
        "{}{}",
        head(reporter, "outer"),
        signed_entity(&content, &sign("stranger@evil.example", &content))
    ));
    assert_eq!(subject(&unproven), ("outer".to_owned(), false));
    let unsigned = opened(&content);
    assert!(!unsigned.verdict.subject_protected);
}

#[test]
fn a_protected_from_counts_with_a_signature_bound_to_it() {
    let entity = format!(
        "From: Boss <e@corp.example>\r\nSubject: s\r\nContent-Type: text/plain; hp=\"cipher\"\r\n\r\n{SECRET}\r\n"
    );
    let outside = "other@evil.example";
    let bound = opened(&encrypted(outside, &encrypt("team-ecc@example.org", Some("e@corp.example"), &entity)));
    assert_eq!(bound.from, Address::parse("e@corp.example"));
    assert!(!bound.from_disputed && bound.verdict.signed_by_sender);
    for signer in [None, Some("r@corp.example"), Some("stranger@evil.example")] {
        let mail = opened(&encrypted(outside, &encrypt("team-ecc@example.org", signer, &entity)));
        assert_eq!(mail.from, Address::parse(outside));
        assert!(mail.from_disputed && !mail.verdict.signed_by_sender && mail.problems.contains(&Problem::FromDisputed));
    }
}

#[test]
fn what_cannot_be_opened_says_why_and_shows_nothing() {
    let from = "e@corp.example";
    let stranger = encrypt("stranger@evil.example", Some(from), ENTITY);
    let good = encrypt("team-ecc@example.org", Some(from), ENTITY);
    let symmetric = world().gpg.text(&["--armor", "--symmetric", "--passphrase", "x", "--batch"], ENTITY.as_bytes());
    let half = good.lines().take(8).collect::<Vec<_>>().join("\n");
    let flip = |at: usize| {
        use base64::Engine;
        let engine = &base64::engine::general_purpose::STANDARD;
        let body: String = good.lines().skip(2).take_while(|line| !line.starts_with('=')).collect();
        let mut octets = engine.decode(body).unwrap();
        let at = octets.len() - at;
        octets[at] ^= 0x10;
        format!("-----BEGIN PGP MESSAGE-----\n\n{}\n-----END PGP MESSAGE-----\n", engine.encode(octets))
    };
    for (cipher, problem) in [
        (stranger.as_str(), EncryptionProblem::NoKey),
        (&symmetric, EncryptionProblem::PasswordOnly),
        (&half, EncryptionProblem::Truncated),
        (&flip(1), EncryptionProblem::Tampered),
        (&flip(30), EncryptionProblem::Tampered),
        (&flip(150), EncryptionProblem::Tampered),
        ("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n", EncryptionProblem::Malformed),
        ("no armour", EncryptionProblem::Malformed),
    ] {
        let mail = opened(&encrypted(from, cipher));
        assert_eq!(claims(&mail), (Encryption::Failed, Some(problem), Signature::None, Covers::None, false));
        assert!(!is_shown(&mail) && mail.outer.has_ciphertext);
        assert_eq!(
            mail.outer.names_our_key,
            !matches!(
                problem,
                EncryptionProblem::NoKey | EncryptionProblem::PasswordOnly | EncryptionProblem::Malformed
            )
        );
    }
}

#[test]
fn hidden_recipients_and_mangled_structures_open() {
    let from = "r@corp.example";
    let hidden = world().gpg.text(
        &[
            "--armor",
            "--local-user",
            from,
            "--sign",
            "--hidden-recipient",
            "stranger@evil.example",
            "--hidden-recipient",
            "team-ecc@example.org",
            "--encrypt",
        ],
        ENTITY.as_bytes(),
    );
    let mail = opened(&encrypted(from, &hidden));
    assert_eq!(claims(&mail), PROVEN);
    assert!(mail.outer.recipients.iter().all(|recipient| recipient.bytes().all(|b| b == b'0')));
    let mixed = encrypted(from, &encrypt("team-rsa@example.org", Some(from), ENTITY))
        .replace("multipart/encrypted; protocol=\"application/pgp-encrypted\"", "multipart/mixed")
        .replacen("--enc\r\n", "--enc\r\nContent-Type: text/plain\r\n\r\n\r\n--enc\r\n", 1);
    let mail = opened(&mixed);
    assert_eq!(claims(&mail), PROVEN);
    assert!(mail.problems.contains(&Problem::Repaired));
}

#[test]
fn the_state_of_the_signers_key_is_told() {
    let gpg = Gpg::new();
    let now = system_now();
    let past = (now - SignedDuration::from_hours(24 * 100)).strftime("%Y%m%dT%H%M%S").to_string();
    let address = "late@corp.example";
    gpg.generate(&format!("Late <{address}>"), "ecc", &["--faked-system-time", &past]);
    let export = || known(&gpg.run(&["--export", address], b""));
    let at = |signed_at: Timestamp| {
        let time = signed_at.strftime("%Y%m%dT%H%M%S").to_string();
        let signature = gpg.text(
            &["--faked-system-time", &time, "--armor", "--local-user", address, "--detach-sign"],
            ENTITY.as_bytes(),
        );
        format!("{}{}", head(address, "x"), signed_entity(ENTITY, &signature))
    };
    let (fresh, old, future) =
        (at(now), at(now - SignedDuration::from_hours(8 * 24)), at(now + SignedDuration::from_mins(20)));
    let state = |raw: &str, known: &KnownCertificate| {
        let mail = open_knowing(raw, std::slice::from_ref(known), system_now() + SignedDuration::from_secs(2));
        (mail.verdict.signature, mail.verdict.signature_problem, mail.verdict.proves_sender(Authenticated::Marginal))
    };
    let good = export();
    assert_eq!(state(&fresh, &good), (Signature::Good, None, true));
    assert_eq!(state(&old, &good), (Signature::Good, Some(SignatureProblem::Old), false));
    assert_eq!(state(&future, &good), (Signature::Bad, Some(SignatureProblem::Future), false));
    let expired_on = |days: i64| {
        let date = (now - SignedDuration::from_hours(24 * days)).strftime("%Y%m%dT%H%M%S").to_string();
        let then = (now - SignedDuration::from_hours(24 * (days + 30))).strftime("%Y%m%dT%H%M%S").to_string();
        gpg.run(&["--faked-system-time", &then, "--quick-set-expire", &gpg.fingerprint(address), &date], b"");
        export()
    };
    assert_eq!(state(&fresh, &expired_on(5)), (Signature::ExpiredKey, Some(SignatureProblem::ExpiredAtSigning), false));
    assert_eq!(state(&old, &expired_on(5)), (Signature::ExpiredKey, None, false));
    gpg.run(&["--quick-set-expire", &gpg.fingerprint(address), "never"], b"");
    assert_eq!(state(&fresh, &export()), (Signature::Good, None, true));
    for (reason, problem) in [("3", SignatureProblem::RevokedSoft), ("1", SignatureProblem::RevokedHard)] {
        let script = format!("y\n{reason}\n\ny\n");
        let args = ["--command-fd", "0", "--armor", "--no-batch", "--gen-revoke", address];
        let revocation = gpg.run(&args, script.as_bytes());
        let whole = [gpg.run(&["--armor", "--export", address], b""), revocation].concat();
        let twin = Gpg::new();
        twin.run(&["--import"], &whole);
        let revoked = known(&twin.run(&["--export", address], b""));
        assert_eq!(state(&fresh, &revoked), (Signature::RevokedKey, Some(problem), false));
    }
}

#[test]
fn sha1_signatures_are_weak() {
    let from = "r@corp.example";
    let args = ["--armor", "--local-user", from, "--digest-algo", "SHA1", "--detach-sign"];
    let signature = world().gpg.text(&args, ENTITY.as_bytes());
    let mail = opened(&format!("{}{}", head(from, "x"), signed_entity(ENTITY, &signature)));
    assert_eq!((mail.verdict.signature, mail.verdict.covers), (Signature::Weak, Covers::None));
}

#[test]
fn certificates_that_came_with_a_mail_are_collected_and_ours_left_out() {
    use base64::Engine;
    let export = |who: &str| world().gpg.text(&["--armor", "--export", who], b"");
    let keydata =
        base64::engine::general_purpose::STANDARD.encode(world().gpg.run(&["--export", "e@corp.example"], b""));
    let folded: String =
        keydata.as_bytes().chunks(70).map(|line| format!("\r\n {}", std::str::from_utf8(line).unwrap())).collect();
    let attached = |who: &str, kind: &str| format!("--b\r\nContent-Type: {kind}\r\n\r\n{}\r\n", export(who));
    let parts = [
        attached("stranger@evil.example", "application/pgp-keys"),
        attached("r@corp.example", "text/plain; name=key.asc"),
        attached("team-rsa@example.org", "application/pgp-keys"),
    ]
    .concat();
    let entity = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n");
    let clear = opened(&format!(
        "{}Autocrypt: addr=e@corp.example; prefer-encrypt=mutual; keydata={folded}\r\n{entity}",
        head("e@corp.example", "x")
    ));
    let may_serve = clear.certificates.iter().map(|one| one.clear).collect::<Vec<_>>();
    assert_eq!(may_serve, [true, false, false], "nobody chooses the key of somebody else's acknowledgement");
    let other =
        opened(&format!("{}Autocrypt: addr=e@corp.example; keydata={folded}\r\n\r\nhi", head("r@corp.example", "x")));
    assert!(other.certificates.is_empty(), "an Autocrypt key of somebody else than From");
    let inside = opened(&encrypted("e@corp.example", &encrypt("team-ecc@example.org", None, &entity)));
    assert_eq!(inside.certificates.iter().map(|one| one.clear).collect::<Vec<_>>(), [false; 2]);
}

#[test]
fn a_key_that_we_generate_is_one_that_gnupg_encrypts_to_and_we_open() {
    let (secret, fingerprint) = certs::generate("CSIRT <new@example.org>", system_now()).unwrap();
    let gpg = Gpg::new();
    gpg.run(&["--import"], certs::export_armored(secret.as_bytes()).unwrap().as_bytes());
    let cipher = gpg.run(&["--recipient", &fingerprint, "--encrypt"], b"hello");
    let keys = MemoryKeys::load(&[("new.asc".to_owned(), secret.into_bytes())], None);
    let find = |_: &[String]| Vec::new();
    let ring = Ring { keys: &keys, find: &find, introducers: &[] };
    let opened = vigie::edge::openpgp::open::decrypt(&cipher, &ring, system_now());
    assert_eq!(opened.plaintext.as_deref(), Some(&b"hello"[..]));
}
