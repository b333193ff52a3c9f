//! After a restore: mail that was received and filed between backup and restore is found again in the
//! folder of filed mail.
//!
//! Only what is not here octet for octet is taken. Hostile data: raw mail, and the server. Failure:
//! `Trouble`; what was committed stays, and all of it is looked through again.
//! Known gap: a filed mail that the server lists and does not give is passed over, with a line in the log.

use super::intake::{Watch, limit, receipt, stored};
use crate::edge::imap::{self, Fetched, ImapTrouble, Meta, Session};
use crate::edge::maildir;
use crate::rules::settings::Source;
use crate::rules::trouble::Trouble;
use crate::store::spool::{self, Arrival, Place, Role};
use crate::store::{Store, StoreError};
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;

/// So many mails are asked about at a time.
const AT_ONCE: usize = 500;

/// Looks through the filed folder of a mailbox where a restore wants it; gives how many mails came.
pub async fn by_imap(
    session: &mut Session,
    store: &Arc<Store>,
    watch: &Watch,
    now: Timestamp,
) -> Result<usize, ImapTrouble> {
    let Source::Imap(imap) = &watch.mailbox.source else { return Ok(0) };
    let mailbox = watch.mailbox.name.clone();
    let asked = stored(store, move |s| s.read(|c| spool::look_again(c, &mailbox))).await?;
    let (Some(since), Role::Inbox) = (asked, watch.role) else { return Ok(0) };
    let folder = &imap.filed_folder;
    let mut came = 0;
    // Mail that stays in the inbox is found by the cursor.
    if !folder.is_empty() {
        match session.examine(folder).await {
            Ok(selected) => {
                let uids = session.search_all(&selected).await?;
                for some in uids.chunks(AT_ONCE) {
                    let mut metas = session.size_and_date(some).await?;
                    metas.retain(|meta| meta.internaldate.is_none_or(|at| at >= since));
                    for batch in imap::batches(&metas) {
                        let fetched = session.fetch_many(batch, limit(watch)).await?;
                        came += keep(store, watch, (folder, selected.uidvalidity), batch, fetched, now).await?;
                    }
                }
            }
            Err(ImapTrouble::NoFolder(_)) => {}
            Err(trouble) => return Err(trouble),
        }
    }
    let mailbox = watch.mailbox.name.clone();
    stored(store, move |s| s.write(|tx| spool::looked_again(tx, &mailbox))).await?;
    Ok(came)
}

async fn keep(
    store: &Arc<Store>,
    watch: &Watch,
    (folder, uidvalidity): (&str, u32),
    metas: &[Meta],
    fetched: Vec<(u32, Fetched)>,
    now: Timestamp,
) -> Result<usize, Trouble> {
    let (mailbox, folder, metas) = (watch.mailbox.name.clone(), folder.to_owned(), metas.to_vec());
    stored(store, move |s| {
        s.write(|tx| {
            let mut came = 0;
            for (uid, mail) in fetched {
                let Some(meta) = metas.iter().find(|meta| meta.uid == uid) else { continue };
                let Fetched::Mail(mail) = mail else {
                    tracing::warn!(mailbox, folder, uid, "a filed mail is not given by the server and is passed over");
                    continue;
                };
                let size = if mail.whole { mail.octets.len() as u64 } else { u64::from(meta.size) };
                let arrival = Arrival {
                    mailbox: mailbox.clone(),
                    role: Role::Inbox,
                    folder: folder.clone(),
                    place: Place::Imap { uidvalidity, uid },
                    full_size: size.max(mail.octets.len() as u64),
                    bytes: mail.octets,
                    received_at: receipt(meta.internaldate, now),
                    envelope_sender: None,
                    history: false,
                };
                came += usize::from(spool::insert_found_again(tx, &arrival, now)?);
            }
            Ok(came)
        })
    })
    .await
}

/// As `by_imap`, for a Maildir.
pub fn by_maildir(store: &Store, watch: &Watch, path: &Path, now: Timestamp) -> Result<usize, Trouble> {
    let later = |error: StoreError| Trouble::Later(error.to_string());
    let Source::Maildir { filed_folder, .. } = &watch.mailbox.source else { return Ok(0) };
    let mailbox = &watch.mailbox.name;
    let Some(since) = store.read(|c| spool::look_again(c, mailbox)).map_err(later)? else { return Ok(0) };
    let folder = format!(".{}", filed_folder.replace('/', "."));
    let filed = path.join(&folder);
    let mut came = 0;
    if !filed_folder.is_empty() && filed.is_dir() {
        for entry in maildir::list_new(&filed)?.into_iter().filter(|entry| entry.mtime.is_none_or(|at| at >= since)) {
            let Some(mail) = maildir::read(&entry, limit(watch))? else { continue };
            let arrival = Arrival {
                mailbox: mailbox.clone(),
                role: Role::Inbox,
                folder: folder.clone(),
                place: Place::Maildir { unique: entry.unique.clone() },
                full_size: entry.size.max(mail.octets.len() as u64),
                bytes: mail.octets,
                received_at: receipt(entry.mtime, now),
                envelope_sender: None,
                history: false,
            };
            came += usize::from(store.write(|tx| spool::insert_found_again(tx, &arrival, now)).map_err(later)?);
        }
    }
    store.write(|tx| spool::looked_again(tx, mailbox)).map_err(later)?;
    Ok(came)
}
