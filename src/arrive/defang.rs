//! Texts shown so that nothing in them is a link: `hxxp://evil[.]example`.
//!
//! Hostile data: texts of mails, already encoded for their place. Failure: none; what is no address
//! stays. Applied to what a person reads; JSON and the raw mail stay as they are.

use super::indicators::is_address;

/// Takes the life out of schemes, names and IPv4 addresses.
pub fn defang(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut at = 0;
    while let Some(start) = text[at..].find(is_part).map(|offset| at + offset) {
        let end = text[start..].find(|c| !is_part(c)).map_or(text.len(), |offset| start + offset);
        out.push_str(&text[at..start]);
        let word = &text[start..end];
        if text[end..].starts_with("://") {
            out.push_str(&scheme(word));
        } else if is_address(word.trim_matches(['.', '-', '_'])) {
            out.push_str(&word.trim_end_matches('.').replace('.', "[.]"));
            out.push_str(&word[word.trim_end_matches('.').len()..]);
        } else {
            out.push_str(word);
        }
        at = end;
    }
    out.push_str(&text[at..]);
    out
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// `http` becomes `hxxp`; other schemes lose their first vowel's place to an `x`.
fn scheme(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    match lower.as_str() {
        "http" | "https" => word.replace("tt", "xx").replace("TT", "XX"),
        "ftp" | "ftps" | "sftp" => word.replace('t', "x").replace('T', "X"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::defang;

    #[test]
    fn addresses_lose_their_life_and_other_words_stay() {
        for (text, shown) in [
            ("see http://evil.example/a.html.", "see hxxp://evil[.]example/a.html."),
            ("HTTPS://Evil.example and ftp://198.51.100.7", "HXXPS://Evil[.]example and fxp://198[.]51[.]100[.]7"),
            ("www.evil.com, a@corp.example", "www[.]evil[.]com, a@corp[.]example"),
            ("end of it. Next e.g. 1.2.3 and v1.2", "end of it. Next e.g. 1.2.3 and v1.2"),
            ("report.pdf setup.py hxxp://evil[.]example", "report.pdf setup.py hxxp://evil[.]example"),
            ("", ""),
        ] {
            assert_eq!(defang(text), shown);
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_brackets_and_schemes_changes(text in "(http://|a\\.com|198\\.51\\.100\\.7|[a-z.@ /]|é|\\PC){0,40}") {
            let back = defang(&text).replace("[.]", ".").replace("hxxp", "http");
            proptest::prop_assert_eq!(back.len(), text.replace("[.]", ".").replace("hxxp", "http").len());
        }
    }
}
