//! Servers and keys that tests run against.
#![allow(dead_code)]

pub mod cable;
pub mod certs;
pub mod desk;
pub mod dovecot;
pub mod gnupg;
pub mod imap;
pub mod neomutt;
pub mod postfix;
pub mod python;
pub mod site;
pub mod smtp;
pub mod sq;
