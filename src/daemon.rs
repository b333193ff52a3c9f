//! The daemon: builds the edges, starts the loops, listens to signals and to systemd, stops in time.
//!
//! Every loop is the same: it takes no input, reads rows, is woken by a bell and by a timer, and
//! may run twice without effect. What it did last is a row, which `status` shows and from which
//! the watchdog is fed: a loop that hangs lets systemd restart us, a loop that fails and says so
//! does not.
//!
//! Failure: a loop that errs pauses and goes on; one that panics ends the process, and systemd
//! starts it again.

mod folders;
mod front;
mod once;
mod turns;

pub use front::take_in;
pub use once::run_once;

use crate::api;
use crate::config;
use crate::house::House;
use crate::store::status;
use front::front;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use turns::Pulse;

/// A stop waits so long for dialogues under way, then drops them: they are Later or Unsure.
const GRACE: Duration = Duration::from_secs(4);

/// So long it may take to write down how the dropped ones stood.
const LAST_WORDS: Duration = Duration::from_millis(400);

/// What wakes the loops before their timers do.
#[derive(Clone, Default)]
pub struct Bells {
    /// Mail was spooled.
    pub spooled: Arc<Notify>,
    /// Something is owed.
    pub owed: Arc<Notify>,
    /// Counts turns in which mail was filed: originals may be moved. Every folder hears each.
    pub filed: watch::Sender<u64>,
    /// A clock may have changed.
    pub clocks: Arc<Notify>,
}

impl Bells {
    /// After a change by hand anything may be due.
    pub fn ring_all(&self) {
        self.spooled.notify_one();
        self.owed.notify_one();
        self.filed.send_modify(|count| *count += 1);
        self.clocks.notify_one();
    }
}

/// What every loop holds: the house as it is now, the bells, and whether to stop.
#[derive(Clone)]
pub struct Ground {
    house: watch::Receiver<House>,
    pub bells: Bells,
    pub stop: CancellationToken,
    /// After the stop, when its patience is over.
    pub give_up: CancellationToken,
    pub pulse: Pulse,
}

impl Ground {
    /// The house as it is furnished now.
    pub fn house(&self) -> House {
        self.house.borrow().clone()
    }
}

/// Runs until SIGTERM or SIGINT. `config_file` is read again on SIGHUP.
pub async fn run(house: House, config_file: PathBuf) -> Result<(), String> {
    let socket = house.settings.socket.clone();
    house.clock.start();
    let (furnish, furnished) = watch::channel(house.clone());
    let ground = Ground {
        house: furnished,
        bells: Bells::default(),
        stop: CancellationToken::new(),
        give_up: CancellationToken::new(),
        pulse: Pulse::default(),
    };
    let listener = api::listen(&socket).map_err(|error| format!("socket {}: {error}", socket.display()))?;
    let tasks = TaskTracker::new();
    let (died, mut death) = tokio::sync::mpsc::channel::<String>(1);

    forget_old_loops(&house);
    turns::start(&ground, &tasks, &died);
    tasks.spawn(folders::keep(ground.clone()));
    tasks.spawn(api::serve(listener, front(&ground), ground.stop.clone()));
    tasks.spawn(watchdog(ground.clone()));
    notify(&[sd_notify::NotifyState::Ready, sd_notify::NotifyState::Status("watching")]);
    tracing::info!(simulated = house.clock.is_simulated(), "vigie is watching");

    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    let mut hangup = signal(SignalKind::hangup()).map_err(|e| e.to_string())?;
    let outcome = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            Some(name) = death.recv() => break Err(format!("the loop {name} died; see the log above")),
            _ = hangup.recv() => reload(&ground, &furnish, &config_file),
        }
    };
    notify(&[sd_notify::NotifyState::Stopping]);
    tracing::info!("stopping");
    ground.stop.cancel();
    tasks.close();
    if tokio::time::timeout(GRACE, tasks.wait()).await.is_err() {
        tracing::warn!("some dialogues did not end in time and were dropped; they are tried again");
        ground.give_up.cancel();
        let _ = tokio::time::timeout(LAST_WORDS, tasks.wait()).await;
    }
    let _ = std::fs::remove_file(&socket);
    if let Err(error) = ground.house().remember_clock() {
        tracing::warn!(%error, "the simulated clock could not be kept");
    }
    outcome
}

/// `status` shows the loops that the config has now, and no others.
fn forget_old_loops(house: &House) {
    let mut names: Vec<String> = ["file", "clocks", "post"].map(str::to_owned).to_vec();
    names.extend(folders::watched(&house.settings).iter().map(|post| post.watch.name()));
    if let Err(error) = house.store.write(|tx| status::keep_only(tx, &names)) {
        tracing::warn!(%error, "old loops could not be forgotten");
    }
}

/// SIGHUP: the new config, or the old one and why.
fn reload(ground: &Ground, furnish: &watch::Sender<House>, config_file: &std::path::Path) {
    notify(&[sd_notify::NotifyState::Reloading]);
    let refurnished = config::load(config_file)
        .map_err(|faults| faults.to_string())
        .and_then(|settings| ground.house().refurnished(settings));
    match refurnished {
        Ok(house) => {
            forget_old_loops(&house);
            furnish.send_replace(house);
            ground.bells.ring_all();
            tracing::info!("config reloaded");
        }
        Err(words) => {
            tracing::error!(words, "the new config is not taken; the old one stays in force");
            turns::note(&ground.house(), status::CONFIG, ground.house().now(), Some(&words));
        }
    }
    notify(&[sd_notify::NotifyState::Ready]);
}

/// Feeds systemd's watchdog while every loop has turned lately. A loop that is between two turns
/// with an error is alive; one that has not turned for a while hangs.
async fn watchdog(ground: Ground) {
    let Some(every) = sd_notify::watchdog_enabled().map(|whole| whole / 2) else { return };
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = ground.stop.cancelled() => return,
        }
        match ground.pulse.hanging() {
            None => notify(&[sd_notify::NotifyState::Watchdog]),
            Some(name) => tracing::error!(name, "a loop hangs; the watchdog is not fed"),
        }
    }
}

fn notify(states: &[sd_notify::NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}
