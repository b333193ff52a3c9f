//! When content is removed for good, by `[retention] closed_after`: daily, or when a person says so.
//!
//! Failure: the store's; what was removed by then is removed, and running it again does the rest.

use crate::rules::settings::Settings;
use crate::store::{Result, Store, history, purge, settings as values};
use jiff::{Timestamp, ToSpan};

/// So many tickets go in one transaction.
const AT_ONCE: usize = 200;

/// Put away before this instant, and nothing said since: content goes. None: nothing ever does.
pub fn limit(settings: &Settings, now: Timestamp) -> Option<Timestamp> {
    let now = now.to_zoned(settings.team.time_zone.clone());
    now.checked_sub(settings.retention_closed_after?).ok().map(|at| at.timestamp())
}

/// Purges what is due; gives the numbers of the tickets. `dry_run`: only tells them.
pub fn purge(store: &Store, before: Timestamp, who: &str, now: Timestamp, dry_run: bool) -> Result<Vec<String>> {
    let due = store.read(|c| purge::due(c, before))?;
    if !dry_run {
        for some in due.chunks(AT_ONCE) {
            store.write(|tx| {
                // Somebody else may have done it meanwhile, or opened one again.
                let still = purge::due(tx, before)?;
                let tickets: Vec<i64> = some.iter().filter(|one| still.contains(one)).map(|(id, _)| *id).collect();
                purge::purge(tx, &tickets, now)?;
                for ticket in tickets {
                    history::add(
                        tx,
                        Some(ticket),
                        now,
                        who,
                        "purged: mails, texts and addresses are removed for good",
                    )?;
                }
                Ok(())
            })?;
        }
        store.write(|tx| purge::purge_the_rest(tx, before))?;
        if !store.shed_log()? {
            tracing::warn!("the log of writes is in use and still holds what was purged; the next purge empties it");
        }
    }
    Ok(due.into_iter().map(|(_, number)| number).collect())
}

/// Purges once a day where the config says so; gives how many tickets.
pub fn turn(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    let Some(before) = limit(settings, now) else { return Ok(0) };
    let last = store.read(values::purged_until)?;
    if last.is_some_and(|last| last.checked_add(24.hours()).is_ok_and(|next| now < next)) {
        return Ok(0);
    }
    let purged = purge(store, before, history::VIGIE, now, false)?;
    store.write(|tx| values::set_purged_until(tx, now))?;
    Ok(purged.len())
}
