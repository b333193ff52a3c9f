//! The watched folders: each its own loop with its own connection, so that one mailbox never
//! waits for another. After a reload of the config they start anew.

use super::Ground;
use super::turns;
use crate::arrive::again;
use crate::arrive::intake::{self, Found, Look, Pace, Watch};
use crate::decide::raise;
use crate::edge::imap::{IdleEnd, ImapTrouble, Selected, Session, Timeouts};
use crate::edge::random;
use crate::house::House;
use crate::respond::{post, tidy};
use crate::rules::settings::{Imap, Settings, Source};
use crate::rules::trouble::Trouble;
use crate::store::spool::Role;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// IDLE is asked for anew this often: well before servers hang up, and a dead link is noticed.
const IDLE: Duration = Duration::from_secs(4 * 60);

/// A server may push without end: between two searches lies at least this.
const AGAIN: Duration = Duration::from_millis(200);

/// The folder of a Maildir is looked at this often.
const MAILDIR: Duration = Duration::from_secs(2);

/// Where the password was refused, at most one try in this time (T88).
const LOCKED_OUT: Duration = Duration::from_secs(10 * 60);

/// People are told when a mailbox has not been read for so long.
const DEAF: Duration = Duration::from_secs(15 * 60);

/// After a stop a loop has this long to take its leave; then its connection is dropped, which loses
/// nothing: what is not committed is found again.
const LEAVE: Duration = Duration::from_secs(2);

/// A server that numbers its mails anew more often in a day than this is in trouble.
const RENUMBERED: u32 = 3;

/// A folder to watch, and the way to it.
#[derive(Clone)]
pub struct Post {
    pub watch: Watch,
    pub way: Way,
}

/// How a folder is reached.
#[derive(Clone)]
pub enum Way {
    Imap(Imap, Door),
    Maildir { path: PathBuf, filed_folder: String },
}

/// Every folder that the config wants watched.
pub fn watched(settings: &Settings) -> Vec<Post> {
    let mut posts = Vec::new();
    for mailbox in &settings.mailboxes {
        let watch = |folder: &str, role| Watch {
            mailbox: mailbox.clone(),
            folder: folder.to_owned(),
            role,
            message_bytes: settings.message_bytes,
        };
        match &mailbox.source {
            Source::Imap(imap) => {
                let way = Way::Imap(imap.clone(), Door::default());
                posts.push(Post { watch: watch(&imap.folder, Role::Inbox), way: way.clone() });
                if !imap.sent_folder.is_empty() {
                    posts.push(Post { watch: watch(&imap.sent_folder, Role::Sent), way });
                }
            }
            Source::Maildir { path, filed_folder } => posts.push(Post {
                watch: watch("", Role::Inbox),
                way: Way::Maildir { path: path.clone(), filed_folder: filed_folder.clone() },
            }),
        }
    }
    posts
}

/// Watches all folders until the stop; starts anew where the config was reloaded.
pub async fn keep(mut ground: Ground) {
    while !ground.stop.is_cancelled() {
        let house = ground.house.borrow_and_update().clone();
        let (tasks, stop) = (TaskTracker::new(), ground.stop.child_token());
        for post in watched(&house.settings) {
            tasks.spawn(watch(ground.clone(), house.clone(), post, stop.clone()));
        }
        tokio::select! {
            _ = ground.house.changed() => {}
            () = ground.stop.cancelled() => {}
        }
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}

/// One folder: watched, and after each failure again with a longer pause.
async fn watch(ground: Ground, house: House, post: Post, stop: CancellationToken) {
    let name = post.watch.name();
    let mut failing: Option<(u32, Instant, bool)> = None;
    let mut pace = Pace::Batches;
    while !stop.is_cancelled() {
        let mut well = || failing = None;
        let looking = async {
            match &post.way {
                Way::Imap(imap, door) => {
                    by_imap(&ground, &house, &post.watch, (imap, door), pace, &stop, &mut well).await
                }
                Way::Maildir { path, filed_folder } => {
                    by_maildir(&ground, &house, &post.watch, path, filed_folder, &stop, &mut well).await
                }
            }
        };
        let overdue = async {
            stop.cancelled().await;
            tokio::time::sleep(LEAVE).await;
        };
        let ended = tokio::select! {
            ended = looking => ended,
            () = overdue => break,
        };
        let Err(trouble) = ended else { break };
        let (times, since, told) = failing.unwrap_or((0, Instant::now(), false));
        pace = if times == 0 { Pace::Batches } else { Pace::Single };
        let words = trouble.to_string();
        turns::note(&house, &name, house.now(), Some(&words));
        let wants_person = !matches!(trouble, ImapTrouble::Later(_));
        if wants_person {
            tracing::error!(name, words, "a mailbox folder is not being read until somebody mends that");
        } else {
            tracing::warn!(name, words, "a mailbox folder cannot be read and is tried again");
        }
        // One account, one word about its password.
        let said_already = post.watch.role == Role::Sent && matches!(trouble, ImapTrouble::Auth(_));
        let tell = !told && !said_already && (wants_person || since.elapsed() >= DEAF);
        if tell {
            // What a server says stays in the status: it may name anybody.
            let unreached = "the server cannot be reached or refuses; see `vigie status`";
            tell_people(
                &ground,
                &house,
                &name,
                if matches!(trouble, ImapTrouble::Cannot(_)) { &words } else { unreached },
            );
        }
        failing = Some((times.saturating_add(1), since, told || tell));
        let pause = match trouble {
            ImapTrouble::Auth(_) => LOCKED_OUT,
            _ => pause(times),
        };
        ground.pulse.beat(&name, pause + Duration::from_secs(120));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    ground.pulse.end(&name);
}

/// 1 s, doubling, at most 5 minutes, less up to a quarter.
fn pause(times: u32) -> Duration {
    let whole = Duration::from_secs(1 << times.min(9)).min(Duration::from_secs(300));
    whole - whole * u32::from(random::jitter()) / (4 * 255)
}

fn tell_people(ground: &Ground, house: &House, name: &str, words: &str) {
    let now = house.now();
    let slot = format!("{name}-{}", now.as_second() / 86_400);
    let text = format!("The mailbox folder {name} is not being read: {words}");
    let told = tokio::task::block_in_place(|| {
        house.store.write(|tx| raise::notice(tx, &house.settings, None, "mailbox", &slot, &text, now))
    });
    match told {
        Ok(()) => ground.bells.owed.notify_one(),
        Err(error) => tracing::error!(%error, "nobody could be told that a mailbox is not read"),
    }
}

/// Tells people of what a look at a folder found amiss, once a day.
pub fn tell_of(house: &House, watch: &Watch, found: Found) {
    let (name, now) = (watch.name(), house.now());
    let slot = format!("{name}-{}", now.as_second() / 86_400);
    let lost = found.gone > 0 && watch.role == Role::Inbox;
    let tell = |about, words: &str| {
        let told = house.store.write(|tx| raise::notice(tx, &house.settings, None, about, &slot, words, now));
        if let Err(error) = told {
            tracing::error!(name, %error, "nobody could be told of trouble with a mailbox folder");
        }
    };
    if lost {
        let words = format!(
            "Mail in {name} was expunged before it could be read: a report may be lost. Find out which mail client or rule \
             deletes mail there."
        );
        tell("expunged before ingest", &words);
    }
    if found.renumbered > RENUMBERED {
        let words = format!(
            "The mail server gives {name} a new UIDVALIDITY again and again: each time all of it is read anew. Have the \
             server mended."
        );
        tell("uidvalidity", &words);
    }
}

impl From<Trouble> for ImapTrouble {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Later(words) | Trouble::Unsure(words) => ImapTrouble::Later(words),
            Trouble::Never(words) => ImapTrouble::Cannot(words),
        }
    }
}

/// The way into one account: who waits for the password to be tried, and that it was refused.
#[derive(Clone, Default)]
pub struct Door(Arc<tokio::sync::Mutex<Option<(Instant, ImapTrouble)>>>);

impl Door {
    /// Logs in. A password that was refused is not tried again for a while, whichever folder asks (T88).
    async fn enter(&self, imap: &Imap) -> Result<Session, ImapTrouble> {
        let mut refused = self.0.lock().await;
        if let Some((_, trouble)) = refused.as_ref().filter(|(at, _)| at.elapsed() < LOCKED_OUT) {
            return Err(trouble.clone());
        }
        let entered = log_in(imap).await;
        *refused = match &entered {
            Err(trouble @ ImapTrouble::Auth(_)) => Some((Instant::now(), trouble.clone())),
            _ => None,
        };
        entered
    }
}

/// Logs in to the server of a mailbox.
pub async fn log_in(imap: &Imap) -> Result<Session, ImapTrouble> {
    let password = post::password(&imap.server).map_err(ImapTrouble::Later)?.unwrap_or_default();
    let tls = post::client_config(&imap.server).map_err(ImapTrouble::Cannot)?;
    Session::connect(&imap.server, &password, tls, Timeouts::default()).await
}

async fn by_imap(
    ground: &Ground,
    house: &House,
    watch: &Watch,
    (imap, door): (&Imap, &Door),
    pace: Pace,
    stop: &CancellationToken,
    well: &mut (dyn FnMut() + Send),
) -> Result<(), ImapTrouble> {
    let name = watch.name();
    ground.pulse.beat(&name, Duration::from_secs(20 * 60));
    let mut session = door.enter(imap).await?;
    if again::by_imap(&mut session, &house.store, watch, house.now()).await? > 0 {
        ground.bells.spooled.notify_one();
    }
    let mut filed = ground.bells.filed.subscribe();
    let mut selected = open(&mut session, house, watch).await;
    loop {
        let folder = match &selected {
            Ok(folder) => *folder,
            // Nobody has sent anything from there yet.
            Err(ImapTrouble::NoFolder(_)) if watch.role == Role::Sent => {
                intake::absent(&house.store, watch, house.now()).await?;
                turns::note(house, &name, house.now(), None);
                ground.pulse.beat(&name, LOCKED_OUT + Duration::from_secs(120));
                tokio::select! {
                    () = tokio::time::sleep(imap_poll(imap)) => {}
                    () = stop.cancelled() => {
                        session.logout().await;
                        return Ok(());
                    }
                }
                selected = open(&mut session, house, watch).await;
                continue;
            }
            Err(trouble) => return Err(trouble.clone()),
        };
        let progress = Progress::new(&name);
        let show = |done, all| progress.show(done, all);
        let looked = Instant::now();
        let look = Look { now: house.now(), pace, progress: &show };
        let found = intake::sync(&mut session, &folder, &house.store, watch, look).await?;
        tokio::task::block_in_place(|| tell_of(house, watch, found));
        if found.gone > 0 || found.renumbered > RENUMBERED {
            ground.bells.owed.notify_one();
        }
        if found.came > 0 {
            ground.bells.spooled.notify_one();
        }
        filed.borrow_and_update();
        let mut untidy = None;
        if watch.role == Role::Inbox {
            let mailbox = &watch.mailbox.name;
            match tidy::tidy_imap(&mut session, &folder, &house.store, mailbox, &watch.folder, &imap.filed_folder).await
            {
                // What the server does not let us move keeps nothing from being read.
                Err(trouble) if session.is_alive() => untidy = Some(trouble.to_string()),
                tidied => drop(tidied?),
            }
        }
        for alert in session.take_alerts() {
            tracing::warn!(name, alert, "the server wants a person to read this");
        }
        if let Some(words) = &untidy {
            tracing::warn!(name, words, "filed mail stays in the inbox for now");
        }
        turns::note(house, &name, house.now(), untidy.as_deref());
        well();
        let wait = if session.can.idle { IDLE } else { imap_poll(imap) };
        ground.pulse.beat(&name, wait + Duration::from_secs(10 * 60));
        let bell = async {
            tokio::select! {
                _ = filed.changed() => {}
                () = stop.cancelled() => {}
            }
        };
        let end = if session.can.idle {
            session.idle(wait, bell).await?
        } else {
            tokio::select! {
                () = tokio::time::sleep(wait) => IdleEnd::Time,
                () = bell => IdleEnd::Bell,
            }
        };
        if stop.is_cancelled() {
            session.logout().await;
            return Ok(());
        }
        if end == IdleEnd::News && looked.elapsed() < AGAIN {
            tokio::time::sleep(AGAIN - looked.elapsed()).await;
        }
        if end == IdleEnd::Time {
            // Selecting anew notices a folder that was made anew.
            selected = open(&mut session, house, watch).await;
        }
    }
}

async fn open(session: &mut Session, house: &House, watch: &Watch) -> Result<Selected, ImapTrouble> {
    let selected = session.select(&watch.folder).await?;
    intake::check_uids(&house.store, watch, &selected).await?;
    Ok(selected)
}

fn imap_poll(imap: &Imap) -> Duration {
    Duration::try_from(imap.poll).unwrap_or(Duration::from_secs(60))
}

async fn by_maildir(
    ground: &Ground,
    house: &House,
    watch: &Watch,
    path: &std::path::Path,
    filed_folder: &str,
    stop: &CancellationToken,
    well: &mut (dyn FnMut() + Send),
) -> Result<(), ImapTrouble> {
    let name = watch.name();
    let mut filed = ground.bells.filed.subscribe();
    while !stop.is_cancelled() {
        let progress = Progress::new(&name);
        let turn = || -> Result<usize, Trouble> {
            let found_again = again::by_maildir(&house.store, watch, path, house.now())?;
            let show = |done, all| progress.show(done, all);
            let came = found_again + intake::sync_maildir(&house.store, watch, path, house.now(), &show)?;
            tidy::tidy_maildir(&house.store, &watch.mailbox.name, &watch.folder, path, filed_folder)?;
            Ok(came)
        };
        if tokio::task::block_in_place(turn)? > 0 {
            ground.bells.spooled.notify_one();
        }
        turns::note(house, &name, house.now(), None);
        well();
        ground.pulse.beat(&name, Duration::from_secs(120));
        tokio::select! {
            () = tokio::time::sleep(MAILDIR) => {}
            _ = filed.changed() => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

/// Long work says how far it is: a bar on a terminal, a line in the log now and then elsewhere.
pub struct Progress {
    name: String,
    bar: Option<indicatif::ProgressBar>,
    last: std::sync::Mutex<Instant>,
}

impl Progress {
    /// For work on `name`.
    pub fn new(name: &str) -> Arc<Progress> {
        Arc::new(Progress { name: name.to_owned(), bar: None, last: std::sync::Mutex::new(Instant::now()) })
    }

    /// The same with a bar, where standard error is a terminal.
    pub fn on_terminal(name: &str) -> Arc<Progress> {
        let bar = std::io::IsTerminal::is_terminal(&std::io::stderr()).then(|| indicatif::ProgressBar::new(0));
        Arc::new(Progress { name: name.to_owned(), bar, last: std::sync::Mutex::new(Instant::now()) })
    }

    /// So many of so many are done.
    pub fn show(&self, done: u64, all: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(all);
            bar.set_position(done);
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.elapsed() >= Duration::from_secs(5) {
            *last = Instant::now();
            tracing::info!(name = self.name, done, all, "reading a mailbox");
        }
    }
}
