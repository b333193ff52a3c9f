//! Pages by an analyst's own command or webhook, which are clear channels: number, urgency, age,
//! code and fixed words, never a word of a report (T110).
//!
//! Hostile data: none; answers of programs and servers are judged by the edge. Failure: `Refused`.
//! Known gap: only pages go this way.

use super::wording::{self, Urgency};
use crate::decide::raise;
use crate::edge::webhook::{self, Call, Refused};
use crate::edge::{pager, secret, tls};
use crate::rules::intent::Intent;
use crate::rules::settings::{Settings, Webhook, WebhookFormat, WebhookUrl};
use crate::rules::trouble::Trouble;
use crate::store::outbox::Out;
use crate::store::{Connection, Result, Store, duty, history, tickets};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use tokio::task::block_in_place;

/// All that is said of a page.
#[derive(Debug, Serialize)]
struct Said {
    page: i64,
    /// `urgent`, `group`, `test`.
    what: String,
    code: String,
    analyst: String,
    ticket: Option<String>,
    urgency: &'static str,
    /// Of a group: how many reports it stands for.
    more: Option<usize>,
    age_seconds: i64,
    raised_at: String,
    #[serde(skip)]
    waited: String,
}

impl Said {
    fn read(c: &Connection, page: i64, analyst: &str, now: Timestamp) -> Result<Option<Said>> {
        let Some(row) = duty::page(c, page)? else { return Ok(None) };
        let ticket = row.ticket_id.map(|id| tickets::get(c, id)).transpose()?.flatten();
        let since = ticket.as_ref().map_or(row.raised_at, |ticket| ticket.received_at);
        let urgency = match ticket.as_ref().map(Urgency::of) {
            Some(Urgency::Emergency) => "emergency",
            Some(Urgency::ReportedUrgent | Urgency::ReportedUrgentUnprotected) => "reported_urgent",
            Some(Urgency::Normal) => "normal",
            None if row.what == "test" => "test",
            None => "group",
        };
        let more = (row.what == "group").then(|| history::count(c, &raise::paged_with_others(page))).transpose()?;
        Ok(Some(Said {
            page,
            code: row.code,
            analyst: analyst.to_owned(),
            ticket: ticket.map(|ticket| ticket.number),
            urgency,
            more,
            age_seconds: now.duration_since(since).as_secs().max(0),
            raised_at: row.raised_at.to_string(),
            waited: wording::age(since, now),
            what: row.what,
        }))
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// One line for a phone.
    fn title(&self) -> String {
        match (&self.ticket, self.more) {
            (Some(number), _) => format!("PAGE {number}"),
            (None, Some(more)) => format!("PAGE: {more} more urgent"),
            (None, None) => "PAGE: test".to_owned(),
        }
    }

    fn text(&self) -> String {
        let urgency = self.urgency.replace('_', " ");
        let Said { page, code, waited, .. } = self;
        format!("{urgency}, waits for {waited}. Acknowledge: vigie duty ack {page} (code {code})")
    }
}

/// Pages by the command of the analyst `name`.
pub async fn by_command(
    store: &Store,
    settings: &Settings,
    out: &Out,
    name: &str,
    now: Timestamp,
) -> std::result::Result<(), Refused> {
    let command = settings.analyst(name).and_then(|analyst| analyst.command.clone());
    let command = command.ok_or_else(|| Refused::never("the analyst has no command any more"))?;
    let said = said(store, out, name, now)?;
    let paged = pager::page(&command, &said.json(), pager::LIMIT).await;
    paged.map_err(|trouble| Refused { trouble, wait: None })
}

/// Pages by the webhook of the analyst `name`.
pub async fn by_webhook(
    store: &Store,
    settings: &Settings,
    out: &Out,
    name: &str,
    now: Timestamp,
) -> std::result::Result<(), Refused> {
    let webhook = settings.analyst(name).and_then(|analyst| analyst.webhook.clone());
    let webhook = webhook.ok_or_else(|| Refused::never("the analyst has no webhook any more"))?;
    let said = said(store, out, name, now)?;
    // Files are read anew each time: a mended one needs no restart.
    let key = webhook.key_file.as_deref().map(secret::read).transpose().map_err(Refused::later)?;
    let url = address(&webhook).map_err(Refused::later)?;
    let authorities = webhook.ca_file.as_deref().map(std::fs::read).transpose();
    let authorities = authorities.map_err(|error| Refused::later(format!("webhook_ca_file: {error}")))?;
    let tls = tls::client_config(authorities.as_deref()).map_err(Refused::later)?;
    let (url, body) = request(&url, webhook.format, &said);
    let call = Call {
        url: &url,
        body,
        id: &format!("vigie-page-{}-{}", said.page, out.id),
        key: key.as_ref().map(|key| key.as_bytes()),
        now,
        tls,
        limit: webhook::LIMIT,
    };
    webhook::post(&call).await
}

/// Where the webhook is.
pub fn address(webhook: &Webhook) -> std::result::Result<zeroize::Zeroizing<String>, String> {
    match &webhook.url {
        WebhookUrl::Given(url) => Ok(zeroize::Zeroizing::new(url.clone())),
        WebhookUrl::File(file) => secret::read(file),
    }
}

fn said(store: &Store, out: &Out, name: &str, now: Timestamp) -> std::result::Result<Said, Refused> {
    let Intent::Page { page, .. } = out.intent else { return Err(Refused::never("only pages go this way")) };
    let said = block_in_place(|| store.read(|c| Said::read(c, page, name, now)));
    let said = said.map_err(|error| Refused { trouble: Trouble::Later(error.to_string()), wait: None })?;
    said.ok_or_else(|| Refused::never("the page is no longer in the store"))
}

/// Address and body in the form that a service takes.
fn request(url: &str, format: WebhookFormat, said: &Said) -> (String, Vec<u8>) {
    let url = url.to_owned();
    let body = match format {
        WebhookFormat::Generic => return (url, said.json()),
        WebhookFormat::Mattermost | WebhookFormat::Slack => {
            json!({ "text": format!("{}: {}", said.title(), said.text()) })
        }
        WebhookFormat::Ntfy => {
            // JSON is published to the server, the topic stands in it.
            let (address, query) = url.split_once('?').map_or((url.as_str(), ""), |(address, query)| (address, query));
            let (server, topic) = address.trim_end_matches('/').rsplit_once('/').unwrap_or((address, ""));
            let body = json!({
                "topic": topic, "title": said.title(), "message": said.text(), "priority": 5, "tags": ["rotating_light"],
            });
            let query = if query.is_empty() { String::new() } else { format!("?{query}") };
            return (format!("{server}/{query}"), body.to_string().into_bytes());
        }
    };
    (url, body.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::{Said, request};
    use crate::rules::settings::WebhookFormat;

    fn said() -> Said {
        Said {
            page: 3,
            what: "urgent".to_owned(),
            code: "ABCDEFGHJK".to_owned(),
            analyst: "alice".to_owned(),
            ticket: Some("EX-2026-000001".to_owned()),
            urgency: "reported_urgent",
            more: None,
            age_seconds: 300,
            raised_at: "2026-11-27T17:01:00Z".to_owned(),
            waited: "5 min".to_owned(),
        }
    }

    #[test]
    fn each_service_gets_its_own_json() {
        let text = "reported urgent, waits for 5 min. Acknowledge: vigie duty ack 3 (code ABCDEFGHJK)";
        let chat = serde_json::json!({ "text": format!("PAGE EX-2026-000001: {text}") });
        for (format, url, to, body) in [
            (WebhookFormat::Slack, "https://x.example/a/b", "https://x.example/a/b", chat.clone()),
            (WebhookFormat::Mattermost, "https://x.example/hooks/k", "https://x.example/hooks/k", chat),
            (
                WebhookFormat::Ntfy,
                "https://ntfy.example/push/csirt?auth=k",
                "https://ntfy.example/push/?auth=k",
                serde_json::json!({
                    "topic": "csirt", "title": "PAGE EX-2026-000001", "message": text, "priority": 5,
                    "tags": ["rotating_light"],
                }),
            ),
        ] {
            let (where_to, made) = request(url, format, &said());
            assert_eq!((where_to.as_str(), serde_json::from_slice::<serde_json::Value>(&made).unwrap()), (to, body));
        }
    }
}
