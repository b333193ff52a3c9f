//! HAND-OVER 3: every intent that is due is sealed, sent, and gets its one outcome.
//!
//! Contract: an intent is sealed once and its octets are stored before they are sent. The attempt
//! is counted before dialling. Accepted: `sent`. Refused for good: `failed`, and people are
//! told. The link breaks after the end of data, or the process dies while it talks: `unsure`, one
//! later try with the same octets and Message-ID, then a person decides (law 5). Anything else is
//! tried again, with pauses that double up to 15 minutes, for as long as it takes.
//!
//! Hostile data: the server's replies, sanitised by the edge. Failure: the store's only.

use super::channel;
use super::seal::{self, Refusal, Sealing};
use super::under_way::{Outcome, Turn, UnderWay};
use super::wording::Texts;
use crate::decide::clocks::{self, Answer};
use crate::decide::raise::{self, Notice};
use crate::edge::openpgp::seam::PrivateKeys;
use crate::edge::smtp::{self, Parcel};
use crate::edge::webhook::Refused;
use crate::edge::{crash, folder, random, secret, tls};
use crate::rules::address::Address;
use crate::rules::channel::Channel;
use crate::rules::intent::{Intent, OutKind};
use crate::rules::settings::{Server, Settings, Transport};
use crate::rules::ticket::{Direction, State};
use crate::rules::trouble::{Trouble, backoff};
use crate::store::messages::{self, Message};
use crate::store::outbox::{self, Out, OutState};
use crate::store::tickets::{self};
use crate::store::{Connection, Result, Store, Tx, duty, history, spool};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

/// So many mails are under way at a time.
const AT_ONCE: usize = 4;

/// And so many pages by command or webhook.
const DIRECTLY_AT_ONCE: usize = 16;

/// After so many tries in vain a command or webhook is told of: whoever relies on it is not reached.
const TRIES_TOLD: u32 = 3;

/// What the loop works with.
#[derive(Clone)]
pub struct Post {
    pub store: Arc<Store>,
    pub settings: Arc<Settings>,
    pub keys: Arc<dyn PrivateKeys>,
    pub texts: Arc<Texts>,
    pub id_key: [u8; 32],
    pub timeouts: smtp::Timeouts,
    /// Cancelled where the process is about to end: dialogues are dropped, and say how they stand.
    pub give_up: CancellationToken,
}

/// Handles everything that is due, to its end.
pub async fn turn(post: &Post, now: Timestamp) -> Result<Turn> {
    let under_way = UnderWay::default();
    loop {
        // What ends while we look may have made something else owed: only who looked in quiet has seen all.
        let quiet = under_way.rows().is_empty();
        begin(post, &under_way, now)?;
        match under_way.rows().is_empty() {
            true if quiet => return Ok(under_way.take()),
            true => {}
            false => under_way.ended().await,
        }
    }
}

/// Takes up what is due and is not under way yet; gives when more is due. Where all places are
/// taken that is when one of them falls free.
pub fn begin(post: &Post, under_way: &UnderWay, now: Timestamp) -> Result<Option<Timestamp>> {
    let mut busy = under_way.rows();
    let (under_way_by_mail, under_way_directly) = under_way.count();
    let mut mails = AT_ONCE.saturating_sub(under_way_by_mail);
    let mut directs = DIRECTLY_AT_ONCE.saturating_sub(under_way_directly);
    // Rows under way may be due as well: they stand in the way of no others.
    for out in post.store.read(|c| outbox::due(c, now, 64 + busy.len()))? {
        // A command or webhook needs no mail server, and no place among those who wait for one.
        let places = if Channel::of(&out.to).is_mail() { &mut mails } else { &mut directs };
        if busy.contains(&out.id) || *places == 0 {
            continue;
        }
        *places -= 1;
        busy.insert(out.id);
        let (post, id, is_mail) = (post.clone(), out.id, Channel::of(&out.to).is_mail());
        under_way.begin(id, is_mail, async move { handle(&post, out, now).await });
    }
    if mails == 0 || directs == 0 { Ok(None) } else { post.store.read(|c| outbox::next_due(c, &busy)) }
}

/// One intent, one outcome.
async fn handle(post: &Post, mut out: Out, now: Timestamp) -> Result<Outcome> {
    if out.state == OutState::Sending {
        // The process died in mid-dialogue: it may have arrived.
        let (state, unsure) = block_in_place(|| post.store.write(|tx| stopped(tx, post, &out, now)))?;
        (out.state, out.unsure) = (state, unsure);
        if state == OutState::Failed {
            return Ok((state, None));
        }
    }
    if let Some(words) = block_in_place(|| post.store.read(|c| moot(c, &out)))? {
        return block_in_place(|| post.store.write(|tx| drop_moot(tx, &out, words, now)));
    }
    if out.state == OutState::Queued
        && Channel::of(&out.to).is_mail()
        && let Some(ended) = block_in_place(|| seal_row(post, &out, now))?
    {
        return Ok(ended);
    }
    crash::point("post.sealed");
    let Some(attempts) = block_in_place(|| post.store.write(|tx| outbox::count_attempt(tx, out.id)))? else {
        return Ok((OutState::Dropped, None));
    };
    crash::point("post.counted");
    let (outcome, wait) = match send(post, &out, now).await {
        Ok(()) => (Ok(()), None),
        Err(refused) => (Err(refused.trouble), refused.wait),
    };
    let pause = backoff(attempts, random::jitter());
    crash::point("post.sent");
    let settled = block_in_place(|| settle(post, &out, outcome, wait.map_or(pause, |wait| wait.max(pause)), now))?;
    crash::point("post.settled");
    if attempts == TRIES_TOLD && !matches!(settled.0, OutState::Sent | OutState::Failed) {
        block_in_place(|| post.store.write(|tx| tell_of_channel(tx, post, &out, now)))?;
    }
    Ok(settled)
}

/// A command or webhook that fails again and again is told of by mail, once a day: the pages that it
/// should carry still climb, but nobody should have to wait for that.
fn tell_of_channel(tx: &Tx, post: &Post, out: &Out, now: Timestamp) -> Result<()> {
    let (what, name) = match Channel::of(&out.to) {
        Channel::Mail(_) => return Ok(()),
        Channel::Command(name) => ("command", name),
        Channel::Webhook(name) => ("webhook", name),
    };
    let words = format!("Pages by the {what} of an analyst fail again and again. See `vigie outbox list`.");
    let details = format!("Analyst:  {name}");
    let slot = format!("{what}-{name}-{}", now.as_second().div_euclid(24 * 3600));
    let notice = Notice { about: "a channel fails", slot: &slot, words: &words, details: Some(&details) };
    raise::notice_with(tx, &post.settings, None, &notice, now).map(|_| ())
}

/// HAND-OVER 3: the outcome, and what follows from it, in one commit.
fn settle(
    post: &Post,
    out: &Out,
    outcome: std::result::Result<(), Trouble>,
    pause: SignedDuration,
    now: Timestamp,
) -> Result<Outcome> {
    post.store.write(|tx| {
        let unsure = match &outcome {
            Err(Trouble::Unsure(_)) => outbox::count_unsure(tx, out.id)?,
            _ => out.unsure,
        };
        let (state, next, words) = match &outcome {
            Ok(()) => (OutState::Sent, now, None),
            Err(Trouble::Unsure(words)) if unsure > 1 => (OutState::Failed, now, Some(words)),
            Err(Trouble::Unsure(words)) => (OutState::Unsure, now + pause, Some(words)),
            Err(Trouble::Later(words)) if unsure > 0 => (OutState::Unsure, now + pause, Some(words)),
            Err(Trouble::Later(words)) => (OutState::Sealed, now + pause, Some(words)),
            Err(Trouble::Never(words)) => (OutState::Failed, now, Some(words)),
        };
        // A page by command or webhook is never sealed: its words are made at each try.
        let is_mail = Channel::of(&out.to).is_mail();
        let state = if state == OutState::Sealed && !is_mail { OutState::Queued } else { state };
        outbox::settle(tx, out.id, state, next, words.map(String::as_str), now)?;
        match state {
            OutState::Sent => sent(tx, post, out, now)?,
            OutState::Failed => failed(tx, post, out, words.map_or("", String::as_str), now)?,
            _ => {}
        }
        crash::point("post.settling");
        Ok((state, words.cloned()))
    })
}

/// Why nobody wants this any more: the page was acknowledged, the ticket was put away. A queued page
/// must wake nobody for nothing.
fn moot(c: &Connection, out: &Out) -> Result<Option<&'static str>> {
    if let Intent::Page { page, .. } = out.intent
        && duty::page(c, page)?.is_some_and(|row| row.acknowledged_at.is_some())
    {
        return Ok(Some("the page was acknowledged before it left"));
    }
    let state = match out.ticket_id {
        Some(ticket) => tickets::get(c, tickets::living(c, ticket)?)?.map(|row| row.state),
        None => None,
    };
    Ok(match (out.kind, state) {
        (OutKind::Page | OutKind::Reminder | OutKind::Escalation, Some(state)) if !state.is_live() => {
            Some("the ticket was put away before it left")
        }
        (OutKind::Acknowledgement, Some(State::Rejected)) => Some("the ticket was rejected before it left"),
        _ => None,
    })
}

fn drop_moot(tx: &Tx, out: &Out, words: &str, now: Timestamp) -> Result<Outcome> {
    outbox::settle(tx, out.id, OutState::Dropped, now, Some(words), now)?;
    history::add(tx, out.ticket_id, now, history::VIGIE, &format!("{} {} not sent: {words}", out.kind, out.id))?;
    Ok((OutState::Dropped, None))
}

/// A row in whose dialogue the process has died: unsure, and at the second time a person's.
fn stopped(tx: &Tx, post: &Post, out: &Out, now: Timestamp) -> Result<(OutState, u32)> {
    let words = "stopped in mid-dialogue; it may have been delivered";
    let unsure = outbox::count_unsure(tx, out.id)?;
    let state = if unsure > 1 { OutState::Failed } else { OutState::Unsure };
    outbox::settle(tx, out.id, state, now, Some(words), now)?;
    if state == OutState::Failed {
        failed(tx, post, out, words, now)?;
    }
    Ok((state, unsure))
}

/// Seals a queued row; Some where that was its end for now.
fn seal_row(post: &Post, out: &Out, now: Timestamp) -> Result<Option<Outcome>> {
    let sealing =
        Sealing { settings: &post.settings, keys: post.keys.as_ref(), texts: &post.texts, id_key: &post.id_key, now };
    let sealed = post.store.read(|c| seal::seal(c, out, &sealing))?;
    crash::point("post.sealing");
    post.store.write(|tx| match sealed {
        Ok(sealed) => {
            outbox::seal(tx, out.id, &sealed.message_id, &sealed.octets)?;
            Ok(None)
        }
        Err(Refusal::Later(words)) => {
            let pause = backoff(8, random::jitter());
            outbox::settle(tx, out.id, OutState::Queued, now + pause, Some(&words), now)?;
            Ok(Some((OutState::Queued, Some(words))))
        }
        Err(Refusal::Blocked(words)) => {
            outbox::settle(tx, out.id, OutState::Blocked, now, Some(&words), now)?;
            history::add(tx, out.ticket_id, now, history::VIGIE, &format!("{} {} blocked: {words}", out.kind, out.id))?;
            let text = format!("Outgoing {} {} was blocked: {words}. See `vigie outbox list`.", out.kind, out.id);
            raise::notice(tx, &post.settings, out.ticket_id, "blocked", &out.id.to_string(), &text, now)?;
            Ok(Some((OutState::Blocked, Some(words))))
        }
        Err(Refusal::Never(words)) => {
            outbox::settle(tx, out.id, OutState::Failed, now, Some(&words), now)?;
            failed(tx, post, out, &words, now)?;
            Ok(Some((OutState::Failed, Some(words))))
        }
    })
}

/// Sends, once.
async fn send(post: &Post, out: &Out, now: Timestamp) -> std::result::Result<(), Refused> {
    let direct = async {
        match Channel::of(&out.to) {
            Channel::Mail(_) => mail(post, out).await.map_err(|trouble| Refused { trouble, wait: None }),
            Channel::Command(name) => channel::by_command(&post.store, &post.settings, out, name, now).await,
            Channel::Webhook(name) => channel::by_webhook(&post.store, &post.settings, out, name, now).await,
        }
    };
    if Channel::of(&out.to).is_mail() {
        return direct.await;
    }
    tokio::select! {
        paged = direct => paged,
        () = post.give_up.cancelled() => Err(Refused::later("we stopped before the page was taken")),
    }
}

/// Dials the mail server, once.
async fn mail(post: &Post, out: &Out) -> std::result::Result<(), Trouble> {
    let later = |words: String| Trouble::Later(words);
    let octets = block_in_place(|| post.store.read(|c| outbox::sealed(c, out.id))).map_err(|e| later(e.to_string()))?;
    let octets = octets.ok_or_else(|| Trouble::Never("its octets are not in the store".to_owned()))?;
    let to = Address::parse(&out.to).ok_or_else(|| Trouble::Never("the recipient is no plain address".to_owned()))?;
    let team = &post.settings.team;
    // Machine mail has no sender to bounce to (RFC 3834 3.3); an answer's bounce must reach people.
    let from = (out.kind == OutKind::Answer || team.bounce_for_all).then_some(&team.bounce_address);
    match &post.settings.smtp {
        Transport::Folder(path) => {
            let (path, id) = (path.clone(), out.id);
            let from = from.cloned();
            let written = tokio::task::spawn_blocking(move || {
                folder::deliver(&path, id, &Parcel { from: from.as_ref(), to: &to, bytes: &octets }).map(|_| ())
            });
            written.await.unwrap_or_else(|_| Err(later("writing the mail was cut short".to_owned())))
        }
        Transport::Smtp(server) => {
            let password = password(server).map_err(later)?;
            let tls = client_config(server).map_err(later)?;
            let access = smtp::Access {
                server,
                password: password.as_ref().map(|p| p.as_str()),
                tls,
                hello: team.address.domain(),
                timeouts: post.timeouts,
            };
            smtp::deliver(&access, &Parcel { from, to: &to, bytes: &octets }, &post.give_up).await.map(|_| ())
        }
    }
}

/// The password of a server, read anew at each dialling: a mended file needs no restart.
pub fn password(server: &Server) -> std::result::Result<Option<zeroize::Zeroizing<String>>, String> {
    server.password_file.as_deref().map(secret::read).transpose()
}

/// TLS for a server, with its own CA file if it has one.
pub fn client_config(server: &Server) -> std::result::Result<Arc<rustls::ClientConfig>, String> {
    let ca = match &server.ca_file {
        Some(path) => Some(std::fs::read(path).map_err(|e| format!("ca_file {}: {e}", path.display()))?),
        None => None,
    };
    tls::client_config(ca.as_deref())
}

/// What follows from acceptance by the server, in the same transaction.
fn sent(tx: &Tx, post: &Post, out: &Out, now: Timestamp) -> Result<()> {
    let Some(ticket) = out.ticket_id else { return Ok(()) };
    let row = outbox::get(tx, out.id)?;
    let message_id = row.and_then(|row| row.message_id);
    match &out.intent {
        Intent::Acknowledgement { .. } => {
            tickets::set_acknowledged(tx, ticket, now)?;
            let octets = outbox::sealed(tx, out.id)?.unwrap_or_default();
            let raw_id = spool::insert_raw(tx, &octets)?;
            messages::insert(
                tx,
                &Message {
                    message_id,
                    from: Some(post.settings.team.address.as_str().to_owned()),
                    to: vec![out.to.clone()],
                    date: Some(now),
                    raw_id: Some(raw_id),
                    author: Some(history::VIGIE.to_owned()),
                    ..Message::new(ticket, Direction::Ack, now)
                },
            )?;
            history::add(tx, Some(ticket), now, history::VIGIE, "acknowledged to the reporter")
        }
        Intent::Answer { message, .. } => {
            let octets = outbox::sealed(tx, out.id)?.unwrap_or_default();
            let raw_id = spool::insert_raw(tx, &octets)?;
            messages::set_sent(tx, *message, message_id.as_deref().unwrap_or_default(), raw_id)?;
            let author =
                messages::get(tx, *message)?.and_then(|m| m.author).unwrap_or_else(|| history::VIGIE.to_owned());
            // Merged, split off or given back since it was written: where the message lies now.
            let ticket = messages::get(tx, *message)?.map_or(ticket, |message| message.ticket_id);
            let ticket = tickets::living(tx, ticket)?;
            let to: Vec<String> = Address::parse(&out.to).map(|to| to.key().to_owned()).into_iter().collect();
            let answer = Answer { who: &author, to: &to, at: now, what: "answer accepted by the mail server" };
            clocks::answered(tx, &post.settings, ticket, &answer, now)
        }
        Intent::MailBack { .. } => outbox::forget_code(tx, out.id),
        _ => Ok(()),
    }
}

/// An intent that will never arrive is told to people, in our words alone: what the server said may
/// name the reporter, and stands in the outbox. Many at once are one notice an hour. A notice that
/// fails is shown by `status` alone.
fn failed(tx: &Tx, post: &Post, out: &Out, words: &str, now: Timestamp) -> Result<()> {
    let code = reply_code(words).map_or(String::new(), |code| format!(" (reply {code})"));
    history::add(
        tx,
        out.ticket_id,
        now,
        history::VIGIE,
        &format!("{} {} could not be delivered{code}", out.kind, out.id),
    )?;
    if out.kind == OutKind::Notice {
        return Ok(());
    }
    let hour = now.as_second().div_euclid(3600).to_string();
    let text = format!(
        "Outgoing {} {} could not be delivered{code}, and maybe others since. See `vigie outbox list`.",
        out.kind, out.id
    );
    raise::notice(tx, &post.settings, None, "undelivered", &hour, &text, now)
}

/// The reply code of a server (RFC 5321 4.2) in the words of a trouble.
fn reply_code(words: &str) -> Option<&str> {
    let is_code =
        |word: &&str| word.len() == 3 && word.bytes().all(|b| b.is_ascii_digit()) && word.starts_with(['4', '5']);
    words.split(|c: char| !c.is_ascii_alphanumeric()).find(is_code)
}
