//! What a person types to find tickets, taken apart into words of ours.
//!
//! Words must all be there; `"a phrase"` in that order; `-word` must not be there; a trailing `*`, and the
//! last word, also find what begins so. `from:` looks among people alone; `state:` and `label:` are no
//! words but choices. What looks like an address, a name or a URL is looked for whole, defanged or not.
//!
//! Hostile data: anything pasted. Failure: none, every text is a query; what holds no letter and no digit
//! asks for nothing. The query language of the index is written by `expression` alone, which quotes every
//! word (T76).

/// A query, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pub wanted: Vec<Term>,
    pub unwanted: Vec<Term>,
    pub state: Option<String>,
    pub labels: Vec<String>,
}

/// One word or phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Holds a letter or a digit.
    pub text: String,
    /// What begins so counts as well.
    pub begins: bool,
    /// Only people: reporter, senders, recipients.
    pub people: bool,
}

/// Octets of the longest query that is worked on.
pub const LONGEST: usize = 1_000;
/// Letters from which on a last word finds what begins so: the index keeps beginnings of that length.
const BEGINNING: usize = 3;

/// Takes a query apart.
pub fn parse(text: &str) -> Query {
    let mut query = Query::default();
    let pieces = pieces(text);
    let last = pieces.len().saturating_sub(1);
    for (at, piece) in pieces.into_iter().enumerate() {
        take(&mut query, piece, at == last);
    }
    query
}

impl Query {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty() && self.state.is_none() && self.labels.is_empty()
    }
}

/// Terms in the query language of SQLite's FTS5, joined by `AND` or `OR`; None: no terms.
pub fn expression(terms: &[Term], join: &str) -> Option<String> {
    let one = |term: &Term| {
        let column = if term.people { "{people} : " } else { "" };
        let begins = if term.begins { " *" } else { "" };
        // FTS5 reads up to the first NUL, and a doubled quote as one.
        let text = term.text.replace('\0', " ").replace('"', "\"\"");
        format!("{column}\"{text}\"{begins}")
    };
    (!terms.is_empty()).then(|| terms.iter().map(one).collect::<Vec<_>>().join(join))
}

/// A piece between blanks: what stands before and inside the quotes.
#[derive(Debug, Default)]
struct Piece {
    bare: String,
    quoted: Option<String>,
    star: bool,
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_whitespace() || is_quote(c)).unwrap_or(rest.len());
        let mut piece = Piece { bare: rest[..end].to_owned(), ..Piece::default() };
        rest = &rest[end..];
        if let Some(inside) = rest.strip_prefix(is_quote) {
            let close = inside.find(is_quote).unwrap_or(inside.len());
            piece.quoted = Some(inside[..close].to_owned());
            rest = inside[close..].strip_prefix(is_quote).unwrap_or_default();
            if let Some(behind) = rest.strip_prefix('*') {
                piece.star = true;
                rest = behind;
            }
        }
        found.push(piece);
        rest = rest.trim_start();
    }
    found
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '«' | '»')
}

fn take(query: &mut Query, piece: Piece, last: bool) {
    let unwanted = piece.bare.starts_with('-');
    let bare = piece.bare.trim_start_matches('-');
    let (field, word) = match bare.split_once(':') {
        Some((field, word)) if ["from", "state", "label"].contains(&field.to_lowercase().as_str()) => {
            (field.to_lowercase(), word)
        }
        _ => (String::new(), bare),
    };
    if let "state" | "label" = field.as_str() {
        let value = piece.quoted.unwrap_or_else(|| word.to_owned());
        match field.as_str() {
            "state" if !value.is_empty() => query.state = Some(value.to_lowercase()),
            "label" if !value.is_empty() => query.labels.push(value),
            _ => {}
        }
        return;
    }
    let terms = if unwanted { &mut query.unwanted } else { &mut query.wanted };
    let people = field == "from";
    let mut add = |text: String, begins: bool| {
        if text.chars().any(char::is_alphanumeric) {
            terms.push(Term { text, begins, people });
        }
    };
    let star = word.ends_with('*');
    let word = refanged(word.trim_end_matches('*'));
    let plain = word.chars().all(char::is_alphanumeric) && word.chars().count() >= BEGINNING;
    add(word, star || (last && plain && !unwanted && piece.quoted.is_none()));
    if let Some(quoted) = piece.quoted {
        add(quoted, piece.star);
    }
}

/// A word as it stands among the indicators: without scheme, and with its dots. Brackets around dots need
/// no care: words are split at both.
fn refanged(word: &str) -> String {
    let word = word.split_once("://").map_or(word, |(_, rest)| rest);
    let mut out = word.to_owned();
    for (written, meant) in
        [("[dot]", "."), ("(dot)", "."), ("{dot}", "."), ("[at]", "@"), ("(at)", "@"), ("{at}", "@")]
    {
        while let Some(at) = out.to_ascii_lowercase().find(written) {
            out.replace_range(at..at + written.len(), meant);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(text: &str) -> String {
        expression(&parse(text).wanted, " AND ").unwrap_or_default()
    }

    #[test]
    fn words_are_quoted_and_only_the_last_one_is_a_beginning() {
        for (typed, written) in [
            ("phish", r#""phish" *"#),
            ("phish mail", r#""phish" AND "mail" *"#),
            ("phish* mail", r#""phish" * AND "mail" *"#),
            ("ab", r#""ab""#),
            ("\"fake invoice\"", r#""fake invoice""#),
            ("\"fake inv\"*", r#""fake inv" *"#),
            ("« fausse facture »", r#"" fausse facture ""#),
            ("198.51.100.7", r#""198.51.100.7""#),
            ("198.51.100.*", r#""198.51.100." *"#),
            ("hxxps://evil[.]example/x", r#""evil[.]example/x""#),
            ("evil(dot)example", r#""evil.example""#),
            ("a[AT]evil[DOT]example", r#""a@evil.example""#),
            ("from:alice", r#"{people} : "alice" *"#),
            ("from:\"Alice Martin\"", r#"{people} : "Alice Martin""#),
            ("a AND OR NOT NEAR(b", r#""a" AND "AND" AND "OR" AND "NOT" AND "NEAR(b""#),
            ("subject:x", r#""subject:x""#),
            ("x\"; DROP TABLE ticket; --", r#""x" AND "; DROP TABLE ticket; --""#),
            ("*", ""),
            ("--- ... \"\"", ""),
        ] {
            assert_eq!(wanted(typed), written, "{typed}");
        }
    }

    #[test]
    fn choices_and_what_is_not_wanted_are_no_words() {
        let query = parse("-spam state:Open label:phishing from: x");
        assert_eq!(expression(&query.unwanted, " OR ").as_deref(), Some("\"spam\""));
        assert_eq!((query.state.as_deref(), query.labels.as_slice()), (Some("open"), &["phishing".to_owned()][..]));
        assert_eq!(query.wanted.len(), 1);
        assert!(parse("").is_empty() && parse(" - \" ").is_empty());
    }

    proptest! {
        #[test]
        fn a_quote_of_the_person_never_ends_our_quote(text in "(\"|'|\\*|-|:|a|NEAR|AND|\\(|\\)|\\{|\\}|\0| |\\PC){0,40}") {
            let query = parse(&text);
            for term in query.wanted.iter().chain(&query.unwanted) {
                let written = expression(std::slice::from_ref(term), " AND ").unwrap();
                let inside = written.trim_start_matches("{people} : ").trim_end_matches(" *");
                let inside = inside.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
                prop_assert!(!inside.replace("\"\"", "").contains(['"', '\0']));
            }
        }
    }
}
