//! Who a correspondent is: asked by mail-back, or vouched for by an analyst (P6).
//!
//! Hostile data: none. Failure: `AppError`.

use super::tickets::find;
use super::views::{Answer, Done};
use super::work::{addressee, checked_reason, refuse_merged};
use super::{Actor, App, AppError};
use crate::edge::random;
use crate::rules::intent::Intent;
use crate::rules::mail_back;
use crate::rules::settings::Language;
use crate::rules::ticket::words;
use crate::store::identities::{self, Identity};
use crate::store::{history, outbox};
use jiff::Timestamp;

words! {
    /// How an analyst made sure who somebody is.
    VouchMethod { CallBack = "call-back", InPerson = "in-person" }
}

pub(super) fn challenge(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    number: &str,
    to: Option<&str>,
) -> Result<Answer, AppError> {
    let code = mail_back::code(&random::bytes::<20>());
    app.store.change(|tx| {
        let ticket = find(app, tx, now, number)?;
        refuse_merged(tx, &ticket)?;
        let to = addressee(tx, &ticket, to)?;
        let times = (now, now + mail_back::LIFE);
        let id = identities::challenge(tx, ticket.id, to.as_str(), &mail_back::kept(&code), &actor.name, times)?;
        let language = if ticket.language == "fr" { Language::Fr } else { Language::En };
        let intent = Intent::MailBack { code: code.clone(), language };
        outbox::owe(tx, Some(ticket.id), &format!("mail-back-{id}"), to.as_str(), &intent, now, now)?;
        history::add(tx, Some(ticket.id), now, &actor.name, &format!("mail-back {id} asked for"))?;
        let words = format!("{}: a mail-back is queued; its code is good for seven days", ticket.number);
        Ok(done(ticket.number, words))
    })
}

pub(super) fn vouch(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    number: &str,
    (method, note, address): (VouchMethod, &str, Option<&str>),
) -> Result<Answer, AppError> {
    let note = checked_reason("note", note)?;
    app.store.change(|tx| {
        let ticket = find(app, tx, now, number)?;
        refuse_merged(tx, &ticket)?;
        let address = addressee(tx, &ticket, address)?;
        let identity = Identity {
            address: address.key().to_owned(),
            method: method.word().to_owned(),
            at: now,
            who: actor.name.clone(),
            note: Some(note.to_owned()),
            signer: None,
        };
        identities::add(tx, ticket.id, &identity)?;
        history::add(tx, Some(ticket.id), now, &actor.name, &format!("identity: vouched for by {method}"))?;
        let words = format!("{}: vouched for by {method}", ticket.number);
        Ok(done(ticket.number, words))
    })
}

fn done(number: String, words: String) -> Answer {
    Answer::Done(Done { tickets: vec![number], words: vec![words], ..Done::default() })
}
