//! What the mails of a ticket hold, and what that suggests: for the analyst's eye alone.
//!
//! Hostile data: texts of mails; they pass through as `Untrusted`. Failure: the store's.

use super::views::{ContentView, IndicatorView, MessageView, SuggestionView};
use super::{App, AppError};
use crate::rules::checklist::{self, Facts};
use crate::rules::contact::{self, Contact};
use crate::rules::report::{Forwarded, IndicatorKind};
use crate::rules::set_aside::is_set_aside;
use crate::rules::suggest::Suggestion;
use crate::rules::ticket::Direction;
use crate::store::tickets::Ticket;
use crate::store::{Connection, content, messages};

/// What a list shows: the extent and what nobody has confirmed yet.
pub(super) fn of_line(app: &App, c: &Connection, ticket: &Ticket) -> crate::store::Result<ContentView> {
    let suggested = content::suggested(c, ticket.id)?;
    let view = |of: Option<Suggestion>, set: &Option<String>| {
        of.filter(|_| set.is_none()).map(|s| SuggestionView { value: s.value, reason: s.reason })
    };
    let stranger = ticket.constituent.is_none() && ticket.reporter.is_some() && !ticket.automatic;
    Ok(ContentView {
        extent: content::extent(c, ticket.id)?,
        suggested_classification: view(suggested.classification, &ticket.classification),
        suggested_severity: view(suggested.severity, &ticket.severity),
        suggested_template: (stranger && !app.settings.constituents.is_empty()).then(|| "non-constituent".to_owned()),
        contact: None,
        checklist: None,
    })
}

/// What the whole page adds: who the reporter claims to be, and what the report lacks.
pub(super) fn complete(
    view: &mut ContentView,
    ticket: &Ticket,
    messages: &[MessageView],
    indicators: &[IndicatorView],
) {
    let theirs = || messages.iter().filter(|m| m.direction == Direction::In && is_of_reporter(ticket, m));
    let mut claimed = Contact { claimed: true, ..Contact::default() };
    theirs().for_each(|message| claimed.add(contact::read(message.text.raw())));
    let kinds: Vec<IndicatorKind> = indicators.iter().filter(|i| !i.set_aside).map(|i| i.kind).collect();
    let texts: Vec<&str> = theirs().map(|message| message.text.raw()).collect();
    let attachments: Vec<&str> = theirs().flat_map(|m| &m.attachments).map(|a| a.name.raw()).collect();
    let forwarded: Vec<Forwarded> = theirs().flat_map(|message| message.forwarded.clone()).collect();
    let facts = Facts {
        contact: &claimed,
        has_address: ticket.reporter.is_some(),
        name: &ticket.reporter_name,
        kinds: &kinds,
        texts: &texts,
        attachments: &attachments,
        forwarded: &forwarded,
    };
    view.checklist = Some(checklist::check(&facts));
    view.contact = Some(claimed);
}

fn is_of_reporter(ticket: &Ticket, message: &MessageView) -> bool {
    match (&message.from, &ticket.reporter) {
        (Some(from), Some(reporter)) => from.raw().eq_ignore_ascii_case(reporter),
        _ => ticket.reporter.is_none(),
    }
}

/// Indicators of a ticket, those set aside among them, marked.
pub(super) fn indicators(app: &App, c: &Connection, ticket: &Ticket) -> Result<Vec<IndicatorView>, AppError> {
    let view = |(indicator, message)| IndicatorView {
        set_aside: is_set_aside(app.settings, &indicator),
        kind: indicator.kind,
        value: indicator.value,
        message,
        part: indicator.place.part,
        offset: indicator.place.offset,
        encrypted: indicator.place.encrypted,
        context: indicator.place.context,
    };
    Ok(messages::indicators(c, ticket.id)?.into_iter().map(view).collect())
}
