//! What an analyst says by replying to an alert: commands on top, their own words, and what is
//! cut off below.
//!
//! Above all lines of one's own may stand commands, one a line: `#answer`, `#note`, `#ack`,
//! `#assign NAME`, `#state STATE [REASON]`, `#emergency`, `#normal`. One's own words end where the
//! signature (`-- `, RFC 3676 4.3) or the quote begins: at the first line that starts with `>`, at
//! the lines that introduce it ("On ... wrote:"), at Outlook's separators, or at a block of header
//! fields. Nothing is searched for below: who writes there is told to write above.
//!
//! Hostile data: none; the mail is proven to be an analyst's. Yet what is cut must never go to a
//! reporter: where a line of our own alert is left in the words, all of it is refused. Failure:
//! `Fault`; then nothing is done.

use super::ticket::{Priority, State};

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Assign the ticket: `me`, an analyst's name, or `none`.
    Assign(String),
    State(State, Option<String>),
    Priority(Priority),
}

/// What becomes of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// They go to the reporter.
    Answer,
    /// They stay here.
    Note,
}

/// What somebody says in a reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    pub orders: Vec<Order>,
    /// As commanded; None: the default of what was replied to.
    pub purpose: Option<Purpose>,
    /// `#ack`.
    pub acknowledge: bool,
    /// Without commands, signature and quote; without blank lines around. May be empty.
    pub words: String,
}

/// Why a reply is not obeyed; the words are for the analyst.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("line {0} starts with # and is no command that is known here")]
    Unknown(usize),
    #[error("it says both #answer and #note")]
    Torn,
    #[error("words stand below the quote or inside it; write them above, in one piece")]
    Below,
    #[error("lines of the alert are left in the words; cut them, or let the mail client mark them with >")]
    AlertLeft,
}

/// What marks a mail of ours that is quoted, beside the sign of the quote.
const OURS: [&str; 4] = ["Ticket:   ", "Read it:  vigie ", "Reply code: ", "Code:        "];

/// Reads a reply.
pub fn read(text: &str) -> Result<Said, Fault> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut said = Said::default();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        match line.trim().strip_prefix('#') {
            Some(command) => obey(&mut said, command, at + 1)?,
            None if line.trim().is_empty() => {}
            None => break,
        }
        at += 1;
    }
    let own = &lines[at..];
    let quote = own.iter().position(|line| is_signature(line)).unwrap_or(own.len()).min(quote_begins(own));
    if has_words_below(&own[quote..]) {
        return Err(Fault::Below);
    }
    said.words = own[..quote].join("\n").trim_matches('\n').trim_end().to_owned();
    let left = |line: &str| OURS.iter().any(|ours| line.trim_start_matches(['>', '|', ' ', '*']).starts_with(ours));
    if said.words.lines().any(left) {
        return Err(Fault::AlertLeft);
    }
    Ok(said)
}

fn obey(said: &mut Said, command: &str, line: usize) -> Result<(), Fault> {
    let unknown = Fault::Unknown(line);
    let (verb, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    let mut purpose = |purpose| match said.purpose.replace(purpose) {
        Some(before) if before != purpose => Err(Fault::Torn),
        _ => Ok(()),
    };
    match (verb.to_lowercase().as_str(), rest) {
        ("answer", "") => purpose(Purpose::Answer)?,
        ("note", "") => purpose(Purpose::Note)?,
        ("ack", "") => said.acknowledge = true,
        ("emergency", "") => said.orders.push(Order::Priority(Priority::Emergency)),
        ("normal", "") => said.orders.push(Order::Priority(Priority::Normal)),
        ("assign", name) if !name.is_empty() => said.orders.push(Order::Assign(name.to_owned())),
        ("state", rest) => {
            let (word, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let state = State::from_word(&word.to_lowercase()).ok_or(unknown)?;
            let reason = Some(reason.trim()).filter(|reason| !reason.is_empty()).map(str::to_owned);
            said.orders.push(Order::State(state, reason));
        }
        _ => return Err(unknown),
    }
    Ok(())
}

/// RFC 3676 4.3; mail clients and people lose the blank.
fn is_signature(line: &str) -> bool {
    line == "--"
}

fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

/// The line at which the quote begins, with what introduces it; the number of lines where there is none.
fn quote_begins(lines: &[&str]) -> usize {
    let marked = lines.iter().position(|line| is_quoted(line)).map(|at| at - introduction(&lines[..at]));
    let separated = lines.iter().position(|line| is_separator(line));
    let fields = (0..lines.len()).find(|at| is_block_of_fields(&lines[*at..]));
    [marked, separated, fields].into_iter().flatten().min().unwrap_or(lines.len())
}

/// How many of the last lines introduce the quote that follows: "On Friday, X wrote:", which mail
/// clients fold over up to three lines, and blank lines around it.
fn introduction(before: &[&str]) -> usize {
    let blank = before.iter().rev().take_while(|line| line.is_empty()).count();
    let before = &before[..before.len() - blank];
    let block = before.iter().rev().take_while(|line| !line.is_empty()).count();
    let says = |text: &str| {
        let text = text.to_lowercase();
        ["wrote", "écrit", "ecrit", "schrieb", "writes"].iter().any(|verb| text.contains(verb))
    };
    let begins = |line: &str| ["On ", "Le ", "Am ", "* "].iter().any(|word| line.starts_with(word));
    let ends = before.last().is_some_and(|line| line.ends_with([':', '…']));
    let found = (1..=block.min(3)).find(|count| {
        let lines = &before[before.len() - count..];
        ends && says(&lines.join(" ")) && (begins(lines[0]) || *count == block.min(3))
    });
    found.map_or(0, |count| count + blank)
}

/// `-----Original Message-----` and its like, and Outlook's rule of underscores.
fn is_separator(line: &str) -> bool {
    let line = line.trim();
    let inner = line.trim_matches('-').trim().to_lowercase();
    let named = ["original message", "message d'origine", "message d’origine", "message original", "forwarded message"];
    (line.starts_with("--") && named.iter().any(|name| inner.starts_with(name)))
        || (line.len() >= 20 && line.bytes().all(|octet| octet == b'_'))
}

/// `From:` followed at once by two more fields of a header, in English or French.
fn is_block_of_fields(lines: &[&str]) -> bool {
    let field = |line: &str, names: &[&str]| {
        let line = line.trim_start_matches('*');
        names.iter().any(|name| {
            line.strip_prefix(name).is_some_and(|rest| rest.trim_start_matches(['*', ' ', '\u{a0}']).starts_with(':'))
        })
    };
    let others = ["Sent", "Date", "To", "Cc", "Subject", "Envoyé", "À", "Objet", "Reply-To"];
    field(lines[0], &["From", "De"]) && lines.iter().skip(1).take(3).filter(|line| field(line, &others)).count() >= 2
}

/// Whether somebody wrote below or between quoted lines. What follows an Outlook separator carries
/// no sign, so that nothing can be told from it there.
fn has_words_below(rest: &[&str]) -> bool {
    let Some(first) = rest.iter().position(|line| is_quoted(line)) else { return false };
    if rest[..first].iter().any(|line| is_separator(line) || is_signature(line)) || is_block_of_fields(rest) {
        return false;
    }
    let below = rest[first..].iter().take_while(|line| !is_signature(line));
    below.filter(|line| !is_quoted(line)).any(|line| !line.trim().is_empty())
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
