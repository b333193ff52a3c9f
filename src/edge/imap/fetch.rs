//! Mails: sizes, dates and raw octets.
//!
//! Hostile data: the mails, and what the server says about them. ENVELOPE and BODYSTRUCTURE
//! are never asked for: the server's parser would choose, and ours would recurse.
//! Failure: a mail that the server refuses, or that is gone, is data in the result; a reply
//! that cannot be parsed ends the session, and the caller asks again in smaller batches.

use super::guard::CHATTER;
use super::names::{internal_date, sets};
use super::{Answer, ImapTrouble, Session, Step};
use async_imap::imap_proto::{AttributeValue, Response};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How much of a mail above the limit is read: its header and the begin of its body, octets.
pub const HEAD_OCTETS: u32 = 1024 * 1024;

/// How many octets of mail one command asks for.
const BATCH: u64 = 8 * 1024 * 1024;

/// What the server says of a mail before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    pub uid: u32,
    /// Octets. The server's word.
    pub size: u32,
    /// When the server received it. None: no valid date.
    pub internaldate: Option<Timestamp>,
}

/// A mail's octets as the server holds them.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    pub octets: Vec<u8>,
    /// False: larger than the limit, these are its first [`HEAD_OCTETS`].
    pub whole: bool,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail({} octets, whole: {})", self.octets.len(), self.whole)
    }
}

/// What came of asking for a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    Mail(Mail),
    /// The server knows no mail of that UID any more.
    Gone,
    /// The server has it and does not give it; the words are safe to show.
    Refused(String),
}

/// Parts `metas` into what one [`Session::fetch_many`] takes well: small mails together, large ones alone.
pub fn batches(metas: &[Meta]) -> impl Iterator<Item = &[Meta]> {
    let mut rest = metas;
    std::iter::from_fn(move || {
        let mut octets = 0;
        let fits = |meta: &&Meta| {
            octets += u64::from(meta.size);
            octets <= BATCH
        };
        let count = rest.iter().take(500).take_while(fits).count().max(1).min(rest.len());
        let (batch, after) = rest.split_at(count);
        rest = after;
        (!batch.is_empty()).then_some(batch)
    })
}

impl Session {
    /// Sizes and dates of the mails, by rising UID. Those that are gone are absent.
    pub async fn size_and_date(&mut self, uids: &[u32]) -> Result<Vec<Meta>, ImapTrouble> {
        let mut uids = uids.to_vec();
        uids.sort_unstable();
        uids.dedup();
        let mut metas = Vec::new();
        for (set, these) in sets(&uids, 1000) {
            let mut seen: BTreeMap<u32, (Option<u32>, Option<Timestamp>)> = BTreeMap::new();
            let step = self.step("FETCH", format!("UID FETCH {set} (UID RFC822.SIZE INTERNALDATE)"));
            let answer = self
                .run(step, |reply| {
                    let Response::Fetch(_, attributes) = reply else { return };
                    let Some(uid) = uid(attributes) else { return };
                    let entry = seen.entry(uid).or_default();
                    for attribute in attributes {
                        match attribute {
                            AttributeValue::Rfc822Size(size) => entry.0 = Some(*size),
                            AttributeValue::InternalDate(date) => entry.1 = internal_date(date),
                            _ => {}
                        }
                    }
                })
                .await?;
            self.done(answer, "FETCH")?;
            let meta = |uid: &u32| {
                let (size, internaldate) = *seen.get(uid)?;
                Some(Meta { uid: *uid, size: size?, internaldate })
            };
            metas.extend(these.iter().filter_map(meta));
        }
        Ok(metas)
    }

    /// One mail; if the server says that it is larger than `limit` octets, its begin.
    ///
    /// Errors: Later if it is larger than `limit` although the server said otherwise; then
    /// [`Session::fetch_head`] on a new session is safe.
    pub async fn fetch(&mut self, meta: &Meta, limit: u32) -> Result<Fetched, ImapTrouble> {
        if meta.size > limit {
            return self.fetch_head(meta.uid).await;
        }
        let within = self.patience(u64::from(limit.min(meta.size.saturating_mul(2))));
        let allow = CHATTER.saturating_add(limit as usize);
        let command = format!("UID FETCH {} (UID BODY.PEEK[])", meta.uid);
        let step = Step { allow, within, ..self.step("FETCH", command) };
        self.fetch_one(meta.uid, step, true).await
    }

    /// The first [`HEAD_OCTETS`] of a mail, whatever its size.
    pub async fn fetch_head(&mut self, uid: u32) -> Result<Fetched, ImapTrouble> {
        let within = self.patience(u64::from(HEAD_OCTETS));
        let allow = CHATTER.saturating_add(HEAD_OCTETS as usize);
        let command = format!("UID FETCH {uid} (UID BODY.PEEK[]<0.{HEAD_OCTETS}>)");
        let step = Step { allow, within, ..self.step("FETCH", command) };
        self.fetch_one(uid, step, false).await
    }

    async fn fetch_one(&mut self, uid: u32, step: Step, whole: bool) -> Result<Fetched, ImapTrouble> {
        let (mut bodies, answer) = self.bodies(&[uid], step).await?;
        Ok(match (bodies.remove(&uid), answer) {
            (Some(Some(octets)), _) => Fetched::Mail(Mail { octets, whole }),
            (Some(None), _) => Fetched::Refused("the server has this mail without its content".into()),
            (None, Answer::Done) => Fetched::Gone,
            (None, Answer::Refused(words)) => Fetched::Refused(words),
        })
    }

    /// Several mails in one command, as [`batches`] parts them; a result for each, in that
    /// order. If the server refuses the batch, each mail of it is asked for alone, so one that
    /// it cannot give does not keep the others back.
    ///
    /// Errors: Later ends the session; the caller connects anew and asks one by one with
    /// [`Session::fetch`], to learn which mail it was.
    pub async fn fetch_many(&mut self, metas: &[Meta], limit: u32) -> Result<Vec<(u32, Fetched)>, ImapTrouble> {
        let mut uids: Vec<u32> = metas.iter().filter(|m| m.size <= limit).map(|m| m.uid).collect();
        uids.sort_unstable();
        uids.dedup();
        let mut octets: u64 = metas.iter().filter(|m| m.size <= limit).map(|m| u64::from(m.size)).sum();
        // Some servers estimate sizes: room for a quarter more, and never less than for one mail.
        octets = (octets + octets / 4).max(u64::from(limit));
        let allow = CHATTER.saturating_add(usize::try_from(octets).unwrap_or(usize::MAX));
        let within = self.patience(octets);
        let mut bodies = BTreeMap::new();
        let mut refused = false;
        if uids.len() > 1 {
            for (set, these) in sets(&uids, 500) {
                let command = format!("UID FETCH {set} (UID BODY.PEEK[])");
                let step = Step { allow, within, ..self.step("FETCH", command) };
                let (some, answer) = self.bodies(these, step).await?;
                bodies.extend(some);
                refused |= matches!(answer, Answer::Refused(_));
            }
        }
        let mut all = Vec::with_capacity(metas.len());
        for meta in metas {
            let fetched = match bodies.remove(&meta.uid) {
                Some(Some(octets)) => Fetched::Mail(Mail { octets, whole: true }),
                None if uids.len() > 1 && !refused && meta.size <= limit => Fetched::Gone,
                _ => self.fetch(meta, limit).await?,
            };
            all.push((meta.uid, fetched));
        }
        Ok(all)
    }

    /// Runs a FETCH and takes the bodies of the UIDs that were asked for; None: NIL.
    async fn bodies(
        &mut self,
        asked: &[u32],
        step: Step,
    ) -> Result<(BTreeMap<u32, Option<Vec<u8>>>, Answer), ImapTrouble> {
        let asked: BTreeSet<u32> = asked.iter().copied().collect();
        let mut bodies = BTreeMap::new();
        let mut foreign = false;
        let answer = self
            .run(step, |reply| {
                let Response::Fetch(_, attributes) = reply else { return };
                let Some(body) = body(attributes) else { return };
                match uid(attributes).filter(|uid| asked.contains(uid)) {
                    Some(uid) => {
                        bodies.entry(uid).or_insert_with(|| body.map(<[u8]>::to_vec));
                    }
                    None => foreign = true,
                }
            })
            .await?;
        if foreign {
            return Err(self.broken("FETCH", "the server sent a mail that was not asked for"));
        }
        Ok((bodies, answer))
    }

    /// How long octets may take: the usual time, and a second for each 64 KiB.
    fn patience(&self, octets: u64) -> Duration {
        self.timeouts.command + Duration::from_secs(octets / (64 * 1024))
    }
}

fn uid(attributes: &[AttributeValue<'_>]) -> Option<u32> {
    attributes.iter().find_map(|a| if let AttributeValue::Uid(uid) = a { Some(*uid) } else { None })
}

/// The whole mail or its begin; None: the reply is about something else.
fn body<'a>(attributes: &'a [AttributeValue<'_>]) -> Option<Option<&'a [u8]>> {
    attributes.iter().find_map(|a| match a {
        AttributeValue::BodySection { section: None, index: None | Some(0), data } => Some(data.as_deref()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn batches_hold_each_mail_once_and_are_small_or_of_one(sizes in prop::collection::vec(0..20_000_000u32, 0..1200)) {
            let metas: Vec<Meta> = sizes.iter().zip(1..).map(|(size, uid)| Meta { uid, size: *size, internaldate: None }).collect();
            let batches: Vec<&[Meta]> = batches(&metas).collect();
            prop_assert_eq!(batches.concat(), metas.clone());
            for batch in batches {
                let octets: u64 = batch.iter().map(|m| u64::from(m.size)).sum();
                prop_assert!(batch.len() == 1 || (octets <= BATCH && batch.len() <= 500));
            }
        }
    }
}
