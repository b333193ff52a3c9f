//! What guards the store: purge.
//!
//! Hostile data: none. Failure: `AppError`.

use super::views::{Answer, Done};
use super::{Actor, App, AppError};
use crate::decide::retention;
use jiff::Timestamp;

/// Removes the content of tickets that were put away long ago.
pub(super) fn purge(app: &App, actor: &Actor, now: Timestamp, dry_run: bool) -> Result<Answer, AppError> {
    let Some(before) = retention::limit(app.settings, now) else {
        let words = "nothing is purged: the config sets no [retention] closed_after, such as \"3 years\"";
        return Err(AppError::conflict(words));
    };
    let numbers = retention::purge(app.store, before, &actor.name, now, dry_run)?;
    let verb = if dry_run { "would be purged" } else { "purged" };
    let mut words: Vec<String> = numbers.iter().map(|number| format!("{number} {verb}")).collect();
    if words.is_empty() {
        words.push(format!("nothing is to be purged: no ticket was put away before {}", before.strftime("%Y-%m-%d")));
    }
    Ok(Answer::Done(Done { tickets: numbers, words, ..Done::default() }))
}
