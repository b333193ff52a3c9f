//! HTML turned to text: tags go, the targets of links stay; nothing is fetched, styled or run (T17).
//!
//! Hostile data: the HTML bodies of mails. Failure: none. No tree is built: a tree can be forced to
//! grow far beyond its HTML. One pass over the text, which remembers a line's beginning, a link and
//! two depths and nothing else; time is linear and the text at most twice as long as the HTML (T21).
//! Known gaps: what a style sheet hides is shown; cells of a table stand below each other.

use super::decode;
use std::borrow::Cow;

/// The text of an HTML body, with the targets of its links listed below.
pub fn text(html: &str) -> String {
    let mut page = Page { budget: html.len(), ..Page::default() };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        page.words(&rest[..at]);
        rest = page.mark(&rest[at..]);
    }
    page.words(rest);
    page.finish()
}

/// What is written so far, and what the next character needs before it.
#[derive(Default)]
struct Page {
    out: String,
    /// Line ends before the next character.
    breaks: usize,
    /// A blank before it.
    space: bool,
    /// What begins its line.
    marker: &'static str,
    quotes: usize,
    preformatted: usize,
    /// The number of the link that is open, and whether any of its words were written.
    link: Option<(usize, bool)>,
    links: usize,
    targets: String,
    /// Octets that targets may still take.
    budget: usize,
}

impl Page {
    /// Takes one piece of markup off the start of `rest`, which is a `<`; gives what follows.
    fn mark<'h>(&mut self, rest: &'h str) -> &'h str {
        let next = rest.as_bytes().get(1).copied().unwrap_or(b' ');
        let is_end = next == b'/';
        let letter = if is_end { rest.as_bytes().get(2).copied().unwrap_or(b' ') } else { next };
        if rest.starts_with("<!--") {
            return behind_comment(rest);
        }
        if matches!(next, b'!' | b'?') || (is_end && !letter.is_ascii_alphabetic()) {
            return rest.find('>').map_or("", |at| &rest[at + 1..]);
        }
        let tag = letter.is_ascii_alphabetic().then(|| Tag::read(rest, 1 + usize::from(is_end)));
        match tag {
            // A sign in a text.
            None => {
                self.words("<");
                &rest[1..]
            }
            // It never ends: all of it is text, so that nothing hides in it.
            Some(None) => {
                self.words(rest);
                ""
            }
            Some(Some((tag, behind))) if is_end => {
                self.closes(&tag.name);
                behind
            }
            Some(Some((tag, behind))) => {
                self.opens(&tag);
                match tag.name.as_str() {
                    "script" | "style" | "title" => behind_raw_text(behind, &tag.name),
                    _ => behind,
                }
            }
        }
    }

    fn opens(&mut self, tag: &Tag<'_>) {
        self.block(&tag.name);
        match tag.name.as_str() {
            "br" => self.breaks = (self.breaks + 1).min(2),
            "li" => self.marker = "* ",
            "h1" => self.marker = "# ",
            "h2" => self.marker = "## ",
            "h3" | "h4" | "h5" | "h6" => self.marker = "### ",
            "pre" => self.preformatted += 1,
            "blockquote" => self.quotes += 1,
            "img" => self.words(tag.alt),
            "a" | "area" | "base" => {
                self.end_link();
                let number = self.target(tag.href);
                self.link = number.filter(|_| tag.name == "a").map(|number| (number, false));
            }
            _ => {}
        }
    }

    fn closes(&mut self, name: &str) {
        self.block(name);
        match name {
            "li" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.marker = "",
            "pre" => self.preformatted = self.preformatted.saturating_sub(1),
            "blockquote" => self.quotes = self.quotes.saturating_sub(1),
            "a" => self.end_link(),
            _ => {}
        }
    }

    /// An element that begins and ends a line, or a paragraph.
    fn block(&mut self, name: &str) {
        let lines = match name {
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "dl" | "table" | "blockquote" | "pre"
            | "hr" => 2,
            "address" | "article" | "aside" | "body" | "caption" | "center" | "dd" | "details" | "div" | "dt"
            | "fieldset" | "figcaption" | "figure" | "footer" | "form" | "header" | "html" | "legend" | "li"
            | "main" | "menu" | "nav" | "option" | "section" | "select" | "summary" | "tbody" | "td" | "textarea"
            | "tfoot" | "th" | "thead" | "tr" => 1,
            _ => 0,
        };
        self.breaks = self.breaks.max(lines);
    }

    fn words(&mut self, html: &str) {
        for c in decode::entities(html).chars() {
            match c {
                '\n' if self.preformatted > 0 => self.breaks += 1,
                '\r' if self.preformatted > 0 => {}
                ' ' | '\t' | '\n' | '\r' | '\x0C' if self.preformatted == 0 => self.space = true,
                c => self.push(c),
            }
        }
    }

    fn push(&mut self, c: char) {
        let is_first = self.out.is_empty();
        if is_first || self.breaks > 0 {
            self.out.extend(std::iter::repeat_n('\n', if is_first { 0 } else { self.breaks }));
            self.out.push_str(if self.quotes > 0 { "> " } else { "" });
        } else if self.space {
            self.out.push(' ');
        }
        self.out.push_str(std::mem::take(&mut self.marker));
        (self.breaks, self.space) = (0, false);
        if let Some((_, shown @ false)) = &mut self.link {
            *shown = true;
            self.out.push('[');
        }
        self.out.push(c);
    }

    /// Lists the target of a link; gives its number.
    fn target(&mut self, href: &str) -> Option<usize> {
        // Readers drop line ends and tabs inside an address.
        let target = decode::entities(href).replace(['\t', '\r', '\n'], "");
        let target = target.trim();
        let line = format!("[{}]: {target}\n", self.links + 1);
        if target.is_empty() || target.starts_with('#') || line.len() > self.budget {
            return None;
        }
        self.budget -= line.len();
        self.links += 1;
        self.targets.push_str(&line);
        Some(self.links)
    }

    fn end_link(&mut self) {
        if let Some((number, true)) = self.link.take() {
            self.out.push_str(&format!("][{number}]"));
        }
    }

    fn finish(mut self) -> String {
        self.end_link();
        if !self.out.is_empty() {
            self.out.push_str(if self.targets.is_empty() { "\n" } else { "\n\n" });
        }
        self.out.push_str(&self.targets);
        self.out
    }
}

/// A tag, as far as it matters here.
#[derive(Default)]
struct Tag<'h> {
    /// In lower case; empty where it is longer than any that matters.
    name: String,
    href: &'h str,
    alt: &'h str,
}

impl<'h> Tag<'h> {
    /// Reads the tag that starts `html` with its name at `at`, and gives what follows it. None: it
    /// never ends (HTML, 13.2.5).
    fn read(html: &'h str, at: usize) -> Option<(Tag<'h>, &'h str)> {
        let bytes = html.as_bytes();
        let until = |from: usize, stops: &[u8]| {
            bytes.get(from..)?.iter().position(|b| stops.contains(b)).map(|length| from + length)
        };
        let past = |from: usize, skipped: &[u8]| {
            bytes.get(from..)?.iter().position(|b| !skipped.contains(b)).map(|length| from + length)
        };
        let end = until(at, b" \t\r\n\x0C/>")?;
        let mut tag = Tag::default();
        if end - at <= 10 {
            tag.name = html[at..end].to_ascii_lowercase();
        }
        let mut at = end;
        loop {
            at = past(at, b" \t\r\n\x0C/")?;
            if bytes[at] == b'>' {
                return Some((tag, &html[at + 1..]));
            }
            let name_end = until(at + 1, b" \t\r\n\x0C/>=")?;
            let name = &html[at..name_end];
            at = past(name_end, b" \t\r\n\x0C")?;
            if bytes[at] != b'=' {
                continue;
            }
            at = past(at + 1, b" \t\r\n\x0C")?;
            let (start, end) = match bytes[at] {
                quote @ (b'"' | b'\'') => (at + 1, until(at + 1, &[quote])?),
                _ => (at, until(at, b" \t\r\n\x0C>")?),
            };
            // Only a quoted value ends at a quote.
            at = end + usize::from(matches!(bytes[end], b'"' | b'\''));
            let value = &html[start..end];
            match () {
                () if name.eq_ignore_ascii_case("href") && tag.href.is_empty() => tag.href = value,
                () if name.eq_ignore_ascii_case("alt") && tag.alt.is_empty() => tag.alt = value,
                () => {}
            }
        }
    }
}

/// What follows the comment that starts `rest`; one that never ends is all that is left.
fn behind_comment(rest: &str) -> &str {
    let ends = |at: &usize| {
        let inner = &rest.as_bytes()[..*at];
        inner.get(2..).is_some_and(|inner| inner.ends_with(b"--"))
            || inner.get(4..).is_some_and(|inner| inner.ends_with(b"--!"))
    };
    rest.match_indices('>').map(|(at, _)| at).find(ends).map_or("", |at| &rest[at + 1..])
}

/// What follows the text of a script or the like, from its end tag on.
fn behind_raw_text<'h>(rest: &'h str, name: &str) -> &'h str {
    let ends = |at: &usize| {
        let tag = rest.as_bytes().get(at + 2..).unwrap_or_default();
        tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
            && tag.get(name.len()).is_none_or(|b| b" \t\r\n\x0C/>".contains(b))
    };
    rest.match_indices("</").map(|(at, _)| at).find(ends).map_or("", |at| &rest[at..])
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
    fn markup_is_read_as_browsers_read_it() {
        for (html, wanted) in [
            ("a&nbsp;&lt;b&gt;\r\n  c<!-- no --!> <!--> d <!x> <? e> </ f>", "a\u{A0}<b> c d\n"),
            ("<div>a<br></div><div><br></div><div>b</div>", "a\n\nb\n"),
            ("<ul><li>a<li><p>b</ul>c", "* a\n\n* b\n\nc\n"),
            ("<pre> a\r\n\n  b</pre>c", " a\n\n  b\n\nc\n"),
            ("<blockquote>a<br>b</blockquote>c", "> a\n> b\n\nc\n"),
            ("<TITLE>t</TITLE ><Style>s</styles></STYLE>a", "a\n"),
            ("<head><script>x<p></script><p>a", "a\n"),
            ("1 < 2 <3", "1 < 2 <3\n"),
            ("words <b and no end", "words <b and no end\n"),
            (
                "<a title='>' HREF = \"http://a.example/?x=1&amp;y\n=2\">x</a>",
                "[x][1]\n\n[1]: http://a.example/?x=1&y=2\n",
            ),
            (
                "<a href=a>x<a href=b><img alt=y></a><a href=c></a><a href=#d>z</a>",
                "[x][1][y][2]z\n\n[1]: a\n[2]: b\n[3]: c\n",
            ),
            ("<a href=a href=b>x", "[x][1]\n\n[1]: a\n"),
            ("", ""),
        ] {
            assert_eq!(text(html), wanted, "{html}");
        }
    }

    /// Each of these made some reader of trees take quadratic time or memory, or would a careless scan.
    #[test]
    fn no_flood_takes_more_than_linear_time_or_twice_the_room() {
        let distinct: String = (0..250).map(|number| format!("<b a{number}>")).collect();
        for (start, flood) in [
            ("", "<div>"),
            ("", "<p>"),
            ("", "<b>"),
            ("", "<table><tr><td>"),
            ("", "<a href=http://a>"),
            ("", "<a href=a>x"),
            ("", "<ul><li>"),
            ("", "<li>x"),
            ("<blockquote>", "<h6>x"),
            ("", "<i><a>"),
            ("", "<pre>"),
            ("<blockquote><pre>", "\nx"),
            ("", "<dl><dt>"),
            ("", "&"),
            ("", "&#"),
            ("", "&Ll;"),
            ("", "<"),
            ("", "</"),
            ("", "<!"),
            ("", "<!--"),
            ("<!--", "->"),
            ("<!--", "--"),
            ("", "</p>"),
            ("", "<b><p>"),
            ("", "<svg>"),
            ("", "<template>"),
            ("", "<a href=\""),
            ("", "<a "),
            ("<a ", "a=1 "),
            ("<a ", "href="),
            ("", "<script>"),
            ("<script>", "</"),
            ("", "href="),
            (&"<b>".repeat(300), "href="),
            (&"<b>".repeat(300), "href=://"),
            (&format!("<p>{distinct}"), "<p>x"),
            ("-----BEGIN PGP MESSAGE-----", "<div>"),
        ] {
            let html = format!("{start}{}<p>words</p>", flood.repeat((1 << 20) / flood.len()));
            assert!(text(&html).len() <= html.len() * 2 + 64, "{start:.20} {flood}");
        }
        let deep = format!("{}words", "<div>".repeat(100_000));
        assert_eq!(text(&deep), "words\n");
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
            without_legacy_display(&html);
        }
    }
}
