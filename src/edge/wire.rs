//! Messages between our own processes: typed, length-checked, over one Unix stream.
//!
//! A frame is its length (four octets, little-endian) and a postcard encoding. Buffers are wiped:
//! some hold a session key. Hostile data: whatever a process sends that a mail has taken over; a
//! frame longer than agreed ends the talk before it is read, one that does not decode ends it too.
//! Failure: `WireTrouble`; after it the stream is of no use.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Why a talk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireTrouble {
    #[error("the other process has gone")]
    Gone,
    #[error("the other process took too long")]
    Late,
    #[error("the other process sent what nobody agreed on")]
    Nonsense,
}

/// One end of a talk.
pub struct Wire {
    stream: UnixStream,
    /// When the other end must have answered; None: never.
    until: Option<Instant>,
}

impl Wire {
    pub fn over(stream: UnixStream) -> Wire {
        Wire { stream, until: None }
    }

    /// Two ends: one to keep, one to give to a process as its standard input.
    pub fn pair() -> std::io::Result<(Wire, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Wire::over(ours), theirs.into()))
    }

    /// The end that this process was started with.
    pub fn inherited() -> std::io::Result<Wire> {
        use std::os::fd::AsFd;
        Ok(Wire::over(UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?)))
    }

    /// The same end for another thread, which only sends.
    pub fn try_clone(&self) -> std::io::Result<Wire> {
        Ok(Wire::over(self.stream.try_clone()?))
    }

    /// From now on nothing is waited for longer than until then.
    pub fn wait_until(&mut self, until: Option<Instant>) {
        self.until = until;
    }

    /// Sends one message.
    pub fn send(&mut self, message: &impl Serialize) -> Result<(), WireTrouble> {
        let frame = vec![0; LENGTH];
        let mut frame = Zeroizing::new(postcard::to_extend(message, frame).map_err(|_| WireTrouble::Nonsense)?);
        let length = u32::try_from(frame.len() - LENGTH).map_err(|_| WireTrouble::Nonsense)?;
        frame[..LENGTH].copy_from_slice(&length.to_le_bytes());
        self.send_octets(&frame)
    }

    fn send_octets(&mut self, mut octets: &[u8]) -> Result<(), WireTrouble> {
        while !octets.is_empty() {
            self.stream.set_write_timeout(self.left()?).map_err(|_| WireTrouble::Gone)?;
            match self.stream.write(octets) {
                Ok(0) => return Err(WireTrouble::Gone),
                Ok(sent) => octets = octets.get(sent..).unwrap_or_default(),
                Err(error) => self.bear(&error)?,
            }
        }
        Ok(())
    }

    /// Receives one message of at most so many octets.
    pub fn receive<T: DeserializeOwned>(&mut self, most: usize) -> Result<T, WireTrouble> {
        let mut length = [0; LENGTH];
        self.fill(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > most {
            return Err(WireTrouble::Nonsense);
        }
        // Room grows with what has really come.
        let mut frame = Zeroizing::new(Vec::new());
        while frame.len() < length {
            let (from, to) = (frame.len(), length.min(frame.len() + STEP.max(frame.len())));
            let mut grown = Zeroizing::new(vec![0; to]);
            grown[..from].copy_from_slice(&frame);
            self.fill(&mut grown[from..])?;
            frame = grown;
        }
        postcard::from_bytes(&frame).map_err(|_| WireTrouble::Nonsense)
    }

    fn fill(&mut self, mut room: &mut [u8]) -> Result<(), WireTrouble> {
        while !room.is_empty() {
            self.stream.set_read_timeout(self.left()?).map_err(|_| WireTrouble::Gone)?;
            match self.stream.read(room) {
                Ok(0) => return Err(WireTrouble::Gone),
                Ok(came) => room = room.get_mut(came..).unwrap_or_default(),
                Err(error) => self.bear(&error)?,
            }
        }
        Ok(())
    }

    /// How long may still be waited. A limit of zero would mean none to the kernel.
    fn left(&self) -> Result<Option<Duration>, WireTrouble> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) { Err(WireTrouble::Late) } else { Ok(left) }
    }

    fn bear(&self, error: &std::io::Error) -> Result<(), WireTrouble> {
        match error.kind() {
            ErrorKind::Interrupted => Ok(()),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(WireTrouble::Late),
            _ => Err(WireTrouble::Gone),
        }
    }
}

/// Of the length before each frame, octets.
const LENGTH: usize = 4;
/// Least room that a frame is given at once.
const STEP: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ends() -> (Wire, Wire) {
        let (ours, theirs) = Wire::pair().unwrap();
        (ours, Wire::over(theirs.into()))
    }

    #[test]
    fn what_is_sent_arrives_whole_whatever_its_size() {
        let (mut ours, mut theirs) = ends();
        for size in [0, 1, 5, STEP - 1, STEP, 3 * STEP + 7, 1 << 20] {
            let message = ("words".to_owned(), vec![7_u8; size]);
            let sent = message.clone();
            std::thread::scope(|scope| {
                scope.spawn(|| ours.send(&sent).unwrap());
                assert_eq!(theirs.receive::<(String, Vec<u8>)>(2 << 20), Ok(message));
            });
        }
    }

    #[test]
    fn a_frame_that_claims_too_much_is_not_read() {
        let (mut ours, mut theirs) = ends();
        ours.send(&vec![1_u8; 100]).unwrap();
        assert_eq!(theirs.receive::<Vec<u8>>(100), Err(WireTrouble::Nonsense));
    }

    #[test]
    fn whoever_is_silent_or_gone_is_not_waited_for() {
        let (mut ours, mut theirs) = ends();
        theirs.wait_until(Some(Instant::now() + Duration::from_millis(20)));
        ours.send_octets(&[100, 0, 0, 0, 1]).unwrap();
        assert_eq!(theirs.receive::<Vec<u8>>(1000), Err(WireTrouble::Late));
        assert_eq!(theirs.receive::<Vec<u8>>(1000), Err(WireTrouble::Late), "and it stays so");
        let (ours, mut theirs) = ends();
        drop(ours);
        assert_eq!(theirs.receive::<Vec<u8>>(1000), Err(WireTrouble::Gone));
        assert_eq!(theirs.send(&1), Err(WireTrouble::Gone));
    }

    proptest! {
        #[test]
        fn any_octets_at_all_are_a_message_or_nonsense(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (mut ours, mut theirs) = ends();
            ours.send_octets(&(octets.len() as u32).to_le_bytes()).unwrap();
            ours.send_octets(&octets).unwrap();
            drop(ours);
            if let Err(trouble) = theirs.receive::<(String, Vec<u8>, Option<u64>)>(1000) {
                prop_assert_eq!(trouble, WireTrouble::Nonsense);
            }
        }
    }
}
