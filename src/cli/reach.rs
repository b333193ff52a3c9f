//! How a command reaches the store: through a running daemon, or by opening it itself under the
//! same lock.
//!
//! Failure: 75 where the store is in use for longer than a command takes, 78 where it does not
//! open with this config, else what the daemon or the store says.

use super::args::Global;
use super::spare::Known;
use super::{CONFIG, FAILED, Failure, TEMPORARY, complain, time};
use crate::api::{CallError, Delivery, Reply, client, login_name};
use crate::app::views::{IngestLine, Octets};
use crate::app::{self, Actor, App, KeyFile, Request};
use crate::daemon;
use crate::house::{House, HouseError};
use crate::journey;
use crate::rules::settings::Settings;
use crate::store::StoreError;
use jiff::Timestamp;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Another command holds the store for well under this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// One command's way to the store.
pub(super) struct Session {
    pub settings: Arc<Settings>,
    as_name: Option<String>,
    asked_now: Option<Timestamp>,
    door: Door,
}

enum Door {
    Daemon,
    Here { house: Box<House>, now: Timestamp },
}

impl Session {
    /// Speaks to the daemon if one listens, else opens the store.
    pub fn open(global: &Global, known: impl Into<Known>) -> Result<Session, Failure> {
        let Known { settings, daemon_only } = known.into();
        let asked_now = asked_now(global, &settings)?;
        let door = if daemon_only { Door::Daemon } else { door(&settings, asked_now)? };
        Ok(Session { settings: Arc::new(settings), as_name: global.as_name.clone(), asked_now, door })
    }

    /// The house, where no daemon has it.
    pub fn house(&self) -> Option<&House> {
        match &self.door {
            Door::Daemon => None,
            Door::Here { house, .. } => Some(house),
        }
    }

    /// The name under which this command acts, as far as it is known here.
    pub fn who(&self) -> String {
        let own = || own_name().map(|actor| actor.name).unwrap_or_default();
        self.as_name.clone().unwrap_or_else(own)
    }

    /// Does one request.
    pub fn ask(&self, request: Request) -> Result<Reply, Failure> {
        let as_name = self.as_name.as_deref();
        match &self.door {
            Door::Daemon => wait_for(client::call(&self.settings.socket, as_name, self.asked_now, request)),
            Door::Here { house, now } => {
                let actor = actor(as_name)?;
                let app = App {
                    store: &house.store,
                    settings: &house.settings,
                    team: house.keys.team(),
                    keys: house.keys.as_ref(),
                    key_troubles: &|| house.keys.troubles(),
                    daemon_running: false,
                };
                let changes = request.changes();
                let answer = app::handle(&app, &actor, *now, request)?;
                if changes && let Err(error) = journey::recheck(house, *now) {
                    tracing::warn!(%error, "mail could not be checked again; the next run does it");
                }
                Ok(Reply { answer, now: *now })
            }
        }
    }

    /// Spools a mail and files it.
    pub fn deliver(&self, mut delivery: Delivery, octets: Vec<u8>) -> Result<IngestLine, Failure> {
        delivery.now = self.asked_now;
        match &self.door {
            Door::Daemon => wait_for(client::deliver(&self.settings.socket, &delivery, octets)),
            Door::Here { house, now } => Ok(daemon::take_in(house, delivery, octets, *now)?),
        }
    }
}

/// What `--now` says; only stores with a simulated clock take it.
pub(super) fn asked_now(global: &Global, settings: &Settings) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = &global.now else { return Ok(None) };
    if !settings.store.simulated_clock {
        return Err(Failure::new(2, "--now: only for stores whose config says [store] simulated_clock = true"));
    }
    time::read("--now", text, &settings.team.time_zone).map(Some)
}

/// Who acts where no daemon says so.
pub(super) fn actor(as_name: Option<&str>) -> Result<Actor, Failure> {
    as_name.map_or_else(own_name, |name| Ok(Actor::named(name)?))
}

/// The login name of whoever runs the command.
fn own_name() -> Result<Actor, Failure> {
    let uid = std::fs::metadata("/proc/self").map(|own| own.uid());
    let uid = uid.map_err(|_| Failure::new(FAILED, "cannot tell who runs this command; say --as NAME"))?;
    Ok(Actor::named(&login_name(uid)).or_else(|_| Actor::named(&format!("uid {uid}")))?)
}

fn door(settings: &Settings, asked_now: Option<Timestamp>) -> Result<Door, Failure> {
    let started = Instant::now();
    loop {
        match UnixStream::connect(&settings.socket) {
            Ok(_) => return Ok(Door::Daemon),
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                let words = "you may not speak to the daemon; be in the group of its socket, or root";
                return Err(Failure::new(FAILED, format!("{}: {words}", settings.socket.display())));
            }
            Err(_) => {}
        }
        match House::open(settings.clone(), asked_now) {
            Ok(house) => return Ok(Door::Here { now: standing(&house, asked_now), house: Box::new(house) }),
            // Another command, or a daemon that is about to listen.
            Err(HouseError::Store(StoreError::InUse(_))) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(not_opened(&error)),
        }
    }
}

/// The one instant at which a command acts: a simulated clock stands still meanwhile.
fn standing(house: &House, asked_now: Option<Timestamp>) -> Timestamp {
    let now = house.now();
    if asked_now.is_some_and(|asked| asked < now) {
        let stands = app::views::When::new(now, &house.settings.team.time_zone);
        complain(&format!("the simulated clock stands at {stands} and never runs backwards"));
    }
    now
}

/// Opens the house for the daemon: another command may hold the store for a moment. Where another
/// daemon has it, trying again helps nobody: refused.
pub(super) fn open_house(settings: Settings, asked_now: Option<Timestamp>) -> Result<House, Failure> {
    let started = Instant::now();
    loop {
        match House::open(settings.clone(), asked_now) {
            Ok(house) => return Ok(house),
            Err(HouseError::Store(StoreError::InUse(store))) if UnixStream::connect(&settings.socket).is_ok() => {
                let (store, socket) = (store.display(), settings.socket.display());
                let words = format!("refused: another daemon runs on {store} and listens at {socket}");
                return Err(Failure::new(FAILED, words));
            }
            Err(HouseError::Store(StoreError::InUse(_))) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(not_opened(&error)),
        }
    }
}

fn not_opened(error: &HouseError) -> Failure {
    let code = match error {
        HouseError::Config(_) | HouseError::Store(StoreError::Key(_) | StoreError::Missing(_)) => CONFIG,
        HouseError::Usage(_) => 2,
        HouseError::Store(StoreError::InUse(_) | StoreError::Full) => TEMPORARY,
        HouseError::Store(_) => FAILED,
    };
    Failure::new(code, error.to_string())
}

/// Reads files of certificates, where the command runs.
pub(super) fn key_files(paths: &[PathBuf]) -> Result<Vec<KeyFile>, Failure> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        match std::fs::read(path) {
            Ok(octets) => Ok(KeyFile { name, octets: Octets(octets) }),
            Err(e) => Err(Failure::new(FAILED, format!("cannot read {name}: {e}; nothing was imported"))),
        }
    };
    paths.iter().map(read).collect()
}

fn wait_for<T>(call: impl Future<Output = Result<T, CallError>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(TEMPORARY, format!("cannot start: {e}")))?;
    runtime.block_on(call).map_err(|error| match error {
        CallError::App(error) => Failure::from(error),
        CallError::Link(words) => Failure::new(TEMPORARY, words),
    })
}
