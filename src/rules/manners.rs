//! Whether a human's mail may be answered by a machine (A1; RFC 3834, RFC 5230).
//!
//! To be refused an acknowledgement never costs a mail its ticket, its alert or its clock (A1.9).
//! Where a mail holds ciphertext, its outer fields, the envelope and the config alone decide: never
//! what was decrypted, nor whether a signature held (T26).
//!
//! Choices where the standards leave one:
//! - The envelope sender is the one intake was told, else Return-Path, else From: a missing
//!   Return-Path forbids nothing.
//! - A reply goes to From, never to Reply-To or Return-Path. Where the envelope sender is of another
//!   registrable domain than From, and neither DMARC nor a bound signature vouches for From, nobody
//!   is answered (A1.2): one of the two may be a victim. Within one registrable domain the two may
//!   differ, as bulk services' bounce addresses do.
//! - A header that we do not know forbids nothing.
//!
//! Hostile data: headers. Failure: none; in doubt nobody is answered.
//! Known gap: a mailbox that is itself behind a mailing list gets a List-Id on every mail, and so
//! answers none.

use super::address::Address;
use super::authres::{self, Authentication};
use super::belonging::passes_for;
use super::machine::{Arrival, auto_submitted};
use super::report::Report;
use super::ticket::words;
use super::verdict::Authenticated;

words! {
    /// Why a human's mail gets no acknowledgement.
    NoReply {
        /// Several From fields (A8.1).
        AmbiguousFrom = "ambiguous_from",
        /// From is not exactly one plain address (T67).
        NoAddress = "no_address",
        /// The protected From differs from the outer one, and no signature is bound to it.
        FromDisputed = "from_disputed",
        /// From one of our own addresses.
        OwnAddress = "own_address",
        /// From an analyst's own address (T68).
        Analyst = "analyst",
        /// Nobody reads that address, or a list does (A1.6).
        NoReplyAddress = "no_reply_address",
        NullSender = "null_sender",
        /// Auto-Submitted says anything but `no`.
        AutoSubmitted = "auto_submitted",
        /// A mailing list's headers (A1.4).
        List = "list",
        /// Precedence bulk, list or junk.
        Bulk = "bulk",
        /// A multipart/report of any kind (A1.5), also one that breaks its schema.
        Report = "report",
        /// X-Auto-Response-Suppress: the wish not to be answered.
        SuppressWish = "suppress_wish",
        /// X-Loop; or, said by `triage`, answers without end between two machines (T63).
        Loop = "loop",
        /// The border says that From is forged (T65).
        AuthenticationFailed = "authentication_failed",
        /// Envelope sender and From are of different domains, and nothing vouches for From.
        SenderMismatch = "sender_mismatch",
        /// None of our addresses stands in To or Cc, and nothing vouches for From (A1.7).
        NotAddressed = "not_addressed",
        /// The border's spam header. Said by `triage`.
        SuspectedSpam = "suspected_spam",
        /// Found at first sight of a mailbox that is history. Said by `triage`.
        History = "history",
    }
}

/// Why the mail may not be answered by a machine; None: it may, at `Arrival::sender`.
pub fn reply_forbidden(arrival: &Arrival) -> Option<NoReply> {
    let report = arrival.report;
    if report.outer.ambiguous.iter().any(|field| field.eq_ignore_ascii_case("From")) {
        return Some(NoReply::AmbiguousFrom);
    }
    let Some(from) = arrival.sender() else { return Some(NoReply::NoAddress) };
    unwelcome_sender(arrival, from).or_else(|| unwelcome_header(report)).or_else(|| unproven_sender(arrival, from))
}

fn unwelcome_sender(arrival: &Arrival, from: &Address) -> Option<NoReply> {
    if arrival.report.from_disputed && !arrival.report.outer.has_ciphertext {
        return Some(NoReply::FromDisputed);
    }
    if arrival.settings.own_addresses().any(|own| is_same_mailbox(from, own)) {
        return Some(NoReply::OwnAddress);
    }
    if arrival.settings.duty.analysts.iter().any(|analyst| analyst.address == *from) {
        return Some(NoReply::Analyst);
    }
    if is_unread(from.local()) {
        return Some(NoReply::NoReplyAddress);
    }
    if arrival.has_null_sender() {
        return Some(NoReply::NullSender);
    }
    envelope_sender(arrival).is_some_and(|(local, _)| is_list(untagged(&local))).then_some(NoReply::List)
}

fn unwelcome_header(report: &Report) -> Option<NoReply> {
    const LIST: [&str; 7] =
        ["List-Id", "List-Help", "List-Subscribe", "List-Unsubscribe", "List-Post", "List-Owner", "List-Archive"];
    if auto_submitted(report).iter().any(|token| token != "no") {
        return Some(NoReply::AutoSubmitted);
    }
    if LIST.iter().any(|name| report.fields(name).next().is_some()) {
        return Some(NoReply::List);
    }
    if report.outer.media_type == "multipart/report" {
        return Some(NoReply::Report);
    }
    let is_bulk = |value: &str| ["bulk", "list", "junk", "auto_reply"].iter().any(|w| value.eq_ignore_ascii_case(w));
    if report.fields("Precedence").any(is_bulk) {
        return Some(NoReply::Bulk);
    }
    let suppresses = |value: &str| {
        value.split([',', ';']).any(|w| ["all", "autoreply", "oof"].iter().any(|s| w.trim().eq_ignore_ascii_case(s)))
    };
    if report.fields("X-Auto-Response-Suppress").any(suppresses) {
        return Some(NoReply::SuppressWish);
    }
    report.fields("X-Loop").next().is_some().then_some(NoReply::Loop)
}

fn unproven_sender(arrival: &Arrival, from: &Address) -> Option<NoReply> {
    let report = arrival.report;
    let border = authres::read(&report.headers, arrival.settings.triage.authserv_id.as_deref());
    let vouched = match &border {
        Authentication::Passed { domain } => passes_for(from, Some(domain)),
        _ => false,
    };
    let signed = !report.outer.has_ciphertext && report.verdict.proves_sender(Authenticated::Marginal);
    if vouched || signed {
        return None;
    }
    if border == Authentication::Failed {
        return Some(NoReply::AuthenticationFailed);
    }
    if envelope_sender(arrival).is_some_and(|(_, domain)| !same_organisation(&domain, from.domain())) {
        return Some(NoReply::SenderMismatch);
    }
    (!is_addressed_to_us(arrival)).then_some(NoReply::NotAddressed)
}

/// Local part and domain of the envelope sender in lower case, told or in the first Return-Path;
/// None where neither names one. Return-Path may hold forms that are no `Address`.
fn envelope_sender(arrival: &Arrival) -> Option<(String, String)> {
    if let Some(told) = arrival.envelope_sender {
        return told.map(|sender| (sender.local().to_owned(), sender.domain().to_owned()));
    }
    let path = arrival.report.fields("Return-Path").next()?.to_lowercase();
    let (local, domain) = path.trim_matches(['<', '>', ' ']).rsplit_once('@')?;
    Some((local.to_owned(), domain.to_owned()))
}

fn same_organisation(a: &str, b: &str) -> bool {
    registrable(a) == registrable(b)
}

fn registrable(domain: &str) -> &str {
    psl::domain_str(domain).unwrap_or(domain)
}

fn is_addressed_to_us(arrival: &Arrival) -> bool {
    let outer = &arrival.report.outer;
    let is_ours = |address: &Address| arrival.settings.own_addresses().any(|own| is_same_mailbox(address, own));
    let resent = ["Resent-To", "Resent-Cc"].into_iter().flat_map(|name| arrival.report.fields(name));
    outer.to.iter().chain(&outer.cc).any(is_ours)
        || resent
            .flat_map(|value| value.split([',', ';', ' ', '<', '>']))
            .filter_map(Address::parse)
            .any(|a| is_ours(&a))
}

/// The same mailbox, whatever stands behind a `+` (A3.1).
/// Whether mail to both lands in one mailbox: what stands behind a `+` does not count.
pub fn is_same_mailbox(a: &Address, b: &Address) -> bool {
    a.domain() == b.domain() && untagged(a.local()) == untagged(b.local())
}

fn untagged(local: &str) -> &str {
    local.split_once('+').map_or(local, |(name, _)| name)
}

/// Addresses behind which a list or its software sits. In an envelope sender `*-bounces` is as
/// often a service that sends one human's mail, so it is not among them.
fn is_list(local: &str) -> bool {
    matches!(local, "mailer-daemon" | "listserv" | "majordomo")
        || local.starts_with("owner-")
        || local.ends_with("-request")
        || local.ends_with("-owner")
}

/// Addresses that no human reads (A1.6). postmaster, abuse and security often are humans.
fn is_unread(local: &str) -> bool {
    const PHRASES: [&str; 6] =
        ["-noreply-", "-no-reply-", "-donotreply-", "-do-not-reply-", "-ne-pas-repondre-", "-nepasrepondre-"];
    let local_words: Vec<&str> = local.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let words = format!("-{}-", local_words.join("-"));
    let name = untagged(local);
    is_list(name) || name.ends_with("-bounces") || name == "bounces" || PHRASES.iter().any(|p| words.contains(p))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{incident, mail, settings};
    use crate::rules::verdict::{Covers, Encryption, Signature, Verdict};

    fn forbidden_with(report: &Report, envelope_sender: Option<Option<&Address>>) -> Option<NoReply> {
        let settings = settings();
        let mailbox = incident(&settings);
        reply_forbidden(&Arrival { report, envelope_sender, mailbox, settings: &settings })
    }

    fn forbidden(report: &Report) -> Option<NoReply> {
        forbidden_with(report, None)
    }

    fn with(headers: &[(&str, &str)]) -> Report {
        mail("a@corp.example", headers)
    }

    fn signed(mut report: Report) -> Report {
        report.verdict = Verdict {
            signature: Signature::Good,
            covers: Covers::Whole,
            signed_by_sender: true,
            authenticated: Authenticated::Marginal,
            ..Verdict::default()
        };
        report
    }

    const PASS: (&str, &str) = ("Authentication-Results", "mx.example.org; dmarc=pass header.from=corp.example");

    #[test]
    fn an_ordinary_mail_is_answered() {
        for headers in [
            &[][..],
            &[("X-Mailer", "x"), ("X-Unknown", "All"), ("Organization", "y"), ("Importance", "high")],
            &[("Auto-Submitted", "no")],
            &[("Auto-Submitted", "No (a human)")],
            &[("Precedence", "first-class")],
            &[("X-Auto-Response-Suppress", "DR, RN, NRN")],
            &[("Return-Path", "<a@corp.example>")],
            &[("Return-Path", "<bounces+a=corp@mail.corp.example>")],
            &[("Return-Path", "<msprvs1=x-bounces@corp.example>")],
            &[("Reply-To", "evil@evil.example")],
            &[("Sender", "b@other.example")],
            &[("Authentication-Results", "other.example; dmarc=fail header.from=corp.example")],
            &[("Authentication-Results", "mx.example.org; spf=softfail")],
            &[PASS],
        ] {
            assert_eq!(forbidden(&with(headers)), None, "{headers:?}");
        }
        for from in [
            "postmaster@corp.example",
            "abuse@corp.example",
            "security@corp.example",
            "a+b@corp.example",
            "colleague@example.org",
            "eleanor.eply@corp.example",
            "owner@corp.example",
            "request@corp.example",
        ] {
            assert_eq!(forbidden(&mail(from, &[])), None, "{from}");
        }
    }

    #[test]
    fn every_rule_of_a1_forbids_with_its_own_word() {
        use NoReply::*;
        for (headers, reason) in [
            (&[("Auto-Submitted", "auto-generated")][..], AutoSubmitted),
            (&[("Auto-Submitted", "auto-notified; owner-email=x")], AutoSubmitted),
            (&[("Auto-Submitted", "whatever")], AutoSubmitted),
            (&[("Auto-Submitted", "")], AutoSubmitted),
            (&[("auto-submitted", "no"), ("AUTO-SUBMITTED", "auto-replied")], AutoSubmitted),
            (&[("List-Id", "<x.y>")], List),
            (&[("list-help", "")], List),
            (&[("List-Subscribe", "x")], List),
            (&[("List-Unsubscribe", "x")], List),
            (&[("List-Post", "NO")], List),
            (&[("List-Owner", "x")], List),
            (&[("List-Archive", "x")], List),
            (&[("Precedence", "bulk")], Bulk),
            (&[("precedence", " List ")], Bulk),
            (&[("Precedence", "JUNK")], Bulk),
            (&[("Precedence", "auto_reply")], Bulk),
            (&[("X-Auto-Response-Suppress", "All")], SuppressWish),
            (&[("X-Auto-Response-Suppress", "DR, oof")], SuppressWish),
            (&[("X-Auto-Response-Suppress", "AutoReply")], SuppressWish),
            (&[("X-Loop", "x")], Loop),
            (&[("Return-Path", "<>")], NullSender),
            (&[("Return-Path", " < > ")], NullSender),
            (&[("Return-Path", "<owner-list@corp.example>")], List),
            (&[("Return-Path", "<list-request@corp.example>")], List),
            (&[("Return-Path", "<x@other.example>")], SenderMismatch),
            (&[("Return-Path", "<x@corp.example.evil.example>")], SenderMismatch),
            (&[("Return-Path", "<\"x@corp.example\"%y@other.example>")], SenderMismatch),
            (
                &[("Authentication-Results", "mx.example.org; dmarc=fail header.from=corp.example")],
                AuthenticationFailed,
            ),
            (&[("Authentication-Results", "mx.example.org; spf=fail; dmarc=none")], AuthenticationFailed),
        ] {
            assert_eq!(forbidden(&with(headers)), Some(reason), "{headers:?}");
        }
        for (from, reason) in [
            ("csirt@example.org", OwnAddress),
            ("CSIRT+x@Example.org", OwnAddress),
            ("contact@example.org", OwnAddress),
            ("alice@example.org", Analyst),
            ("noreply@corp.example", NoReplyAddress),
            ("no-reply@corp.example", NoReplyAddress),
            ("no_reply@corp.example", NoReplyAddress),
            ("noreply-dmarc@corp.example", NoReplyAddress),
            ("alerts-noreply@corp.example", NoReplyAddress),
            ("do.not.reply@corp.example", NoReplyAddress),
            ("DoNotReply@corp.example", NoReplyAddress),
            ("ne-pas-repondre@corp.example", NoReplyAddress),
            ("noreply+abc@corp.example", NoReplyAddress),
            ("mailer-daemon@corp.example", NoReplyAddress),
            ("owner-list@corp.example", NoReplyAddress),
            ("list-request@corp.example", NoReplyAddress),
            ("list-owner@corp.example", NoReplyAddress),
            ("list-bounces+a=b@corp.example", NoReplyAddress),
            ("majordomo@corp.example", NoReplyAddress),
        ] {
            assert_eq!(forbidden(&mail(from, &[])), Some(reason), "{from}");
        }
        let mut several = with(&[]);
        several.outer.ambiguous = vec!["from".into()];
        assert_eq!(forbidden(&several), Some(AmbiguousFrom));
        let mut subject_only = with(&[]);
        subject_only.outer.ambiguous = vec!["Subject".into()];
        assert_eq!(forbidden(&subject_only), None);
        let mut nobody = with(&[]);
        (nobody.from, nobody.outer.from) = (None, None);
        assert_eq!(forbidden(&nobody), Some(NoAddress));
        let mut disputed = with(&[]);
        disputed.from_disputed = true;
        assert_eq!(forbidden(&disputed), Some(FromDisputed));
    }

    #[test]
    fn the_envelope_that_intake_was_told_comes_before_return_path() {
        let own = Address::parse("a@corp.example").unwrap();
        let other = Address::parse("x@other.example").unwrap();
        let null_path = with(&[("Return-Path", "<>")]);
        assert_eq!(forbidden_with(&null_path, Some(Some(&own))), None);
        assert_eq!(forbidden_with(&with(&[]), Some(None)), Some(NoReply::NullSender));
        assert_eq!(forbidden_with(&with(&[]), Some(Some(&other))), Some(NoReply::SenderMismatch));
        assert_eq!(forbidden_with(&with(&[PASS]), Some(Some(&other))), None);
        assert_eq!(forbidden_with(&signed(with(&[])), Some(Some(&other))), None);
    }

    #[test]
    fn mail_that_names_us_nowhere_is_answered_only_if_its_sender_is_proven() {
        let hidden = |headers| {
            let mut report = with(headers);
            report.outer.to.clear();
            report
        };
        assert_eq!(forbidden(&hidden(&[])), Some(NoReply::NotAddressed));
        assert_eq!(forbidden(&hidden(&[PASS])), None);
        assert_eq!(forbidden(&signed(hidden(&[]))), None);
        assert_eq!(forbidden(&hidden(&[("Resent-To", "CSIRT <csirt@example.org>, x@y.example")])), None);
        assert_eq!(forbidden(&hidden(&[("Resent-To", "xcsirt@example.org")])), Some(NoReply::NotAddressed));
        let mut tagged = hidden(&[]);
        tagged.outer.cc = vec![Address::parse("csirt+incident@example.org").unwrap()];
        assert_eq!(forbidden(&tagged), None);
    }

    #[test]
    fn t26_neither_plaintext_nor_signature_decides_about_a_mail_with_ciphertext() {
        for headers in [&[][..], &[("Return-Path", "<x@other.example>")], &[PASS], &[("Precedence", "bulk")]] {
            let mut sealed = with(headers);
            sealed.outer.has_ciphertext = true;
            sealed.verdict.encryption = Encryption::Failed;
            let mut opened = signed(sealed.clone());
            opened.verdict.encryption = Encryption::Decrypted;
            opened.from = Address::parse("noreply@evil.example");
            opened.from_disputed = true;
            assert_eq!(forbidden(&sealed), forbidden(&opened), "{headers:?}");
        }
    }
}
