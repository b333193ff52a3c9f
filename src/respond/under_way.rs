//! What is being sent now. A dialogue outlives the turn that began it, so that a server which takes
//! its time keeps nothing else waiting, a page least of all.
//!
//! Hostile data: none. Failure: where the store fails, the row is left alone for a moment.

use crate::store::Result;
use crate::store::outbox::OutState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// After trouble with the store a row is taken up again no sooner.
const BREATH: Duration = Duration::from_secs(5);

/// What became of the rows that were taken up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn {
    pub sent: usize,
    /// Tried, and to be tried again.
    pub waiting: usize,
    /// Came to another end: refused, blocked.
    pub ended: usize,
    /// The last reason for which something waits.
    pub trouble: Option<String>,
}

/// The rows that are under way. All clones are one.
#[derive(Clone, Default)]
pub struct UnderWay {
    state: Arc<Mutex<State>>,
    tasks: TaskTracker,
    /// Rung when a row has come to an end.
    bell: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// And whether each is a mail.
    rows: BTreeMap<i64, bool>,
    turn: Turn,
}

/// A row is under way for as long as this lives, whatever becomes of its task.
struct Place {
    under_way: UnderWay,
    row: i64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.under_way.state().rows.remove(&self.row);
        self.under_way.bell.notify_one();
    }
}

impl UnderWay {
    /// Dialogues count among `tasks`, for a stop to wait for; `bell` is rung as each ends.
    pub fn new(tasks: TaskTracker, bell: Arc<Notify>) -> UnderWay {
        UnderWay { state: Arc::default(), tasks, bell }
    }

    /// The rows that are under way.
    pub fn rows(&self) -> BTreeSet<i64> {
        self.state().rows.keys().copied().collect()
    }

    /// How many of them are mails, and how many go another way.
    pub(super) fn count(&self) -> (usize, usize) {
        let rows = &self.state().rows;
        let mails = rows.values().filter(|is_mail| **is_mail).count();
        (mails, rows.len() - mails)
    }

    /// What has come to an end since the last call.
    pub fn take(&self) -> Turn {
        std::mem::take(&mut self.state().turn)
    }

    /// Waits until some row has come to an end since the last wait.
    pub async fn ended(&self) {
        self.bell.notified().await;
    }

    /// Takes up a row. Its task is never cancelled but by the end of the process.
    pub(super) fn begin(&self, row: i64, is_mail: bool, work: impl Future<Output = Result<Outcome>> + Send + 'static) {
        self.state().rows.insert(row, is_mail);
        let place = Place { under_way: self.clone(), row };
        self.tasks.spawn(async move {
            let outcome = work.await;
            let failed = outcome.is_err();
            place.under_way.note(row, outcome);
            if failed {
                tokio::time::sleep(BREATH).await;
            }
            drop(place);
        });
    }

    fn note(&self, row: i64, outcome: Result<Outcome>) {
        let turn = &mut self.state().turn;
        match outcome {
            Ok((OutState::Sent, _)) => turn.sent += 1,
            Ok((OutState::Failed | OutState::Blocked | OutState::Dropped, _)) => turn.ended += 1,
            Ok((_, trouble)) => {
                turn.waiting += 1;
                turn.trouble = trouble.or(turn.trouble.take());
            }
            Err(error) => {
                tracing::error!(out = row, %error, "the outcome of a mail could not be stored");
                turn.waiting += 1;
                turn.trouble = Some(error.to_string());
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a row is now, and why it is not sent.
pub(super) type Outcome = (OutState, Option<String>);
