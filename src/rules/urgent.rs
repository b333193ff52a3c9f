//! Whether a subject asks for the emergency treatment (P3).
//!
//! Grammar (T22): anywhere in the subject stands `[`, `URGENT`, `]`. Capitals or not, blanks
//! anywhere, full-width forms and hidden characters make no difference; nothing else may stand
//! between the brackets, and without brackets it is no tag. Only a subject is ever asked, never
//! a body. A placeholder (`...`, `[...]`) asks nothing.
//!
//! Hostile data: subjects. Failure: none.

use super::fold::fold;

/// Whether `[URGENT]` stands in the subject.
pub fn asks_urgent(subject: &str) -> bool {
    let squeezed: String = fold(subject).chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    squeezed.contains("[urgent]")
}

#[cfg(test)]
mod tests {
    use super::asks_urgent;

    #[test]
    fn t22_every_spelling_of_the_tag_is_the_tag() {
        for subject in [
            "[URGENT]",
            "[URGENT] ransomware",
            "[urgent] x",
            " [Urgent]x",
            "Re: [URGENT] x",
            "Fwd: Re: AW: [URGENT]",
            "[EX-2026-000042] [URGENT] x",
            "[EX-2026-000042][URGENT]",
            "x [URGENT]",
            "[ URGENT ] x",
            "[\tURGENT\u{A0}]",
            "[URG ENT]",
            "[URG\r\n ENT]",
            "［ＵＲＧＥＮＴ］",
            "[ｕｒｇｅｎｔ]",
            "[𝐔𝐑𝐆𝐄𝐍𝐓]",
            "[U\u{200B}RG\u{AD}ENT\u{FEFF}]",
            "[URG\u{0}ENT]",
            "[[URGENT]]",
        ] {
            assert!(asks_urgent(subject), "{subject:?}");
        }
    }

    #[test]
    fn nothing_else_is_the_tag() {
        for subject in [
            "",
            "...",
            "[...]",
            "…",
            "URGENT",
            "urgent: please read",
            "(URGENT)",
            "[URGENT",
            "URGENT]",
            "[NOT URGENT]",
            "[URGENT?]",
            "[URGENTLY]",
            "[non-urgent]",
            "[ÜRGENT]",
            "[]URGENT",
        ] {
            assert!(!asks_urgent(subject), "{subject:?}");
        }
    }
}
