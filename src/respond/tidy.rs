//! HAND-OVER 3 for the original: filed mail leaves the watched folder, from rows, after the commit.
//!
//! Idempotent: a mail that somebody else moved or removed is simply gone. Nothing is ever deleted
//! but the source of our own copy. Failure: `Trouble`; the rows stay and are tried again.

use crate::edge::imap::{ImapTrouble, Selected, Session};
use crate::edge::{crash, maildir};
use crate::rules::trouble::Trouble;
use crate::store::spool::{self, Place, ServerCopy};
use crate::store::{Store, StoreError};
use std::collections::HashMap;
use std::path::Path;
use tokio::task::block_in_place;

fn later(error: StoreError) -> Trouble {
    Trouble::Later(error.to_string())
}

/// Moves filed mail of the selected folder away; gives how many rows were settled.
pub async fn tidy_imap(
    session: &mut Session,
    selected: &Selected,
    store: &Store,
    mailbox: &str,
    folder: &str,
    filed_folder: &str,
) -> Result<usize, Trouble> {
    let mut settled = 0;
    loop {
        let rows = block_in_place(|| store.read(|c| spool::to_tidy(c, mailbox, folder, 500))).map_err(later)?;
        if rows.is_empty() {
            return Ok(settled);
        }
        let mut ours = Vec::new();
        let mut strangers = Vec::new();
        for (id, place) in &rows {
            match place {
                Place::Imap { uidvalidity, uid } if *uidvalidity == selected.uidvalidity => ours.push((*id, *uid)),
                // UIDs of another time: the folder was read anew, and this row's copy is a new row.
                _ => strangers.push(*id),
            }
        }
        let uids: Vec<u32> = ours.iter().map(|(_, uid)| *uid).collect();
        crash::point("tidy.moving");
        let (moved, copy) = if filed_folder.is_empty() || uids.is_empty() {
            (uids, ServerCopy::Stays)
        } else {
            match session.move_to(&uids, filed_folder).await {
                Ok(moved) => (moved, ServerCopy::Moved),
                Err(ImapTrouble::Cannot(words)) => {
                    tracing::warn!(mailbox, folder, words, "filed mail stays where it is");
                    (uids, ServerCopy::Stays)
                }
                Err(trouble) => return Err(trouble.into()),
            }
        };
        crash::point("tidy.moved");
        let ids: Vec<i64> = ours.iter().filter(|(_, uid)| moved.contains(uid)).map(|(id, _)| *id).collect();
        let noted = || {
            store.write(|tx| {
                spool::set_server_copy(tx, &ids, copy)?;
                spool::set_server_copy(tx, &strangers, ServerCopy::Gone)
            })
        };
        block_in_place(noted).map_err(later)?;
        crash::point("tidy.noted");
        settled += ids.len() + strangers.len();
        if ids.is_empty() && strangers.is_empty() {
            return Err(Trouble::Later(format!("{mailbox}: filed mail could not be moved to {filed_folder}")));
        }
    }
}

/// Moves filed mail of a Maildir into its Maildir++ subfolder; gives how many rows were settled.
pub fn tidy_maildir(
    store: &Store,
    mailbox: &str,
    folder: &str,
    path: &Path,
    filed_folder: &str,
) -> Result<usize, Trouble> {
    let rows = store.read(|c| spool::to_tidy(c, mailbox, folder, usize::MAX >> 1)).map_err(later)?;
    if rows.is_empty() {
        return Ok(0);
    }
    let subfolder = format!(".{}", filed_folder.replace('/', "."));
    let there: HashMap<String, maildir::Entry> =
        maildir::list_new(path)?.into_iter().map(|entry| (entry.unique.clone(), entry)).collect();
    for some in rows.chunks(100) {
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for (id, place) in some {
            match place {
                Place::Maildir { unique } if there.contains_key(unique) => {
                    if !filed_folder.is_empty() {
                        maildir::file_away(path, &there[unique], &subfolder)?;
                    }
                    kept.push(*id);
                }
                _ => gone.push(*id),
            }
        }
        let copy = if filed_folder.is_empty() { ServerCopy::Stays } else { ServerCopy::Moved };
        store
            .write(|tx| {
                spool::set_server_copy(tx, &kept, copy)?;
                spool::set_server_copy(tx, &gone, ServerCopy::Gone)
            })
            .map_err(later)?;
    }
    Ok(rows.len())
}
