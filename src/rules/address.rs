//! An e-mail address that mail may be sent to.
//!
//! Parsed once, by one parser, and this value is what policy, screens and SMTP use
//! (reference A8.5). Hostile data: address fields of mails. Failure: `None`; what is
//! not one plain addr-spec is nobody we write to (T67).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};

/// One plain addr-spec `local@domain` (RFC 5321 4.1.2 without quoted strings, routes,
/// groups, literals); compared without regard to case.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    written: String,
    key: String,
}

impl Address {
    /// Reads one address, without display name. Surrounding blanks and one pair of `<>`
    /// are allowed. At most 254 octets (RFC 5321 4.5.3.1.3).
    pub fn parse(text: &str) -> Option<Address> {
        let text = text.trim();
        let text = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
        let (local, domain) = text.split_once('@')?;
        let local_ok = !local.is_empty()
            && local.len() <= 64
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(|c| c.is_alphanumeric() || "!#$&'*+-/=?^_`{|}~.".contains(c));
        let domain_ok = domain.len() <= 189
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            });
        (local_ok && domain_ok).then(|| Address { written: text.to_owned(), key: text.to_lowercase() })
    }

    /// As its owner writes it: for SMTP and for screens. Holds no control character.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// In lower case: for comparison and as a database key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The part before `@`, in lower case.
    pub fn local(&self) -> &str {
        self.key.split_once('@').map_or("", |(local, _)| local)
    }

    /// The part behind `@`, in lower case.
    pub fn domain(&self) -> &str {
        self.key.split_once('@').map_or("", |(_, domain)| domain)
    }

    /// Whether the address lies in `domain` or below it.
    pub fn is_within(&self, domain: &str) -> bool {
        let (ours, domain) = (ascii(self.domain()), ascii(domain));
        ours == domain || ours.ends_with(&format!(".{domain}"))
    }
}

/// The one form of a domain name: lower case, other scripts in punycode (UTS 46). What is no name
/// stays as it is, in lower case.
pub fn ascii(domain: &str) -> String {
    let plain = domain.bytes().all(|b| b.is_ascii_graphic()) && !domain.contains("--");
    if plain {
        return domain.to_ascii_lowercase();
    }
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for Address {}
impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Address {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}
impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}
impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Address::parse(&text).ok_or_else(|| "not one plain e-mail address like name@example.org".to_owned())
    }
}
impl From<Address> for String {
    fn from(address: Address) -> String {
        address.written
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn only_one_plain_address_is_an_address() {
        for good in ["a@corp.example", "<A.b+c@Corp.Example>", " x@localhost ", "é@exämple.org"] {
            assert!(Address::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "<>",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "\"a@b\"@c",
            "a b@c",
            "a@b,c@d",
            "a@[127.0.0.1]",
            "@r:a@b",
            "a%b@c",
            "a@b..c",
            ".a@b",
            "a@-b",
            "a@b\r\nBcc: c@d",
            "a@b\0",
            "x:a@b;",
            "a@\u{202E}b",
        ] {
            assert!(Address::parse(bad).is_none(), "{bad:?}");
        }
        assert_eq!(Address::parse("A@B.example"), Address::parse("a@b.EXAMPLE"));
        assert!(Address::parse("a@soc.corp.example").unwrap().is_within("Corp.example"));
        assert!(!Address::parse("a@notcorp.example").unwrap().is_within("corp.example"));
    }
}
