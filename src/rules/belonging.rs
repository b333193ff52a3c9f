//! Which ticket a mail belongs to (DESIGN "Belonging").
//!
//! A mail joins a ticket only if it names exactly one, comes from a participant, and carries one
//! proof. Numbers are no secret and open nothing.
//!
//! Hostile data: none directly, but every fact here was claimed by a stranger until proven.
//! Failure: none; in doubt it is a ticket of its own, linked to those it claims.

use super::address::Address;
use super::ticket::Number;
use jiff::SignedDuration;

/// A ticket that a mail names by a reference or by its number in the real subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTicket {
    pub id: i64,
    pub number: Number,
    pub participants: Vec<Address>,
    /// The reporter, where mail can be sent to them.
    pub reporter: Option<Address>,
    /// The strongest proof among the references: our Message-ID with a good keyed hash, an answer
    /// found in our Sent folder, or a mail that this same sender sent into the ticket to us alone.
    pub proven_by_reference: bool,
    /// A reference or number that names it stands inside the signature, if there is one.
    pub pointer_protected: bool,
    /// How often mail has reopened it lately, where it is put away now; None: it is not.
    pub reopened_lately: Option<u32>,
}

/// So often mail reopens one ticket within `REOPENING_SPAN`; then it opens tickets of its own (T59).
const REOPENINGS: u32 = 3;

/// The time within which reopenings are counted.
pub const REOPENING_SPAN: SignedDuration = SignedDuration::from_hours(24);

impl NamedTicket {
    /// Whether the ticket takes mail: it is not put away, or may be reopened.
    fn takes_mail(&self) -> bool {
        self.reopened_lately.is_none_or(|count| count < REOPENINGS)
    }
}

/// Where the mail of somebody who is no analyst belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belonging {
    /// A ticket of its own, linked to those it claims to belong to.
    New { claims: Vec<i64> },
    /// A participant's further mail, proven.
    Join { ticket: i64 },
}

/// Decides. `from` is the From address, None where it is not one plain address; `signed`: a good
/// signature over the whole, bound to `from`, by a key that the team took in; `dmarc`: the domain
/// for which the border reports a DMARC pass. A signature proves only what stands inside it: with
/// the pointer outside, anybody who has some signed mail of theirs could have put it there.
pub fn place(named: &[NamedTicket], from: Option<&Address>, signed: bool, dmarc: Option<&str>) -> Belonging {
    let mut claims: Vec<i64> = named.iter().map(|ticket| ticket.id).collect();
    claims.sort_unstable();
    claims.dedup();
    let ([_], Some(from)) = (claims.as_slice(), from) else { return Belonging::New { claims } };
    let participant = named.iter().all(|ticket| ticket.participants.contains(from));
    let signed = signed && named.iter().any(|ticket| ticket.pointer_protected);
    let proven = signed || passes_for(from, dmarc) || named.iter().any(|ticket| ticket.proven_by_reference);
    match claims.as_slice() {
        &[ticket] if participant && proven && named.iter().all(NamedTicket::takes_mail) => Belonging::Join { ticket },
        _ => Belonging::New { claims },
    }
}

/// Whether the border vouches for the domain of this very address.
pub fn passes_for(from: &Address, dmarc: Option<&str>) -> bool {
    dmarc.is_some_and(|domain| domain.eq_ignore_ascii_case(from.domain()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn ticket(id: i64, proven_by_reference: bool) -> NamedTicket {
        let participants = vec![address("a@corp.example"), address("b@other.example")];
        let reporter = Some(address("a@corp.example"));
        NamedTicket {
            id,
            number: Number::new("EX", 2026, id as u32),
            participants,
            reporter,
            proven_by_reference,
            pointer_protected: true,
            reopened_lately: None,
        }
    }

    #[test]
    fn t50_a_participant_with_one_proof_joins_and_nobody_else() {
        let join = Belonging::Join { ticket: 1 };
        let own = Belonging::New { claims: vec![1] };
        for (from, by_reference, signed, dmarc, expected) in [
            (Some("a@corp.example"), true, false, None, &join),
            (Some("A@Corp.Example"), true, false, None, &join),
            (Some("b@other.example"), true, false, None, &join),
            (Some("a@corp.example"), false, true, None, &join),
            (Some("a@corp.example"), false, false, Some("corp.example"), &join),
            // T51: a participant without proof
            (Some("a@corp.example"), false, false, None, &own),
            (Some("a@corp.example"), false, false, Some("other.example"), &own),
            (Some("a@corp.example"), false, false, Some("example"), &own),
            (Some("a@corp.example"), false, false, Some("mail.corp.example"), &own),
            // T53: a stranger with every proof
            (Some("evil@corp.example"), true, true, Some("corp.example"), &own),
            (Some("a@sub.corp.example"), true, true, Some("sub.corp.example"), &own),
            (None, true, true, Some("corp.example"), &own),
        ] {
            let from = from.map(address);
            let placed = place(&[ticket(1, by_reference)], from.as_ref(), signed, dmarc);
            assert_eq!(&placed, expected, "{by_reference} {signed} {dmarc:?}");
        }
    }

    #[test]
    fn t36_a_signature_proves_no_pointer_that_stands_outside_of_it() {
        let from = address("a@corp.example");
        let outside = NamedTicket { pointer_protected: false, ..ticket(1, false) };
        assert_eq!(place(&[outside], Some(&from), true, None), Belonging::New { claims: vec![1] });
    }

    #[test]
    fn t59_a_ticket_that_was_put_away_takes_mail_three_times_a_day() {
        let from = address("a@corp.example");
        for (reopened_lately, joins) in
            [(None, true), (Some(0), true), (Some(2), true), (Some(3), false), (Some(9), false)]
        {
            let named = NamedTicket { reopened_lately, ..ticket(1, true) };
            let expected = if joins { Belonging::Join { ticket: 1 } } else { Belonging::New { claims: vec![1] } };
            assert_eq!(place(&[named], Some(&from), false, None), expected, "{reopened_lately:?}");
        }
    }

    #[test]
    fn t58_a_mail_that_names_two_tickets_joins_none_and_links_both() {
        let from = address("a@corp.example");
        let two = [ticket(2, true), ticket(1, true)];
        assert_eq!(place(&two, Some(&from), true, Some("corp.example")), Belonging::New { claims: vec![1, 2] });
        let same_twice = [ticket(1, false), ticket(1, true)];
        assert_eq!(place(&same_twice, Some(&from), false, None), Belonging::Join { ticket: 1 });
        assert_eq!(place(&[], Some(&from), true, Some("corp.example")), Belonging::New { claims: vec![] });
    }

    proptest! {
        #[test]
        fn nothing_joins_without_participant_and_proof(
            ids in proptest::collection::vec((1i64..4, any::<bool>()), 0..4),
            from in proptest::option::of(prop::sample::select(vec!["a@corp.example", "b@other.example", "x@evil.example"])),
            signed: bool,
            dmarc in proptest::option::of(prop::sample::select(vec!["corp.example", "other.example", "evil.example"])),
        ) {
            let named: Vec<NamedTicket> = ids.iter().map(|&(id, proof)| ticket(id, proof)).collect();
            let from = from.map(address);
            if let Belonging::Join { ticket } = place(&named, from.as_ref(), signed, dmarc) {
                let from = from.unwrap();
                prop_assert!(named.iter().all(|t| t.id == ticket && t.participants.contains(&from)));
                prop_assert!(signed || dmarc == Some(from.domain()) || named.iter().any(|t| t.proven_by_reference));
            }
        }
    }
}
