//! The reply to a mail-back proves that its sender reads the address that it went to (P6).
//!
//! Hostile data: the report. A code that proves nothing leaves a row in the history and no more.
//! Failure: the store's. Known gap: a code inside a mail that was opened only later is not looked at.

use super::file::Filing;
use super::triage::Placement;
use crate::rules::address::Address;
use crate::rules::mail_back::{self, Came};
use crate::rules::verdict::Signature;
use crate::store::identities::{self, Identity};
use crate::store::{Result, Tx, history, tickets};

/// Looks at the codes in a mail that was filed in `ticket`.
pub(super) fn came_back(tx: &Tx, filing: &Filing, ticket: i64) -> Result<()> {
    let Filing { report, decision, mail, now, .. } = *filing;
    if matches!(decision.placement, Placement::Analyst { .. }) {
        return Ok(());
    }
    for code in mail_back::find(report.text.raw()) {
        let Some(challenge) = identities::of_hash(tx, &mail_back::kept(&code))? else {
            history::add(
                tx,
                Some(ticket),
                now,
                history::VIGIE,
                "mail-back: a code that we never sent; it proves nothing",
            )?;
            continue;
        };
        let asked = Address::parse(&challenge.address);
        let from_there = asked.is_some() && report.outer.from == asked && report.from == asked;
        let came = Came {
            expires_at: challenge.expires_at,
            used: challenge.used,
            from_there,
            automatic: decision.automatic,
            received_at: mail.received_at,
        };
        let of = tickets::living(tx, challenge.ticket_id)?;
        if let Some(lack) = mail_back::lack(&came) {
            let what = format!("mail-back {} proves nothing: {lack}", challenge.id);
            history::add(tx, Some(of), now, history::VIGIE, &what)?;
            continue;
        }
        identities::use_up(tx, challenge.id, now)?;
        let signer = report.verdict.signer.clone().filter(|_| {
            matches!(report.verdict.signature, Signature::Good | Signature::UnknownKey) && !decision.replay
        });
        let signed = signer.as_ref().map_or(String::new(), |key| {
            format!("; the reply names the key {key}, which is not trusted for that (`vigie key trust`)")
        });
        let identity = Identity {
            address: challenge.address.to_lowercase(),
            method: "mail-back".to_owned(),
            at: mail.received_at,
            who: challenge.asked_by.clone(),
            note: None,
            signer,
        };
        identities::add(tx, of, &identity)?;
        let what = format!("identity: mail-back {} came back from its address{signed}", challenge.id);
        history::add(tx, Some(of), now, history::VIGIE, &what)?;
    }
    Ok(())
}
