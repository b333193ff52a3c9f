//! `run --once`: take what is there, fire what is due, send what is due, and leave.

use super::folders::{self, Progress, Way};
use super::turns::{self, post_of};
use crate::arrive::again;
use crate::arrive::intake::{self, Look, Pace};
use crate::decide::retention;
use crate::edge::imap::ImapTrouble;
use crate::house::House;
use crate::journey::{self, Halt};
use crate::respond::{climb, digest, head, keys, post, rota, tidy};
use crate::rules::trouble::Trouble;
use crate::store::spool::Role;

/// How it went: what stays to be done, in words. Empty: all is done.
pub async fn run_once(house: &House) -> Vec<String> {
    let mut troubles = Vec::new();
    let posts = folders::watched(&house.settings);
    for post in &posts {
        let turned = look(house, post).await;
        let words = turned.as_ref().err().map(ToString::to_string);
        turns::note(house, &post.watch.name(), house.now(), words.as_deref());
        troubles.extend(words);
    }
    let now = house.now();
    // Trouble with one thing keeps no other from being done.
    let work = || {
        [
            journey::catch_up(house, now),
            journey::recompute_deadlines(house).map(|()| 0).map_err(Halt::from),
            keys::turn(&house.store, &house.settings, house.keys.team(), now).map(|_| 0).map_err(Halt::from),
            rota::turn(&house.store, &house.settings, now).map_err(Halt::from),
            digest::turn(&house.store, &house.settings, now).map_err(Halt::from),
            retention::turn(&house.store, &house.settings, now).map_err(Halt::from),
            head::turn(&house.store, &house.settings, house.keys.as_ref(), now).map_err(Halt::from),
            climb::turn(&house.store, &house.settings, now).map_err(Halt::from),
        ]
    };
    troubles.extend(tokio::task::block_in_place(work).into_iter().filter_map(Result::err).map(|e| e.to_string()));
    // What was just filed is owed since then, not since this began.
    match post::turn(&post_of(house), house.now()).await {
        Ok(turn) if turn.waiting > 0 => {
            let why = turn.trouble.unwrap_or_default();
            troubles.push(format!("{} messages could not be sent yet and stay in the outbox: {why}", turn.waiting));
        }
        Ok(_) => {}
        Err(error) => troubles.push(error.to_string()),
    }
    for post in posts.iter().filter(|post| post.watch.role == Role::Inbox) {
        if let Err(trouble) = put_away(house, post).await {
            troubles.push(trouble.to_string());
        }
    }
    if let Err(error) = house.remember_clock() {
        troubles.push(error.to_string());
    }
    troubles.dedup();
    troubles
}

/// Takes what is in one folder.
async fn look(house: &House, post: &folders::Post) -> Result<(), ImapTrouble> {
    let (watch, now) = (&post.watch, house.now());
    let progress = Progress::on_terminal(&watch.name());
    let show = |done, all| progress.show(done, all);
    match &post.way {
        Way::Maildir { path, .. } => {
            tokio::task::block_in_place(|| {
                again::by_maildir(&house.store, watch, path, now)?;
                intake::sync_maildir(&house.store, watch, path, now, &show)
            })?;
        }
        Way::Imap(imap, _) => {
            let mut session = folders::log_in(imap).await?;
            again::by_imap(&mut session, &house.store, watch, now).await?;
            match session.select(&watch.folder).await {
                Err(ImapTrouble::NoFolder(_)) if watch.role == Role::Sent => {
                    intake::absent(&house.store, watch, now).await?;
                }
                Err(trouble) => return Err(trouble),
                Ok(folder) => {
                    intake::check_uids(&house.store, watch, &folder).await?;
                    let look = Look { now, pace: Pace::Batches, progress: &show };
                    let found = intake::sync(&mut session, &folder, &house.store, watch, look).await?;
                    tokio::task::block_in_place(|| folders::tell_of(house, watch, found));
                }
            }
            session.logout().await;
        }
    }
    Ok(())
}

/// Moves what was filed.
async fn put_away(house: &House, post: &folders::Post) -> Result<(), ImapTrouble> {
    let (mailbox, folder) = (&post.watch.mailbox.name, &post.watch.folder);
    match &post.way {
        Way::Maildir { path, filed_folder } => {
            tokio::task::block_in_place(|| tidy::tidy_maildir(&house.store, mailbox, folder, path, filed_folder))?;
        }
        Way::Imap(imap, _) => {
            let waiting = house
                .store
                .read(|c| crate::store::spool::to_tidy(c, mailbox, folder, 1))
                .map_err(|e| Trouble::Later(e.to_string()))?;
            if !waiting.is_empty() {
                let mut session = folders::log_in(imap).await?;
                let selected = session.select(folder).await?;
                tidy::tidy_imap(&mut session, &selected, &house.store, mailbox, folder, &imap.filed_folder).await?;
                session.logout().await;
            }
        }
    }
    Ok(())
}
