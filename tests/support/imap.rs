//! An IMAP server that follows a script, faults included.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vigie::rules::settings::{Server, Tls};

/// One step of a script.
#[derive(Clone)]
pub enum Act {
    /// Reads a command, which must hold this text.
    Hear(&'static str),
    /// Sends this; `{tag}` stands for the tag of the command heard last.
    Say(String),
    /// Sends this again and again, until the client leaves.
    Chatter(&'static str, Duration),
    /// Sends this octet for octet, with the pause between.
    Drip(&'static str, Duration),
    /// Says no more, and waits until the client leaves.
    Hang,
}
use Act::{Chatter, Drip, Hang, Hear, Say};

pub struct Scripted {
    port: u16,
    /// The commands heard, without their tags.
    pub heard: Arc<Mutex<Vec<String>>>,
    /// What the client did against the script.
    pub fault: Arc<Mutex<Option<String>>>,
}

pub fn say(text: impl Into<String>) -> Act {
    Say(text.into())
}

/// A greeting and a login, with all extensions.
pub fn login() -> Vec<Act> {
    login_with("IDLE MOVE UIDPLUS")
}

pub fn login_with(capabilities: &str) -> Vec<Act> {
    vec![
        say("* OK ready\r\n"),
        Hear("LOGIN"),
        say("{tag} OK in\r\n"),
        Hear("CAPABILITY"),
        say(format!("* CAPABILITY IMAP4rev1 {capabilities}\r\n{{tag}} OK\r\n")),
    ]
}

/// The same, and an INBOX with three mails.
pub fn selected() -> Vec<Act> {
    let mut acts = login();
    acts.extend([
        Hear("SELECT \"INBOX\""),
        say("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT 4] n\r\n{tag} OK [READ-WRITE] done\r\n"),
    ]);
    acts
}

impl Scripted {
    /// Serves one connection and closes it when the script is over.
    pub fn start(script: Vec<Act>) -> Scripted {
        Scripted::cut(script, usize::MAX)
    }

    /// The same, and closes after it has sent so many octets.
    pub fn cut(script: Vec<Act>, octets: usize) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, fault) = (Arc::default(), Arc::default());
        let scripted = Scripted { port, heard: Arc::clone(&heard), fault: Arc::clone(&fault) };
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            if let Err(words) = play(stream, script, octets, &heard) {
                *fault.lock().unwrap() = Some(words);
            }
        });
        scripted
    }

    pub fn server(&self, tls: Tls) -> Server {
        Server {
            host: "127.0.0.1".into(),
            port: self.port,
            tls,
            ca_file: None,
            user: Some("csirt".into()),
            password_file: None,
        }
    }

    /// What the client said so far, one command a line.
    pub fn transcript(&self) -> String {
        self.heard.lock().unwrap().join("\n")
    }
}

fn play(stream: TcpStream, script: Vec<Act>, mut left: usize, heard: &Mutex<Vec<String>>) -> Result<(), String> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut tag = String::new();
    let mut send = |text: &[u8]| {
        let part = &text[..text.len().min(left)];
        left -= part.len();
        let whole = part.len() == text.len();
        (&stream).write_all(part).is_ok() && whole
    };
    for act in script {
        match act {
            Hear(wanted) => {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return Err(format!("left before {wanted}"));
                }
                // DONE alone has no tag.
                let (first, command) = line.trim_end().split_once(' ').unwrap_or(("", line.trim_end()));
                if !first.is_empty() {
                    tag = first.into();
                }
                heard.lock().unwrap().push(command.into());
                if !command.contains(wanted) {
                    return Err(format!("said {command} for {wanted}"));
                }
            }
            Say(text) => {
                if !send(text.replace("{tag}", &tag).as_bytes()) {
                    return Ok(());
                }
            }
            Chatter(text, pause) => {
                while send(text.as_bytes()) {
                    std::thread::sleep(pause);
                }
            }
            Drip(text, pause) => {
                for octet in text.as_bytes() {
                    if !send(&[*octet]) {
                        return Ok(());
                    }
                    std::thread::sleep(pause);
                }
            }
            Hang => {
                let _ = reader.read_to_end(&mut Vec::new());
            }
        }
    }
    Ok(())
}
