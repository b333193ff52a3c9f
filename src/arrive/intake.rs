//! HAND-OVER 1: from a watched folder into the spool, octets and cursor in one commit (law 1).
//!
//! Content decides nothing here: whatever the octets are, they are stored and the cursor moves
//! on. The server's word is trusted as far as a lie costs no mail: after each wake everything
//! from the cursor on is searched for; a new UIDVALIDITY means reading the folder anew, and the
//! journey tells copies by content. `\Seen` is neither read nor set.
//!
//! Of a mail above `[limits] message_bytes` only the begin is stored. The rest stays on the server, where
//! the whole mail is filed away as any other: moved, never deleted.
//!
//! Hostile data: raw mail, and the server. Failure: `Trouble`; what was committed stays, the rest
//! is found again.

use crate::edge::imap::{self, Fetched, Meta, Selected, Session};
use crate::edge::{crash, maildir};
use crate::rules::settings::{Existing, Mailbox};
use crate::rules::trouble::Trouble;
use crate::store::spool::{self, Arrival, Cursor, Place, Role};
use crate::store::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// A mailbox may hold so many mails at first sight without a word in the config (`existing`).
pub const FEW: usize = 10;

/// A mail that could not be had so often is asked for by its head alone; after that, a stub takes its place.
const REFUSALS: u32 = 3;

/// How mails are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Batches,
    /// One by one, after a session died over a batch: one poison mail must not block the rest.
    Single,
}

/// One watched folder of a mailbox.
#[derive(Debug, Clone)]
pub struct Watch {
    pub mailbox: Mailbox,
    pub folder: String,
    pub role: Role,
    /// Larger mails are read in part, octets.
    pub message_bytes: u64,
}

impl Watch {
    /// `csirt/INBOX`, or `csirt` for a Maildir: for logs and `status`.
    pub fn name(&self) -> String {
        match self.folder.as_str() {
            "" => self.mailbox.name.clone(),
            folder => format!("{}/{folder}", self.mailbox.name),
        }
    }
}

/// Told how many mails of how many are stored, on long work.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// What a look at a folder found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Mails that came.
    pub came: usize,
    /// Mails that were expunged before they could be read: what they said is lost.
    pub gone: usize,
    /// How often the server has numbered its mails anew on this day (UTC), if it has just now.
    pub renumbered: u32,
}

/// One look at a folder.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub now: Timestamp,
    pub pace: Pace,
    pub progress: Progress<'a>,
}

/// Store work in the middle of talk with a server: on a thread that may block.
pub(super) async fn stored<T: Send + 'static>(
    store: &Arc<Store>,
    work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Trouble> {
    let store = store.clone();
    match tokio::task::spawn_blocking(move || work(&store)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Trouble::Later(error.to_string())),
        Err(_) => Err(Trouble::Later("work in the store was cut short".to_owned())),
    }
}

/// Stores every mail of the selected folder that is not here yet; gives what was found.
pub async fn sync(
    session: &mut Session,
    selected: &Selected,
    store: &Arc<Store>,
    watch: &Watch,
    look: Look<'_>,
) -> Result<Found, Trouble> {
    let now = look.now;
    let mut found = Found::default();
    let (mailbox, folder) = (watch.mailbox.name.clone(), watch.folder.clone());
    let known = stored(store, move |s| s.read(|c| spool::cursor(c, &mailbox, &folder))).await?;
    let mut cursor = match known {
        Some(cursor) if cursor.uidvalidity == selected.uidvalidity => cursor,
        // New UIDs: read all of it again; copies are told by content.
        Some(cursor) => {
            if cursor.uidvalidity != 0 {
                let (mailbox, folder) = (watch.mailbox.name.clone(), watch.folder.clone());
                let count = move |s: &Store| s.write(|tx| spool::count_renumbering(tx, &mailbox, &folder, now));
                found.renumbered = stored(store, count).await?;
            }
            Cursor {
                uidvalidity: selected.uidvalidity,
                next_uid: 1,
                history_until: 0,
                first_seen_at: cursor.first_seen_at,
            }
        }
        None => first_sight(session, selected, watch, now).await?,
    };
    let uids = session.search_from(selected, cursor.next_uid).await?;
    found.came = take(session, store, watch, &mut cursor, &uids, look).await?;
    let (mailbox, folder, uidvalidity) = (watch.mailbox.name.clone(), watch.folder.clone(), cursor.uidvalidity);
    let refused = stored(store, move |s| s.read(|c| spool::refused(c, &mailbox, &folder, uidvalidity))).await?;
    if let Some(first) = refused.iter().min() {
        // Only a search says that a mail is gone: what another answer leaves out may be there all the same.
        let there = session.search_from(selected, *first).await?;
        let news: Vec<u32> = there.iter().copied().filter(|uid| *uid >= cursor.next_uid).collect();
        found.came += take(session, store, watch, &mut cursor, &news, look).await?;
        let there: BTreeSet<u32> = there.into_iter().collect();
        let (there, gone): (Vec<u32>, Vec<u32>) = refused.into_iter().partition(|uid| there.contains(uid));
        found.gone = gone.len();
        forget(store, watch, cursor.uidvalidity, gone).await?;
        found.came += ask_again(session, store, watch, &cursor, &there, now).await?;
    }
    Ok(found)
}

/// To be called once a selection, before `sync`: where the server gives known UIDs to other mails (its
/// disk was restored, or UIDNOTSTICKY), they are forgotten, and the folder is read anew.
pub async fn check_uids(store: &Arc<Store>, watch: &Watch, selected: &Selected) -> Result<(), Trouble> {
    let (mailbox, folder, role, selected) = (watch.mailbox.name.clone(), watch.folder.clone(), watch.role, *selected);
    stored(store, move |s| {
        let Some(cursor) = s.read(|c| spool::cursor(c, &mailbox, &folder))? else { return Ok(()) };
        let falls = selected.uidnext.is_some_and(|next| next < cursor.next_uid);
        if cursor.uidvalidity != selected.uidvalidity || !(falls || selected.unstable) {
            return Ok(());
        }
        tracing::warn!(mailbox, folder, "the server uses UIDs again; the folder is read anew");
        s.write(|tx| {
            spool::forget_uids(tx, &mailbox, &folder)?;
            spool::set_cursor(tx, &mailbox, &folder, role, &Cursor { next_uid: 1, history_until: 0, ..cursor })
        })
    })
    .await
}

/// Notes that a watched folder is not there yet: all that it holds once it is made is new to us.
pub async fn absent(store: &Arc<Store>, watch: &Watch, now: Timestamp) -> Result<(), Trouble> {
    let (mailbox, folder, role) = (watch.mailbox.name.clone(), watch.folder.clone(), watch.role);
    stored(store, move |s| {
        s.write(|tx| {
            if spool::cursor(tx, &mailbox, &folder)?.is_none() {
                // No folder has this UIDVALIDITY (RFC 3501 section 9: nz-number).
                let nowhere = Cursor { uidvalidity: 0, next_uid: 1, history_until: 0, first_seen_at: now };
                spool::set_cursor(tx, &mailbox, &folder, role, &nowhere)?;
            }
            Ok(())
        })
    })
    .await
}

/// The first sight of a folder. An inbox with many mails is not read before the config says what they are.
async fn first_sight(
    session: &mut Session,
    selected: &Selected,
    watch: &Watch,
    now: Timestamp,
) -> Result<Cursor, Trouble> {
    let all = session.search_all(selected).await?;
    let end = all.last().map_or(1, |last| last.saturating_add(1)).max(selected.uidnext.unwrap_or(1));
    let mut cursor = Cursor { uidvalidity: selected.uidvalidity, next_uid: 1, history_until: 0, first_seen_at: now };
    match (watch.role, watch.mailbox.existing) {
        // What was sent before we came is nobody's answer to us.
        (Role::Sent, _) => cursor.next_uid = end,
        (Role::Inbox, Existing::History) => cursor.history_until = end,
        (Role::Inbox, Existing::Work) => {}
        (Role::Inbox, Existing::Unset) if all.len() <= FEW => {}
        (Role::Inbox, Existing::Unset) => return Err(Trouble::Never(undecided(&watch.name(), all.len()))),
    }
    Ok(cursor)
}

fn undecided(name: &str, count: usize) -> String {
    format!(
        "{name} holds {count} messages and is not read until the config says what they are: set existing = \"work\" \
         (each becomes a ticket with acknowledgement and clock) or existing = \"history\" (filed silently) for this mailbox"
    )
}

async fn take(
    session: &mut Session,
    store: &Arc<Store>,
    watch: &Watch,
    cursor: &mut Cursor,
    uids: &[u32],
    look: Look<'_>,
) -> Result<usize, Trouble> {
    let now = look.now;
    let (mut came, mut seen) = (0, 0);
    for some in uids.chunks(1000) {
        let mut metas = session.size_and_date(some).await?;
        let silent: Vec<u32> = some.iter().copied().filter(|uid| !metas.iter().any(|meta| meta.uid == *uid)).collect();
        // Before the cursor moves past them.
        ask_later(store, watch, cursor.uidvalidity, silent).await?;
        metas.retain(|meta| watch.role == Role::Inbox || !is_older(meta, cursor));
        let batches: Vec<&[Meta]> = match look.pace {
            Pace::Batches => imap::batches(&metas).collect(),
            Pace::Single => metas.chunks(1).collect(),
        };
        for batch in batches {
            let fetched = session.fetch_many(batch, limit(watch)).await;
            if let Some(last) = batch.last() {
                cursor.next_uid = last.uid.saturating_add(1);
            }
            let fetched = match (fetched, batch) {
                (Ok(fetched), _) => fetched,
                (Err(trouble), [alone]) => {
                    // The session died over this one mail: count that, go past it, and ask again later.
                    let words = trouble.to_string();
                    let refused = vec![(alone.uid, Fetched::Refused(words))];
                    keep(store, watch, cursor, batch, refused, now).await?;
                    return Err(trouble.into());
                }
                (Err(trouble), _) => return Err(trouble.into()),
            };
            came += keep(store, watch, cursor, batch, fetched, now).await?;
            seen += batch.len() as u64;
            (look.progress)(seen, uids.len() as u64);
        }
        if let Some(last) = some.last() {
            cursor.next_uid = last.saturating_add(1);
        }
    }
    // Also where nothing came: that a folder was seen is worth a row.
    keep(store, watch, cursor, &[], Vec::new(), now).await?;
    Ok(came)
}

/// Whether the server received a sent mail before we first saw the folder: then it answers nothing of
/// ours, also where all is read anew. A day's doubt goes to the mail.
fn is_older(meta: &Meta, cursor: &Cursor) -> bool {
    meta.internaldate.is_some_and(|at| at < cursor.first_seen_at - SignedDuration::from_hours(24))
}

pub(super) fn limit(watch: &Watch) -> u32 {
    u32::try_from(watch.message_bytes).unwrap_or(u32::MAX)
}

/// The hand-over: these mails and the cursor behind them, in one commit.
async fn keep(
    store: &Arc<Store>,
    watch: &Watch,
    cursor: &Cursor,
    metas: &[Meta],
    fetched: Vec<(u32, Fetched)>,
    now: Timestamp,
) -> Result<usize, Trouble> {
    let (mailbox, folder, role) = (watch.mailbox.name.clone(), watch.folder.clone(), watch.role);
    let (cursor, metas) = (cursor.clone(), metas.to_vec());
    let came_something = !metas.is_empty();
    if came_something {
        crash::point("intake.fetched");
    }
    let kept = stored(store, move |s| {
        s.write(|tx| {
            let mut came = 0;
            for (uid, mail) in fetched {
                let Some(meta) = metas.iter().find(|meta| meta.uid == uid) else { continue };
                let mail = match mail {
                    Fetched::Mail(mail) => mail,
                    Fetched::Gone => {
                        spool::ask_later(tx, &mailbox, &folder, cursor.uidvalidity, uid)?;
                        continue;
                    }
                    Fetched::Refused(words) => {
                        tracing::warn!(mailbox, folder, uid, words, "the server does not give a mail");
                        spool::refuse(tx, &mailbox, &folder, cursor.uidvalidity, uid)?;
                        continue;
                    }
                };
                spool::forget_refused(tx, &mailbox, &folder, cursor.uidvalidity, uid)?;
                let arrival = Arrival {
                    mailbox: mailbox.clone(),
                    role,
                    folder: folder.clone(),
                    place: Place::Imap { uidvalidity: cursor.uidvalidity, uid },
                    // Some servers only estimate sizes: of a whole mail we know better.
                    full_size: match (mail.octets.len() as u64, mail.whole) {
                        (size, true) => size,
                        (size, false) => u64::from(meta.size).max(size).max(1),
                    },
                    bytes: mail.octets,
                    received_at: receipt(meta.internaldate, now),
                    envelope_sender: None,
                    history: uid < cursor.history_until,
                };
                came += usize::from(spool::insert(tx, &arrival, now)?.is_some());
            }
            spool::set_cursor(tx, &mailbox, &folder, role, &cursor)?;
            if came_something {
                crash::point("intake.storing");
            }
            Ok(came)
        })
    })
    .await;
    if came_something {
        crash::point("intake.stored");
    }
    kept
}

/// Mails that could not be had before: neither forgotten, nor in the way of the others. Each asking
/// is counted before it is made, since it may cost the session.
async fn ask_again(
    session: &mut Session,
    store: &Arc<Store>,
    watch: &Watch,
    cursor: &Cursor,
    uids: &[u32],
    now: Timestamp,
) -> Result<usize, Trouble> {
    let uidvalidity = cursor.uidvalidity;
    let metas = session.size_and_date(uids).await?;
    let unknown = |uid| Meta { uid, size: 0, internaldate: None };
    let mut came = 0;
    for uid in uids {
        let meta = metas.iter().find(|meta| meta.uid == *uid).copied().unwrap_or(unknown(*uid));
        let (mailbox, folder) = (watch.mailbox.name.clone(), watch.folder.clone());
        let asked =
            stored(store, move |s| s.write(|tx| spool::refuse(tx, &mailbox, &folder, uidvalidity, meta.uid))).await?;
        let fetched = match asked {
            ..=REFUSALS => session.fetch(&meta, limit(watch)).await?,
            n if n == REFUSALS + 1 => session.fetch_head(meta.uid).await?,
            // An honest stub: no octets, but a ticket that says so.
            _ => Fetched::Mail(imap::Mail { octets: Vec::new(), whole: false }),
        };
        match &fetched {
            Fetched::Mail(_) => came += keep(store, watch, cursor, &[meta], vec![(meta.uid, fetched)], now).await?,
            Fetched::Refused(words) => {
                tracing::warn!(watch.folder, meta.uid, words, "the server still does not give a mail");
            }
            Fetched::Gone => tracing::warn!(watch.folder, meta.uid, "the server lists a mail that it does not give"),
        }
    }
    Ok(came)
}

/// Notes mails that the server listed and said nothing of: they are asked for again.
async fn ask_later(store: &Arc<Store>, watch: &Watch, uidvalidity: u32, uids: Vec<u32>) -> Result<(), Trouble> {
    if uids.is_empty() {
        return Ok(());
    }
    let (mailbox, folder) = (watch.mailbox.name.clone(), watch.folder.clone());
    tracing::warn!(mailbox, folder, count = uids.len(), "the server listed mails of which it then said nothing");
    stored(store, move |s| {
        s.write(|tx| uids.iter().try_for_each(|uid| spool::ask_later(tx, &mailbox, &folder, uidvalidity, *uid)))
    })
    .await
}

/// Forgets mails that a search no longer has.
async fn forget(store: &Arc<Store>, watch: &Watch, uidvalidity: u32, uids: Vec<u32>) -> Result<(), Trouble> {
    if uids.is_empty() {
        return Ok(());
    }
    let (mailbox, folder) = (watch.mailbox.name.clone(), watch.folder.clone());
    tracing::warn!(mailbox, folder, count = uids.len(), "mails were gone before they could be read");
    stored(store, move |s| {
        s.write(|tx| uids.iter().try_for_each(|uid| spool::forget_refused(tx, &mailbox, &folder, uidvalidity, *uid)))
    })
    .await
}

/// Receipt: the server's date if it lies within 30 days before first sight, else first sight.
pub(super) fn receipt(server: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match server {
        Some(at) if at <= now && now.duration_since(at) <= SignedDuration::from_hours(30 * 24) => at,
        _ => now,
    }
}

/// Stores every mail of a Maildir that is not here yet; gives how many came.
pub fn sync_maildir(
    store: &Store,
    watch: &Watch,
    path: &Path,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<usize, Trouble> {
    let later = |error: StoreError| Trouble::Later(error.to_string());
    let (mailbox, folder) = (&watch.mailbox.name, &watch.folder);
    let listed = maildir::list_new(path)?;
    let (entries, cursor) = store
        .read(|c| {
            let mut entries = Vec::new();
            for entry in listed {
                if !spool::has_place(c, mailbox, folder, &entry.unique)? {
                    entries.push(entry);
                }
            }
            Ok((entries, spool::cursor(c, mailbox, folder)?))
        })
        .map_err(later)?;
    if cursor.is_none() && watch.mailbox.existing == Existing::Unset && entries.len() > FEW {
        return Err(Trouble::Never(undecided(&watch.name(), entries.len())));
    }
    // The row of the cursor is written last: a first scan that was cut short goes on as one.
    let history = cursor.is_none() && watch.mailbox.existing == Existing::History;
    let mut came = 0;
    for (batch, some) in entries.chunks(50).enumerate() {
        let mut arrivals = Vec::new();
        for entry in some {
            let Some(mail) = maildir::read(entry, limit(watch))? else { continue };
            arrivals.push(Arrival {
                mailbox: mailbox.clone(),
                role: watch.role,
                folder: folder.clone(),
                place: Place::Maildir { unique: entry.unique.clone() },
                full_size: entry.size.max(mail.octets.len() as u64),
                bytes: mail.octets,
                received_at: receipt(entry.mtime, now),
                envelope_sender: None,
                history,
            });
        }
        came += store
            .write(|tx| {
                let mut came = 0;
                for arrival in &arrivals {
                    came += usize::from(spool::insert(tx, arrival, now)?.is_some());
                }
                Ok(came)
            })
            .map_err(later)?;
        progress((batch * 50 + some.len()) as u64, entries.len() as u64);
    }
    if cursor.is_none() {
        let seen = Cursor { uidvalidity: 0, next_uid: 0, history_until: 0, first_seen_at: now };
        store.write(|tx| spool::set_cursor(tx, mailbox, folder, watch.role, &seen)).map_err(later)?;
    }
    Ok(came)
}

#[cfg(test)]
mod tests {
    use super::receipt;

    #[test]
    fn receipt_is_the_servers_date_within_thirty_days_and_never_in_the_future() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let now = at("2026-11-27T18:01:00Z");
        for (server, want) in [
            (Some("2026-11-27T17:00:00Z"), "2026-11-27T17:00:00Z"),
            (Some("2026-10-28T18:01:00Z"), "2026-10-28T18:01:00Z"),
            (Some("2026-10-28T18:00:59Z"), "2026-11-27T18:01:00Z"),
            (Some("2026-11-27T18:01:01Z"), "2026-11-27T18:01:00Z"),
            (None, "2026-11-27T18:01:00Z"),
        ] {
            assert_eq!(receipt(server.map(at), now), at(want), "{server:?}");
        }
    }
}
