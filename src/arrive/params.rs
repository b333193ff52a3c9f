//! Fields of the form `token; name=value; ...` (RFC 2045 5.1), as Content-Type and Content-Disposition.
//!
//! Hostile data: the value of a header field. Failure: none; what is no parameter is passed over.
//! At most 100 parameters: what looks through them does so one by one.

use super::{decode, header};
use std::collections::HashMap;

const PARAM_COUNT: usize = 100;

/// A value of the form `token; name=value; ...` (RFC 2045 5.1).
#[derive(Debug, Default)]
pub struct Parametrised {
    /// In lower case, without comments.
    pub token: String,
    /// Names in lower case, values decoded (RFC 2231, RFC 2047); the first of a name wins, except
    /// that `filename*` and `name*` win over their plain twin (RFC 6266 4.3).
    pub params: Vec<(String, String)>,
    /// Names given more than once.
    pub doubled: Vec<String>,
}

/// Reads a Content-Type or Content-Disposition.
pub fn parametrised(octets: &[u8]) -> Parametrised {
    let mut pieces = pieces(octets, PARAM_COUNT + 1).into_iter();
    let token = pieces.next().map(|(name, _)| name).unwrap_or_default();
    let mut out = Parametrised { token: lower(&token), ..Parametrised::default() };
    let mut order: Vec<String> = Vec::new();
    let mut plain: HashMap<String, Vec<u8>> = HashMap::new();
    let mut segments: HashMap<String, Vec<(u32, bool, Vec<u8>)>> = HashMap::new();
    for (name, value) in pieces {
        let Some(value) = value else { continue };
        let name = lower(&name);
        let mut stars = name.split('*');
        let base = stars.next().unwrap_or("").to_owned();
        if base.is_empty() {
            continue;
        }
        if !order.contains(&base) {
            order.push(base.clone());
        }
        let was = if name.contains('*') {
            let marks: Vec<&str> = stars.collect();
            let number = marks.first().and_then(|n| n.parse().ok()).unwrap_or(0);
            let list = segments.entry(base.clone()).or_default();
            let was = list.iter().any(|(n, ..)| *n == number);
            if !was {
                list.push((number, name.ends_with('*'), value));
            }
            was
        } else {
            let was = plain.contains_key(&base);
            plain.entry(base.clone()).or_insert(value);
            was
        };
        let both = plain.contains_key(&base) && segments.contains_key(&base) && !is_file_name(&base);
        if (was || both) && !out.doubled.contains(&base) {
            out.doubled.push(base);
        }
    }
    for name in order {
        let simple = plain.remove(&name);
        let extended = segments.remove(&name);
        let value = match (simple, extended) {
            (Some(value), None) => plain_value(&value),
            (Some(value), Some(_)) if !is_file_name(&name) => plain_value(&value),
            (_, Some(list)) => extended_value(list),
            (None, None) => continue,
        };
        out.params.push((name, value.replace(['\r', '\n'], "")));
    }
    out
}

fn is_file_name(name: &str) -> bool {
    matches!(name, "name" | "filename")
}

fn lower(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).trim().to_ascii_lowercase()
}

fn plain_value(octets: &[u8]) -> String {
    let text = decode::charset(octets, "").0;
    if text.contains("=?") { header::words(&text, false) } else { text }
}

/// Joins the segments of RFC 2231 3 and 4 in the order of their numbers.
fn extended_value(mut list: Vec<(u32, bool, Vec<u8>)>) -> String {
    list.sort_by_key(|(number, ..)| *number);
    let mut charset = String::new();
    let mut octets = Vec::new();
    for (index, (_, encoded, value)) in list.iter().enumerate() {
        let mut value = value.as_slice();
        if index == 0 && *encoded {
            let mut marks = value.splitn(3, |&b| b == b'\'');
            if let (Some(label), Some(_), Some(rest)) = (marks.next(), marks.next(), marks.next()) {
                charset = String::from_utf8_lossy(label).into_owned();
                value = rest;
            }
        }
        if *encoded {
            decode::unescape(value, b'%', &mut octets);
        } else {
            octets.extend_from_slice(value);
        }
    }
    decode::charset(&octets, &charset).0
}

/// Cuts at `;` outside quotes and comments into names and values; also where one is forgotten after
/// a quoted value. At most `limit` pieces.
fn pieces(octets: &[u8], limit: usize) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut out = Vec::new();
    let (mut name, mut value) = (Vec::new(), None::<Vec<u8>>);
    let (mut quoted, mut closed, mut comments) = (false, false, 0usize);
    let mut bytes = octets.iter().copied();
    while out.len() < limit
        && let Some(b) = bytes.next()
    {
        if quoted {
            match b {
                b'\\' => value.get_or_insert_default().extend(bytes.next()),
                b'"' => (quoted, closed) = (false, true),
                _ => value.get_or_insert_default().push(b),
            }
            continue;
        }
        match b {
            b'(' if closed || comments > 0 || value.as_ref().is_none_or(Vec::is_empty) => comments += 1,
            b')' if comments > 0 => comments -= 1,
            _ if comments > 0 => {}
            b';' => {
                push_piece(&mut out, &mut name, &mut value, closed);
                closed = false;
            }
            b'=' if value.is_none() => value = Some(Vec::new()),
            b'"' if value.as_ref().is_some_and(|v| v.trim_ascii().is_empty()) => {
                value = Some(Vec::new());
                quoted = true;
            }
            _ if closed && !b.is_ascii_whitespace() => {
                push_piece(&mut out, &mut name, &mut value, closed);
                closed = false;
                name.push(b);
            }
            _ if closed => {}
            _ => value.as_mut().unwrap_or(&mut name).push(b),
        }
    }
    if out.len() < limit {
        push_piece(&mut out, &mut name, &mut value, closed || quoted);
    }
    out
}

fn push_piece(out: &mut Vec<(Vec<u8>, Option<Vec<u8>>)>, name: &mut Vec<u8>, value: &mut Option<Vec<u8>>, exact: bool) {
    let value = value.take().map(|value| if exact { value } else { value.trim_ascii().to_vec() });
    out.push((std::mem::take(name), value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_in_every_dialect() {
        for (raw, token, params, doubled) in [
            (
                &b"Text/Plain; charset=\"utf-8\"; format=flowed"[..],
                "text/plain",
                vec![("charset", "utf-8"), ("format", "flowed")],
                vec![],
            ),
            (b"text/plain (a comment); charset=x (why)", "text/plain", vec![("charset", "x (why)")], vec![]),
            (b"a/b; boundary=\"=_a;b\\\"c\"", "a/b", vec![("boundary", "=_a;b\"c")], vec![]),
            (b"a/b; x=\"1\" y=2", "a/b", vec![("x", "1"), ("y", "2")], vec![]),
            (b"a/b; x=1; X=2", "a/b", vec![("x", "1")], vec!["x"]),
            (b"attachment; filename=my file.doc", "attachment", vec![("filename", "my file.doc")], vec![]),
            (
                b"attachment; filename=\"a.doc\"; filename*=utf-8''%C3%A9.doc",
                "attachment",
                vec![("filename", "é.doc")],
                vec![],
            ),
            (
                b"attachment; filename*1*=%A9; filename*2=\".doc\"; filename*0*=utf-8'fr'%C3",
                "attachment",
                vec![("filename", "é.doc")],
                vec![],
            ),
            (b"attachment; filename=\"=?utf-8?q?=C3=A9.doc?=\"", "attachment", vec![("filename", "é.doc")], vec![]),
            (b"attachment; filename*=utf-7''+ADw-", "attachment", vec![("filename", "+ADw-")], vec![]),
            (b"a/b; boundary=a; boundary*=b", "a/b", vec![("boundary", "a")], vec!["boundary"]),
            (b"", "", vec![], vec![]),
            (b";;;=;\"", "", vec![], vec![]),
        ] {
            let read = parametrised(raw);
            let params: Vec<_> = params.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            assert_eq!(
                (read.token.as_str(), read.params, read.doubled),
                (token, params, doubled.into_iter().map(str::to_owned).collect()),
                "{:?}",
                String::from_utf8_lossy(raw)
            );
        }
    }

    #[test]
    fn a_hundred_parameters_are_read_and_no_more() {
        let many: String = (0..5_000).map(|number| format!("; a{number}=1")).collect();
        let read = parametrised(format!("a/b{many}").as_bytes());
        assert_eq!((read.params.len(), read.params[99].0.as_str(), read.doubled.len()), (100, "a99", 0));
    }

    #[test]
    fn floods_are_cheap() {
        for flood in [";a=", "(", "\"", ";a*0=b", "a*1*=%"] {
            parametrised(flood.repeat(64 * 1024 / flood.len()).as_bytes());
        }
    }

    proptest::proptest! {
        #[test]
        fn no_octets_break_it(octets in proptest::prelude::any::<Vec<u8>>(), text in "[-a1=*';% ()\"]{0,80}") {
            parametrised(&octets);
            parametrised(text.as_bytes());
        }
    }
}
