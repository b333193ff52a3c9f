//! Finding tickets by words: an analyst's act on the store, whose lines show what `list` shows.
//!
//! What a merged ticket holds is found as the ticket in which it lives now. Hostile data: the query, taken
//! apart by `rules::query`. Failure: a query that is longer than any person types.

use super::tickets::line;
use super::views::Answer;
use super::{App, AppError};
use crate::rules::query::{self, LONGEST};
use crate::rules::ticket::State;
use crate::rules::untrusted::Untrusted;
use crate::store::{search, tickets};
use jiff::Timestamp;

/// How many are shown where nobody says.
const SHOWN: usize = 50;

pub(super) fn search(app: &App, now: Timestamp, text: &str, limit: Option<usize>) -> Result<Answer, AppError> {
    if text.len() > LONGEST {
        return Err(AppError::invalid("query", format!("longer than {LONGEST} octets")));
    }
    let query = query::parse(text);
    if query.is_empty() {
        return Ok(Answer::Tickets(Vec::new()));
    }
    if let Some(word) = query.state.as_deref().filter(|word| State::from_word(word).is_none()) {
        let known: Vec<&str> = State::ALL.iter().map(|state| state.word()).collect();
        let word = Untrusted::from(word).line();
        return Err(AppError::invalid("query", format!("state:{word} is no state; there are {}", known.join(", "))));
    }
    let as_they_are = query.state.as_deref() == Some(State::Merged.word());
    let views = app.store.read(|c| {
        let mut shown = Vec::new();
        for found in search::find(c, &query, limit.unwrap_or(SHOWN))? {
            let id = if as_they_are { found } else { tickets::living(c, found)? };
            if !shown.contains(&id) {
                shown.push(id);
            }
        }
        shown
            .into_iter()
            .filter_map(|id| tickets::get(c, id).transpose())
            .map(|ticket| line(app, c, &ticket?, now))
            .collect()
    })?;
    Ok(Answer::Tickets(views))
}
