//! Assuan, the line protocol of gpg-agent, over its Unix socket (the Assuan manual, "Client requests").
//!
//! Hostile data: whatever answers on the socket: each talk has one deadline for all of it, and hears
//! 64 KiB at most. Failure: a `TalkTrouble`, which holds nothing of what was asked or answered.
//! What is heard is wiped when dropped.
//! Known gap: a socket file that only points to another place (GnuPG on file systems without
//! sockets) is not followed.

use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// No answer to us is longer: an RSA-16384 key says 2 KiB.
const MOST: usize = 64 << 10;
/// A line is 1000 octets at most without its end; three for an escaped one leaves room.
const PIECE: usize = 300;

/// Why an agent gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TalkTrouble {
    /// Nobody listens, or the link broke; the machine's words.
    #[error("{0}")]
    Gone(String),
    /// The time is over.
    #[error("it did not answer in time")]
    Silent,
    /// What answers speaks no Assuan that we know, or too much of it.
    #[error("what it answered is not what gpg-agent answers")]
    Babble,
    /// It refused; a code of libgpg-error, without its source.
    #[error("it refused with error {0}")]
    Refused(u32),
}

/// A good answer.
pub struct Answer {
    pub data: Zeroizing<Vec<u8>>,
    /// The words behind `S `, a line each.
    pub status: Vec<String>,
}

/// One talk with an agent.
pub struct Talk {
    stream: UnixStream,
    by: Instant,
    heard: Zeroizing<Vec<u8>>,
    /// What was heard and not yet read.
    unread: std::ops::Range<usize>,
}

impl Talk {
    /// Connects and hears the greeting. All of the talk must be over `by` then.
    pub fn open(socket: &Path, by: Instant) -> Result<Talk, TalkTrouble> {
        let unbound = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(of_io)?;
        // Bounds the connect too: a stopped agent's queue may be full (unix(7), SO_SNDTIMEO).
        unbound.set_write_timeout(Some(left(by)?)).map_err(of_io)?;
        unbound.connect(&SockAddr::unix(socket).map_err(of_io)?).map_err(of_io)?;
        let stream = UnixStream::from(OwnedFd::from(unbound));
        let mut talk = Talk { stream, by, heard: Zeroizing::new(vec![0; MOST]), unread: 0..0 };
        talk.answer(None)?;
        Ok(talk)
    }

    /// One command and its answer. `inquiry`: what the agent may ask for, by name, and our reply.
    pub fn ask(&mut self, command: &str, inquiry: Option<(&str, &[u8])>) -> Result<Answer, TalkTrouble> {
        self.say(format!("{command}\n").as_bytes())?;
        self.answer(inquiry)
    }

    fn answer(&mut self, inquiry: Option<(&str, &[u8])>) -> Result<Answer, TalkTrouble> {
        // Of full size: growing would leave copies behind that are never wiped.
        let mut answer = Answer { data: Zeroizing::new(Vec::with_capacity(MOST)), status: Vec::new() };
        loop {
            let line = self.line()?;
            let line = self.heard.get(line).unwrap_or_default();
            let (word, rest) = match line.iter().position(|octet| *octet == b' ') {
                Some(blank) => (line.get(..blank).unwrap_or_default(), line.get(blank + 1..).unwrap_or_default()),
                None => (line, &b""[..]),
            };
            match word {
                b"OK" => return Ok(answer),
                b"ERR" => return Err(TalkTrouble::Refused(code(rest))),
                b"D" => unescape(rest, &mut answer.data),
                b"S" => answer.status.push(String::from_utf8_lossy(rest).into_owned()),
                b"INQUIRE" => {
                    let asked = rest.split(|octet| *octet == b' ').next().unwrap_or_default();
                    match inquiry {
                        Some((name, reply)) if asked == name.as_bytes() => self.say(&data_lines(reply))?,
                        _ => self.say(b"CAN\n")?,
                    }
                }
                [b'#', ..] => {}
                _ => return Err(TalkTrouble::Babble),
            }
        }
    }

    /// Where the next line lies in what was heard, without its end.
    fn line(&mut self) -> Result<std::ops::Range<usize>, TalkTrouble> {
        loop {
            let unread = self.heard.get(self.unread.clone()).unwrap_or_default();
            if let Some(length) = unread.iter().position(|octet| *octet == b'\n') {
                let start = self.unread.start;
                self.unread.start += length + 1;
                return Ok(start..start + length);
            }
            self.stream.set_read_timeout(Some(left(self.by)?)).map_err(of_io)?;
            let room = self.heard.get_mut(self.unread.end..).filter(|room| !room.is_empty());
            match self.stream.read(room.ok_or(TalkTrouble::Babble)?) {
                Ok(0) => return Err(TalkTrouble::Gone("it closed the connection".to_owned())),
                Ok(length) => self.unread.end += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(of_io(error)),
            }
        }
    }

    fn say(&mut self, mut octets: &[u8]) -> Result<(), TalkTrouble> {
        while !octets.is_empty() {
            self.stream.set_write_timeout(Some(left(self.by)?)).map_err(of_io)?;
            match self.stream.write(octets) {
                Ok(0) => return Err(TalkTrouble::Gone("it closed the connection".to_owned())),
                Ok(length) => octets = octets.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(of_io(error)),
            }
        }
        Ok(())
    }
}

/// The time that is left, more than none.
fn left(by: Instant) -> Result<Duration, TalkTrouble> {
    by.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or(TalkTrouble::Silent)
}

fn of_io(error: std::io::Error) -> TalkTrouble {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => TalkTrouble::Silent,
        _ => TalkTrouble::Gone(error.to_string()),
    }
}

/// The code in `67108881 No secret key <GPG Agent>`: its lower 16 bits (libgpg-error). 0: none stands there.
fn code(rest: &[u8]) -> u32 {
    let digits = rest.split(|octet| *octet == b' ').next().unwrap_or_default();
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0) & 0xffff
}

/// Takes the escapes out of a data line: `%` and two hex digits. Another `%` stands for itself.
fn unescape(mut rest: &[u8], data: &mut Vec<u8>) {
    while let Some((first, behind)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| behind.split_at_checked(2)).flatten();
        let escaped = escaped.and_then(|(hex, behind)| {
            let hex = std::str::from_utf8(hex).ok().filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
            Some((u8::from_str_radix(hex, 16).ok()?, behind))
        });
        let (octet, behind) = escaped.unwrap_or((*first, behind));
        data.push(octet);
        rest = behind;
    }
}

fn data_lines(octets: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    for piece in octets.chunks(PIECE) {
        lines.extend_from_slice(b"D ");
        for octet in piece {
            match octet {
                b'%' | b'\r' | b'\n' => lines.extend_from_slice(format!("%{octet:02X}").as_bytes()),
                octet => lines.push(*octet),
            }
        }
        lines.push(b'\n');
    }
    lines.extend_from_slice(b"END\n");
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::net::UnixListener;

    const SOON: Duration = Duration::from_millis(300);

    /// What comes of PKDECRYPT where the other end says these octets, whatever it hears, and what it heard.
    /// It then closes, or waits in silence.
    fn against(said: &[u8], closes: bool) -> (Result<Vec<u8>, TalkTrouble>, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("S");
        let listener = UnixListener::bind(&path).unwrap();
        let said = said.to_vec();
        let other = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(&said);
            if closes {
                let _ = stream.shutdown(std::net::Shutdown::Write);
            }
            let mut heard = Vec::new();
            let _ = stream.read_to_end(&mut heard);
            heard
        });
        let began = Instant::now();
        let talked = Talk::open(&path, began + SOON)
            .and_then(|mut talk| talk.ask("PKDECRYPT", Some(("CIPHERTEXT", b"a%b\nc"))))
            .map(|answer| answer.data.to_vec());
        assert!(began.elapsed() < SOON * 3, "{:?}", began.elapsed());
        (talked, other.join().unwrap())
    }

    #[test]
    fn a_command_is_answered_and_an_inquiry_too() {
        let said =
            b"OK Pleased to meet you\nS INQUIRE_MAXLEN 4096\nINQUIRE CIPHERTEXT\n# note\nD a%25%0Ab%zz%\nD c\nOK\n";
        let (answer, heard) = against(said, false);
        assert_eq!(answer.unwrap(), b"a%\nb%zz%c");
        assert_eq!(heard, b"PKDECRYPT\nD a%25b%0Ac\nEND\n");
        let (_, heard) = against(b"OK\nINQUIRE PASSPHRASE x\nERR 67108963 x <GPG Agent>\n", false);
        assert_eq!(heard, b"PKDECRYPT\nCAN\n", "nothing is told that was not meant");
    }

    #[test]
    fn whatever_else_is_there_it_ends_in_time_and_says_why() {
        let gone = || TalkTrouble::Gone("it closed the connection".to_owned());
        let long = [b"OK\nD ".to_vec(), vec![b'a'; MOST]].concat();
        let many = [b"OK\n".to_vec(), b"INQUIRE CIPHERTEXT\n".repeat(MOST)].concat();
        let table: [(&[u8], bool, TalkTrouble); 9] = [
            (b"", true, gone()),
            (b"", false, TalkTrouble::Silent),
            (b"HTTP/1.1 400 Bad Request\n", false, TalkTrouble::Babble),
            (b"OK\nD half", false, TalkTrouble::Silent),
            (b"OK\nD half", true, gone()),
            (b"OK\nERR 67108881 No secret key <GPG Agent>\n", false, TalkTrouble::Refused(17)),
            (b"OK\nERR\n", false, TalkTrouble::Refused(0)),
            (b"OK\n\xff\xfe\n", false, TalkTrouble::Babble),
            (&long, false, TalkTrouble::Babble),
        ];
        for (said, closes, trouble) in table {
            assert_eq!(
                against(said, closes).0,
                Err(trouble),
                "{:?}",
                String::from_utf8_lossy(&said[..said.len().min(40)])
            );
        }
        assert!(against(&many, false).0.is_err());
    }

    #[test]
    fn nobody_there_and_an_agent_that_is_stopped_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("S");
        let by = || Instant::now() + SOON;
        assert!(matches!(Talk::open(&path, by()), Err(TalkTrouble::Gone(_))));
        let long = folder.path().join("x".repeat(120));
        assert!(matches!(Talk::open(&long, by()), Err(TalkTrouble::Gone(_))));
        // Never accepts: once its queue is full even the connect would wait.
        let _listener = UnixListener::bind(&path).unwrap();
        let mut queued = Vec::new();
        loop {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            if socket.connect(&SockAddr::unix(&path).unwrap()).is_err() {
                break;
            }
            queued.push(socket);
        }
        let began = Instant::now();
        assert_eq!(Talk::open(&path, by()).err(), Some(TalkTrouble::Silent));
        assert!(began.elapsed() < SOON * 3);
    }

    proptest! {
        #[test]
        fn what_is_sent_is_what_is_heard(octets in prop::collection::vec(any::<u8>(), 0..2000)) {
            let lines = data_lines(&octets);
            let mut back = Vec::new();
            for line in lines.split(|octet| *octet == b'\n') {
                prop_assert!(line.len() <= 1000);
                if let Some(data) = line.strip_prefix(b"D ") {
                    unescape(data, &mut back);
                }
            }
            prop_assert_eq!(back, octets);
        }
    }
}
