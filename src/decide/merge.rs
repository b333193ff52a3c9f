//! Two tickets become one, and two again; a message gets a ticket of its own.
//!
//! What moves is written down so that `unmerge` gives back messages, participants, clocks, links and
//! state. Correspondents keep the number that they know: nothing tells one of them of the other
//! ticket. Marks only rise by a merge (P11, P12); undone, they fall back unless mail has come since
//! that may have carried them too. Failure: the store's; whether it makes sense is asked in `app`.

use super::clocks;
use crate::rules::settings::Settings;
use crate::rules::subject;
use crate::rules::ticket::{Direction, LinkKind, Number, State};
use crate::rules::tlp::Mark;
use crate::rules::urgent::asks_urgent;
use crate::rules::verdict::{Encryption, Verdict};
use crate::store::correspondents::{self, Correspondent};
use crate::store::merges::{self, Before, Combined, Merge, Standing};
use crate::store::messages::{self, Message};
use crate::store::tickets::{self, Ticket};
use crate::store::{Connection, Result, Tx, history};
use jiff::Timestamp;

/// Merges a ticket into another; neither is merged yet.
pub fn merge(tx: &Tx, ticket: &Ticket, into: &Ticket, who: &str, now: Timestamp) -> Result<()> {
    let messages: Vec<i64> = messages::of_ticket(tx, ticket.id)?.iter().map(|message| message.id).collect();
    let newest_message = merges::newest_message(tx)?;
    merges::move_messages(tx, &messages, into.id)?;
    let (mut moved, mut combined) = (Vec::new(), Vec::new());
    for row in correspondents::of_ticket(tx, ticket.id)? {
        match correspondents::get(tx, into.id, &row.address)? {
            None => {
                merges::move_correspondent(tx, row.id, into.id, row.known_as)?;
                moved.push(row);
            }
            Some(kept) => {
                let together = together(&row, &kept);
                merges::set_correspondent(tx, &together)?;
                correspondents::stop_clock(tx, row.id)?;
                combined.push(Combined { merged: row, kept, together });
            }
        }
    }
    let mut participants = tickets::participants(tx, ticket.id)?;
    retain(&mut participants, |address| tickets::add_participant(tx, into.id, address))?;
    let mut received_via = tickets::received_via(tx, ticket.id)?;
    received_via.retain({
        let known = tickets::received_via(tx, into.id)?;
        move |mailbox| !known.contains(mailbox)
    });
    for mailbox in &received_via {
        tickets::add_received_via(tx, into.id, mailbox)?;
    }
    let known = tickets::labels(tx, into.id)?;
    let labels: Vec<String> =
        tickets::labels(tx, ticket.id)?.into_iter().filter(|label| !known.contains(label)).collect();
    for label in &labels {
        tickets::add_label(tx, into.id, label)?;
    }
    let links = inherit_links(tx, ticket, into)?;
    let (standing, raised) = raise(tx, ticket, into)?;
    tickets::set_state(tx, ticket.id, State::Merged)?;
    tickets::add_link(tx, ticket.id, into.id, LinkKind::Merged)?;
    let before = Before {
        state: ticket.state,
        messages,
        newest_message,
        moved,
        combined,
        participants,
        links,
        received_via,
        labels,
        standing,
        raised,
    };
    merges::insert(tx, ticket.id, into.id, &before, now)?;
    let what = format!("state {} -> merged: merged into {}", ticket.state, into.number);
    history::add(tx, Some(ticket.id), now, who, &what)?;
    history::add(tx, Some(into.id), now, who, &format!("{} merged into this", ticket.number))
}

/// Keeps those of which something is new.
fn retain(list: &mut Vec<String>, is_new: impl Fn(&str) -> Result<bool>) -> Result<()> {
    let mut kept = Vec::new();
    for item in list.drain(..) {
        if is_new(&item)? {
            kept.push(item);
        }
    }
    *list = kept;
    Ok(())
}

/// One address in two tickets: the older unanswered mail counts, whose rungs are fired as far as they
/// were; the later answer.
fn together(merged: &Correspondent, kept: &Correspondent) -> Correspondent {
    let running = [kept, merged].into_iter().filter(|row| row.clock.is_some());
    let source = running.min_by_key(|row| row.clock.as_ref().map(|clock| clock.from)).unwrap_or(kept);
    Correspondent {
        answered_at: merged.answered_at.max(kept.answered_at),
        clock: source.clock.clone(),
        remind_at: source.remind_at,
        due_at: source.due_at,
        escalate_at: source.escalate_at,
        escalated_at: [merged.escalated_at, kept.escalated_at].into_iter().flatten().min(),
        ..kept.clone()
    }
}

fn inherit_links(tx: &Tx, ticket: &Ticket, into: &Ticket) -> Result<Vec<(i64, String)>> {
    let known = merges::links(tx, into.id)?;
    let mut links = merges::links(tx, ticket.id)?;
    links.retain(|link| link.0 != into.id && link.1 != LinkKind::Merged && !known.contains(link));
    for (to, kind) in &links {
        tickets::add_link(tx, into.id, *to, *kind)?;
    }
    Ok(links.into_iter().map(|(to, kind)| (to, kind.word().to_owned())).collect())
}

/// Raises what the merged ticket's mail asks for; gives how it stood before and stands now.
fn raise(tx: &Tx, ticket: &Ticket, into: &Ticket) -> Result<(Standing, Standing)> {
    let (ours, before) = (merges::standing(tx, ticket.id)?, merges::standing(tx, into.id)?);
    let mark = |standing: &Standing| standing.tlp.as_deref().and_then(Mark::from_word);
    // Consent to pass on holds only where it is everybody's.
    let caution = |consent: &Option<String>| match consent.as_deref() {
        Some("yes") => 0,
        Some("limited") => 1,
        None => 2,
        Some(_) => 3,
    };
    // Of two dates to come the first: the day on which somebody wanted to look is not lost.
    let to_come = |standing: &Standing| standing.follow_up_at.filter(|_| !standing.follow_up_told);
    let follow_up = match (to_come(&before), to_come(&ours)) {
        (Some(before), Some(first)) if first < before => &ours,
        (None, _) if ours.follow_up_at.is_some() => &ours,
        _ => &before,
    };
    let owed = tickets::get(tx, into.id)?.is_some_and(|row| row.clock.is_some());
    let wakes = owed && into.clock.is_none() && !matches!(before.state, State::New | State::Open);
    let after = Standing {
        state: if wakes { State::Open } else { before.state },
        kind: ours.kind.max(before.kind),
        priority: ours.priority.max(before.priority),
        reported_urgent: ours.reported_urgent || before.reported_urgent,
        // Unprotected for as long as no mail has said it in a protected subject.
        urgent_unprotected: [&ours, &before].iter().any(|s| s.reported_urgent)
            && [&ours, &before].iter().all(|s| !s.reported_urgent || s.urgent_unprotected),
        tlp: if mark(&ours) > mark(&before) { ours.tlp.clone() } else { before.tlp.clone() },
        received_encrypted: ours.received_encrypted || before.received_encrypted,
        automatic: ours.automatic && before.automatic,
        suspected_spam: ours.suspected_spam && before.suspected_spam,
        consent: [&ours, &before].into_iter().max_by_key(|s| caution(&s.consent)).and_then(|s| s.consent.clone()),
        follow_up_at: follow_up.follow_up_at,
        follow_up_told: follow_up.follow_up_told,
    };
    merges::set_standing(tx, into.id, &after)?;
    Ok((before, after))
}

/// A later merge into the same ticket that concerns one of the same correspondents: it is to be undone
/// first.
pub fn stands_in_the_way(c: &Connection, merge: &Merge) -> Result<Option<i64>> {
    let addresses = |before: &Before| -> Vec<String> {
        let combined = before.combined.iter().map(|both| both.merged.address.clone());
        before.moved.iter().map(|row| row.address.clone()).chain(combined).collect()
    };
    let ours = addresses(&merge.before);
    let later = merges::into_ticket(c, merge.into_id)?
        .into_iter()
        .rfind(|other| other.id > merge.id && addresses(&other.before).iter().any(|address| ours.contains(address)));
    Ok(later.map(|other| other.ticket_id))
}

/// Undoes a merge. What came since from a correspondent who came with the merged ticket, and what was
/// written to them, goes along.
pub fn unmerge(tx: &Tx, settings: &Settings, merge: &Merge, who: &str, now: Timestamp) -> Result<()> {
    let (Some(ticket), Some(into)) = (tickets::get(tx, merge.ticket_id)?, tickets::get(tx, merge.into_id)?) else {
        return Ok(());
    };
    let before = &merge.before;
    let moved: Vec<&str> = before.moved.iter().map(|row| row.address.as_str()).collect();
    let mut back = Vec::new();
    let (mut came_back, mut came_else) = (false, false);
    for message in messages::of_ticket(tx, into.id)? {
        let is_new = message.id > before.newest_message;
        let goes = if is_new { is_with(tx, &message, &moved)? } else { before.messages.contains(&message.id) };
        if goes {
            back.push(message.id);
        }
        let came = is_new && message.direction == Direction::In;
        (came_back, came_else) = (came_back || (came && goes), came_else || (came && !goes));
    }
    merges::move_messages(tx, &back, ticket.id)?;
    for row in &before.moved {
        merges::move_correspondent(tx, row.id, ticket.id, row.known_as)?;
    }
    for both in &before.combined {
        part(tx, settings, both, merge)?;
    }
    for address in &before.participants {
        tickets::remove_participant(tx, into.id, address)?;
    }
    for (to, kind) in &before.links {
        if let Some(kind) = LinkKind::from_word(kind) {
            merges::remove_link(tx, into.id, *to, kind)?;
        }
    }
    for mailbox in &before.received_via {
        merges::remove_received_via(tx, into.id, mailbox)?;
    }
    for label in &before.labels {
        tickets::remove_label(tx, into.id, label)?;
    }
    merges::remove_link(tx, ticket.id, into.id, LinkKind::Merged)?;
    let owed =
        |id: i64| Ok::<_, crate::store::StoreError>(tickets::get(tx, id)?.is_some_and(|row| row.clock.is_some()));
    let state = match (owed(ticket.id)?, before.state) {
        _ if came_back => State::Open,
        (false, State::New | State::Open) if was_owed(before) => State::Waiting,
        (_, state) => state,
    };
    tickets::set_state(tx, ticket.id, state)?;
    let mut now_stands = merges::standing(tx, into.id)?;
    lower(&mut now_stands, before, came_else);
    if owed(into.id)? && !matches!(now_stands.state, State::New | State::Open) {
        now_stands.state = State::Open;
    }
    merges::set_standing(tx, into.id, &now_stands)?;
    merges::undone(tx, merge.id, now)?;
    history::add(tx, Some(ticket.id), now, who, &format!("state merged -> {state}: unmerged from {}", into.number))?;
    let mut what = format!("{} unmerged from this", ticket.number);
    if now_stands.state != into.state {
        what.push_str(&format!(", state {} -> {}", into.state, now_stands.state));
    }
    history::add(tx, Some(into.id), now, who, &what)
}

/// Whether a message is of these correspondents alone.
fn is_with(c: &Connection, message: &Message, addresses: &[&str]) -> Result<bool> {
    Ok(match message.direction {
        Direction::In => {
            correspondents::author(c, message.id)?.is_some_and(|author| addresses.contains(&author.as_str()))
        }
        Direction::Out | Direction::Ack => {
            let mut to = message.to.iter().chain(&message.cc).map(|to| to.to_lowercase()).peekable();
            to.peek().is_some() && to.all(|to| addresses.contains(&to.as_str()))
        }
        Direction::Note => false,
    })
}

fn was_owed(before: &Before) -> bool {
    let mut rows = before.moved.iter().chain(before.combined.iter().map(|both| &both.merged));
    rows.any(|row| row.clock.is_some())
}

/// One address in two tickets gets its two clocks back: as they were, or, where they were answered
/// since or wrote since, as the mails of each ticket now ask for.
fn part(tx: &Tx, settings: &Settings, both: &Combined, merge: &Merge) -> Result<()> {
    let Combined { merged, kept, together } = both;
    let Some(now_stands) = correspondents::get(tx, merge.into_id, &kept.address)? else { return Ok(()) };
    let answered_since =
        now_stands.answered_at.filter(|at| now_stands.answered_at != together.answered_at && *at >= merge.at);
    for (was, ticket) in [(merged, merge.ticket_id), (kept, merge.into_id)] {
        // What had been put away unanswered before stays put away.
        let owed = correspondents::first_owed(tx, ticket, &was.address)?
            .filter(|from| was.clock.is_some() || *from > merge.at);
        let known = [&now_stands.clock, &was.clock].into_iter().flatten();
        let clock = owed.map(|from| {
            known
                .clone()
                .find(|clock| clock.from == from)
                .cloned()
                .unwrap_or_else(|| clocks::clock_from(settings, from))
        });
        let mut row = was.clone();
        row.answered_at = answered_since.or(was.answered_at);
        if clock.is_some() && clock == now_stands.clock {
            // What was fired meanwhile is fired.
            row.escalated_at = now_stands.escalated_at;
        }
        row.clock = None;
        merges::set_correspondent(tx, &row)?;
        if let Some(clock) = clock {
            correspondents::set_clock(tx, row.id, &clock)?;
        }
    }
    Ok(())
}

/// Lets what the merge raised fall back, where nothing else has changed it since. Where mail has come,
/// the marks stay: it may have borne them as well.
fn lower(now_stands: &mut Standing, before: &Before, came: bool) {
    let (was, raised) = (&before.standing, &before.raised);
    macro_rules! back {
        ($($field:ident),+) => { $( if now_stands.$field == raised.$field { now_stands.$field = was.$field.clone(); } )+ };
    }
    back!(state, priority, automatic, suspected_spam, consent);
    if now_stands.follow_up_at == raised.follow_up_at && raised.follow_up_at != was.follow_up_at {
        (now_stands.follow_up_at, now_stands.follow_up_told) = (was.follow_up_at, was.follow_up_told);
    }
    if !came {
        back!(kind, reported_urgent, urgent_unprotected, tlp, received_encrypted);
    }
}

/// Gives a mail a ticket of its own: linked, with a clock from its own receipt if it is unanswered.
pub fn split(
    tx: &Tx,
    settings: &Settings,
    ticket: &Ticket,
    message: &Message,
    who: &str,
    now: Timestamp,
) -> Result<i64> {
    let author = correspondents::author(tx, message.id)?.unwrap_or_default();
    let written = message.from.clone().filter(|from| from.to_lowercase() == author);
    let reporter = written.or_else(|| Some(author.clone())).filter(|address| !address.is_empty());
    let mailbox = merges::mailbox_of(tx, message.id)?.unwrap_or_else(|| ticket.mailbox.clone());
    let verdict: Verdict =
        message.latest_verdict().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let year = message.received_at.to_zoned(settings.team.time_zone.clone()).year();
    let number: Number = tickets::next_number(tx, &settings.team.ticket_prefix, year)?;
    let address = reporter.as_deref().and_then(crate::rules::address::Address::parse);
    let is_reporters = author == ticket.reporter_key();
    let new = Ticket {
        number: number.to_string(),
        state: State::Open,
        subject: subject::without_tags(&message.subject, &settings.team.ticket_prefix),
        kind: settings.mailbox(&mailbox).map_or(ticket.kind, |mailbox| mailbox.kind),
        reported_urgent: asks_urgent(&message.subject),
        urgent_unprotected: asks_urgent(&message.subject) && !verdict.subject_protected,
        constituent: address.and_then(|address| settings.constituent(&address)).map(|c| c.name.clone()),
        reporter_name: if is_reporters { ticket.reporter_name.clone() } else { String::new() },
        received_encrypted: ticket.received_encrypted || verdict.encryption != Encryption::None,
        received_at: message.received_at,
        mailbox,
        reporter,
        ..ticket.clone()
    };
    let id = tickets::insert(tx, &new)?;
    let owed = correspondents::is_owed(tx, message.id)?;
    merges::move_messages(tx, &[message.id], id)?;
    let mine = correspondents::ensure(tx, ticket.id, &author)?;
    if let Some(clock) = mine.clock.as_ref().filter(|_| owed) {
        let fresh = clocks::clock_from(settings, message.received_at);
        let theirs = correspondents::ensure(tx, id, &author)?;
        let clock = if clock.from == message.received_at { clock } else { &fresh };
        correspondents::set_clock(tx, theirs.id, clock)?;
        clocks::refresh(tx, settings, &mine)?;
    }
    tickets::add_link(tx, id, ticket.id, LinkKind::Related)?;
    tickets::add_link(tx, ticket.id, id, LinkKind::Related)?;
    let what = format!("opened with message {}, split from {}", message.id, ticket.number);
    history::add(tx, Some(id), now, who, &what)?;
    let what = format!("message {} split off: it is {number} now", message.id);
    history::add(tx, Some(ticket.id), now, who, &what)?;
    Ok(id)
}
