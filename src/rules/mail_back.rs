//! Mail-back: who answers with a code that was mailed to an address reads that address (P6, T60).
//!
//! The code is `mail-back:` and 32 characters of `A-Z2-7`, 160 bits; it is good once, for seven days,
//! for one address and one ticket. Clients quote it with the mail.
//!
//! Hostile data: the text of a mail. Failure: none.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// How long a code is good.
pub const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

const SIGN: &str = "mail-back:";
const LENGTH: usize = 32;
/// At most so many are looked at.
const MOST: usize = 5;

/// The code made from 20 random octets.
pub fn code(octets: &[u8; 20]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bit = |at: usize| usize::from(octets[at / 8] >> (7 - at % 8) & 1);
    let digit = |n: usize| char::from(ALPHABET[(0..5).fold(0, |value, at| value * 2 + bit(5 * n + at))]);
    format!("{SIGN}{}", (0..LENGTH).map(digit).collect::<String>())
}

/// What is kept of a code.
pub fn kept(code: &str) -> String {
    Sha256::digest(code).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// All that looks like a code, each once.
pub fn find(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for rest in text.split(SIGN).skip(1).take(MOST) {
        let code = format!("{SIGN}{}", rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>());
        if !found.contains(&code) {
            found.push(code);
        }
    }
    found
}

/// What is known of a code that came back, and of the mail that it came in.
#[derive(Debug, Clone, Copy)]
pub struct Came {
    pub expires_at: Timestamp,
    pub used: bool,
    /// It came from the address that it was mailed to, inside and outside.
    pub from_there: bool,
    /// A machine answered.
    pub automatic: bool,
    pub received_at: Timestamp,
}

/// Why a code proves nothing; None: it does prove.
pub fn lack(came: &Came) -> Option<&'static str> {
    match came {
        Came { used: true, .. } => Some("it was used before"),
        Came { from_there: false, .. } => Some("it came from another address"),
        Came { automatic: true, .. } => Some("a machine answered"),
        Came { expires_at, received_at, .. } if received_at > expires_at => Some("it came after its seven days"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn t60_a_code_proves_once_in_time_from_there_and_by_a_human() {
        let good = Came {
            expires_at: Timestamp::UNIX_EPOCH + LIFE,
            used: false,
            from_there: true,
            automatic: false,
            received_at: Timestamp::UNIX_EPOCH + LIFE,
        };
        assert_eq!(lack(&good), None);
        let late = good.received_at + SignedDuration::from_secs(1);
        for came in [
            Came { used: true, ..good },
            Came { from_there: false, ..good },
            Came { automatic: true, ..good },
            Came { received_at: late, ..good },
        ] {
            assert!(lack(&came).is_some(), "{came:?}");
        }
    }

    proptest! {
        #[test]
        fn every_code_is_found_in_a_quote_and_differs(octets: [u8; 20], other: [u8; 20]) {
            let code = code(&octets);
            prop_assert_eq!(code.len(), SIGN.len() + LENGTH);
            prop_assert_eq!(find(&format!("> Code: {code}\n")), vec![code.clone()]);
            prop_assert_eq!(octets == other, code == super::code(&other));
        }

        #[test]
        fn no_text_stops_the_reader(text in "(mail-back:|A|\\PC){0,30}") {
            prop_assert!(find(&text).len() <= MOST);
        }
    }
}
