//! Waiting for mail (RFC 2177).
//!
//! Hostile data: the server's chatter, which neither ends the wait nor makes it longer.
//! Failure: a link that died is noticed at the latest when the wait ends and DONE finds no answer.

use super::guard::CHATTER;
use super::{ImapTrouble, Io, Session, View, read, shown, words};
use async_imap::imap_proto::{RequestId, Response, Status};
use std::time::Duration;

/// Why a wait ended. Whatever it says, the caller searches again: a push is a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleEnd {
    /// The server says that there is mail, now or since the last search began.
    News,
    /// The time is over.
    Time,
    /// The bell rang.
    Bell,
    /// The server does not do IDLE: wait and search instead.
    Refused,
}

impl Session {
    /// Waits for mail in the selected folder, for `max` or until `bell` is ready.
    ///
    /// Keep `max` below 25 minutes (servers log off at 30). A server may push without end: leave
    /// a second between two searches. Errors: Later; the session is dead then.
    pub async fn idle(&mut self, max: Duration, bell: impl Future<Output = ()>) -> Result<IdleEnd, ImapTrouble> {
        if self.view.news {
            return Ok(IdleEnd::News);
        }
        if !self.can.idle {
            return Ok(IdleEnd::Refused);
        }
        let mut io = self.take_io()?;
        io.as_mut().allow(CHATTER);
        let within = self.timeouts.command;
        let timed = || format!("no answer within {} s", within.as_secs_f32());

        let begun = tokio::time::timeout(within, begin(&mut io, &mut self.view)).await;
        let tag = match begun.unwrap_or_else(|_| Err(timed())).map_err(|words| self.later("IDLE", &words))? {
            Some(tag) => tag,
            None => {
                self.can.idle = false;
                self.io = Some(io);
                return Ok(IdleEnd::Refused);
            }
        };
        let waited = tokio::select! {
            // Biased: chatter without a pause must not starve the bell or the clock.
            biased;
            () = bell => Ok((IdleEnd::Bell, false)),
            () = tokio::time::sleep(max) => Ok((IdleEnd::Time, false)),
            waited = wait(&mut io, &tag, &mut self.view) => waited,
        };
        let (end, over) = waited.map_err(|words| self.later("IDLE", &words))?;
        if !over {
            io.as_mut().allow(CHATTER);
            let ended = tokio::time::timeout(within, finish(&mut io, &tag, &mut self.view)).await;
            ended.unwrap_or_else(|_| Err(timed())).map_err(|words| self.later("end of IDLE", &words))?;
        }
        self.io = Some(io);
        Ok(end)
    }
}

/// Sends IDLE and reads to the server's `+`. None: the server refused.
async fn begin(io: &mut Io, view: &mut View) -> Result<Option<RequestId>, String> {
    let tag = io.run_command("IDLE").await.map_err(words)?;
    loop {
        let reply = read(io.read_response()).await?;
        match reply.parsed() {
            Response::Continue(_) => return Ok(Some(tag)),
            Response::Done { tag: of, .. } if *of == tag => return Ok(None),
            Response::Done { .. } => return Err("it answered a command that was not given".into()),
            untagged => view.note(untagged)?,
        }
    }
}

/// Reads until there is news. The flag: the server has ended IDLE by itself.
async fn wait(io: &mut Io, tag: &RequestId, view: &mut View) -> Result<(IdleEnd, bool), String> {
    while !view.news {
        let reply = read(io.read_response()).await?;
        match reply.parsed() {
            Response::Done { tag: of, status: Status::Ok, .. } if of == tag => return Ok((IdleEnd::Time, true)),
            Response::Done { outcome, .. } => return Err(format!("the server ended it: {}", shown(outcome))),
            untagged => view.note(untagged)?,
        }
    }
    Ok((IdleEnd::News, false))
}

/// Sends DONE and reads to the tagged status.
async fn finish(io: &mut Io, tag: &RequestId, view: &mut View) -> Result<(), String> {
    io.run_command_untagged("DONE").await.map_err(words)?;
    loop {
        let reply = read(io.read_response()).await?;
        match reply.parsed() {
            Response::Done { tag: of, status: Status::Ok, .. } if of == tag => return Ok(()),
            Response::Done { outcome, .. } => return Err(format!("the server refused: {}", shown(outcome))),
            untagged => view.note(untagged)?,
        }
    }
}
