//! The reply code of an alert: what binds an analyst's reply to the ticket, inside the encryption
//! (T62).
//!
//! `EX-2026-000042:A` and 20 hex digits of a keyed hash over number, purpose and the correspondent
//! whom the reply would go to, 80 bits. Clients quote it with the alert, so it stands in what is
//! encrypted and signed whether or not they protect header fields. The letter says what a reply
//! without a command is: `A` an answer, `N` a note. The key is of this store alone: a mail that was
//! written to another team bears no good code here.
//!
//! Hostile data: the text of a mail. Failure: none; what is no good code is not there.

use super::message_id;
use super::reply::Purpose;
use super::ticket::Number;
use subtle::ConstantTimeEq;

const DIGITS: usize = 20;
/// At most so many are looked at.
const MOST: usize = 20;

/// What looks like a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    pub number: Number,
    pub purpose: Purpose,
    digits: String,
}

/// The code of a ticket for mails whose replies go to `correspondent`, an address in lower case, and
/// are `purpose` unless they say otherwise.
pub fn make(key: &[u8; 32], number: &Number, purpose: Purpose, correspondent: &str) -> String {
    format!("{number}:{}{}", letter(purpose), mark(key, number, purpose, correspondent))
}

/// All that looks like a code in a text.
pub fn find(text: &str) -> Vec<Claimed> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == ':'));
    let claimed = words.filter_map(|word| {
        let (number, code) = word.rsplit_once(':')?;
        let number = Number::parse(number.rsplit(':').next()?)?;
        let purpose = match code.chars().next()? {
            'A' => Purpose::Answer,
            'N' => Purpose::Note,
            _ => return None,
        };
        Some(Claimed { number, purpose, digits: code[1..].to_owned() })
    });
    claimed.take(MOST).collect()
}

/// Whether it is the code for this correspondent.
pub fn is_for(key: &[u8; 32], claimed: &Claimed, correspondent: &str) -> bool {
    let good = mark(key, &claimed.number, claimed.purpose, correspondent);
    good.as_bytes().ct_eq(claimed.digits.as_bytes()).into()
}

fn letter(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Answer => "A",
        Purpose::Note => "N",
    }
}

fn mark(key: &[u8; 32], number: &Number, purpose: Purpose, correspondent: &str) -> String {
    let fields = ["reply-code", &number.to_string(), letter(purpose), correspondent];
    let mut mark = message_id::hex(&message_id::hash(key, &fields)).to_uppercase();
    mark.truncate(DIGITS);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &[u8; 32] = &[7; 32];
    const A: &str = "a@corp.example";

    fn good(key: &[u8; 32], text: &str, correspondent: &str) -> Vec<Purpose> {
        let claimed = find(text);
        claimed.iter().filter(|claimed| is_for(key, claimed, correspondent)).map(|claimed| claimed.purpose).collect()
    }

    #[test]
    fn t62_a_code_is_good_for_its_ticket_its_purpose_its_correspondent_and_its_team() {
        let number = Number::new("EX", 2026, 42);
        let (answer, note) = (make(KEY, &number, Purpose::Answer, A), make(KEY, &number, Purpose::Note, A));
        assert_eq!(good(KEY, &format!("> Reply code: {answer}"), A), [Purpose::Answer]);
        assert_eq!(good(KEY, &format!("*{note}*\n|{answer}|"), A), [Purpose::Note, Purpose::Answer]);
        for text in [
            answer.replace(":A", ":N"),
            answer.replace("000042", "000043"),
            answer.replace("EX-", "EY-"),
            answer.to_lowercase(),
            answer[..answer.len() - 1].to_owned(),
            format!("{answer}0"),
            String::new(),
            ":".to_owned(),
            ":A".to_owned(),
        ] {
            assert_eq!(good(KEY, &text, A), [], "{text}");
        }
        assert_eq!(good(&[8; 32], &answer, A), []);
        assert_eq!(good(KEY, &answer, "b@corp.example"), []);
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "(EX-2026-000042|:|A|N|é|-|\\PC){0,30}") {
            prop_assert_eq!(good(KEY, &text, A), []);
        }
    }
}
