//! How the house is, and whether it needs a person.
//!
//! Hostile data: none; loops write words of ours. Failure: the store's.

use super::views::{Answer, LoopView, StatusView, When};
use super::{App, AppError};
use crate::store::outbox::{self, OutState};
use crate::store::status::{self, LoopStatus};
use crate::store::{correspondents, duty, spool};
use jiff::{SignedDuration, Timestamp};

/// A loop may fail for this long before a person is wanted: servers are restarted.
const LOOP_PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// Filing takes well under a second a mail.
const FILING_PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// A daemon that is started again, or a `run --once` every few minutes, is back well before.
const DAEMON_PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// What should have left by now and has not.
const SENDING_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn status(app: &App, now: Timestamp) -> Result<Answer, AppError> {
    let when = |at: Timestamp| When::new(at, &app.settings.team.time_zone);
    let key_troubles = (app.key_troubles)();
    let view = app.store.read(|c| {
        let loops = status::all(c)?;
        let oldest = spool::oldest_waiting(c)?;
        let depth = outbox::depth(c)?;
        let (overdue, why) = outbox::overdue(c, now - SENDING_PATIENCE)?;
        let broken_promises = correspondents::broken_promises(c, now)?;
        let pages: Vec<i64> = duty::open_pages(c)?.into_iter().map(|page| page.id).collect();
        let quarantine = spool::held(c)?.len() as u64;

        let (undelivered, _) = outbox::overdue(c, now - DAEMON_PATIENCE)?;

        let mut reasons = Vec::new();
        if !app.daemon_running && (undelivered > 0 || is_forsaken(&loops, now)) {
            reasons.push(
                "the daemon is not running; start it, or let `vigie run --once` run every few minutes".to_owned(),
            );
        }
        reasons.extend(loops.iter().filter(|turn| is_stuck(turn, now)).map(|turn| {
            let error = turn.last_error.as_deref().unwrap_or_default();
            match turn.name.as_str() {
                status::CONFIG => format!("the last reload of the config was refused: {}", first_line(error)),
                name => format!("{name}: {error}"),
            }
        }));
        if oldest.is_some_and(|since| is_late(since, now, FILING_PATIENCE)) {
            reasons.push("mail waits to be filed; is the daemon running?".to_owned());
        }
        if overdue > 0 {
            let why = why.unwrap_or_else(|| "is the daemon running?".to_owned());
            reasons.push(format!("{overdue} in the outbox for more than an hour: {why}; see `vigie outbox list`"));
        }
        for (state, count) in &depth {
            if matches!(state, OutState::Failed | OutState::Blocked | OutState::Unsure) {
                reasons.push(format!("{count} {state} in the outbox; see `vigie outbox list`"));
            }
        }
        if broken_promises > 0 {
            reasons.push(format!("broken promises: {broken_promises}; see `vigie ticket list --unanswered`"));
        }
        reasons.extend(pages.iter().map(|id| format!("page {id} is not acknowledged; see `vigie duty show`")));
        if quarantine > 0 {
            reasons.push(format!("in quarantine: {quarantine}; see `vigie quarantine list`"));
        }
        reasons.extend(key_troubles.iter().cloned());
        Ok(StatusView {
            daemon_running: app.daemon_running,
            loops: loops.into_iter().map(|turn| loop_view(turn, &when)).collect(),
            oldest_unfiled: oldest.map(when),
            outbox: depth.into_iter().map(|(state, count)| (state.word().to_owned(), count)).collect(),
            broken_promises,
            unacknowledged_pages: pages,
            quarantine,
            key_troubles,
            config_warnings: app.settings.warnings.clone(),
            needs_person: !reasons.is_empty(),
            reasons,
        })
    })?;
    Ok(Answer::Status(Box::new(view)))
}

fn loop_view(turn: LoopStatus, when: &impl Fn(Timestamp) -> When) -> LoopView {
    LoopView {
        name: turn.name,
        last_run: when(turn.last_run),
        last_ok: turn.last_ok.map(when),
        last_error: turn.last_error,
    }
}

fn is_late(since: Timestamp, now: Timestamp, patience: SignedDuration) -> bool {
    now.duration_since(since) > patience
}

/// Whether loops have turned here once, and none has for longer than a restart takes.
fn is_forsaken(loops: &[LoopStatus], now: Timestamp) -> bool {
    let last = loops.iter().filter(|turn| turn.name != status::CONFIG).map(|turn| turn.last_run).max();
    last.is_some_and(|last| is_late(last, now, DAEMON_PATIENCE))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Whether a loop fails, and has done so for longer than a restart takes.
fn is_stuck(turn: &LoopStatus, now: Timestamp) -> bool {
    turn.last_error.is_some() && turn.last_ok.is_none_or(|ok| is_late(ok, now, LOOP_PATIENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_wants_a_person_once_it_has_failed_for_longer_than_a_restart() {
        let now: Timestamp = "2026-11-27T10:00:00Z".parse().unwrap();
        let turn = |ok: Option<&str>, error: Option<&str>| LoopStatus {
            name: "mailbox csirt".to_owned(),
            last_run: now,
            last_ok: ok.map(|at| at.parse().unwrap()),
            last_error: error.map(str::to_owned),
        };
        assert!(!is_stuck(&turn(Some("2026-11-27T09:00:00Z"), None), now));
        assert!(!is_stuck(&turn(Some("2026-11-27T09:55:00Z"), Some("refused")), now));
        assert!(is_stuck(&turn(Some("2026-11-27T09:45:00Z"), Some("refused")), now));
        assert!(is_stuck(&turn(None, Some("refused")), now));
    }

    #[test]
    fn a_house_whose_loops_have_stood_for_ten_minutes_is_forsaken_and_a_fresh_one_is_not() {
        let now: Timestamp = "2026-11-27T10:00:00Z".parse().unwrap();
        let turn = |name: &str, at: &str| LoopStatus {
            name: name.to_owned(),
            last_run: at.parse().unwrap(),
            last_ok: None,
            last_error: None,
        };
        let (old, lately) = ("2026-11-27T09:49:00Z", "2026-11-27T09:51:00Z");
        assert!(!is_forsaken(&[], now));
        assert!(is_forsaken(&[turn("file", old), turn("post", old)], now));
        assert!(!is_forsaken(&[turn("file", old), turn("mailbox csirt", lately)], now));
        assert!(is_forsaken(&[turn("file", old), turn(status::CONFIG, lately)], now), "a refused reload is no turn");
        assert!(!is_forsaken(&[turn(status::CONFIG, old)], now));
    }
}
