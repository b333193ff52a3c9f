//! Where output goes: tables for people, one JSON document for programs.

use super::args::{Color, Global};
use super::{FAILED, Failure, figures, judged, page, promises, tables, vault};
use crate::api::Reply;
use crate::app::views::{Answer, When};
use crate::rules::settings::Settings;
use crate::rules::untrusted::Untrusted;
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};

/// How and for whom to show.
pub(super) struct Output<'a> {
    pub settings: &'a Settings,
    pub styled: bool,
    json: bool,
}

impl<'a> Output<'a> {
    pub fn new(global: &Global, settings: &'a Settings) -> Output<'a> {
        Output { settings, json: global.json, styled: styled(global.color, &std::io::stdout()) }
    }

    /// Shows an answer.
    pub fn show(&self, reply: &Reply) -> Result<(), Failure> {
        match &reply.answer {
            Answer::Octets(octets) => return write(&octets.0),
            Answer::Armour(armour) if !self.json => return write(armour.as_bytes()),
            Answer::Head(head) if !self.json => return write(head.signed.as_bytes()),
            _ => {}
        }
        // Every listing says so; a change is no listing.
        let said = self.settings.store.simulated_clock && !matches!(reply.answer, Answer::Done(_));
        let zone = &self.settings.team.time_zone;
        let simulated = said.then(|| format!("simulated clock: {}\n", When::new(reply.now, zone)));
        let simulated = simulated.unwrap_or_default();
        if self.json {
            eprint!("{simulated}");
            return self.document(&reply.answer);
        }
        write(format!("{simulated}{}", self.text(reply)).as_bytes())
    }

    fn document(&self, answer: &Answer) -> Result<(), Failure> {
        match answer {
            Answer::Tickets(view) | Answer::Unanswered(view) => json(view),
            Answer::Why(view) => json(view),
            Answer::Ticket(view) => json(view),
            Answer::Octets(view) => json(view),
            Answer::Attachments(view) => json(view),
            Answer::Classes(view) => json(view),
            Answer::Keys(view) => json(view),
            Answer::Key(view) => json(view),
            Answer::Armour(view) => json(view),
            Answer::Duty(view) => json(view),
            Answer::Outbox(view) => json(view),
            Answer::Quarantine(view) => json(view),
            Answer::Held(view) => json(view),
            Answer::Status(view) => json(view),
            Answer::Figures(view) => json(view),
            Answer::Export(view) => json(view),
            Answer::Audit(view) => json(view),
            Answer::Head(view) => json(view),
            Answer::Draft(view) => json(view),
            Answer::Done(view) => json(view),
        }
    }

    fn text(&self, reply: &Reply) -> String {
        let now = reply.now;
        match &reply.answer {
            Answer::Tickets(tickets) => tables::tickets(self, tickets, now),
            Answer::Unanswered(tickets) => promises::unanswered(self, tickets, now),
            Answer::Why(why) => promises::why(self, why),
            Answer::Ticket(ticket) => page::ticket(self, ticket, now),
            Answer::Attachments(attachments) => tables::attachments(self, attachments),
            Answer::Classes(classes) => judged::classes(self, classes),
            Answer::Keys(keys) => tables::keys(self, keys),
            Answer::Key(key) => tables::key(self, key, now),
            Answer::Duty(duty) => tables::duty(self, duty, now),
            Answer::Outbox(rows) => tables::outbox(self, rows, now),
            Answer::Quarantine(mails) => tables::quarantine(self, mails, now),
            Answer::Held(mail) => tables::held(self, mail, now),
            Answer::Figures(view) => figures::text(view),
            Answer::Status(status) => tables::status(self, status, now),
            Answer::Audit(view) => vault::audit(self, view),
            Answer::Done(done) => {
                done.words.iter().map(|line| format!("{}\n", Untrusted::from(line.as_str()).line())).collect()
            }
            // Written as they are, above.
            Answer::Octets(_) | Answer::Armour(_) | Answer::Head(_) | Answer::Draft(_) | Answer::Export(_) => {
                String::new()
            }
        }
    }

    /// Bold, where the terminal shows it.
    pub fn bold(&self, text: &str) -> String {
        if self.styled { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// What must not be overlooked.
    pub fn loud(&self, text: &str) -> String {
        if self.styled { format!("\u{1b}[1;31m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Whether to style at all.
pub(super) fn styled(color: Color, to: &impl IsTerminal) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
    }
}

/// One JSON document on stdout.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(|e| Failure::new(FAILED, e.to_string()))?;
    text.push('\n');
    write(text.as_bytes())
}

/// Writes to stdout. A reader that has gone away (`| head`) is no failure.
pub(super) fn write(octets: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(octets).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Failure::new(0, "")),
        Err(e) => Err(Failure::new(FAILED, format!("cannot write: {e}"))),
        Ok(()) => Ok(()),
    }
}
