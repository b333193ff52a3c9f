#![allow(dead_code)]
pub mod dovecot;
pub mod imap;
//! Servers and keys that tests run against.
#![allow(dead_code)]

pub mod certs;
pub mod gnupg;
pub mod postfix;
pub mod smtp;
