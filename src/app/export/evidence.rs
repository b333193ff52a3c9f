//! A ticket as evidence (P18): a tar archive with the exact octets of each mail, what was opened of it, the
//! verdicts, the history with its chain of hashes, and a list of SHA-256 sums signed by the team's key.
//!
//! To check it: `tar -xf FILE`, then in the folder `sha256sum -c SHA256SUMS` and
//! `gpg --verify SHA256SUMS.asc SHA256SUMS`. The fields of a history row, each with its length in eight octets
//! before it (big endian) and in the order before, ticket_id, at_microseconds, who, what, give its `chain`.
//!
//! Hostile data: octets and names of files; every file in the archive is named by us. Failure: no bundle
//! without a signature.

use super::{AppError, hex};
use crate::app::App;
use crate::app::tickets::full;
use crate::app::views::When;
use crate::edge::openpgp::seal::sign_detached;
use crate::store::Connection;
use crate::store::tickets::Ticket;
use crate::store::{attachments, history, messages, spool};
use jiff::Timestamp;
use serde_json::json;
use std::fmt::Write;

/// Names in the archive, and octets.
pub(super) struct Files(Vec<(String, Vec<u8>)>);

/// Collects everything.
pub(super) fn gather(app: &App, c: &Connection, ticket: &Ticket, now: Timestamp) -> Result<Files, AppError> {
    let mut files = Vec::new();
    let mut mails = Vec::new();
    for message in messages::of_ticket(c, ticket.id)? {
        let mut mail = json!({
            "id": message.id, "direction": message.direction, "author": message.author, "problems": message.problems,
            "raw": null, "verdict_at_arrival": parsed(message.verdict.as_deref()),
            "verdict_rechecked": parsed(message.rechecked.as_ref().map(|(_, verdict)| verdict.as_str())),
        });
        if let Some(octets) = message.raw_id.map(|id| spool::raw(c, id)).transpose()? {
            let name = format!("messages/{}.eml", message.id);
            mail["raw"] = json!({"file": name, "sha256": hex(&octets), "size": octets.len()});
            files.push((name, octets));
        }
        let text = format!("messages/{}.txt", message.id);
        mail["text"] = json!({"file": text, "sha256": hex(message.text.as_bytes())});
        files.push((text, message.text.into_bytes()));
        mails.push(mail);
    }
    let mut listed = Vec::new();
    for row in attachments::of_ticket(c, ticket.id)? {
        let octets = attachments::bytes(c, row.id)?.unwrap_or_default();
        let name = format!("attachments/{}.bin", row.id);
        listed.push(json!({
            "id": row.id, "message": row.message_id, "name": row.name, "content_type": row.content_type,
            "file": name, "sha256": row.sha256, "size": row.size,
        }));
        files.push((name, octets));
    }
    let zone = &app.settings.team.time_zone;
    let links = history::links_of_ticket(c, ticket.id)?;
    let rows: Vec<_> = links
        .into_iter()
        .map(|link| {
            json!({
                "id": link.id, "ticket_id": ticket.id, "at": When::new(link.event.at, zone),
                "at_microseconds": link.event.at.as_microsecond(), "who": link.event.who, "what": link.event.what,
                "before": link.before, "chain": link.chain,
            })
        })
        .collect();
    let shown = full(app, c, ticket, now)?;
    for (name, document) in [
        ("ticket.json", serde_json::to_value(&shown).unwrap_or_default()),
        ("manifest.json", json!({"ticket": ticket.number, "messages": mails, "attachments": listed})),
        ("history.json", json!(rows)),
    ] {
        files.push((name.to_owned(), super::plain::pretty(&document)));
    }
    Ok(Files(files))
}

fn parsed(json: Option<&str>) -> Option<serde_json::Value> {
    json.and_then(|json| serde_json::from_str(json).ok())
}

/// Signs the list of sums and packs everything below one folder.
pub(super) fn bundle(app: &App, ticket: &Ticket, files: Files, now: Timestamp) -> Result<Vec<u8>, AppError> {
    let Files(mut files) = files;
    files.sort();
    let mut sums = String::new();
    for (name, octets) in &files {
        writeln!(sums, "{}  {name}", hex(octets)).unwrap_or_default();
    }
    let (signature, _) = sign_detached(sums.as_bytes(), app.keys, now).map_err(|trouble| {
        AppError::conflict(format!("the bundle cannot be signed: {trouble}; nothing was exported"))
    })?;
    files.push(("SHA256SUMS".to_owned(), sums.into_bytes()));
    files.push(("SHA256SUMS.asc".to_owned(), signature.into_bytes()));
    let failed =
        |error: std::io::Error| AppError::Internal { words: format!("the archive could not be made: {error}") };
    let mut archive = tar::Builder::new(Vec::new());
    for (name, octets) in &files {
        let mut header = tar::Header::new_gnu();
        header.set_size(octets.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now.as_second()).unwrap_or_default());
        archive.append_data(&mut header, format!("{}/{name}", ticket.number), octets.as_slice()).map_err(failed)?;
    }
    archive.into_inner().map_err(failed)
}
