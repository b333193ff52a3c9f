//! The two processes that the daemon starts of itself: the keeper of the keys, and readers of mail.
//!
//! Nobody types these commands; systemd may start the keeper. Hostile data: see `edge/openpgp/keeper.rs`
//! and `arrive/reader.rs`. Failure: words on stderr and exit 1; whoever started them sees them end.

use super::{FAILED, Failure};
use crate::arrive::reader;
use crate::edge::openpgp::keeper::{self, Askers};
use crate::edge::wire::Wire;
use crate::house::KeyFiles;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

/// `keeper`: asked over its standard input, by one process or, where that is a socket to listen on, by
/// whoever may open it.
pub(super) fn keeper(files: &KeyFiles) -> Result<u8, Failure> {
    let not_ours = |_| Failure::new(2, "the daemon or systemd starts this, with a socket as standard input");
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(not_ours)?;
    let listens = rustix::net::sockopt::socket_acceptconn(&stdin).map_err(std::io::Error::from).map_err(not_ours)?;
    let askers = match listens {
        true => Askers::Any(UnixListener::from(stdin)),
        false => Askers::One(Wire::over(stdin.into())),
    };
    done(keeper::serve(askers, files.load(), files.agent_socket.is_some()))
}

/// `reader`: opens and reads what comes over its standard input.
pub(super) fn reader(memory: u64) -> Result<u8, Failure> {
    let wire =
        Wire::inherited().map_err(|_| Failure::new(2, "the daemon starts this, with a socket as standard input"))?;
    done(reader::serve(wire, memory))
}

fn done(outcome: Result<(), String>) -> Result<u8, Failure> {
    outcome.map(|()| 0).map_err(|words| Failure::new(FAILED, words))
}
