//! The one rule of what may leave (law 7, P11, P13). All mail passes it when it is queued, and
//! again when it is sealed.
//!
//! Kinds made of fixed words, numbers and dates always may leave. What holds a person's words
//! leaves encrypted; in clear only if the report came in clear and is marked below AMBER, or an
//! analyst allows it for this one mail with a reason, which the history keeps.
//!
//! Hostile data: none. Failure: none; a refusal says what to do.

use super::intent::OutKind;
use super::tlp::Mark;

impl OutKind {
    /// Whether in clear it holds numbers, urgency, dates and words of ours only. A notice is such
    /// too: it must be able to say that something was refused here.
    pub fn is_content_free(self) -> bool {
        match self {
            OutKind::Acknowledgement
            | OutKind::Alert
            | OutKind::Page
            | OutKind::Reminder
            | OutKind::Escalation
            | OutKind::MailBack
            | OutKind::Notice
            | OutKind::Digest => true,
            OutKind::Answer => false,
        }
    }
}

/// Why something may not leave; the words are for the analyst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "it would leave in clear although the ticket is marked {0}: import a certificate of the recipient, or allow it with a reason"
    )]
    Marked(&'static str),
    #[error(
        "it would leave in clear although the report came encrypted: import a certificate of the recipient, or allow it with a reason"
    )]
    ReceivedEncrypted,
}

/// Whether a mail may leave. `tlp` is the ticket's mark; `received_encrypted`: some mail of the
/// ticket came encrypted; `allow_clear`: an analyst allowed it for this mail, with a reason.
pub fn may_leave(
    kind: OutKind,
    tlp: Option<Mark>,
    received_encrypted: bool,
    will_be_encrypted: bool,
    allow_clear: bool,
) -> Result<(), Refusal> {
    if will_be_encrypted || kind.is_content_free() {
        return Ok(());
    }
    match tlp {
        _ if allow_clear => Ok(()),
        Some(mark) if mark >= Mark::Amber => Err(Refusal::Marked(mark.word())),
        _ if received_encrypted => Err(Refusal::ReceivedEncrypted),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_leave_in_clear() {
        use Mark::*;
        // mark, received encrypted -> without leave, with leave
        for (tlp, encrypted, plain, allowed) in [
            (None, false, Ok(()), Ok(())),
            (Some(Clear), false, Ok(()), Ok(())),
            (Some(Green), false, Ok(()), Ok(())),
            (None, true, Err(Refusal::ReceivedEncrypted), Ok(())),
            (Some(Clear), true, Err(Refusal::ReceivedEncrypted), Ok(())),
            (Some(Green), true, Err(Refusal::ReceivedEncrypted), Ok(())),
            (Some(Amber), false, Err(Refusal::Marked("AMBER")), Ok(())),
            (Some(Amber), true, Err(Refusal::Marked("AMBER")), Ok(())),
            (Some(AmberStrict), false, Err(Refusal::Marked("AMBER+STRICT")), Ok(())),
            (Some(Red), false, Err(Refusal::Marked("RED")), Ok(())),
            (Some(Red), true, Err(Refusal::Marked("RED")), Ok(())),
        ] {
            assert_eq!(may_leave(OutKind::Answer, tlp, encrypted, false, false), plain, "{tlp:?} {encrypted}");
            assert_eq!(may_leave(OutKind::Answer, tlp, encrypted, false, true), allowed, "{tlp:?} {encrypted}");
        }
    }

    #[test]
    fn encrypted_mail_and_fixed_words_always_may_leave() {
        let marks = Mark::ALL.iter().copied().map(Some).chain([None]);
        for (tlp, &kind) in marks.flat_map(|tlp| OutKind::ALL.iter().map(move |kind| (tlp, kind))) {
            for (received, allow) in [(true, false), (false, false), (true, true)] {
                assert_eq!(may_leave(kind, tlp, received, true, allow), Ok(()));
                let clear = may_leave(kind, tlp, received, false, allow);
                assert!(!kind.is_content_free() || clear.is_ok());
            }
        }
        let wordy: Vec<_> = OutKind::ALL.iter().filter(|kind| !kind.is_content_free()).collect();
        assert_eq!(wordy, [&OutKind::Answer], "a new kind is content-free only after thought");
    }

    #[test]
    fn a_refusal_says_what_happened_and_what_to_do() {
        let words = may_leave(OutKind::Answer, Some(Mark::Amber), false, false, false).unwrap_err().to_string();
        assert!(words.contains("AMBER") && words.contains("certificate"));
    }
}
