//! The one parser of address lists (RFC 5322 3.4), for display and for policy alike (A8.5).
//!
//! Hostile data: From, To, Cc ... of mails. Failure: none; an element that is not one plain address
//! comes back with `None`, and is nobody we write to (T67). Group syntax gives an element of its own
//! without address, so that a From with a group is never exactly one address. Linear time.

use super::header;
use crate::rules::address::Address;

/// The elements of an address list: display name (or old comment name) and the address, if it is one
/// plain addr-spec. `field` is a header value as `Part::headers` holds it.
pub fn addresses(field: &str) -> Vec<(String, Option<Address>)> {
    let mut list = Vec::new();
    let mut one = Element::default();
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => one.quoted(&mut chars),
            '(' => one.comment(&mut chars),
            '<' => one.angle(&mut chars),
            ',' | ';' => one.finish(&mut list),
            ':' if one.angles == 0 => {
                one.is_group = true;
                one.finish(&mut list);
            }
            '\\' => {
                one.broken = true;
                one.phrase.extend(chars.next());
            }
            _ => one.plain(c),
        }
    }
    one.finish(&mut list);
    list
}

/// The one address of a field that holds exactly one plain address, with its display name.
pub fn only_address(field: &str) -> Option<(String, Address)> {
    let mut list = addresses(field);
    match (list.len(), list.pop()) {
        (1, Some((name, Some(address)))) => Some((name, address)),
        _ => None,
    }
}

/// One element while it is read.
#[derive(Default)]
struct Element {
    phrase: String,
    comment: String,
    angle: String,
    angles: usize,
    has_quotes: bool,
    is_group: bool,
    /// Not closed, or something behind the angle bracket: no address.
    broken: bool,
}

impl Element {
    fn plain(&mut self, c: char) {
        self.broken |= self.angles > 0 && !c.is_whitespace();
        self.phrase.push(c);
    }

    fn quoted(&mut self, chars: &mut std::str::Chars<'_>) {
        self.has_quotes = true;
        self.broken |= self.angles > 0;
        self.broken |= !until(chars, '"', None, &mut self.phrase);
    }

    fn comment(&mut self, chars: &mut std::str::Chars<'_>) {
        self.broken |= !until(chars, ')', Some('('), &mut self.comment);
        // A comment inside an address would glue its halves together.
        self.phrase.push(' ');
    }

    fn angle(&mut self, chars: &mut std::str::Chars<'_>) {
        self.angles += 1;
        self.broken |= !until(chars, '>', Some('<'), &mut self.angle);
    }

    fn finish(&mut self, list: &mut Vec<(String, Option<Address>)>) {
        let one = std::mem::take(self);
        let phrase = one.phrase.trim();
        if phrase.is_empty() && one.comment.is_empty() && one.angles == 0 && !one.is_group {
            return;
        }
        let bare = one.angles == 0 && !one.is_group;
        let address = match one.angles {
            _ if one.broken || one.is_group => None,
            0 if !one.has_quotes => Address::parse(phrase),
            1 => Address::parse(&one.angle).filter(|_| !one.angle.contains(['<', '>'])),
            _ => None,
        };
        let name = if bare && address.is_some() { one.comment.trim() } else { phrase };
        let name = if name.contains("=?") { header::words(name, false) } else { name.to_owned() };
        list.push((name, address));
    }
}

/// Copies up to the closing character, undoing backslashes; whether it came.
fn until(chars: &mut std::str::Chars<'_>, close: char, open: Option<char>, out: &mut String) -> bool {
    let mut depth = 1usize;
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            _ if c == close => {
                depth -= 1;
                if depth == 0 {
                    return true;
                }
                out.push(c);
            }
            _ => {
                depth += usize::from(Some(c) == open);
                out.push(c);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(field: &str) -> Vec<(String, String)> {
        let text = |address: Option<Address>| address.map(|a| a.as_str().to_owned()).unwrap_or_default();
        addresses(field).into_iter().map(|(name, address)| (name, text(address))).collect()
    }

    #[test]
    fn lists_are_read_as_their_writers_meant_them() {
        for (field, wanted) in [
            ("a@corp.example", vec![("", "a@corp.example")]),
            ("<a@corp.example>", vec![("", "a@corp.example")]),
            ("Ann B <a@corp.example>", vec![("Ann B", "a@corp.example")]),
            ("\"B, Ann\" <a@corp.example>, b@x.example", vec![("B, Ann", "a@corp.example"), ("", "b@x.example")]),
            ("a@corp.example (Ann (the first))", vec![("Ann (the first)", "a@corp.example")]),
            ("=?utf-8?q?=C3=89va?= <e@x.example>", vec![("Éva", "e@x.example")]),
            ("boss@corp.example <e@x.example>", vec![("boss@corp.example", "e@x.example")]),
            ("team: a@x.example, b@x.example;", vec![("team", ""), ("", "a@x.example"), ("", "b@x.example")]),
            ("undisclosed-recipients:;", vec![("undisclosed-recipients", "")]),
            (",, ,", vec![]),
            ("", vec![]),
        ] {
            let wanted: Vec<_> = wanted.into_iter().map(|(n, a)| (n.to_owned(), a.to_owned())).collect();
            assert_eq!(seen(field), wanted, "{field}");
        }
    }

    #[test]
    fn what_is_not_one_plain_address_is_nobody() {
        for field in [
            "a@x.example, b@x.example",
            "g: a@x.example;",
            "a%b@x.example@y.example",
            "\"a@b\"@c.example",
            "<@relay.example:a@x.example>",
            "<a@x.example> <b@x.example>",
            "<a@x.example> b@x.example",
            "<a@x.example",
            "\"open <a@x.example>",
            "<<a@x.example>>",
            "a@x.example(c)b.example",
            "a@[192.0.2.1]",
            "a@x.example\\, b",
            "a b@x.example",
            "(a@x.example)",
            "<>",
        ] {
            assert!(only_address(field).is_none(), "{field}");
        }
        assert!(only_address("\"x@y\" <a@x.example>").is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(field in "[ab@.<>(),;:\\\\\" =?]{0,60}|\\PC{0,60}") {
            for (_, address) in addresses(&field) {
                if let Some(address) = address {
                    proptest::prop_assert!(field.contains(address.as_str()) || field.contains('\\'));
                }
            }
        }
    }

    #[test]
    fn floods_are_cheap() {
        for flood in ["(", "<", "\"", "a@b.example,", "=?", "\\"] {
            addresses(&flood.repeat(1_000_000 / flood.len()));
        }
    }
}
