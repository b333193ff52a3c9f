//! The map of Vigie: the flow of a mail, its three hand-overs, and who may import whom.
//!
//! ```text
//! arrive/intake   mailbox -> raw octets + cursor                       HAND-OVER 1
//! journey         one spooled mail -> open -> read -> triage -> file
//!   arrive/open   decrypt, verify                     (total: trouble is data)
//!   arrive/read   headers, text, attachments, indicators       (total)
//!   decide/triage what it means                                (pure)
//!   decide/file   ticket, history, intents, deadlines, spool state     HAND-OVER 2
//! respond/*       acknowledge, alert, escalate, answer, tidy: one outcome per intent  HAND-OVER 3
//! ```
//!
//! Who may import whom (`tests/layering.rs` holds the files to this table):
//!
//! ```text
//! main     -> cli
//! cli      -> app api daemon journey house edge config arrive decide respond store rules
//! api      -> app rules
//! daemon   -> arrive decide respond api app journey house config edge store rules
//! journey  -> app arrive decide house store rules edge
//! arrive   -> edge store rules
//! respond  -> decide edge store rules
//! decide   -> store rules
//! app      -> decide store rules edge
//! edge     -> rules
//! store    -> rules
//! house    -> app arrive respond edge store rules
//! config   -> rules
//! rules    ->
//! ```

#![forbid(unsafe_code)]

pub mod api;
pub mod app;
pub mod arrive;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod decide;
pub mod edge;
pub mod house;
pub mod journey;
pub mod respond;
pub mod rules;
pub mod store;
