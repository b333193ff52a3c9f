//! The head of the history, signed by the team's key and mailed to the first who takes escalations
//! (law 12): once a business day, where something has happened since the last one.
//!
//! The key is asked outside of any transaction; the head stays true, since lines are only ever added.
//! Failure: the store's. Where the key cannot sign, the next turn tries again.

use crate::decide::raise;
use crate::edge::openpgp::seal::{SealTrouble, sign_cleartext};
use crate::edge::openpgp::seam::PrivateKeys;
use crate::rules::digest;
use crate::rules::head::{self, HeadText};
use crate::rules::settings::Settings;
use crate::store::audit::{self, Head};
use crate::store::{Result, Store, settings as values};
use jiff::Timestamp;

/// Signs and owes the head whose hour has come; gives whether one was.
pub fn turn(store: &Store, settings: &Settings, keys: &dyn PrivateKeys, now: Timestamp) -> Result<usize> {
    let Some(hour) = digest::hours(settings.audit_head, &settings.sla.calendar, now).next() else { return Ok(0) };
    let (last, head, begun) = store.read(|c| Ok((audit::last_signed(c)?, audit::head(c)?, values::begun_at(c)?)))?;
    let since = last.as_ref().map(|last| last.at).or(begun);
    // The last one has itself written one line.
    let idle = head.rows <= last.as_ref().map_or(0, |last| last.head.rows + 1);
    if since.is_none_or(|since| since >= hour) || idle {
        return Ok(0);
    }
    let signed = match sign(settings, keys, &head, now) {
        Ok(signed) => signed,
        Err(trouble) => {
            tracing::warn!(%trouble, "the head of the history cannot be signed and waits");
            return Ok(0);
        }
    };
    store.write(|tx| {
        let row = audit::keep_head(tx, &head, &signed, now)?;
        raise::head(tx, settings, row, head.rows, now)
    })?;
    Ok(1)
}

/// The head as cleartext-signed text.
pub fn sign(
    settings: &Settings,
    keys: &dyn PrivateKeys,
    head: &Head,
    now: Timestamp,
) -> std::result::Result<String, SealTrouble> {
    let text = HeadText { at: now, rows: head.rows, chain: head.chain.clone() };
    sign_cleartext(&head::write(settings.team.address.as_str(), &text), keys, now)
}
