//! The requests of `app` over the Unix socket: HTTP with JSON, one route, and one for raw mail.
//!
//! The kernel names who is at the other end; only root and the daemon's own user may name
//! somebody else. Hostile data: bodies from people who may open the socket (its group), bounded
//! here. Failure: `AppError` as JSON with its status. Known gap: a client that sends its body
//! octet by octet holds its connection until the daemon stops.

pub mod client;
mod peer;
mod serve;

pub use peer::login_name;
pub use serve::{Front, listen, serve};

use crate::app::views::Answer;
use crate::app::{AppError, Request};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the client posts to `/request`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// Who acts, where that is not who asks.
    pub as_name: Option<String>,
    /// Act as if it were this time; for stores with a simulated clock.
    pub now: Option<Timestamp>,
    pub request: Request,
}

/// What it gets back with status 200.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reply {
    pub answer: Answer,
    /// The daemon's time, simulated or not.
    pub now: Timestamp,
}

/// A mail for `/ingest`; the octets are the body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub mailbox: String,
    /// The envelope sender; `Some("")` is the null sender.
    pub sender: Option<String>,
    /// Octets of the whole mail, where the body is only its beginning.
    pub full_size: Option<u64>,
    pub now: Option<Timestamp>,
}

/// Why a call over the socket came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The daemon answered, and refused.
    #[error("{0}")]
    App(#[from] AppError),
    /// Nobody could be spoken to, or the answer was none.
    #[error("{0}")]
    Link(String),
}
