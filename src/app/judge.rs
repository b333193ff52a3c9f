//! What the team makes of a ticket: marks, consent, class, severity, extent.
//!
//! Marks and consent are the originator's (P11, P12, P16): to tighten a mark is free, to loosen one needs
//! the originator's consent and a reason, and the history keeps both. A ticket without mark is handled as
//! AMBER, so a laxer mark loosens it. Hostile data: none. Failure: a refusal; nothing is changed.

use super::views::{Answer, ClassView, TypeView};
use super::work::{checked_reason, each, refuse_merged};
use super::{Actor, App, AppError};
use crate::rules::consent::Consent;
use crate::rules::taxonomy;
use crate::rules::tlp::Mark;
use crate::rules::weight::{Extent, Severity};
use crate::store::{content, history, tickets};
use jiff::Timestamp;

/// Who acts, and when.
type By<'a> = (&'a Actor, Timestamp);

pub(super) fn set_tlp(
    app: &App,
    (actor, now): By,
    numbers: &[String],
    mark: Mark,
    (reason, consent): (Option<&str>, bool),
) -> Result<Answer, AppError> {
    let reason = reason.map(|reason| checked_reason("reason", reason)).transpose()?;
    each(app, now, numbers, |tx, ticket| {
        refuse_merged(tx, ticket)?;
        let before = ticket.tlp.as_deref().and_then(Mark::from_word);
        if before == Some(mark) {
            return Ok(format!("{} is marked {mark} already", ticket.number));
        }
        let loosens = mark < before.unwrap_or(Mark::Amber);
        let shown = before.map_or("none", Mark::word);
        if loosens && !(consent && reason.is_some()) {
            let handled = if before.is_none() { " (handled as AMBER)" } else { "" };
            return Err(AppError::not_allowed(format!(
                "{}: refused: its mark is {shown}{handled} and belongs to the originator; to loosen it to {mark} ask them, \
                 then say so with --consent and --reason TEXT",
                ticket.number
            )));
        }
        tickets::set_tlp(tx, ticket.id, mark.word())?;
        let mut what = format!("TLP {shown} -> {mark}");
        if loosens {
            what.push_str(", loosened with the originator's consent");
        }
        if let Some(reason) = reason {
            what.push_str(&format!(": {reason}"));
        }
        history::add(tx, Some(ticket.id), now, &actor.name, &what)?;
        Ok(format!("{} is marked {mark}", ticket.number))
    })
}

pub(super) fn set_consent(
    app: &App,
    (actor, now): By,
    numbers: &[String],
    consent: Consent,
    reason: &str,
) -> Result<Answer, AppError> {
    let reason = checked_reason("reason", reason)?;
    each(app, now, numbers, |tx, ticket| {
        refuse_merged(tx, ticket)?;
        content::set_consent(tx, ticket.id, consent)?;
        let what = format!("consent {} -> {consent}: {reason}", ticket.consent.as_deref().unwrap_or("none"));
        history::add(tx, Some(ticket.id), now, &actor.name, &what)?;
        Ok(format!("{}: consent to pass it on: {consent}", ticket.number))
    })
}

pub(super) fn classify(
    app: &App,
    (actor, now): By,
    numbers: &[String],
    class: &str,
    kind: Option<&str>,
) -> Result<Answer, AppError> {
    let classification = taxonomy::find(class, kind).map_err(|words| AppError::invalid("class", words))?;
    each(app, now, numbers, |tx, ticket| {
        refuse_merged(tx, ticket)?;
        let before = ticket.classification.as_deref();
        if before == Some(classification.as_str()) {
            return Ok(format!("{} is {classification} already", ticket.number));
        }
        content::set_classification(tx, ticket.id, &classification)?;
        let suggested = content::suggested(tx, ticket.id)?.classification;
        let as_suggested = if suggested.is_some_and(|s| s.value == classification) { ", as suggested" } else { "" };
        let what = format!("classification {} -> {classification}{as_suggested}", before.unwrap_or("none"));
        history::add(tx, Some(ticket.id), now, &actor.name, &what)?;
        Ok(format!("{} is {classification}", ticket.number))
    })
}

pub(super) fn set_severity(
    app: &App,
    (actor, now): By,
    numbers: &[String],
    severity: Severity,
) -> Result<Answer, AppError> {
    each(app, now, numbers, |tx, ticket| {
        refuse_merged(tx, ticket)?;
        let before = ticket.severity.as_deref();
        if before == Some(severity.word()) {
            return Ok(format!("{} has severity {severity} already", ticket.number));
        }
        content::set_severity(tx, ticket.id, severity)?;
        let what = format!("severity {} -> {severity}", before.unwrap_or("none"));
        history::add(tx, Some(ticket.id), now, &actor.name, &what)?;
        Ok(format!("{} has severity {severity}", ticket.number))
    })
}

pub(super) fn set_extent(app: &App, (actor, now): By, numbers: &[String], extent: Extent) -> Result<Answer, AppError> {
    each(app, now, numbers, |tx, ticket| {
        refuse_merged(tx, ticket)?;
        let before = content::extent(tx, ticket.id)?;
        if before == Some(extent) {
            return Ok(format!("{} has extent {extent} already", ticket.number));
        }
        content::set_extent(tx, ticket.id, extent)?;
        let what = format!("extent {} -> {extent}", before.map_or("none", Extent::word));
        history::add(tx, Some(ticket.id), now, &actor.name, &what)?;
        Ok(format!("{} has extent {extent}", ticket.number))
    })
}

/// The taxonomy, as a list.
pub(super) fn classes() -> Answer {
    let kind = |(word, name): &(&str, &str)| TypeView { kind: (*word).to_owned(), name: (*name).to_owned() };
    let view = |class: &taxonomy::Class| ClassView {
        class: class.word.to_owned(),
        name: class.name.to_owned(),
        types: class.types.iter().map(kind).collect(),
    };
    Answer::Classes(taxonomy::CLASSES.iter().map(view).collect())
}
