//! How the demo speaks: numbered steps, one line a claim, short excerpts, and what did not hold.
//!
//! Hostile data: texts of mails and of other programs come as `Untrusted` or go through it.
//! Failure: a stdout that is closed ends the demo; a claim that does not hold is counted.

use crate::cli::Failure;
use crate::cli::output::write;
use crate::rules::untrusted::Untrusted;
use serde_json::Value;
use std::io::{BufRead, IsTerminal};

/// Characters of the widest line of an excerpt.
const WIDE: usize = 116;

/// Who tells the story.
pub(super) struct Teller {
    styled: bool,
    pauses: bool,
    steps: u32,
    claims: u32,
    broken: u32,
}

impl Teller {
    /// `pauses`: wait for Enter between the steps, where somebody can press it.
    pub fn new(pauses: bool, styled: bool) -> Teller {
        Teller { styled, pauses: pauses && std::io::stdin().is_terminal(), steps: 0, claims: 0, broken: 0 }
    }

    /// How many claims were made, and how many of them did not hold.
    pub fn tally(&self) -> (u32, u32) {
        (self.claims, self.broken)
    }

    /// Opens the next step.
    pub fn step(&mut self, title: &str, about: &str) -> Result<(), Failure> {
        if self.steps > 0 && self.pauses {
            self.line(&self.paint("2", "  press Enter to go on"))?;
            let mut line = String::new();
            // At the end of input there is nobody to wait for.
            self.pauses = std::io::stdin().lock().read_line(&mut line).is_ok_and(|octets| octets > 0);
        }
        self.steps += 1;
        let title = self.paint("1", &format!("{}. {title}", self.steps));
        self.line(&format!("\n{title}"))?;
        about.lines().try_for_each(|line| self.line(&format!("   {line}")))
    }

    /// A claim that was checked. Where it does not hold, `expected` and `seen` are shown.
    pub fn claim(&mut self, words: &str, holds: bool, expected: &str, seen: &str) -> Result<(), Failure> {
        self.claims += 1;
        if holds {
            return self.line(&format!("   {} {words}", self.paint("32", "✓")));
        }
        self.broken += 1;
        let (expected, seen) = (Untrusted::from(expected).line(), Untrusted::from(seen).line());
        self.line(&format!("   {} {words}", self.paint("1;31", "✗")))?;
        self.line(&format!("       expected: {expected}\n       seen:     {seen}"))
    }

    /// A claim about values that a command gave.
    pub fn same<const N: usize>(&mut self, words: &str, pairs: [(&Value, Value); N]) -> Result<(), Failure> {
        let wrong = pairs.iter().find(|(seen, expected)| *seen != expected);
        match wrong {
            None => self.claim(words, true, "", ""),
            Some((seen, expected)) => self.claim(words, false, &expected.to_string(), &seen.to_string()),
        }
    }

    /// A claim that a text holds something.
    pub fn holds(&mut self, words: &str, text: &str, part: &str) -> Result<(), Failure> {
        self.claim(words, text.contains(part), &format!("a text with {part:?}"), text)
    }

    /// A claim that a text holds none of these.
    pub fn lacks(&mut self, words: &str, text: &str, parts: &[&str]) -> Result<(), Failure> {
        let found = parts.iter().find(|part| text.contains(**part));
        self.claim(words, found.is_none(), "a text without it", found.unwrap_or(&""))
    }

    /// A command that is being run, as a person would type it.
    pub fn command(&self, words: &str) -> Result<(), Failure> {
        self.line(&format!("   {}", self.paint("36", &format!("$ {words}"))))
    }

    /// At most `most` lines of somebody's text, made safe to show; long lines are folded.
    pub fn excerpt(&self, text: &str, most: usize) -> Result<(), Failure> {
        let text = Untrusted::from(text.replace("\r\n", "\n").trim_end()).terminal();
        let lines: Vec<String> = text.lines().flat_map(folded).collect();
        let mut shown = lines.get(..most).unwrap_or(&lines).to_vec();
        if shown.len() < lines.len() {
            while shown.last().is_some_and(|line| line.is_empty()) {
                shown.pop();
            }
            shown.push("...".to_owned());
        }
        self.barred(&shown)
    }

    /// The table that a command printed; what is too wide is cut.
    pub fn table(&self, text: &str) -> Result<(), Failure> {
        let text = Untrusted::from(text.trim_end()).terminal();
        let lines: Vec<String> = text.lines().map(|line| line.chars().take(WIDE).collect()).collect();
        self.barred(&lines)
    }

    fn barred(&self, lines: &[String]) -> Result<(), Failure> {
        let bar = self.paint("2", "│");
        lines.iter().try_for_each(|line| self.line(format!("   {bar} {line}").trim_end()))
    }

    /// A line as it is.
    pub fn line(&self, line: &str) -> Result<(), Failure> {
        write(format!("{line}\n").as_bytes())
    }

    /// A heading of the end.
    pub fn heading(&self, words: &str) -> Result<(), Failure> {
        self.line(&format!("\n{}", self.paint("1", words)))
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.styled { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A line in pieces that are no wider than an excerpt, broken at blanks where there are some.
fn folded(line: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let last = pieces.last().map_or(0, |piece| piece.chars().count());
        if last > 0 && last + word.trim_end().chars().count() > WIDE {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push_str(word);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{Teller, WIDE, folded};
    use serde_json::json;

    #[test]
    fn a_claim_that_does_not_hold_is_counted() {
        let mut tell = Teller::new(false, false);
        tell.same("one", [(&json!("new"), json!("new"))]).unwrap();
        assert_eq!(tell.tally(), (1, 0));
        tell.same("two", [(&json!(1), json!(1)), (&json!("open"), json!("new"))]).unwrap();
        tell.holds("three", "a text", "word").unwrap();
        tell.lacks("four", "a text", &["text"]).unwrap();
        assert_eq!(tell.tally(), (4, 3));
    }

    #[test]
    fn long_lines_are_folded_and_lose_nothing() {
        assert_eq!(folded(""), [""]);
        assert_eq!(folded("  a b"), ["  a b"]);
        let long = "word ".repeat(60);
        let pieces = folded(&long);
        assert!(pieces.len() == 3 && pieces.iter().all(|piece| piece.trim_end().chars().count() <= WIDE), "{pieces:?}");
        assert_eq!(pieces.concat(), long);
        assert_eq!(folded(&"x".repeat(500)).len(), 1, "what has no blank stays whole: it may be copied");
    }
}
