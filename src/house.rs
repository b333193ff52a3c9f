//! What every process of Vigie works with: the config, the open store, the team's keys, the clock.
//!
//! Hostile data: none but files of the operator. Failure: `HouseError` says which file, what is
//! wrong and what to do. Keys that cannot be loaded degrade only what needs them.

use crate::app::keep_certificate;
use crate::arrive::reader::{Readers, memory_for};
use crate::edge::openpgp::agent::AgentKeys;
use crate::edge::openpgp::certs as openpgp_certs;
use crate::edge::openpgp::keeper::{Keeper, KeeperKeys};
use crate::edge::openpgp::seam::{MemoryKeys, PrivateKeys};
use crate::edge::{clock, crash, random, secret};
use crate::respond::rota;
use crate::respond::wording::Texts;
use crate::rules::settings::{Pgp, Settings};
use crate::store::{Store, StoreError, copies, history, settings as values};
use jiff::{SignedDuration, Timestamp};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The very program that runs, also where a newer one has been installed since.
const OURSELVES: &str = "/proc/self/exe";

/// Everything that loops, commands and the journey share. Cheap to clone.
#[derive(Clone)]
pub struct House {
    pub settings: Arc<Settings>,
    pub store: Arc<Store>,
    pub keys: Arc<dyn PrivateKeys>,
    /// Processes that read mail; None: this one does.
    pub readers: Option<Arc<Readers>>,
    pub texts: Arc<Texts>,
    /// Under the hashes in our Message-IDs.
    pub id_key: [u8; 32],
    /// The first scan of a Sent folder starts here.
    pub installed_at: Timestamp,
    pub clock: Clock,
}

/// Why the house did not open.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// The config or a file it names cannot be used: exit 78.
    #[error("{0}")]
    Config(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `--now` where it has no place: wrong usage.
    #[error("{0}")]
    Usage(String),
}

/// Where `now` comes from. The simulated one never runs backwards, goes on from where it was, and
/// is one for all who share the house.
#[derive(Debug, Clone)]
pub enum Clock {
    System,
    Simulated(Arc<Mutex<Acted>>),
}

/// An acted time. It stands still for a command, and runs in the daemon.
#[derive(Debug)]
pub struct Acted {
    at: Timestamp,
    running_since: Option<Instant>,
}

impl Acted {
    fn now(&self) -> Timestamp {
        let ran = self.running_since.map_or(Duration::ZERO, |since| since.elapsed());
        self.at.saturating_add(SignedDuration::try_from(ran).unwrap_or(SignedDuration::MAX)).unwrap_or(self.at)
    }
}

impl Clock {
    /// A clock that acts as if it were `at`.
    pub fn simulated(at: Timestamp) -> Clock {
        Clock::Simulated(Arc::new(Mutex::new(Acted { at, running_since: None })))
    }

    /// Lets a simulated clock run from now on.
    pub fn start(&self) {
        if let Clock::Simulated(acted) = self {
            let mut acted = acted.lock().unwrap_or_else(PoisonError::into_inner);
            *acted = Acted { at: acted.now(), running_since: Some(Instant::now()) };
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => clock::system_now(),
            Clock::Simulated(acted) => acted.lock().unwrap_or_else(PoisonError::into_inner).now(),
        }
    }

    /// Lets a simulated clock run on to `at`; gives the time. A real one, and the past, stay as they are.
    pub fn run_on_to(&self, at: Timestamp) -> Timestamp {
        match self {
            Clock::System => clock::system_now(),
            Clock::Simulated(acted) => {
                let mut acted = acted.lock().unwrap_or_else(PoisonError::into_inner);
                if at > acted.now() {
                    *acted = Acted { at, running_since: acted.running_since.map(|_| Instant::now()) };
                }
                acted.now()
            }
        }
    }

    /// Whether the time is acted.
    pub fn is_simulated(&self) -> bool {
        matches!(self, Clock::Simulated(_))
    }
}

impl House {
    /// Opens the store under its lock, loads keys and texts, imports the folder of certificates.
    /// `now`: what `--now` says; only stores with a simulated clock take it.
    pub fn open(settings: Settings, now: Option<Timestamp>) -> Result<House, HouseError> {
        if now.is_some() && !settings.store.simulated_clock {
            return Err(HouseError::Usage(
                "--now works only on a store whose config says simulated_clock = true".to_owned(),
            ));
        }
        let key = store_key(&settings)?;
        let texts = Texts::load(&settings.folder.join("texts")).map_err(HouseError::Config)?;
        let store = Store::open_passing(&settings.store.path, key, &crash::point).map_err(|error| match error {
            StoreError::Key(_) => HouseError::Config(error.to_string()),
            error => HouseError::Store(error),
        })?;
        let clock = start_clock(&store, &settings, now)?;
        let now = clock.now();
        let (id_key, installed_at) =
            store.write(|tx| Ok((values::message_id_key(tx, random::bytes())?, values::installed_at(tx, now)?)))?;
        let (keys, readers) = (load_keys(&settings), readers(&settings));
        let house = House {
            readers,
            settings: Arc::new(settings),
            store: Arc::new(store),
            keys,
            texts: Arc::new(texts),
            id_key,
            installed_at,
            clock,
        };
        house.import_certificates(now)?;
        rota::refresh(&house.store, &house.settings, now)?;
        Ok(house)
    }

    /// The same house under another config: for a reload. The store stays as it is.
    pub fn refurnished(&self, settings: Settings) -> Result<House, String> {
        if settings.store.path != self.settings.store.path || settings.store.key_file != self.settings.store.key_file {
            return Err("[store] cannot change while the daemon runs; restart it".to_owned());
        }
        let texts = Texts::load(&settings.folder.join("texts"))?;
        let (keys, readers) = (load_keys(&settings), readers(&settings));
        let house = House { settings: Arc::new(settings), keys, readers, texts: Arc::new(texts), ..self.clone() };
        house.import_certificates(house.now()).map_err(|error| error.to_string())?;
        Ok(house)
    }

    /// The time, read once a turn.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets the simulated clock stay where it has come to; nothing on a real one.
    pub fn remember_clock(&self) -> Result<(), StoreError> {
        if self.clock.is_simulated() {
            let now = self.now();
            self.store.write(|tx| values::run_simulated_clock(tx, now))?;
        }
        Ok(())
    }

    /// Certificates that lie in the folder of the config are the team's own import: `marginal`.
    fn import_certificates(&self, now: Timestamp) -> Result<(), StoreError> {
        let Some(folder) = &self.settings.pgp.certs else { return Ok(()) };
        let introducers = &self.settings.pgp.introducers;
        let mut files: Vec<_> = match std::fs::read_dir(folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect(),
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "the folder of certificates cannot be read");
                return Ok(());
            }
        };
        files.sort();
        for file in files {
            let octets = match std::fs::read(&file) {
                Ok(octets) => octets,
                Err(error) => {
                    tracing::warn!(file = %file.display(), %error, "a certificate cannot be read");
                    continue;
                }
            };
            match openpgp_certs::describe_document(&octets, introducers, now) {
                Ok(found) => {
                    for facts in found {
                        let kept = self
                            .store
                            .change(|tx| keep_certificate(tx, &facts, &self.settings, "folder", history::VIGIE, now));
                        if let Err(error) = kept {
                            tracing::warn!(file = %file.display(), %error, "a certificate could not be kept");
                        }
                    }
                }
                Err(words) => {
                    tracing::warn!(file = %file.display(), words, "a file in the folder of certificates is none")
                }
            }
        }
        Ok(())
    }
}

/// The key of the store, as the config names it. Finishes a `store rekey` that was cut short after the
/// store had taken its place and before the key had.
pub fn store_key(settings: &Settings) -> Result<Option<Zeroizing<String>>, HouseError> {
    let Some(file) = &settings.store.key_file else { return Ok(None) };
    let staged = staged_key(file);
    if staged.exists() {
        let opens =
            |file: &Path| secret::store_key(file).is_ok_and(|key| copies::opens(&settings.store.path, Some(&key)));
        if !opens(file) && opens(&staged) {
            take_staged_key(file).map_err(HouseError::Config)?;
            tracing::warn!("the new key of the store has taken its place: a rekey had been cut short");
        }
    }
    secret::store_key(file).map(Some).map_err(HouseError::Config)
}

/// Where a new key of the store waits until the store has taken its place.
pub fn staged_key(key_file: &Path) -> PathBuf {
    copies::beside(key_file, ".new")
}

/// Lets the staged key take its place.
pub fn take_staged_key(key_file: &Path) -> Result<(), String> {
    let folder = key_file.parent().unwrap_or(Path::new("/"));
    std::fs::rename(staged_key(key_file), key_file)
        .and_then(|()| std::fs::File::open(folder)?.sync_all())
        .map_err(|e| format!("{}: {e}", key_file.display()))
}

/// The processes that read mail; None where the config wants everything in one.
pub fn readers(settings: &Settings) -> Option<Arc<Readers>> {
    let readers = || Readers::new(OURSELVES.into(), memory_for(settings.message_bytes));
    settings.separate_processes.then(|| Arc::new(readers()))
}

fn start_clock(store: &Store, settings: &Settings, now: Option<Timestamp>) -> Result<Clock, StoreError> {
    if !settings.store.simulated_clock {
        return Ok(Clock::System);
    }
    let stood = store.read(values::simulated_clock)?;
    let from = match (now, stood) {
        (Some(now), Some(stood)) => now.max(stood),
        (Some(at), None) | (None, Some(at)) => at,
        (None, None) => clock::system_now(),
    };
    store.write(|tx| values::run_simulated_clock(tx, from))?;
    Ok(Clock::simulated(from))
}

/// Where the secret keys of the team are, as a keeper of its own can be told on its command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct KeyFiles {
    /// Secret keys, armoured or binary; the first signs, all decrypt
    #[arg(value_name = "FILE")]
    pub secret_keys: Vec<PathBuf>,
    /// The file with their passphrase
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The socket of the gpg-agent that holds what is secret of keys whose files do not
    #[arg(long, value_name = "SOCKET")]
    pub agent_socket: Option<PathBuf>,
}

impl KeyFiles {
    fn of(pgp: &Pgp) -> KeyFiles {
        KeyFiles {
            secret_keys: pgp.secret_keys.clone(),
            passphrase_file: pgp.passphrase_file.clone(),
            agent_socket: pgp.agent_socket.clone(),
        }
    }

    fn arguments(&self) -> Vec<OsString> {
        let named = [("--passphrase-file", &self.passphrase_file), ("--agent-socket", &self.agent_socket)];
        let named = named.into_iter().filter_map(|(name, path)| Some([name.into(), path.clone()?.into()]));
        let files = self.secret_keys.iter().map(|path| path.clone().into());
        [OsString::from("keeper")].into_iter().chain(named.flatten()).chain(["--".into()]).chain(files).collect()
    }

    /// Loads them into this process, beside them gpg-agent for those that are in no file; what cannot be
    /// used stands in `troubles`.
    pub fn load(&self) -> Arc<dyn PrivateKeys> {
        let mut troubles = Vec::new();
        let mut files = Vec::new();
        for path in &self.secret_keys {
            match secret::read_octets(path) {
                Ok(octets) => files.push((path.display().to_string(), octets.to_vec())),
                Err(words) => troubles.push(words),
            }
        }
        let passphrase = match self.passphrase_file.as_deref().map(secret::read) {
            Some(Ok(passphrase)) => Some(passphrase),
            Some(Err(words)) => {
                troubles.push(words);
                None
            }
            None => None,
        };
        let files = MemoryKeys::load(&files, passphrase.as_ref().map(|p| p.as_str())).with_troubles(troubles);
        match &self.agent_socket {
            Some(socket) => Arc::new(AgentKeys::beside(files, socket)),
            None => Arc::new(files),
        }
    }
}

/// Comes to the team's keys: behind a keeper, unless the config wants everything in one process.
pub fn load_keys(settings: &Settings) -> Arc<dyn PrivateKeys> {
    let files = KeyFiles::of(&settings.pgp);
    let keeper = match (&settings.pgp.keeper_socket, settings.separate_processes) {
        (Some(socket), _) => Some(Keeper::At(socket.clone())),
        (None, true) => Some(Keeper::Ours(OURSELVES.into(), files.arguments())),
        (None, false) => None,
    };
    let keys: Arc<dyn PrivateKeys> = match keeper.map(KeeperKeys::open) {
        Some(Ok(keys)) => Arc::new(keys),
        Some(Err(words)) => Arc::new(MemoryKeys::default().with_troubles(vec![words])),
        None => files.load(),
    };
    for words in keys.troubles() {
        tracing::error!(words, "a key of the team cannot be used; mail to it waits as \"key unavailable\"");
    }
    keys
}
