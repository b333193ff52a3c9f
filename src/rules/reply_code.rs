//! The reply code of an alert: what binds an analyst's reply to the ticket, inside the encryption
//! (T62).
//!
//! `EX-2026-000042:A` and 20 hex digits of a keyed hash over number and purpose, 80 bits. Clients
//! quote it with the alert, so it stands in what is encrypted and signed whether or not they protect
//! header fields. The letter says what a reply without a command is: `A` an answer, `N` a note. The
//! key is of this store alone: a mail that was written to another team bears no good code here.
//!
//! Hostile data: the text of a mail. Failure: none; what is no good code is not there.

use super::message_id;
use super::reply::Purpose;
use super::ticket::Number;
use subtle::ConstantTimeEq;

const DIGITS: usize = 20;
/// At most so many are looked at.
const MOST: usize = 50;

/// The code of a ticket for mails whose replies are `purpose` unless they say otherwise.
pub fn make(key: &[u8; 32], number: &Number, purpose: Purpose) -> String {
    let (number, letter) = (number.to_string(), letter(purpose));
    format!("{number}:{letter}{}", mark(key, &number, letter))
}

/// The good codes in a text, each ticket once; of two purposes the more careful one.
pub fn find(key: &[u8; 32], text: &str) -> Vec<(Number, Purpose)> {
    let mut found: Vec<(Number, Purpose)> = Vec::new();
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == ':'));
    for (number, code) in words.filter_map(|word| word.rsplit_once(':')).take(MOST) {
        let (Some(number), Some(purpose)) =
            (Number::parse(number.rsplit(':').next().unwrap_or_default()), checked(key, number, code))
        else {
            continue;
        };
        match found.iter_mut().find(|(known, _)| *known == number) {
            Some((_, known)) if purpose == Purpose::Note => *known = purpose,
            Some(_) => {}
            None => found.push((number, purpose)),
        }
    }
    found
}

fn checked(key: &[u8; 32], number: &str, code: &str) -> Option<Purpose> {
    let purpose = match code.chars().next()? {
        'A' => Purpose::Answer,
        'N' => Purpose::Note,
        _ => return None,
    };
    let good = mark(key, number, letter(purpose));
    bool::from(good.as_bytes().ct_eq(code[1..].as_bytes())).then_some(purpose)
}

fn letter(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Answer => "A",
        Purpose::Note => "N",
    }
}

fn mark(key: &[u8; 32], number: &str, letter: &str) -> String {
    let mut mark = message_id::hex(&message_id::hash(key, &["reply-code", number, letter])).to_uppercase();
    mark.truncate(DIGITS);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &[u8; 32] = &[7; 32];

    #[test]
    fn t62_a_code_is_good_for_its_ticket_its_purpose_and_its_team() {
        let number = Number::new("EX", 2026, 42);
        let (answer, note) = (make(KEY, &number, Purpose::Answer), make(KEY, &number, Purpose::Note));
        assert_eq!(find(KEY, &format!("> Reply code: {answer}")), [(number.clone(), Purpose::Answer)]);
        assert_eq!(find(KEY, &format!("{answer} {note}")), [(number.clone(), Purpose::Note)]);
        assert_eq!(find(KEY, &format!("*{note}*\n{answer}")), [(number.clone(), Purpose::Note)]);
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
            assert_eq!(find(KEY, &text), [], "{text}");
        }
        assert_eq!(find(&[8; 32], &answer), []);
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "(EX-2026-000042|:|A|N|é|-|\\PC){0,30}") {
            prop_assert_eq!(find(KEY, &text), []);
        }
    }
}
