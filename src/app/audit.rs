//! Proves that the history was neither altered nor cut: the chain, the signed heads, and a head that
//! somebody kept elsewhere.
//!
//! Hostile data: whoever could write the store's file, and the file with a head. Its signature is judged
//! before anything in it is believed. Failure: `AppError`; what is wrong is a fault in the view.

use super::views::{Answer, When};
use super::{App, AppError, KeyFile};
use crate::edge::openpgp::armor::{self, Kind};
use crate::edge::openpgp::open::{KnownCertificate, Ring, verify_cleartext};
use crate::edge::openpgp::seal::sign_cleartext;
use crate::rules::head::{self, HeadText};
use crate::rules::verdict::Signature;
use crate::store::audit::{self, Fault, SignedHead};
use crate::store::{Connection, certs};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a verification found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditView {
    /// Nothing is wrong.
    pub whole: bool,
    /// Lines of the history.
    pub rows: i64,
    /// The chain at the last of them.
    pub head: String,
    /// How many mails and attachments were held against their hashes.
    pub mails: u64,
    pub attachments: u64,
    /// How many signed heads the store keeps, and when the last was signed.
    pub signed_heads: usize,
    pub last_signed_at: Option<When>,
    /// The head that was handed in.
    pub given: Option<HeadView>,
    pub faults: Vec<FaultView>,
}

/// A head of the history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeadView {
    pub date: When,
    pub rows: i64,
    pub head: String,
    /// Cleartext-signed by the team's key.
    pub signed: String,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FaultView {
    /// `history 12`, `raw 3`, `attachment 4`, `message 5`, `signed head 6`, `given head`.
    pub place: String,
    pub words: String,
}

impl From<Fault> for FaultView {
    fn from(Fault { place, words }: Fault) -> FaultView {
        FaultView { place, words }
    }
}

/// Signs the head as it is now.
pub(super) fn sign_head(app: &App, now: Timestamp) -> Result<Answer, AppError> {
    let audit::Head { rows, chain } = app.store.read(audit::head)?;
    let text = HeadText { at: now, rows, chain: chain.clone() };
    let signed = sign_cleartext(&head::write(app.settings.team.address.as_str(), &text), app.keys, now)
        .map_err(|trouble| AppError::conflict(format!("the head cannot be signed: {trouble}")))?;
    let date = When::new(now, &app.settings.team.time_zone);
    Ok(Answer::Head(HeadView { date, rows, head: chain, signed }))
}

/// Computes everything anew and holds it against every head there is.
pub(super) fn verify(app: &App, now: Timestamp, given: Option<KeyFile>) -> Result<Answer, AppError> {
    let given = given.map(|file| block(&file)).transpose()?;
    let zone = &app.settings.team.time_zone;
    // All of it in one view: a daemon may write meanwhile.
    let view = app.store.read(|c| {
        let found = audit::verify(c)?;
        let mut faults: Vec<FaultView> = found.faults.into_iter().map(FaultView::from).collect();
        let heads = audit::signed_heads(c)?;
        for head in &heads {
            if let Some(words) = wrong_stored(app, c, head)? {
                faults.push(FaultView { place: format!("signed head {}", head.id), words });
            }
        }
        let mut shown = None;
        if let Some(block) = &given {
            match read(app, c, block, now)? {
                Ok(head) => {
                    if let Some(words) = wrong(c, &head, found.head.rows)? {
                        faults.push(FaultView { place: "given head".to_owned(), words });
                    }
                    let HeadText { at, rows, chain } = head;
                    shown = Some(HeadView { date: When::new(at, zone), rows, head: chain, signed: block.clone() });
                }
                Err(words) => faults.push(FaultView { place: "given head".to_owned(), words }),
            }
        }
        Ok(AuditView {
            whole: faults.is_empty(),
            rows: found.head.rows,
            head: found.head.chain,
            mails: found.mails,
            attachments: found.attachments,
            signed_heads: heads.len(),
            last_signed_at: heads.last().map(|head| When::new(head.at, zone)),
            given: shown,
            faults,
        })
    })?;
    Ok(Answer::Audit(Box::new(view)))
}

/// What is wrong with a head that the store keeps.
fn wrong_stored(app: &App, c: &Connection, kept: &SignedHead) -> crate::store::Result<Option<String>> {
    let text = match read(app, c, &kept.signed, kept.at)? {
        Ok(text) => text,
        Err(words) => return Ok(Some(words)),
    };
    if (text.rows, &text.chain) != (kept.head.rows, &kept.head.chain) {
        return Ok(Some("its row says something else than what was signed".to_owned()));
    }
    wrong(c, &text, audit::head(c)?.rows)
}

/// Whether the history still runs through this head.
fn wrong(c: &Connection, head: &HeadText, rows: i64) -> crate::store::Result<Option<String>> {
    let HeadText { rows: known, chain, .. } = head;
    if *known > rows {
        return Ok(Some(format!("it knows {known} lines of history and the store has {rows}: lines were cut off")));
    }
    let there = if *known == 0 { Some(String::new()) } else { audit::chain_at(c, *known)? };
    let same = there.as_ref() == Some(chain);
    Ok((!same).then(|| format!("the history was altered at line {known} or before it")))
}

/// Reads a signed head if the team signed it, judged as of `now` at most.
fn read(app: &App, c: &Connection, block: &str, now: Timestamp) -> crate::store::Result<Result<HeadText, String>> {
    let claimed = armor_text(block).as_deref().and_then(head::read);
    // A key that has ended since signed what it signed: the day in the text counts.
    let at = claimed.map_or(now, |claimed| claimed.at.min(now));
    let known = |handles: &[String]| confirmed(app, c, handles);
    let ring = Ring { keys: app.keys, find: &known, introducers: &[] };
    let judged = verify_cleartext(block.as_bytes(), &ring, at);
    let Some((text, facts)) = judged else { return Ok(Err("it is not cleartext-signed as it must be".to_owned())) };
    let good = !facts.is_empty() && facts.iter().all(|fact| fact.state == Signature::Good && fact.confirmed);
    if !good {
        let state = facts.first().map_or(Signature::Bad, |fact| fact.state);
        return Ok(Err(format!("it has no good signature by the team's key ({state})")));
    }
    Ok(head::read(&String::from_utf8_lossy(&text)).ok_or_else(|| "it is signed and is no head of a history".to_owned()))
}

fn armor_text(block: &str) -> Option<String> {
    armor::cleartext(block.as_bytes()).map(|parts| String::from_utf8_lossy(&parts.signed).into_owned())
}

/// Certificates of the team's address whose fingerprint a person has confirmed: former keys of the team.
fn confirmed(app: &App, c: &Connection, handles: &[String]) -> Vec<KnownCertificate> {
    let ours = app.settings.team.address.key();
    let mut known = Vec::new();
    for cert in certs::find(c, handles).unwrap_or_default().into_iter().filter(|cert| cert.confirmed_at.is_some()) {
        if certs::addresses(c, &cert.fingerprint).is_ok_and(|all| all.iter().any(|address| address == ours)) {
            known.push(KnownCertificate {
                fingerprint: cert.fingerprint,
                bytes: cert.bytes,
                candidate: false,
                confirmed: true,
                addresses: vec![app.settings.team.address.clone()],
            });
        }
    }
    known
}

/// The signed block in a saved mail or text, quoted-printable or not.
fn block(file: &KeyFile) -> Result<String, AppError> {
    let text = String::from_utf8_lossy(&file.octets.0);
    let mut encrypted = false;
    for text in [text.clone().into_owned(), unquoted(&text)] {
        for block in armor::find(&text) {
            let Some(span) = text.get(block.span.clone()) else { continue };
            match block.kind {
                Kind::Cleartext if armor::cleartext(span.as_bytes()).is_some() => return Ok(span.to_owned()),
                Kind::Message => encrypted = true,
                _ => {}
            }
        }
    }
    let words = match encrypted {
        true => "it is encrypted: decrypt it first (gpg --decrypt FILE > head.txt) and hand that in",
        false => "it holds no signed head; save the whole mail, or the text from BEGIN PGP SIGNED MESSAGE on",
    };
    Err(AppError::invalid("head", format!("{}: {words}", file.name)))
}

/// A text with its quoted-printable undone (RFC 2045 6.7).
fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "").replace("=\n", "");
    let mut parts = text.split('=');
    let mut octets = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                octets.extend(part.bytes().skip(2));
            }
            None => octets.extend(format!("={part}").bytes()),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}
