//! What guards the store: backup, purge.
//!
//! Hostile data: none. Failure: `AppError`.

use super::views::{Answer, Done};
use super::{Actor, App, AppError};
use crate::decide::retention;
use crate::store::{StoreError, copies, history};
use jiff::Timestamp;
use std::io::ErrorKind;
use std::path::Path;

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

/// Writes a backup beside the running work, and proves it.
pub(super) fn backup(app: &App, actor: &Actor, now: Timestamp, file: &Path) -> Result<Answer, AppError> {
    if !file.is_absolute() {
        return Err(AppError::invalid("file", "must be an absolute path"));
    }
    let held = copies::backup(app.store, file).map_err(|error| match error {
        StoreError::File(path, e) if e.kind() == ErrorKind::AlreadyExists => {
            AppError::conflict(format!("{} is there already; nothing is ever overwritten", path.display()))
        }
        error => error.into(),
    })?;
    app.store.write(|tx| history::add(tx, None, now, &actor.name, "backup written"))?;
    let words = format!("{}: {} tickets, {} lines of history, whole", file.display(), held.tickets, held.rows);
    let mut words = vec![words];
    if app.settings.store.key_file.is_some() {
        words.push("it opens with the key of the store alone: keep a copy of that elsewhere".to_owned());
    }
    Ok(Answer::Done(Done { words, ..Done::default() }))
}
