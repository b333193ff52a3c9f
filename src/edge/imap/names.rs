//! How folder names, UIDs and dates are written on the wire.
//!
//! Hostile data: the date that a server gives for a mail. Failure: a name with control
//! characters is refused, a date that is none is None.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use jiff::Timestamp;

/// The longest set of UIDs in one command, octets: servers cut command lines at 8 KiB.
const SET: usize = 4000;

/// A folder name as the wire has it: modified UTF-7 (RFC 3501 section 5.1.3).
pub(super) fn wire_name(name: &str) -> String {
    let engine = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);
    let mut out = String::new();
    let mut foreign: Vec<u8> = Vec::new();
    let close = |foreign: &mut Vec<u8>, out: &mut String| {
        if !foreign.is_empty() {
            out.push_str(&format!("&{}-", engine.encode(&foreign)));
            foreign.clear();
        }
    };
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            close(&mut foreign, &mut out);
            out.push(c);
            out.extend((c == '&').then_some('-'));
        } else {
            foreign.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    close(&mut foreign, &mut out);
    out
}

/// A quoted string (RFC 3501 section 4.3). `text` is printable ASCII, as `wire_name` makes it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Sorted UIDs as sequence sets, each short enough for one command and of at most `count`.
pub(super) fn sets(uids: &[u32], count: usize) -> Vec<(String, &[u32])> {
    let mut sets = Vec::new();
    let mut rest = uids;
    while !rest.is_empty() {
        let (set, taken) = set(rest, count.max(1));
        let (these, after) = rest.split_at(taken);
        sets.push((set, these));
        rest = after;
    }
    sets
}

/// One set from the front of `uids`, and how many it holds: at least one.
fn set(uids: &[u32], count: usize) -> (String, usize) {
    let mut out = String::new();
    let mut taken = 0;
    for run in uids[..uids.len().min(count)].chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
        if out.len() > SET {
            break;
        }
        let comma = if out.is_empty() { "" } else { "," };
        out.push_str(&match run {
            [one] => format!("{comma}{one}"),
            [first, .., last] => format!("{comma}{first}:{last}"),
            [] => String::new(),
        });
        taken += run.len();
    }
    (out, taken)
}

/// An INTERNALDATE: `17-Jul-1996 02:44:25 -0700`, the day padded with a space.
pub(super) fn internal_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?.to_timestamp().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folder_names_are_written_in_modified_utf7() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("Vigie/Filed", "Vigie/Filed"),
            ("R&D", "R&-D"),
            ("Éléments envoyés", "&AMk-l&AOk-ments envoy&AOk-s"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("\u{1F512}", "&2D3dEg-"),
        ] {
            assert_eq!(wire_name(name), wire);
        }
    }

    #[test]
    fn an_internal_date_is_an_instant() {
        let unix = |text| internal_date(text).map(|t| t.as_second());
        assert_eq!(unix("17-Jul-1996 02:44:25 -0700"), Some(837_596_665));
        assert_eq!(unix(" 1-Jan-2026 00:00:00 +0000"), Some(1_767_225_600));
        for none in
            ["", "NIL", "yesterday", "32-Jan-2026 00:00:00 +0000", "1-Jan-2026 00:00:00", "1-Jan-99999 00:00:00 +0000"]
        {
            assert_eq!(unix(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn sets_hold_each_uid_once_and_are_short(uids in prop::collection::btree_set(1..=u32::MAX, 0..2000), count in 0..700usize) {
            let uids: Vec<u32> = uids.into_iter().collect();
            let sets = sets(&uids, count);
            prop_assert_eq!(sets.iter().flat_map(|(_, these)| these.to_vec()).collect::<Vec<_>>(), uids.clone());
            for (set, these) in sets {
                prop_assert!(set.len() < SET + 30 && these.len() <= count.max(1));
                let named: Vec<u32> = set.split(',').flat_map(|run| {
                    let (first, last) = run.split_once(':').unwrap_or((run, run));
                    first.parse::<u32>().unwrap()..=last.parse::<u32>().unwrap()
                }).collect();
                prop_assert_eq!(named, these);
            }
        }
    }
}
