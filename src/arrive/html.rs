//! HTML turned to text: tags go, the targets of links stay; nothing is fetched, styled or run (T17).
//!
//! Hostile data: the HTML bodies of mails. Failure: none. The tree builder takes quadratic time for
//! elements that stay open, so HTML of more than 512 KiB or 256 open elements, and what the builder
//! refuses, goes through the plain stripper, which is linear.

use super::decode;
use std::borrow::Cow;
use std::collections::HashMap;

const SIZE: usize = 512 << 10;
const OPEN: usize = 256;
/// So wide that no URL is broken.
const WIDTH: usize = 2_000;

/// The text of an HTML body, with the targets of its links listed below.
pub fn text(html: &str) -> String {
    let is_tame = html.len() <= SIZE && most_open(html) <= OPEN;
    let built = is_tame.then(|| {
        html2text::config::plain_no_decorate()
            .link_footnotes(true)
            .raw_mode(true)
            .no_link_wrapping()
            .allow_width_overflow()
            .string_from_read(html.as_bytes(), WIDTH)
    });
    match built {
        Some(Ok(text)) => text,
        _ => stripped(html),
    }
}

/// How many elements are open at once, roughly: those whose end may be left out do not count.
fn most_open(html: &str) -> usize {
    const UNCLOSED: [&str; 27] = [
        "p", "li", "dt", "dd", "tr", "td", "th", "option", "thead", "tbody", "tfoot", "colgroup", "area", "base", "br",
        "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "html", "body",
    ];
    let mut open: HashMap<String, usize> = HashMap::new();
    let (mut now, mut most) = (0usize, 0usize);
    for (at, _) in html.match_indices('<') {
        let rest = &html.as_bytes()[at + 1..];
        let closes = rest.first() == Some(&b'/');
        let name: String = rest
            .iter()
            .skip(usize::from(closes))
            .take(12)
            .take_while(|b| b.is_ascii_alphanumeric())
            .map(|b| b.to_ascii_lowercase() as char)
            .collect();
        if name.is_empty() || UNCLOSED.contains(&name.as_str()) {
            continue;
        }
        let count = open.entry(name).or_default();
        if !closes {
            *count += 1;
            now += 1;
        } else if *count > 0 {
            *count -= 1;
            now -= 1;
        }
        most = most.max(now);
    }
    most
}

fn stripped(html: &str) -> String {
    let mut text = decode::html_text(html);
    for (at, _) in html.match_indices("href=") {
        let target = html[at + 5..].trim_start_matches(['"', '\'']);
        let end = target.find(|c: char| c.is_whitespace() || "\"'<>".contains(c)).unwrap_or(target.len());
        if target[..end].contains("://") {
            text.push('\n');
            text.push_str(&target[..end]);
        }
    }
    text
}

/// Without the block that repeats protected header fields for old readers (RFC 9788 5.2.3).
pub fn without_legacy_display(html: &str) -> Cow<'_, str> {
    let Some(class) = html.find("header-protection-legacy-display") else { return Cow::Borrowed(html) };
    let start = html[..class].rfind('<').unwrap_or(class);
    let end = html[class..].find("</div>").map_or(html.len(), |at| class + at + "</div>".len());
    Cow::Owned(format!("{}{}", &html[..start], &html[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_links_stay_and_nothing_else() {
        let html = "<html><head><title>T</title><style>a{}</style></head><body><script>bad()</script><h1>Hi</h1>\
            <p>see <a href='http://evil.example/x'>your bank</a><br>now<hr><table><tr><td>1<td>2</table>\
            <img src=http://t.example/p.png></body></html>";
        assert_eq!(text(html), "# Hi\n\nsee [your bank][1]\nnow\n\n1\n2\n\n[1]: http://evil.example/x\n");
        let long = format!("<p>{}</p>", "http://evil.example/".to_owned() + &"a".repeat(1_500));
        assert!(text(&long).lines().next().is_some_and(|line| line.len() > 1_500));
    }

    #[test]
    fn floods_go_through_the_linear_way() {
        for flood in [
            "<div>",
            "<p>",
            "<b>",
            "<table><tr><td>",
            "<a href=http://a>",
            "<ul><li>",
            "<i><a>",
            "<pre>",
            "<dl><dt>",
            "&",
            "<",
            "<!--",
            "</p>",
            "<div><p>",
            "<b><p>",
            "<svg>",
            "<template>",
            "<a href=\"",
            "<script>",
        ] {
            let html = format!("{}<p>words</p>", flood.repeat((1 << 20) / flood.len()));
            assert!(text(&html).len() < html.len() * 2, "{flood}");
        }
        let deep = format!("{}words", "<div>".repeat(100_000));
        assert!(text(&deep).contains("words"));
        assert!(stripped("<a href=\"http://evil.example/\">x</a>").contains("http://evil.example/"));
    }

    #[test]
    fn the_legacy_block_goes() {
        let html = "<body><div class=\"header-protection-legacy-display\"><pre>Subject: s</pre></div><p>hi</p></body>";
        assert_eq!(without_legacy_display(html), "<body><p>hi</p></body>");
        assert_eq!(without_legacy_display("<p>hi"), "<p>hi");
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(html in "(<[/a-c!-]{0,3}|[ =\"'>&;#x1]|<div|<table|<style|href=|--|é){0,60}|\\PC{0,80}") {
            text(&html);
            stripped(&html);
            without_legacy_display(&html);
        }
    }
}
