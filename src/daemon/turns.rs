//! One loop's turning, the same for all: body, status row, then wait for the bell or the timer.

use super::Ground;
use crate::decide::retention;
use crate::edge::smtp;
use crate::house::House;
use crate::journey;
use crate::respond::post::{self, Post};
use crate::respond::under_way::UnderWay;
use crate::respond::{climb, digest, head, keys, rota};
use crate::store::{outbox, status};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// No loop sleeps longer, whatever the rows say: clocks jump, and machines are suspended.
const LONGEST: Duration = Duration::from_secs(60);

/// By when each loop must have turned again: what the watchdog looks at.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Mutex<BTreeMap<String, Instant>>>);

impl Pulse {
    /// The loop is alive and will show itself again within `allowed`.
    pub fn beat(&self, name: &str, allowed: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Instant::now() + allowed);
    }

    /// The loop has ended as it should.
    pub fn end(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// A loop that should have turned by now and has not.
    pub fn hanging(&self) -> Option<String> {
        let beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        beats.iter().find(|(_, by)| **by < now).map(|(name, _)| name.clone())
    }
}

/// Starts the loops that need no server of mailboxes.
pub fn start(ground: &Ground, tasks: &TaskTracker, died: &Sender<String>) {
    spawn(ground, tasks, died, "file", ground.bells.spooled.clone(), |ground| async move {
        let house = ground.house();
        let now = house.now();
        let caught_up = tokio::task::block_in_place(|| journey::catch_up(&house, now));
        // Where one mail failed, others may have been filed.
        if !matches!(caught_up, Ok(0)) {
            ground.bells.owed.notify_one();
            ground.bells.clocks.notify_one();
            ground.bells.filed.send_modify(|count| *count += 1);
        }
        caught_up.map_err(|e| e.to_string())?;
        Ok(Turned::default())
    });
    spawn(ground, tasks, died, "clocks", ground.bells.clocks.clone(), |ground| async move {
        let house = ground.house();
        let now = house.now();
        let turn = || -> Result<_, crate::store::StoreError> {
            journey::recompute_deadlines(&house)?;
            let told = keys::turn(&house.store, &house.settings, house.keys.team(), now)?;
            let rota = rota::turn(&house.store, &house.settings, now)?;
            let digests = digest::turn(&house.store, &house.settings, now)?;
            retention::turn(&house.store, &house.settings, now)?;
            let heads = head::turn(&house.store, &house.settings, house.keys.as_ref(), now)?;
            let fired = heads + told + rota + digests + climb::turn(&house.store, &house.settings, now)?;
            Ok((fired, climb::next(&house.store)?))
        };
        let (fired, next) = tokio::task::block_in_place(turn).map_err(|e| e.to_string())?;
        if fired > 0 {
            ground.bells.owed.notify_one();
        }
        Ok(Turned { next, trouble: None })
    });
    let under_way = UnderWay::new(tasks.clone(), ground.bells.owed.clone());
    spawn(ground, tasks, died, "post", ground.bells.owed.clone(), move |ground| {
        let under_way = under_way.clone();
        async move {
            let house = ground.house();
            let post = Post { give_up: ground.give_up.clone(), ..post_of(&house) };
            let begin = || post::begin(&post, &under_way, house.now());
            let next = tokio::task::block_in_place(begin).map_err(|e| e.to_string())?;
            let turn = under_way.take();
            if turn.sent + turn.ended > 0 {
                ground.bells.clocks.notify_one();
            }
            let trouble = house.store.read(outbox::in_trouble).map_err(|e| e.to_string())?;
            let trouble = trouble.map(|(count, words)| format!("{count} to be sent again later: {words}"));
            Ok(Turned { next, trouble })
        }
    });
}

/// The post office of a house.
pub fn post_of(house: &House) -> Post {
    Post {
        store: house.store.clone(),
        settings: house.settings.clone(),
        keys: house.keys.clone(),
        texts: house.texts.clone(),
        id_key: house.id_key,
        timeouts: smtp::Timeouts::default(),
        give_up: CancellationToken::new(),
    }
}

/// How a turn ended that could do its work.
#[derive(Default)]
struct Turned {
    /// When there is more to do, as far as is known.
    next: Option<Timestamp>,
    /// What a person may have to look at.
    trouble: Option<String>,
}

/// One loop: rung by its bell, ticked by its timer, stopped between two turns.
fn spawn<B, F>(
    ground: &Ground,
    tasks: &TaskTracker,
    died: &Sender<String>,
    name: &'static str,
    bell: Arc<Notify>,
    body: B,
) where
    B: Fn(Ground) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Turned, String>> + Send + 'static,
{
    let (ground, died) = (ground.clone(), died.clone());
    tasks.spawn(async move {
        let mut told = None;
        while !ground.stop.is_cancelled() {
            // The longest turn: the first after a reload, which may have a whole mailbox to file.
            ground.pulse.beat(name, Duration::from_secs(20 * 60));
            let turned = tokio::spawn(body(ground.clone())).await;
            let house = ground.house();
            let now = house.now();
            let Ok(outcome) = turned else {
                let _ = died.send(name.to_owned()).await;
                return;
            };
            let (pause, trouble) = match outcome {
                Ok(turned) => (until(turned.next, now), turned.trouble),
                // What waits has its own time in its row; ask again soon enough.
                Err(words) => (Duration::from_secs(5), Some(words)),
            };
            note(&house, name, now, trouble.as_deref());
            if let Some(words) = trouble.as_ref().filter(|_| trouble != told) {
                tracing::warn!(name, words, "a loop had trouble and goes on");
            }
            told = trouble;
            ground.pulse.beat(name, pause + Duration::from_secs(60));
            tokio::select! {
                () = bell.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = ground.stop.cancelled() => {}
            }
        }
        ground.pulse.end(name);
    });
}

fn until(next: Option<Timestamp>, now: Timestamp) -> Duration {
    let wait = next.map_or(SignedDuration::MAX, |next| next.duration_since(now));
    Duration::try_from(wait).unwrap_or(Duration::from_millis(20)).clamp(Duration::from_millis(20), LONGEST)
}

/// Writes down how a turn ended. Where even that fails there is nothing but the log.
pub fn note(house: &House, name: &str, now: Timestamp, error: Option<&str>) {
    let noted = tokio::task::block_in_place(|| house.store.write(|tx| status::turned(tx, name, now, error)));
    if let Err(error) = noted {
        tracing::error!(name, %error, "the status of a loop could not be kept");
    }
}
