//! The pure room: nouns and rules. No I/O, no async, no clock, no randomness.

pub mod address;
pub mod anonymise;
pub mod authres;
pub mod belonging;
pub mod calendar;
pub mod caps;
pub mod channel;
pub mod digest;
pub mod expiry;
pub mod fold;
pub mod gate;
pub mod holidays;
pub mod intent;
pub mod ladder;
pub mod language;
pub mod machine;
pub mod manners;
pub mod message_id;
pub mod paging;
pub mod query;
pub mod reply;
pub mod reply_code;
pub mod report;
pub mod rota;
pub mod sentence;
pub mod settings;
pub mod shift;
pub mod subject;
#[cfg(test)]
pub mod testing;
pub mod ticket;
pub mod tlp;
pub mod trouble;
pub mod untrusted;
pub mod urgent;
pub mod verdict;
