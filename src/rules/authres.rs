//! What our own border says about the sender's domain: Authentication-Results (RFC 8601).
//!
//! Believed are only fields that carry the configured authserv-id and stand where only our own
//! servers write: above the first Received line that is not ours (A10.1). Ours are lines whose
//! `by` host is the authserv-id or lies in its registrable domain, down to the border's own line.
//! Some borders put their result just below that line, so it counts still; the border must
//! therefore strip forged copies, as RFC 8601 5 wants it. Should a copy slip through, all results
//! must agree.
//!
//! Hostile data: everything below the border's line. Failure: `Unknown`, which is not a fail
//! (A10.3). Limits: 16 KiB a field, 64 results a field, 32 fields.
//! Known gaps: borders that write no authserv-id (Exchange Online) are not understood; ARC is ignored.

use super::untrusted::Untrusted;

const LONGEST_FIELD: usize = 16 * 1024;
const MOST_RESULTS: usize = 64;
const MOST_FIELDS: usize = 32;

/// What the border found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// Nothing that we may believe.
    Unknown,
    /// DMARC passed for this domain of the From field, in lower case.
    Passed { domain: String },
    /// DMARC failed, or there was none and SPF failed hard.
    Failed,
}

/// Reads the border's verdict. `headers` are the outer fields in order; `authserv_id` is the
/// name in the config, None: nobody is believed.
pub fn read(headers: &[(String, Untrusted)], authserv_id: Option<&str>) -> Authentication {
    let Some(border) = authserv_id else { return Authentication::Unknown };
    let mut results: Vec<MethodResult> = Vec::new();
    for value in trusted_fields(headers, border) {
        match parse(value, border) {
            Some(found) => results.extend(found),
            // One that cannot be read may be the one that says "fail".
            None => return Authentication::Unknown,
        }
    }
    judge(&results)
}

/// The domain for which the border reports a DMARC pass, in lower case.
pub fn dmarc_pass(headers: &[(String, Untrusted)], authserv_id: Option<&str>) -> Option<String> {
    match read(headers, authserv_id) {
        Authentication::Passed { domain } => Some(domain),
        _ => None,
    }
}

/// One `method=result` with the domain of `header.from`.
#[derive(Debug, PartialEq, Eq)]
struct MethodResult {
    method: String,
    result: String,
    header_from: Option<String>,
}

fn judge(results: &[MethodResult]) -> Authentication {
    let mut dmarc = results.iter().filter(|r| r.method == "dmarc").peekable();
    if results.iter().any(|r| r.method == "dmarc" && r.result == "fail") {
        return Authentication::Failed;
    }
    if let Some(Some(domain)) = dmarc.peek().map(|r| r.header_from.clone())
        && dmarc.all(|r| r.result == "pass" && r.header_from.as_ref() == Some(&domain))
    {
        return Authentication::Passed { domain };
    }
    let passed = results.iter().any(|r| r.method == "dmarc" && r.result == "pass");
    if !passed && results.iter().any(|r| r.method == "spf" && r.result == "fail") {
        return Authentication::Failed;
    }
    Authentication::Unknown
}

/// The Authentication-Results fields that only our own servers can have written there.
fn trusted_fields<'a>(headers: &'a [(String, Untrusted)], border: &str) -> Vec<&'a str> {
    let mut fields = Vec::new();
    let mut border_seen = false;
    for (name, value) in headers {
        let name = name.trim();
        if name.eq_ignore_ascii_case("Received") {
            let by = received_by(value.raw());
            if border_seen || !by.as_deref().is_some_and(|by| is_ours(by, border)) {
                break;
            }
            border_seen = by.as_deref() == Some(&border.to_lowercase());
        } else if name.eq_ignore_ascii_case("Authentication-Results") && fields.len() < MOST_FIELDS {
            fields.push(value.raw());
        }
    }
    fields
}

/// The host behind `by` in a Received line, in lower case. Comments are set aside, since the
/// `from` clause quotes what a stranger said.
fn received_by(value: &str) -> Option<String> {
    let bare = without_comments(super::fold::head(value, LONGEST_FIELD))?;
    let mut words = bare.split_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("by"))?;
    words.next().map(|host| host.trim_end_matches([';', '.']).to_lowercase())
}

fn is_ours(host: &str, border: &str) -> bool {
    let border = border.to_lowercase();
    let same_domain = match (psl::domain_str(host), psl::domain_str(&border)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    };
    host == border || same_domain || matches!(host, "localhost" | "localhost.localdomain" | "127.0.0.1")
}

/// The results of one field, none where it is another's; None where it cannot be read or holds
/// more than we read.
fn parse(value: &str, border: &str) -> Option<Vec<MethodResult>> {
    if value.len() > LONGEST_FIELD {
        return None;
    }
    let bare = without_comments(value)?;
    let segments = split_outside_quotes(&bare);
    let (id, results) = segments.split_first()?;
    if segments.len() > MOST_RESULTS {
        return None;
    }
    let id = id.split_whitespace().next().unwrap_or_default().trim_matches('"');
    let results = if id.eq_ignore_ascii_case(border) { results } else { &[] };
    Some(results.iter().filter_map(|segment| result(segment)).collect())
}

/// One `method[/version]=result reason=.. ptype.property=value ...` (RFC 8601 2.2).
fn result(segment: &str) -> Option<MethodResult> {
    let tight = tight_equals(segment);
    let mut words = tight.split_whitespace();
    let (method, result) = words.next()?.split_once('=')?;
    let method = method.split('/').next()?.to_ascii_lowercase();
    let header_from = words
        .filter_map(|word| word.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("header.from"))
        .map(|(_, value)| domain_of(value));
    Some(MethodResult { method, result: result.to_ascii_lowercase(), header_from: header_from.flatten() })
}

/// `header.from` is a domain by RFC 8601; some borders write the whole address.
fn domain_of(value: &str) -> Option<String> {
    let value = value.trim_matches('"');
    let domain = value.rsplit('@').next()?.trim_end_matches('.');
    let plain = !domain.is_empty() && domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    plain.then(|| domain.to_lowercase())
}

/// Takes the blanks around `=`, `/` and `.` away, where RFC 8601 allows them.
fn tight_equals(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for c in segment.chars() {
        if matches!(c, '=' | '/') {
            out.truncate(out.trim_end().len());
            out.push(c);
        } else if !(c.is_whitespace() && out.ends_with(['=', '/'])) {
            out.push(c);
        }
    }
    out
}

/// Drops comments (RFC 5322 3.2.2); None where one never closes or nests too deep.
fn without_comments(value: &str) -> Option<String> {
    let (mut out, mut depth, mut quoted, mut escaped) = (String::with_capacity(value.len()), 0u32, false, false);
    for c in value.chars() {
        let literal = std::mem::replace(&mut escaped, false);
        match c {
            '\\' if !literal && (quoted || depth > 0) => {
                escaped = true;
                if depth > 0 {
                    continue;
                }
            }
            '"' if !literal && depth == 0 => quoted = !quoted,
            '(' if !literal && !quoted => {
                depth += 1;
                out.push(' ');
            }
            ')' if !literal && !quoted && depth > 0 => {
                depth -= 1;
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            out.push(c);
        }
    }
    (depth == 0 && !quoted).then_some(out)
}

fn split_outside_quotes(text: &str) -> Vec<String> {
    let (mut segments, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in text.chars() {
        let literal = std::mem::replace(&mut escaped, false);
        match c {
            '\\' if quoted && !literal => escaped = true,
            '"' if !literal => quoted = !quoted,
            ';' if !quoted => {
                segments.push(String::new());
                continue;
            }
            // A blank inside quotes is no word border; nothing we read holds one.
            c if quoted && c.is_whitespace() => continue,
            _ => {}
        }
        if let Some(last) = segments.last_mut() {
            last.push(c);
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BORDER: &str = "Received: from mail.corp.example (mail.corp.example [192.0.2.1] by evil) by mx.example.org (Postfix) with ESMTPS; x";
    const HOP: &str = "Received: from mx.example.org by imap.example.org with LMTP id 1; x";
    const FOREIGN: &str = "Received: from pc by mail.corp.example with ESMTP; x";
    const PASS: &str = "Authentication-Results: mx.example.org; dmarc=pass (p=none dis=none) header.from=corp.example";

    fn headers(lines: &[&str]) -> Vec<(String, Untrusted)> {
        lines.iter().filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_owned(), Untrusted::from(v))).collect()
    }

    fn reads(lines: &[&str]) -> Authentication {
        read(&headers(lines), Some("mx.example.org"))
    }

    fn passed() -> Authentication {
        Authentication::Passed { domain: "corp.example".into() }
    }

    #[test]
    fn only_fields_where_our_own_servers_write_are_believed() {
        for (lines, believed) in [
            (&[PASS, BORDER, FOREIGN][..], true),
            (&[HOP, PASS, BORDER, FOREIGN], true),
            // milters of several borders write just below the border's own line
            (&[HOP, BORDER, PASS, FOREIGN], true),
            (&[PASS], true),
            (&[PASS, FOREIGN], true),
            (&[BORDER, FOREIGN, PASS], false),
            (&[HOP, BORDER, FOREIGN, PASS], false),
            (&[FOREIGN, PASS, BORDER], false),
            (&[FOREIGN, BORDER, PASS], false),
            (&[BORDER, BORDER, PASS], false),
            (&["Received: from by mx.example.org (x) x", FOREIGN, PASS], false),
            (&["Received: by (mx.example.org) evil.example; x", PASS], false),
        ] {
            assert_eq!(reads(lines) == passed(), believed, "{lines:?}");
        }
        assert_eq!(read(&headers(&[PASS, BORDER]), None), Authentication::Unknown);
        assert_eq!(read(&headers(&[PASS, BORDER]), Some("mx2.example.org")), Authentication::Unknown);
        assert_eq!(dmarc_pass(&headers(&[PASS, BORDER]), Some("MX.example.org")).as_deref(), Some("corp.example"));
    }

    #[test]
    fn a_pass_is_a_pass_of_dmarc_for_the_from_domain_by_our_border() {
        let cases = [
            ("mx.example.org; dmarc=pass header.from=corp.example", true),
            ("mx.example.org 1; spf=pass smtp.mailfrom=a@b; dkim=pass; dmarc=pass header.from=Corp.Example", true),
            ("\"mx.example.org\"; dmarc = pass (p=reject; sp=none) header.from = corp.example;", true),
            ("mx.example.org; dmarc/1=pass policy.p=none header.from=a@corp.example", true),
            ("MX.EXAMPLE.ORG; DMARC=PASS HEADER.FROM=corp.example", true),
            ("mx.example.org; dkim=pass header.i=\"@x; dmarc=fail\"; dmarc=pass header.from=corp.example", true),
            ("mx.example.org; dmarc=pass", false),
            ("mx.example.org; dmarc=pass header.from=", false),
            ("mx.example.org; dmarc=none header.from=corp.example", false),
            ("mx.example.org; dmarc=pass header.from=corp.example; dmarc=none header.from=corp.example", false),
            ("mx.example.org; dmarc=pass header.from=corp.example; dmarc=pass header.from=b.example", false),
            ("mx.example.org; dmarc=passed header.from=corp.example", false),
            ("mx.example.org; none", false),
            ("mx.example.org; (dmarc=pass header.from=corp.example)", false),
            ("mx.example.org; dmarc=fail reason=\"; dmarc=pass header.from=corp.example", false),
            ("mx.example.org; spf=pass smtp.mailfrom=\"x; dmarc=pass header.from=corp.example\"@b", false),
            ("mx.example.org.evil.example; dmarc=pass header.from=corp.example", false),
            ("evil.example; dmarc=pass header.from=corp.example", false),
            ("dmarc=pass header.from=corp.example", false),
            ("", false),
            (";", false),
            ("mx.example.org; dmarc=pass (never closed header.from=corp.example", false),
        ];
        for (value, pass) in cases {
            assert_eq!(reads(&[&format!("Authentication-Results: {value}"), BORDER]) == passed(), pass, "{value}");
        }
    }

    #[test]
    fn a_forged_copy_that_slips_through_does_not_outvote_the_border() {
        let fail = "Authentication-Results: mx.example.org; dmarc=fail header.from=corp.example";
        assert_eq!(reads(&[fail, BORDER, PASS, FOREIGN]), Authentication::Failed);
        assert_eq!(reads(&[PASS, BORDER, fail, FOREIGN]), Authentication::Failed);
    }

    #[test]
    fn a_field_that_cannot_be_read_takes_belief_from_all() {
        let broken = "Authentication-Results: mx.example.org; spf=fail smtp.mailfrom=a(b@corp.example; dmarc=fail";
        assert_eq!(reads(&[broken, PASS, BORDER]), Authentication::Unknown);
    }

    #[test]
    fn t65_a_trusted_failure_is_told_from_no_result() {
        for (value, found) in [
            ("dmarc=fail header.from=corp.example", Authentication::Failed),
            ("spf=fail smtp.mailfrom=corp.example", Authentication::Failed),
            ("spf=fail smtp.mailfrom=x; dmarc=none", Authentication::Failed),
            ("spf=fail smtp.mailfrom=x; dmarc=pass header.from=corp.example", passed()),
            ("spf=softfail smtp.mailfrom=x", Authentication::Unknown),
            ("dkim=fail", Authentication::Unknown),
            ("dmarc=temperror header.from=corp.example", Authentication::Unknown),
        ] {
            assert_eq!(reads(&[&format!("Authentication-Results: mx.example.org; {value}")]), found, "{value}");
        }
    }

    #[test]
    fn fields_and_results_are_bounded() {
        let long = format!(
            "Authentication-Results: mx.example.org; {} dmarc=pass header.from=corp.example",
            "x".repeat(LONGEST_FIELD)
        );
        assert_eq!(reads(&[&long]), Authentication::Unknown);
        let many = format!(
            "Authentication-Results: mx.example.org; {} dmarc=pass header.from=corp.example",
            "a=b;".repeat(MOST_RESULTS - 1)
        );
        assert_eq!(reads(&[&many]), Authentication::Unknown);
        let just = format!(
            "Authentication-Results: mx.example.org; {} dmarc=pass header.from=corp.example",
            "a=b;".repeat(MOST_RESULTS - 2)
        );
        assert_eq!(reads(&[&just]), passed());
    }

    proptest! {
        #[test]
        fn no_value_stops_the_reader_or_passes_for_another_border(value in "[a-z.;=\"\\\\() ]{0,60}") {
            prop_assert!(parse(&value, "mx.example.org").is_none_or(|results| results.is_empty()));
            received_by(&value);
        }
    }
}
