//! Between the socket and the IMAP parser: lets through only what the parser survives.
//!
//! Hostile data: every octet of the server. The parser behind allocates a literal from the
//! size that is claimed for it (up to 512 MiB), recurses once for each open parenthesis until
//! the stack is gone, and parses a long line again for each 4 KiB that arrive. A compromised
//! server must not end the process that way, so the framing is checked here first: replies
//! have a total size, literals stand only where our commands make a server put them, and
//! parentheses are few and closed on the line that opened them.
//! Failure: the read fails with a [`Breach`], for good.

use regex::bytes::Regex;
use std::io;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What a server may send in reply to one command, besides the mail that it was asked for.
pub(super) const CHATTER: usize = 1024 * 1024;

/// The longest line outside literals: a search that finds 10 000 UIDs of ten digits.
const LINE: usize = 128 * 1024;

/// More open parentheses than any reply to our commands has.
const PARENTHESES: u32 = 64;

/// The server broke the rules above; the words say which.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Breach(pub &'static str);

/// The connection, in clear or not.
#[derive(Debug)]
pub(super) enum Wire {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The connection with every octet read from it checked.
pub(super) struct Guard {
    wire: Wire,
    frames: Frames,
}

impl Guard {
    pub(super) fn new(wire: Wire) -> Self {
        Guard { wire, frames: Frames::new() }
    }

    /// From now on the server may send this many octets.
    pub(super) fn allow(&mut self, octets: usize) {
        self.frames.left = octets;
    }

    /// The connection, and no octet that was already read from it.
    pub(super) fn into_wire(self) -> Wire {
        self.wire
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl AsyncRead for Guard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(match &mut self.wire {
            Wire::Clear(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Wire::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        })?;
        Poll::Ready(self.frames.check(&buf.filled()[before..]).map_err(io::Error::other))
    }
}

impl AsyncWrite for Guard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Clear(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Wire::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Clear(tcp) => Pin::new(tcp).poll_flush(cx),
            Wire::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Clear(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Wire::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

/// Where in the grammar of replies the stream stands.
struct Frames {
    /// Octets that may still come.
    left: usize,
    /// Octets of a literal that are still to come.
    literal: usize,
    /// The line so far.
    head: Vec<u8>,
    /// Whether this line goes on a reply whose literal has ended.
    continued: bool,
    last: u8,
    quoted: bool,
    depth: u32,
    opened: u32,
}

impl Frames {
    fn new() -> Self {
        Frames {
            left: CHATTER,
            literal: 0,
            head: Vec::new(),
            continued: false,
            last: 0,
            quoted: false,
            depth: 0,
            opened: 0,
        }
    }

    fn check(&mut self, mut octets: &[u8]) -> Result<(), Breach> {
        self.left = self.left.checked_sub(octets.len()).ok_or(Breach("it sent far more than was asked for"))?;
        while !octets.is_empty() {
            let skip = self.literal.min(octets.len());
            self.literal -= skip;
            octets = &octets[skip..];
            if let Some((&octet, rest)) = octets.split_first() {
                self.octet(octet, rest.len())?;
                octets = rest;
            }
        }
        Ok(())
    }

    /// One octet outside literals; `ahead` octets after it are read already.
    fn octet(&mut self, octet: u8, ahead: usize) -> Result<(), Breach> {
        let after_return = self.last == b'\r';
        if after_return != (octet == b'\n') {
            return Err(Breach("it sent a line end that is none"));
        }
        let escaped = self.last == b'\\' && self.quoted;
        self.last = if escaped && octet == b'\\' { 0 } else { octet };
        match octet {
            b'\n' => return self.line(ahead),
            b'\r' => return Ok(()),
            b'"' if !escaped => self.quoted = !self.quoted,
            b'(' => {
                self.opened += 1;
                self.depth += u32::from(!self.quoted);
            }
            b')' if !self.quoted => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if self.opened > PARENTHESES {
            return Err(Breach("it sent a reply with too many parentheses"));
        }
        if self.head.len() >= LINE {
            return Err(Breach("it sent a line that is too long"));
        }
        self.head.push(octet);
        Ok(())
    }

    /// The end of a line: of the whole reply, or of the part before a literal.
    fn line(&mut self, ahead: usize) -> Result<(), Breach> {
        if self.head.ends_with(b"}") && LITERAL.is_match(&self.head) {
            let size = self.announced().ok_or(Breach("it sent a literal where none belongs"))?;
            // What is ahead was counted already.
            if size > self.left.saturating_add(ahead) {
                return Err(Breach("it announced a literal larger than was asked for"));
            }
            self.literal = size;
            self.continued = true;
        } else {
            let text = !self.continued && (TEXT.is_match(&self.head) || !self.head.starts_with(b"* "));
            if !text && (self.depth > 0 || self.quoted) {
                return Err(Breach("it sent a reply that is cut"));
            }
            self.continued = false;
            self.depth = 0;
            self.opened = 0;
        }
        self.head.clear();
        self.quoted = false;
        self.last = 0;
        Ok(())
    }

    /// The size of the literal, where one belongs.
    fn announced(&self) -> Option<usize> {
        if self.continued {
            return None;
        }
        let found = MAIL.captures(&self.head).or_else(|| FOLDER.captures(&self.head))?;
        std::str::from_utf8(&found[1]).ok()?.parse().ok()
    }
}

// What is fixed text compiles always or never: the tests below use each pattern.
static LITERAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{[0-9]+\}$"));
/// Replies that end in free text: parentheses and quotes in it mean nothing.
static TEXT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^\* (?:OK|NO|BAD|BYE|PREAUTH)(?: |$)"));
/// The answer to our FETCH: nothing before the mail itself that could hold a literal.
static MAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?ix)^\*\ [0-9]+\ FETCH\ \(
        (?:(?: UID\ [0-9]+ | RFC822\.SIZE\ [0-9]+ | MODSEQ\ \([0-9]+\) | INTERNALDATE\ "[^"\\]*" | FLAGS\ \([^()"{}]*\) )\ )*
        BODY\[\](?:<[0-9]+>)?\ \{([0-9]+)\}$"#,
    )
});
/// A folder name with characters that a quoted string cannot hold.
static FOLDER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)^\* LIST \([^()"{}]*\) (?:"(?:[^"\\]|\\.)"|NIL) \{([0-9]{1,4})\}$"#));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a fixed pattern")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &[u8]) -> Result<(), Breach> {
        Frames::new().check(text)
    }

    #[test]
    fn replies_to_our_commands_pass() {
        for reply in [
            "* OK [CAPABILITY IMAP4rev1 IDLE] ready :-( \"\r\n",
            "A1 NO [ALERT] (half open\r\n",
            "+ idling (\r\n",
            "* SEARCH 1 2 3\r\n* SEARCH\r\n",
            "* LIST (\\HasNoChildren) \"/\" \"odd(name\"\r\n",
            "* LIST (\\HasNoChildren) \"\\\\\" \"a\\\\\"\r\n* LIST () \"/\" {3}\r\n(((\r\n",
            "* 1 FETCH (UID 7 BODY[] {5}\r\n(((\"{)\r\n",
            "* 1 FETCH (BODY[]<0> {0}\r\n UID 7 FLAGS (\\Seen))\r\n",
            "* 1 FETCH (UID 7 FLAGS (\\Seen $x) MODSEQ (12) BODY[] {2}\r\n()) \r\n",
            "* 1 FETCH (UID 7 RFC822.SIZE 12 INTERNALDATE \" 1-Jan-2026 00:00:00 +0000\")\r\n",
        ] {
            assert!(check(reply.as_bytes()).is_ok(), "{reply}");
        }
    }

    #[test]
    fn what_the_parser_would_choke_on_does_not() {
        let deep = format!("* 1 FETCH (BODYSTRUCTURE {}", "(".repeat(100));
        for reply in [
            "* 1 FETCH (UID 7 BODY[] {400000000}\r\n",
            "* 1 FETCH (UID 7 BODY[] {99999999999999999999999}\r\n",
            "* 1 FETCH (UID 7 BODY[] {1}\r\na BODY[] {1}\r\n",
            "* 1 FETCH (ENVELOPE {4}\r\n",
            "* 1 FETCH (X (BODY[] {4}\r\n",
            "* 1 FETCH (X a{4}\r\n",
            "* OK [BADCHARSET ({4}\r\n",
            "* 1 FETCH (X (\r\n* 1 FETCH (BODY[] {4}\r\n",
            "* 1 FETCH (X (\")\r\n",
            "* 1 FETCH (X a\n",
            "* SEARCH 1\r2\r\n",
            &deep,
        ] {
            assert!(check(reply.as_bytes()).is_err(), "{reply}");
        }
        assert!(check(&vec![b'a'; LINE + 1]).is_err());
        assert!(check("* OK\r\n".repeat(CHATTER / 6 + 1).as_bytes()).is_err());
    }

    proptest! {
        /// Where the reads are cut says nothing about the replies.
        #[test]
        fn the_verdict_does_not_hang_on_how_octets_arrive(
            parts in prop::collection::vec(prop::sample::select(vec![
                "* 1 FETCH (UID 7 BODY[] {5}\r\n", "12345", ")\r\n", "(", "\"", "\\", "{3}", "\r\n", "* LIST () NIL ", "x",
            ]), 0..12),
            size in 1..9usize,
        ) {
            let text = parts.concat();
            let mut frames = Frames::new();
            let pieces = text.as_bytes().chunks(size).try_for_each(|piece| frames.check(piece));
            prop_assert_eq!(pieces.is_ok(), check(text.as_bytes()).is_ok());
        }
    }
}
