//! The keeper: a process that holds the team's private keys and answers two questions, a session
//! key and a signature (law 8). It has no network, no file and no parser of mail; `serve` is the
//! keeper itself, `KeeperKeys` the other end, in the daemon.
//!
//! Questions carry a number and are worked on by all cores at once. A keeper that ends is started
//! again, once a question. Hostile data: the numbers of PKESK packets; and, should a reader or the
//! daemon have been taken over, any frame at all. Failure: `KeyTrouble`.

use super::seam::{KeyTrouble, PrivateKeys, TeamKey};
use crate::edge::walls::{self, Limits, Needs};
use crate::edge::wire::{Wire, WireTrouble};
use openpgp::types::HashAlgorithm;
use sequoia_openpgp as openpgp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Both ends must speak the same: under systemd they may be of two releases for a moment.
const VERSION: u32 = 1;
/// Of a question, octets: the numbers of one PKESK or one digest.
const QUESTION: usize = 64 << 10;
/// Of an answer, octets: certificates.
const ANSWER: usize = 64 << 20;
/// For one answer; gpg-agent alone may take ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Keys locked with costly passphrases take their time to be loaded.
const START: Duration = Duration::from_secs(60);

/// What the keeper can be asked.
#[derive(Serialize, Deserialize)]
enum Question {
    WhoAreYou,
    Troubles,
    SessionKey {
        key: String,
        #[serde(with = "serde_bytes")]
        ciphertext: Vec<u8>,
        plaintext_len: Option<usize>,
    },
    Sign {
        key: String,
        hash: u8,
        #[serde(with = "serde_bytes")]
        digest: Vec<u8>,
    },
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Iam {
        version: u32,
        team: Vec<TeamKey>,
        blind: bool,
    },
    Troubles(Vec<String>),
    /// A session key or a signature.
    Octets(#[serde(with = "serde_bytes")] Vec<u8>),
    Not(KeyTrouble),
}

/// A number, and what it is about.
#[derive(Serialize, Deserialize)]
struct Numbered<T>(u64, T);

/// Who asks the keeper.
pub enum Askers {
    /// The process that started it; it ends with that one.
    One(Wire),
    /// Whoever may open its socket, under systemd.
    Any(UnixListener),
}

/// So many may ask at a time.
const CONNECTIONS: usize = 8;

/// A question, and where its answer goes.
struct Asked {
    question: Numbered<Question>,
    answers: Arc<Mutex<Wire>>,
}

/// The keeper itself: answers until nobody is left who could ask. `has_agent`: the keys themselves ask
/// elsewhere, over a Unix socket.
pub fn serve(askers: Askers, keys: Arc<dyn PrivateKeys>, has_agent: bool) -> Result<(), String> {
    super::warm_up();
    let trouble = |error: std::io::Error| format!("the keeper cannot start: {error}");
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let (ask, asked) = sync_channel(4 * cores);
    let asked = Arc::new(Mutex::new(asked));
    for _ in 0..cores {
        let (keys, asked) = (keys.clone(), asked.clone());
        std::thread::Builder::new().spawn(move || work(keys.as_ref(), &asked)).map_err(trouble)?;
    }
    let (needs, listeners) = match askers {
        Askers::One(wire) => {
            let answers = Arc::new(Mutex::new(wire.try_clone().map_err(trouble)?));
            let listen = move || listen(wire, &answers, &ask);
            let needs = Needs { unix_sockets: has_agent, accepts: false };
            (needs, vec![std::thread::Builder::new().spawn(listen).map_err(trouble)?])
        }
        Askers::Any(socket) => {
            let socket = Arc::new(socket);
            let listener = |_| {
                let (socket, ask) = (socket.clone(), ask.clone());
                std::thread::Builder::new().spawn(move || accept(&socket, &ask)).map_err(trouble)
            };
            let listeners = (0..CONNECTIONS).map(listener).collect::<Result<_, _>>()?;
            (Needs { unix_sockets: has_agent, accepts: true }, listeners)
        }
    };
    walls::put_up(Limits { memory: None, cpu: None }, needs)?;
    listeners.into_iter().for_each(|listener| drop(listener.join()));
    Ok(())
}

fn accept(socket: &UnixListener, ask: &SyncSender<Asked>) {
    loop {
        let Ok((stream, _)) = socket.accept() else {
            // Too many files open, or interrupted: nothing but time helps.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        let wire = Wire::over(stream);
        if let Ok(answers) = wire.try_clone() {
            listen(wire, &Arc::new(Mutex::new(answers)), ask);
        }
    }
}

fn listen(mut wire: Wire, answers: &Arc<Mutex<Wire>>, ask: &SyncSender<Asked>) {
    while let Ok(question) = wire.receive(QUESTION) {
        if ask.send(Asked { question, answers: answers.clone() }).is_err() {
            return;
        }
    }
}

fn work(keys: &dyn PrivateKeys, asked: &Mutex<Receiver<Asked>>) {
    loop {
        let next = asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Asked { question: Numbered(number, question), answers }) = next else { return };
        let answer = Numbered(number, answer(keys, question));
        // Whoever asked may have gone.
        let _ = answers.lock().unwrap_or_else(PoisonError::into_inner).send(&answer);
    }
}

fn answer(keys: &dyn PrivateKeys, question: Question) -> Answer {
    let octets = |answer: Result<Vec<u8>, KeyTrouble>| answer.map_or_else(Answer::Not, Answer::Octets);
    match question {
        Question::WhoAreYou => Answer::Iam { version: VERSION, team: keys.team().to_vec(), blind: keys.blind() },
        Question::Troubles => Answer::Troubles(keys.troubles()),
        Question::SessionKey { key, ciphertext, plaintext_len } => {
            octets(keys.session_key(&key, &ciphertext, plaintext_len).map(|secret| secret.to_vec()))
        }
        Question::Sign { key, hash, digest } => octets(keys.sign(&key, HashAlgorithm::from(hash), &digest)),
    }
}

/// How to come to a keeper.
#[derive(Debug, Clone)]
pub enum Keeper {
    /// A child of ours: the program, and its arguments.
    Ours(PathBuf, Vec<OsString>),
    /// One that listens on a socket, under a user of its own.
    At(PathBuf),
}

/// The team's keys, as far as the daemon has them: behind a keeper.
pub struct KeeperKeys {
    keeper: Keeper,
    team: Vec<TeamKey>,
    blind: bool,
    talk: Mutex<Option<Arc<Talk>>>,
}

impl KeeperKeys {
    /// Starts or finds the keeper and asks who it is.
    pub fn open(keeper: Keeper) -> Result<KeeperKeys, String> {
        let mut keys = KeeperKeys { keeper, team: Vec::new(), blind: true, talk: Mutex::new(None) };
        let answer = keys.ask(START, || Question::WhoAreYou).map_err(|trouble| trouble.to_string())?;
        match answer {
            Answer::Iam { version: VERSION, team, blind } => (keys.team, keys.blind) = (team, blind),
            Answer::Iam { version, .. } => {
                return Err(format!(
                    "the keeper of the keys speaks version {version} and not {VERSION}; restart vigie-keeper"
                ));
            }
            _ => return Err(WireTrouble::Nonsense.to_string()),
        }
        Ok(keys)
    }

    /// Asks; where the keeper has ended, once more to a new one.
    fn ask(&self, patience: Duration, question: impl Fn() -> Question) -> Result<Answer, KeyTrouble> {
        let mut trouble = WireTrouble::Gone;
        for _ in 0..2 {
            let talk = self.talk()?;
            match talk.ask(question(), patience) {
                Ok(answer) => return Ok(answer),
                Err(said) => trouble = said,
            }
            let mut kept = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, &talk)) {
                *kept = None;
            }
        }
        Err(KeyTrouble::Unavailable(format!("the keeper of the private keys does not answer: {trouble}")))
    }

    fn talk(&self) -> Result<Arc<Talk>, KeyTrouble> {
        let mut kept = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(talk) = kept.as_ref() {
            return Ok(talk.clone());
        }
        let talk = Talk::begin(&self.keeper).map_err(|error| {
            KeyTrouble::Unavailable(format!("the keeper of the private keys cannot be reached: {error}"))
        })?;
        Ok(kept.insert(Arc::new(talk)).clone())
    }

    fn octets(&self, question: impl Fn() -> Question) -> Result<Vec<u8>, KeyTrouble> {
        match self.ask(PATIENCE, question)? {
            Answer::Octets(octets) => Ok(octets),
            Answer::Not(trouble) => Err(trouble),
            _ => Err(KeyTrouble::Unavailable(WireTrouble::Nonsense.to_string())),
        }
    }
}

impl PrivateKeys for KeeperKeys {
    fn team(&self) -> &[TeamKey] {
        &self.team
    }

    fn troubles(&self) -> Vec<String> {
        match self.ask(PATIENCE, || Question::Troubles) {
            Ok(Answer::Troubles(troubles)) => troubles,
            Ok(_) => vec![WireTrouble::Nonsense.to_string()],
            Err(trouble) => vec![trouble.to_string()],
        }
    }

    fn blind(&self) -> bool {
        self.blind
    }

    fn session_key(
        &self,
        key: &str,
        ciphertext: &[u8],
        plaintext_len: Option<usize>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyTrouble> {
        let question = || Question::SessionKey { key: key.to_owned(), ciphertext: ciphertext.to_vec(), plaintext_len };
        self.octets(question).map(Zeroizing::new)
    }

    fn sign(&self, key: &str, hash: HashAlgorithm, digest: &[u8]) -> Result<Vec<u8>, KeyTrouble> {
        self.octets(|| Question::Sign { key: key.to_owned(), hash: hash.into(), digest: digest.to_vec() })
    }
}

/// Whoever waits for an answer, by the number of the question.
type Waiting = Arc<Mutex<Option<HashMap<u64, SyncSender<Answer>>>>>;

/// One connection to a keeper. Its end ends a keeper of ours.
struct Talk {
    questions: Mutex<Wire>,
    /// None: the keeper has gone.
    waiting: Waiting,
    next: AtomicU64,
    child: Option<Mutex<Child>>,
}

impl Talk {
    fn begin(keeper: &Keeper) -> std::io::Result<Talk> {
        let (wire, child) = match keeper {
            Keeper::At(socket) => (Wire::over(UnixStream::connect(socket)?), None),
            Keeper::Ours(program, arguments) => {
                let (ours, theirs) = Wire::pair()?;
                let mut command = Command::new(program);
                command.args(arguments).stdin(theirs).stdout(Stdio::null());
                (ours, Some(Mutex::new(command.spawn()?)))
            }
        };
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let (answers, heard) = (wire.try_clone()?, waiting.clone());
        std::thread::Builder::new().name("keeper".to_owned()).spawn(move || hear(answers, &heard))?;
        Ok(Talk { questions: Mutex::new(wire), waiting, next: AtomicU64::new(0), child })
    }

    fn ask(&self, question: Question, patience: Duration) -> Result<Answer, WireTrouble> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = sync_channel(1);
        match self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(waiting) => waiting.insert(number, tell),
            None => return Err(WireTrouble::Gone),
        };
        {
            let mut wire = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
            wire.wait_until(Some(Instant::now() + patience));
            wire.send(&Numbered(number, question))?;
        }
        waiting_for(|| told.recv_timeout(patience)).map_err(|error| match error {
            std::sync::mpsc::RecvTimeoutError::Timeout => WireTrouble::Late,
            std::sync::mpsc::RecvTimeoutError::Disconnected => WireTrouble::Gone,
        })
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let child = child.get_mut().unwrap_or_else(PoisonError::into_inner);
            // It may hang: nothing that it does is worth waiting for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn hear(mut answers: Wire, waiting: &Mutex<Option<HashMap<u64, SyncSender<Answer>>>>) {
    while let Ok(Numbered(number, answer)) = answers.receive(ANSWER) {
        let teller =
            waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(|all| all.remove(&number));
        if let Some(teller) = teller {
            // Whoever asked may have given up.
            let _ = teller.send(answer);
        }
    }
    *waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// An async worker thread that waits hands its other tasks on.
pub(super) fn waiting_for<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
