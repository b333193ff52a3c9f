//! How a command reaches the store: through a running daemon, or by opening it itself under the
//! same lock.
//!
//! Failure: 75 where the store is in use for longer than a command takes, 78 where it does not
//! open with this config, else what the daemon or the store says.

use super::args::Global;
use super::{CONFIG, FAILED, Failure, TEMPORARY, time};
use crate::api::{CallError, Delivery, Reply, client, login_name};
use crate::app::views::{IngestLine, Octets};
use crate::app::{self, Actor, App, KeyFile, Request};
use crate::edge::openpgp::seam::{MemoryKeys, PrivateKeys};
use crate::edge::{clock, secret};
use crate::rules::settings::Settings;
use crate::store::{Store, StoreError};
use jiff::Timestamp;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
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
    Here(Box<Local>),
}

/// The store, opened by this command.
pub(super) struct Local {
    pub store: Arc<Store>,
    pub settings: Arc<Settings>,
    pub now: Timestamp,
    keys: OnceLock<Arc<MemoryKeys>>,
}

impl Session {
    /// Speaks to the daemon if one listens, else opens the store.
    pub fn open(global: &Global, settings: Arc<Settings>) -> Result<Session, Failure> {
        let zone = &settings.team.time_zone;
        let asked_now = global.now.as_deref().map(|text| time::read("--now", text, zone)).transpose()?;
        app::clock::allowed(&settings, asked_now)?;
        let door = door(&settings, asked_now)?;
        Ok(Session { settings, as_name: global.as_name.clone(), asked_now, door })
    }

    /// The store, where no daemon has it.
    pub fn local(&self) -> Option<&Local> {
        match &self.door {
            Door::Daemon => None,
            Door::Here(local) => Some(local),
        }
    }

    /// Does one request.
    pub fn ask(&self, request: Request) -> Result<Reply, Failure> {
        match &self.door {
            Door::Here(local) => local.ask(self.as_name.as_deref(), request),
            Door::Daemon => {
                let (socket, name) = (&self.settings.socket, self.as_name.as_deref());
                wait_for(client::call(socket, name, self.asked_now, request))
            }
        }
    }

    /// Hands a mail to the daemon.
    pub fn deliver(&self, mut delivery: Delivery, octets: Vec<u8>) -> Result<IngestLine, Failure> {
        delivery.now = self.asked_now;
        wait_for(client::deliver(&self.settings.socket, &delivery, octets))
    }
}

impl Local {
    /// The team's keys, loaded when first wanted: a passphrase is slow on purpose.
    pub fn keys(&self) -> Arc<MemoryKeys> {
        Arc::clone(self.keys.get_or_init(|| Arc::new(load_keys(&self.settings))))
    }

    /// Takes the certificates of `[pgp] certs` into the store, as the daemon does when it starts.
    pub fn import_certs(&self) {
        let keys = self.keys();
        let Some(folder) = &self.settings.pgp.certs else { return };
        for trouble in app::import_folder(&self.app(&keys), folder, self.now) {
            eprintln!("vigie: {trouble}");
        }
    }

    fn app<'a>(&'a self, keys: &'a MemoryKeys) -> App<'a> {
        App {
            store: &self.store,
            settings: &self.settings,
            team: keys.team(),
            key_troubles: keys.troubles(),
            daemon_running: false,
        }
    }

    fn ask(&self, as_name: Option<&str>, request: Request) -> Result<Reply, Failure> {
        let actor = match as_name {
            Some(name) => Actor::named(name)?,
            None => own_name()?,
        };
        if request.wants_certificates() {
            self.import_certs();
        }
        let none = MemoryKeys::default();
        let loaded = request.wants_team_keys().then(|| self.keys());
        let app = self.app(loaded.as_deref().unwrap_or(&none));
        let answer = app::handle(&app, &actor, self.now, request)?;
        Ok(Reply { answer, now: self.now })
    }
}

/// The login name of whoever runs the command.
fn own_name() -> Result<Actor, Failure> {
    let uid = std::fs::metadata("/proc/self").map(|own| own.uid());
    let uid = uid.map_err(|_| Failure::new(FAILED, "cannot tell who runs this command; say --as NAME"))?;
    Ok(Actor::named(&login_name(uid)).or_else(|_| Actor::named(&format!("uid {uid}")))?)
}

fn door(settings: &Arc<Settings>, asked_now: Option<Timestamp>) -> Result<Door, Failure> {
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
        match open_store(settings) {
            Ok(store) => {
                let now = app::clock::now(&store, settings, asked_now, clock::system_now())?;
                let (store, settings) = (Arc::new(store), Arc::clone(settings));
                return Ok(Door::Here(Box::new(Local { store, settings, now, keys: OnceLock::new() })));
            }
            // Another command, or a daemon that is about to listen.
            Err((_, StoreOr::Store(StoreError::InUse(_)))) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err((code, error)) => return Err(Failure::new(code, error.words())),
        }
    }
}

enum StoreOr {
    Store(StoreError),
    Key(String),
}

impl StoreOr {
    fn words(&self) -> String {
        match self {
            StoreOr::Store(error) => error.to_string(),
            StoreOr::Key(words) => format!("{words}; see [store] key_file"),
        }
    }
}

/// Opens the store with its key; else the exit code and why.
fn open_store(settings: &Settings) -> Result<Store, (u8, StoreOr)> {
    let key = settings.store.key_file.as_deref().map(secret::store_key).transpose();
    let key = key.map_err(|words| (CONFIG, StoreOr::Key(words)))?;
    Store::open(&settings.store.path, key).map_err(|error| {
        let code = match error {
            StoreError::Key(_) | StoreError::Missing(_) => CONFIG,
            StoreError::InUse(_) | StoreError::Full => TEMPORARY,
            _ => FAILED,
        };
        (code, StoreOr::Store(error))
    })
}

/// Loads the team's secret keys; what cannot be loaded is a trouble of the keys.
pub(super) fn load_keys(settings: &Settings) -> MemoryKeys {
    let passphrase = settings.pgp.passphrase_file.as_deref().map(secret::read);
    let mut files = Vec::new();
    for path in &settings.pgp.secret_keys {
        // An empty file is one that holds no key: the trouble says which.
        let octets = secret::read_octets(path).map(|octets| octets.to_vec()).unwrap_or_default();
        files.push((path.display().to_string(), octets));
    }
    let passphrase = passphrase.and_then(Result::ok);
    MemoryKeys::load(&files, passphrase.as_deref().map(String::as_str))
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
