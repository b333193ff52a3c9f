//! Who says what with which proof: mails, merges, splits and answers in any order, through triage and
//! filing into a store, against a model that knows who wrote each mail and what is owed.

use super::clocks::{self, Answer};
use super::file::{Filing, file};
use super::known::known;
use super::merge;
use super::triage::{Placement, triage};
use crate::rules::message_id;
use crate::rules::report::Report;
use crate::rules::settings::Settings;
use crate::rules::testing::{address, mail, settings};
use crate::rules::ticket::{Direction, Number, State};
use crate::store::spool::{self, Arrival, Place, Role};
use crate::store::tickets::{self, Filter, Ticket};
use crate::store::{Store, correspondents, merges, messages};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const KEY: [u8; 32] = [7; 32];
const PEOPLE: [&str; 4] = ["a@corp.example", "b@else.example", "c@third.example", "evil@evil.example"];

/// What a mail points at; numbers choose among what is there.
#[derive(Debug, Clone)]
enum Pointer {
    Nothing,
    /// A Message-ID of ours with its good hash: whoever has the mail has it.
    Ours(usize),
    /// One whose hash is wrong.
    Forged(usize),
    /// The number in the subject.
    Number(usize),
    /// A mail that somebody sent to us.
    Mail(usize),
    Two(usize, usize),
}

#[derive(Debug, Clone)]
enum Act {
    Mail { from: usize, at: Pointer, vouched: bool },
    Answer { ticket: usize, to: usize },
    Merge { ticket: usize, into: usize },
    Unmerge { ticket: usize },
    Split { mail: usize },
    Admit { ticket: usize, who: usize },
}

fn any_act() -> impl Strategy<Value = Act> {
    let n = 0usize..8;
    let pointer = prop_oneof![
        2 => Just(Pointer::Nothing),
        4 => n.clone().prop_map(Pointer::Ours),
        1 => n.clone().prop_map(Pointer::Forged),
        1 => n.clone().prop_map(Pointer::Number),
        2 => n.clone().prop_map(Pointer::Mail),
        1 => (n.clone(), n.clone()).prop_map(|(one, two)| Pointer::Two(one, two)),
    ];
    prop_oneof![
        6 => (0..PEOPLE.len(), pointer, any::<bool>()).prop_map(|(from, at, vouched)| Act::Mail { from, at, vouched }),
        3 => (n.clone(), 0usize..4).prop_map(|(ticket, to)| Act::Answer { ticket, to }),
        3 => (n.clone(), n.clone()).prop_map(|(ticket, into)| Act::Merge { ticket, into }),
        2 => n.clone().prop_map(|ticket| Act::Unmerge { ticket }),
        1 => n.clone().prop_map(|mail| Act::Split { mail }),
        1 => (n, 0usize..3).prop_map(|(ticket, who)| Act::Admit { ticket, who }),
    ]
}

/// What the model knows of a mail.
struct Sent {
    message: i64,
    id: String,
    from: &'static str,
    owed: bool,
}

struct World {
    store: Store,
    settings: Settings,
    now: Timestamp,
    sent: Vec<Sent>,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("vigie.db"), None).unwrap();
        let now = "2026-11-27T17:01:00Z".parse().unwrap();
        World { store, settings: settings(), now, sent: Vec::new(), _folder: folder }
    }

    fn tickets(&self) -> Vec<Ticket> {
        let all = Filter { all: true, ..Filter::default() };
        let mut rows = self.store.read(|c| tickets::list(c, &all)).unwrap();
        rows.reverse();
        rows
    }

    fn living(&self) -> Vec<Ticket> {
        self.tickets().into_iter().filter(|ticket| ticket.state != State::Merged).collect()
    }

    fn act(&mut self, act: &Act) {
        self.now += SignedDuration::from_mins(7);
        let now = self.now;
        match act {
            Act::Mail { from, at, vouched } => self.arrive(PEOPLE[*from], at, *vouched),
            Act::Answer { ticket, to } => {
                let Some(ticket) = pick(&self.living(), *ticket) else { return };
                let rows = self.store.read(|c| correspondents::of_ticket(c, ticket.id)).unwrap();
                let to = pick(&rows, *to).unwrap().address;
                let answer = Answer { who: "alice", to: std::slice::from_ref(&to), at: now, what: "answered" };
                self.store.write(|tx| clocks::answered(tx, &self.settings, ticket.id, &answer, now)).unwrap();
                let here = self.messages(ticket.id);
                for mail in self.sent.iter_mut().filter(|mail| here.contains(&mail.message) && mail.from == to) {
                    mail.owed = false;
                }
            }
            Act::Merge { ticket, into } => {
                let living = self.living();
                let (Some(ticket), Some(into)) = (pick(&living, *ticket), pick(&living, *into)) else { return };
                if ticket.id != into.id {
                    self.store.write(|tx| merge::merge(tx, &ticket, &into, "alice", now)).unwrap();
                }
            }
            Act::Unmerge { ticket } => {
                let Some(ticket) = pick(&self.tickets(), *ticket) else { return };
                let standing = self.store.read(|c| merges::of_ticket(c, ticket.id)).unwrap();
                let Some(standing) = standing else { return };
                let free = self.store.read(|c| {
                    let top = tickets::living(c, standing.into_id)? == standing.into_id;
                    Ok(top && merge::stands_in_the_way(c, &standing)?.is_none())
                });
                if free.unwrap() {
                    self.store.write(|tx| merge::unmerge(tx, &self.settings, &standing, "alice", now)).unwrap();
                }
            }
            Act::Split { mail } => {
                let Some(mail) = self.sent.get(*mail) else { return };
                let row = self.store.read(|c| messages::get(c, mail.message)).unwrap().unwrap();
                if self.messages(row.ticket_id).len() > 1 {
                    let ticket = self.store.read(|c| tickets::get(c, row.ticket_id)).unwrap().unwrap();
                    self.store.write(|tx| merge::split(tx, &self.settings, &ticket, &row, "alice", now)).unwrap();
                }
            }
            Act::Admit { ticket, who } => {
                let Some(ticket) = pick(&self.living(), *ticket) else { return };
                self.store.write(|tx| tickets::add_participant(tx, ticket.id, PEOPLE[*who])).unwrap();
            }
        }
    }

    /// Mails of a ticket.
    fn messages(&self, ticket: i64) -> Vec<i64> {
        let messages = self.store.read(|c| messages::of_ticket(c, ticket)).unwrap();
        messages.iter().filter(|message| message.direction == Direction::In).map(|message| message.id).collect()
    }

    fn arrive(&mut self, from: &'static str, at: &Pointer, vouched: bool) {
        let all = self.tickets();
        let ours = |n: &usize, key: &[u8; 32]| {
            let ticket = pick(&all, *n)?;
            Some((
                message_id::make(key, Some(&Number::parse(&ticket.number)?), "answer", "1", "example.org"),
                ticket.id,
            ))
        };
        let domain = from.split('@').next_back().unwrap();
        let pass = format!("mx.example.org; dmarc=pass header.from={domain}");
        let headers: &[(&str, &str)] = if vouched { &[("Authentication-Results", &pass)] } else { &[] };
        let mut report: Report = mail(from, headers);
        let (mut named, mut proven) = (BTreeSet::new(), vouched);
        match at {
            Pointer::Nothing => {}
            Pointer::Ours(n) => {
                if let Some((id, ticket)) = ours(n, &KEY) {
                    report.references.push(id);
                    named.insert(ticket);
                    proven = true;
                }
            }
            Pointer::Forged(n) => {
                // Nothing that we know: it names nothing.
                report.references.extend(ours(n, &[8; 32]).map(|(id, _)| id));
            }
            Pointer::Number(n) => {
                if let Some(ticket) = pick(&all, *n) {
                    report.subject = format!("[{}] x", ticket.number).into();
                    named.insert(ticket.id);
                }
            }
            Pointer::Mail(n) => {
                if let Some(sent) = self.sent.get(*n) {
                    report.references.push(sent.id.clone());
                    let row = self.store.read(|c| messages::get(c, sent.message)).unwrap().unwrap();
                    named.insert(row.ticket_id);
                    proven |= sent.from == from;
                }
            }
            Pointer::Two(one, two) => {
                for (id, ticket) in [one, two].into_iter().filter_map(|n| ours(n, &KEY)) {
                    report.references.push(id);
                    named.insert(ticket);
                    proven = true;
                }
            }
        }
        let id = format!("<{}@mail.example>", self.sent.len());
        report.message_id = Some(id.clone());
        let named: BTreeSet<i64> =
            named.into_iter().map(|ticket| self.store.read(|c| tickets::living(c, ticket)).unwrap()).collect();
        let of_one = named.iter().next().copied().filter(|_| named.len() == 1);
        let takes_part = |ticket: &i64| {
            let participants = self.store.read(|c| tickets::participants(c, *ticket)).unwrap();
            participants.iter().any(|participant| participant == from)
        };
        let expected = of_one.filter(|ticket| proven && takes_part(ticket));
        let message = self.file(&report, expected, &named);
        self.sent.push(Sent { message, id, from, owed: true });
    }

    fn file(&self, report: &Report, expected: Option<i64>, named: &BTreeSet<i64>) -> i64 {
        let (settings, now) = (&self.settings, self.now);
        let mailbox = settings.mailbox("csirt").unwrap();
        let octets = report.message_id.clone().unwrap().into_bytes();
        self.store
            .write(|tx| {
                let arrival = Arrival {
                    mailbox: mailbox.name.clone(),
                    role: Role::Inbox,
                    folder: "INBOX".to_owned(),
                    place: Place::Nowhere,
                    full_size: octets.len() as u64,
                    bytes: octets.clone(),
                    received_at: now,
                    envelope_sender: None,
                    history: false,
                };
                let spooled = spool::insert(tx, &arrival, now)?.unwrap();
                let spooled = spool::get(tx, spooled)?.unwrap();
                let known = known(tx, settings, mailbox, &spooled, report, &KEY)?;
                let decision = triage(report, &known);
                match (&decision.placement, expected) {
                    (Placement::Join { ticket }, Some(expected)) => assert_eq!(*ticket, expected),
                    (Placement::New { claims }, None) => {
                        assert_eq!(claims.iter().copied().collect::<BTreeSet<_>>(), *named);
                    }
                    (placement, expected) => panic!("{placement:?}, and not {expected:?}"),
                }
                let code = format!("{}", spooled.id);
                let filing =
                    Filing { settings, mail: &spooled, report, decision: &decision, candidates: &[], code: &code, now };
                Ok(file(tx, &filing)?.message_id.unwrap())
            })
            .unwrap()
    }

    /// Each clock runs from the first mail of its correspondent that nobody has answered; a thread
    /// holds nothing of anybody else; what is merged has neither mail nor clock.
    fn check(&self) {
        let by_message: BTreeMap<i64, &Sent> = self.sent.iter().map(|mail| (mail.message, mail)).collect();
        for ticket in self.tickets() {
            let here = self.messages(ticket.id);
            let rows = self.store.read(|c| correspondents::of_ticket(c, ticket.id)).unwrap();
            if ticket.state == State::Merged {
                assert!(here.is_empty() && rows.iter().all(|row| row.clock.is_none()), "{ticket:?}");
                continue;
            }
            assert!(!here.is_empty(), "{ticket:?}");
            for message in &here {
                let row = self.store.read(|c| correspondents::author(c, *message)).unwrap();
                assert_eq!(row.as_deref(), Some(by_message[message].from));
            }
            for row in rows {
                let owed = here.iter().filter(|id| by_message[id].from == row.address && by_message[id].owed);
                let first =
                    owed.map(|id| self.store.read(|c| messages::get(c, *id)).unwrap().unwrap().received_at).min();
                assert_eq!(row.clock.as_ref().map(|clock| clock.from), first, "{} in {}", row.address, ticket.number);
                let thread = self.store.read(|c| correspondents::thread(c, ticket.id, &row.address, i64::MAX)).unwrap();
                assert!(
                    thread.iter().filter(|mail| mail.theirs).all(|mail| by_message[&mail.message].from == row.address)
                );
            }
        }
        assert_eq!(self.sent.iter().filter(|mail| mail.message == 0).count(), 0);
        for mail in &self.sent {
            let row = self.store.read(|c| messages::get(c, mail.message)).unwrap().unwrap();
            let ticket = self.store.read(|c| tickets::get(c, row.ticket_id)).unwrap().unwrap();
            let participants = self.store.read(|c| tickets::participants(c, ticket.id)).unwrap();
            assert!(
                ticket.reporter_key() == mail.from || participants.iter().any(|who| who == mail.from),
                "the mail of {} lies in {} where they have no part",
                mail.from,
                ticket.number
            );
        }
    }
}

fn pick<T: Clone>(list: &[T], n: usize) -> Option<T> {
    list.get(n % list.len().max(1)).cloned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_in_whatever_order_each_mail_lies_with_its_own_and_each_clock_is_right(
        acts in proptest::collection::vec(any_act(), 1..24),
    ) {
        let mut world = World::new();
        for act in &acts {
            world.act(act);
            world.check();
        }
    }
}

#[test]
fn addresses_of_the_model_are_plain() {
    assert!(PEOPLE.iter().all(|who| address(who).key() == *who));
}
