//! IMAP: one session with one server, every step of it timed and its status seen.
//!
//! A thin layer over async-imap, of which we use the reply parser and the login alone. Its
//! commands drop the tagged status, so that a refusal looks like an empty result; here each
//! command is read to its own tag, and only OK is success. After a time-out, a broken link, a
//! broken rule or a call dropped half-way the session is dead: every later call fails at once
//! and the caller connects anew.
//!
//! Hostile data: all replies. `guard` checks their framing before the parser sees them;
//! counts, sizes and UIDs are believed only where a lie does no harm; a reply for a UID that
//! was not asked for ends the session. `\Seen` is never set, nothing is ever expunged but our
//! own moved UIDs.
//! Failure: [`ImapTrouble`], in words that hold no octet of a mail.
//! Known gaps: IMAP4rev1 only; no OAuth; no SPECIAL-USE; the password is not wiped from
//! async-imap's buffers; after a suspend a dead IDLE is noticed at its end only; an ALERT
//! before the end of the login is lost.

mod fetch;
mod folder;
mod guard;
mod idle;
mod link;
mod names;

pub use fetch::{Fetched, HEAD_OCTETS, Mail, Meta, batches};
pub use folder::Selected;
pub use idle::IdleEnd;

use crate::rules::settings::Server;
use crate::rules::trouble::Trouble;
use crate::rules::untrusted::Untrusted;
use async_imap::imap_proto::{Capability, MailboxDatum, Outcome, Response, ResponseCode, Status};
use guard::{Breach, CHATTER, Guard};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

type Io = async_imap::Session<Guard>;

/// Why a dealing with the server failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImapTrouble {
    /// The server or the way to it: connect again after a pause.
    #[error("{0}")]
    Later(String),
    /// The password was refused: at most one more try in ten minutes (T88), or the account is locked.
    #[error("{0}")]
    Auth(String),
    /// There is no such folder. The session is good.
    #[error("{0}")]
    NoFolder(String),
    /// The server lacks what this needs; a person must change something. The session is good.
    #[error("{0}")]
    Cannot(String),
}

impl From<ImapTrouble> for Trouble {
    fn from(trouble: ImapTrouble) -> Self {
        match trouble {
            ImapTrouble::Later(words) | ImapTrouble::Auth(words) => Trouble::Later(words),
            ImapTrouble::NoFolder(words) | ImapTrouble::Cannot(words) => Trouble::Never(words),
        }
    }
}

/// The longest that a step may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// From the first packet to the end of the login.
    pub connect: Duration,
    /// One command, its whole reply included; a mail gets a second more for each 64 KiB.
    pub command: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { connect: Duration::from_secs(30), command: Duration::from_secs(60) }
    }
}

/// What the server says after login that it can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub idle: bool,
    /// MOVE (RFC 6851).
    pub moves: bool,
    /// UID EXPUNGE (RFC 4315).
    pub uidplus: bool,
}

/// A connection that is logged in.
#[derive(Debug)]
pub struct Session {
    /// None once it is dead. It is taken out during each step, so a dropped call kills it too.
    io: Option<Io>,
    /// `host:port`, for the words of errors.
    place: String,
    timeouts: Timeouts,
    pub can: Capabilities,
    view: View,
    /// Folders as the config names them -> as the server does.
    names: BTreeMap<String, String>,
}

/// What untagged replies told about the selected folder, whenever they came.
#[derive(Debug, Default)]
struct View {
    exists: u32,
    /// Mail came since the last search began.
    news: bool,
    /// Texts that the server wants shown to a person (RFC 3501 section 7.1, ALERT).
    alerts: VecDeque<String>,
}

/// How a command ended.
enum Answer {
    Done,
    /// NO or BAD, with the server's words.
    Refused(String),
}

/// One command.
struct Step {
    /// For the words of errors: "SEARCH".
    what: String,
    command: String,
    /// How many octets may come in reply, and how soon.
    allow: usize,
    within: Duration,
}

/// Logs in, counts the mails of `folder`, and leaves: for `check --connect`.
pub async fn probe(
    server: &Server,
    password: &str,
    tls: Arc<rustls::ClientConfig>,
    timeouts: Timeouts,
    folder: &str,
) -> Result<u32, ImapTrouble> {
    let mut session = Session::connect(server, password, tls, timeouts).await?;
    let count = session.examine(folder).await?.exists;
    session.logout().await;
    Ok(count)
}

impl Session {
    /// Connects, in the way that `server` says and no weaker one, and logs in.
    ///
    /// Errors: Auth if the password was refused, Cannot if the settings cannot work, else Later.
    pub async fn connect(
        server: &Server,
        password: &str,
        tls: Arc<rustls::ClientConfig>,
        timeouts: Timeouts,
    ) -> Result<Session, ImapTrouble> {
        let place = format!("{}:{}", server.host, server.port);
        let io = match tokio::time::timeout(timeouts.connect, link::open(server, password, tls)).await {
            Ok(opened) => opened.map_err(|trouble| trouble.at(&place))?,
            Err(_) => {
                let seconds = timeouts.connect.as_secs_f32();
                return Err(ImapTrouble::Later(format!("{place}: no login within {seconds} s")));
            }
        };
        let mut session = Session {
            io: Some(io),
            place,
            timeouts,
            can: Capabilities::default(),
            view: View::default(),
            names: BTreeMap::new(),
        };
        session.ask_capabilities().await?;
        Ok(session)
    }

    /// Whether the session can still be used.
    pub fn is_alive(&self) -> bool {
        self.io.is_some()
    }

    /// What the server wanted a person to read since the last call: at most the latest five, made safe to show.
    pub fn take_alerts(&mut self) -> Vec<String> {
        self.view.alerts.drain(..).collect()
    }

    /// Says goodbye; a server that does not answer within 2 s is left without.
    pub async fn logout(mut self) {
        let within = Duration::from_secs(2).min(self.timeouts.command);
        let step = Step { within, ..self.step("LOGOUT", "LOGOUT".into()) };
        // BYE comes before the tag: an error to `run`, and all that is wanted here.
        let _ = self.run(step, |_| ()).await;
    }

    async fn ask_capabilities(&mut self) -> Result<(), ImapTrouble> {
        let mut can = Capabilities::default();
        let step = self.step("CAPABILITY", "CAPABILITY".into());
        let answer = self
            .run(step, |reply| {
                let Response::Capabilities(all) = reply else { return };
                let has = |name: &str| {
                    all.iter().any(|c| matches!(c, Capability::Atom(atom) if atom.eq_ignore_ascii_case(name)))
                };
                can = Capabilities { idle: has("IDLE"), moves: has("MOVE"), uidplus: has("UIDPLUS") };
            })
            .await?;
        self.can = can;
        self.done(answer, "CAPABILITY")
    }

    /// A command with the usual limits. `what` names it in errors.
    fn step(&self, what: impl Into<String>, command: String) -> Step {
        Step { what: what.into(), command, allow: CHATTER, within: self.timeouts.command }
    }

    /// Runs one command to its tagged status and shows each untagged reply to `see`.
    async fn run(&mut self, step: Step, mut see: impl FnMut(&Response<'_>)) -> Result<Answer, ImapTrouble> {
        let mut io = self.take_io()?;
        io.as_mut().allow(step.allow);
        let dialogue = async {
            let tag = io.run_command(&step.command).await.map_err(words)?;
            loop {
                let reply = read(io.read_response()).await?;
                match reply.parsed() {
                    Response::Done { tag: of, status, outcome } if *of == tag => return answer(status, outcome),
                    Response::Done { .. } => return Err("it answered a command that was not given".into()),
                    untagged => {
                        self.view.note(untagged)?;
                        see(untagged);
                    }
                }
            }
        };
        match tokio::time::timeout(step.within, dialogue).await {
            Ok(Ok(answer)) => {
                self.io = Some(io);
                Ok(answer)
            }
            Ok(Err(words)) => Err(self.later(&step.what, &words)),
            Err(_) => Err(self.later(&step.what, &format!("no answer within {} s", step.within.as_secs_f32()))),
        }
    }

    /// Takes the link for one step. Who does not put it back leaves the session dead.
    fn take_io(&mut self) -> Result<Io, ImapTrouble> {
        self.io.take().ok_or_else(|| ImapTrouble::Later(format!("{}: the connection is closed", self.place)))
    }

    fn done(&self, answer: Answer, what: &str) -> Result<(), ImapTrouble> {
        match answer {
            Answer::Done => Ok(()),
            Answer::Refused(words) => Err(self.later(what, &format!("the server refused: {words}"))),
        }
    }

    fn later(&self, what: &str, words: &str) -> ImapTrouble {
        ImapTrouble::Later(format!("{}: {what}: {words}", self.place))
    }

    /// The server broke the protocol: nothing that it says on this connection is believed any more.
    fn broken(&mut self, what: &str, words: &str) -> ImapTrouble {
        self.io = None;
        self.later(what, words)
    }
}

impl View {
    /// Takes in what any reply may carry (RFC 3501 section 7). Errors: the server says goodbye.
    fn note(&mut self, reply: &Response<'_>) -> Result<(), String> {
        match reply {
            Response::MailboxData(MailboxDatum::Exists(exists)) => {
                self.news |= *exists > self.exists;
                self.exists = *exists;
            }
            Response::Expunge(_) => self.exists = self.exists.saturating_sub(1),
            Response::Vanished { earlier: false, uids } => {
                let gone = uids.iter().map(|run| u64::from(*run.end()).saturating_sub(u64::from(*run.start())) + 1);
                let gone = gone.fold(0, u64::saturating_add);
                self.exists = self.exists.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX));
            }
            Response::Data { status: Status::Bye, outcome } => {
                return Err(format!("the server closed the connection: {}", shown(outcome)));
            }
            Response::Data { outcome, .. } if outcome.code == Some(ResponseCode::Alert) => {
                self.alerts.truncate(4);
                self.alerts.push_front(shown(outcome));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A reply that is being read. Errors in words: a link that ended, framing that broke, a reply that is none.
async fn read<R>(reading: impl Future<Output = std::io::Result<Option<R>>>) -> Result<R, String> {
    match unwinding(reading).await {
        Some(Ok(Some(reply))) => Ok(reply),
        Some(Ok(None)) => Err("the server closed the connection".into()),
        Some(Err(e)) => Err(io_words(&e)),
        None => Err("it sent a reply that is no IMAP".into()),
    }
}

/// None if the parser panicked, as it does on INTERNALDATE NIL and on text that begins with a
/// letter of several octets right behind a code. What it worked on is dropped after that.
async fn unwinding<F: Future>(work: F) -> Option<F::Output> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

fn answer(status: &Status, outcome: &Outcome<'_>) -> Result<Answer, String> {
    match status {
        Status::Ok => Ok(Answer::Done),
        Status::No | Status::Bad => Ok(Answer::Refused(shown(outcome))),
        Status::Bye | Status::PreAuth => Err("it sent a status that has no place here".into()),
    }
}

/// The server's words, made safe to show and cut.
fn shown(outcome: &Outcome<'_>) -> String {
    tame(outcome.information.as_deref().unwrap_or("no reason given"))
}

/// Foreign text for an error: one line, at most 200 characters.
fn tame(text: &str) -> String {
    Untrusted::new(text.chars().take(200).collect::<String>()).line().chars().take(200).collect()
}

fn words(error: async_imap::error::Error) -> String {
    match error {
        async_imap::error::Error::Io(e) => io_words(&e),
        async_imap::error::Error::ConnectionLost => "the server closed the connection".into(),
        // The others may hold what the server sent.
        _ => "the command could not be sent".into(),
    }
}

/// Never the error's own text: the parser puts what it could not parse, mail included, into it.
fn io_words(error: &std::io::Error) -> String {
    use std::io::ErrorKind::{Other, UnexpectedEof};
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Breach>()) {
        Some(breach) => breach.to_string(),
        None if error.kind() == Other => "it sent a reply that is no IMAP".into(),
        None if error.kind() == UnexpectedEof => "the connection ended in the middle of a reply".into(),
        None => error.kind().to_string(),
    }
}
