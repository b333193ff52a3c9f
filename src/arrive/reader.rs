//! The reader: a disposable process that opens and reads mail (law 8). It holds no key, sees no
//! file and no network, and has bounded memory and time; what it needs it asks for over one wire:
//! certificates, and session keys. `Readers` is the daemon's end, `serve` the reader itself.
//!
//! Hostile data: the mail, and so anything that a reader says: questions are counted and
//! length-checked. Failure: `ReaderTrouble`. A reader that dies costs its mail that reason and
//! nothing else; the next mail gets a new one.

use super::{candidates, open, read};
use crate::edge::crash;
use crate::edge::openpgp::open::{KnownCertificate, Ring};
use crate::edge::openpgp::seam::{KeyTrouble, PrivateKeys, TeamKey};
use crate::edge::openpgp::warm_up;
use crate::edge::walls::{self, Limits, Needs, Walls};
use crate::edge::wire::{Wire, WireTrouble};
use crate::rules::address::Address;
use crate::rules::report::{Problem, Report};
use jiff::Timestamp;
use openpgp::types::HashAlgorithm;
use sequoia_openpgp as openpgp;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// A mail may take so long, keys and all.
const WALL: Duration = Duration::from_secs(60);
/// A reader may use so much processor time in its life, seconds.
const CPU: u64 = 60;
/// It is let go after so many mails, or so much time at work: one mail has always most of `CPU`.
const MAILS: u32 = 64;
const WORKED: Duration = Duration::from_secs(20);
/// One mail may ask so often.
const QUESTIONS: u32 = 500;
/// Of one question, octets.
const QUESTION: usize = 256 << 10;
/// Of a report, or of certificates, octets: what is decrypted may be 100 MiB.
const REPORT: usize = 512 << 20;
/// Address space for the program and its tables, octets.
const PROGRAM: u64 = 512 << 20;

/// What a reader needs for mails of up to `message_bytes`: the octets, the decoded parts, what is
/// decrypted and its parts, and the report.
pub fn memory_for(message_bytes: u64) -> u64 {
    PROGRAM + message_bytes.saturating_mul(8).max(512 << 20)
}

/// One mail, and what its reading depends on.
#[derive(Serialize, Deserialize)]
pub struct Job {
    /// The octets, as far as they are here.
    #[serde(with = "serde_bytes")]
    pub raw: Vec<u8>,
    /// How many octets the server has of it.
    pub full_size: u64,
    /// The team's addresses.
    pub own: Vec<Address>,
    /// Fingerprints, capital hex.
    pub introducers: Vec<String>,
    pub received_at: Timestamp,
    pub now: Timestamp,
}

/// Why a mail was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReaderTrouble {
    /// It broke its reader. In words for the ticket; nothing of the mail.
    #[error("{0}")]
    Broke(&'static str),
    /// No reader could be started: not the mail's fault.
    #[error("no reader of mail could be started: {0}")]
    NotStarted(std::io::Error),
}

/// Finds certificates by their handles.
pub type Find<'a> = dyn Fn(&[String]) -> Vec<KnownCertificate> + 'a;

/// Opens and reads a mail in this very process.
pub fn here(job: Job, keys: &dyn PrivateKeys, find: &Find) -> Result<Report, ReaderTrouble> {
    catch_unwind(AssertUnwindSafe(|| opened_and_read(job, keys, find)))
        .map_err(|_| ReaderTrouble::Broke("the mail broke its reader"))
}

fn opened_and_read(job: Job, keys: &dyn PrivateKeys, find: &Find) -> Report {
    let asked = RefCell::new(BTreeSet::new());
    let noting = |handles: &[String]| {
        asked.borrow_mut().extend(handles.iter().cloned());
        find(handles)
    };
    crash::point("reader.begin");
    let ring = Ring { keys, find: &noting, introducers: &job.introducers };
    let mut opened = open::open(&job.raw, &ring, &job.own, job.now, job.received_at);
    crash::point("reader.opened");
    let certificates = std::mem::take(&mut opened.certificates);
    let mut report = read::read(opened);
    if job.full_size > job.raw.len() as u64 {
        report.problems.push(Problem::Oversized);
    }
    report.candidates = candidates::describe(&certificates, job.now);
    report.asked = asked.take().into_iter().collect();
    report
}

/// To a reader.
#[derive(Serialize, Deserialize)]
enum ToReader {
    /// With the team's public keys, and whether some could not be read.
    Read(Box<Job>, Vec<TeamKey>, bool),
    Certificates(Vec<KnownCertificate>),
    SessionKey(Result<serde_bytes::ByteBuf, KeyTrouble>),
}

/// From a reader.
#[derive(Serialize, Deserialize)]
enum FromReader {
    Ready(Walls),
    Certificates(Vec<String>),
    SessionKey {
        key: String,
        #[serde(with = "serde_bytes")]
        ciphertext: Vec<u8>,
        plaintext_len: Option<usize>,
    },
    /// The report follows as a message of its own: only it may be long.
    Done,
}

/// The reader itself: works until the other end has gone.
pub fn serve(mut wire: Wire, memory: u64) -> Result<(), String> {
    warm_up();
    let walls = walls::put_up(Limits { memory: Some(memory), cpu: Some(CPU) }, Needs::default())?;
    let gone = |trouble: WireTrouble| trouble.to_string();
    wire.send(&FromReader::Ready(walls)).map_err(gone)?;
    let mut outside = Outside { wire: Mutex::new(wire), team: Vec::new(), blind: false };
    loop {
        let next = outside.wire.get_mut().unwrap_or_else(PoisonError::into_inner).receive(REPORT);
        let (job, team, blind) = match next {
            Ok(ToReader::Read(job, team, blind)) => (job, team, blind),
            Ok(_) => return Err(gone(WireTrouble::Nonsense)),
            Err(WireTrouble::Gone) => return Ok(()),
            Err(trouble) => return Err(gone(trouble)),
        };
        (outside.team, outside.blind) = (team, blind);
        let report = opened_and_read(*job, &outside, &|handles| outside.certificates(handles));
        let wire = outside.wire.get_mut().unwrap_or_else(PoisonError::into_inner);
        wire.send(&FromReader::Done).and_then(|()| wire.send(&report)).map_err(gone)?;
    }
}

/// What a reader knows of the outside: whatever it asks for.
struct Outside {
    wire: Mutex<Wire>,
    team: Vec<TeamKey>,
    blind: bool,
}

impl Outside {
    fn ask(&self, question: &FromReader) -> Result<ToReader, WireTrouble> {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        wire.send(question)?;
        wire.receive(REPORT)
    }

    fn certificates(&self, handles: &[String]) -> Vec<KnownCertificate> {
        match self.ask(&FromReader::Certificates(handles.to_vec())) {
            Ok(ToReader::Certificates(found)) => found,
            _ => Vec::new(),
        }
    }
}

impl PrivateKeys for Outside {
    fn team(&self) -> &[TeamKey] {
        &self.team
    }

    fn troubles(&self) -> Vec<String> {
        Vec::new()
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
        let question = FromReader::SessionKey { key: key.to_owned(), ciphertext: ciphertext.to_vec(), plaintext_len };
        match self.ask(&question) {
            Ok(ToReader::SessionKey(answer)) => answer.map(|secret| Zeroizing::new(secret.into_vec())),
            Ok(_) => Err(KeyTrouble::Unavailable(WireTrouble::Nonsense.to_string())),
            Err(trouble) => Err(KeyTrouble::Unavailable(trouble.to_string())),
        }
    }

    fn sign(&self, _: &str, _: HashAlgorithm, _: &[u8]) -> Result<Vec<u8>, KeyTrouble> {
        // Nothing is ever signed where mail is read.
        Err(KeyTrouble::Refused)
    }
}

/// Readers that wait for mail.
pub struct Readers {
    program: PathBuf,
    memory: u64,
    idle: Mutex<Vec<Reader>>,
}

impl Readers {
    /// `program` is ours; each reader may use `memory` octets of address space.
    pub fn new(program: PathBuf, memory: u64) -> Readers {
        Readers { program, memory, idle: Mutex::new(Vec::new()) }
    }

    /// Has a mail opened and read. `keys` and `find` answer the reader's questions.
    pub fn read(&self, job: Job, keys: &dyn PrivateKeys, find: &Find) -> Result<Report, ReaderTrouble> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => self.start()?,
        };
        let began = Instant::now();
        match reader.read(job, keys, find) {
            Ok(report) => {
                reader.mails += 1;
                reader.worked += began.elapsed();
                if reader.mails < MAILS && reader.worked < WORKED {
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
                }
                Ok(report)
            }
            Err(trouble) => Err(ReaderTrouble::Broke(reader.cause(trouble))),
        }
    }

    /// Lets idle readers go: they cost memory.
    pub fn rest(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Which walls stand around a reader; for `check`.
    pub fn walls(&self) -> Result<Walls, ReaderTrouble> {
        self.start().map(|reader| reader.walls)
    }

    fn start(&self) -> Result<Reader, ReaderTrouble> {
        Reader::start(&self.program, self.memory).map_err(ReaderTrouble::NotStarted)
    }
}

struct Reader {
    wire: Wire,
    child: Child,
    walls: Walls,
    mails: u32,
    worked: Duration,
}

impl Reader {
    fn start(program: &Path, memory: u64) -> std::io::Result<Reader> {
        let (mut wire, theirs) = Wire::pair()?;
        let mut command = Command::new(program);
        command.arg("reader").arg(memory.to_string()).env_clear().envs(crash::armed());
        let child = command.stdin(theirs).stdout(Stdio::null()).spawn()?;
        drop(command);
        wire.wait_until(Some(Instant::now() + WALL));
        let mut reader =
            Reader { wire, child, walls: Walls { landlock: false, seccomp: false }, mails: 0, worked: Duration::ZERO };
        match reader.wire.receive(QUESTION) {
            Ok(FromReader::Ready(walls)) => reader.walls = walls,
            Ok(_) => return Err(std::io::Error::other(WireTrouble::Nonsense)),
            Err(trouble) => return Err(std::io::Error::other(trouble)),
        }
        Ok(reader)
    }

    fn read(&mut self, job: Job, keys: &dyn PrivateKeys, find: &Find) -> Result<Report, WireTrouble> {
        self.wire.wait_until(Some(Instant::now() + WALL));
        self.wire.send(&ToReader::Read(Box::new(job), keys.team().to_vec(), keys.blind()))?;
        for _ in 0..QUESTIONS {
            let answer = match self.wire.receive(QUESTION)? {
                FromReader::Done => return self.wire.receive(REPORT),
                FromReader::Certificates(handles) => ToReader::Certificates(find(&handles)),
                FromReader::SessionKey { key, ciphertext, plaintext_len } => {
                    let secret = keys.session_key(&key, &ciphertext, plaintext_len);
                    ToReader::SessionKey(secret.map(|secret| serde_bytes::ByteBuf::from(secret.to_vec())))
                }
                FromReader::Ready(_) => return Err(WireTrouble::Nonsense),
            };
            self.wire.send(&answer)?;
        }
        Err(WireTrouble::Nonsense)
    }

    /// Why it did not read the mail.
    fn cause(&mut self, trouble: WireTrouble) -> &'static str {
        if trouble == WireTrouble::Late {
            return "the reader of the mail took longer than a minute";
        }
        if trouble == WireTrouble::Nonsense {
            return "the reader of the mail said what no reader says";
        }
        match self.child.wait().ok().and_then(|status| status.signal()) {
            Some(libc::SIGABRT) => "the reader of the mail ran out of memory, or gave up",
            Some(libc::SIGXCPU | libc::SIGKILL) => {
                "the reader of the mail used a minute of processor time, or was killed"
            }
            _ => "the mail broke its reader",
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
