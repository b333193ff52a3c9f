//! An IMAP server that follows a script, faults included.

use super::certs::Issued;
use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::X509;
use std::io::{Read, Write};
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
    /// Goes on in TLS.
    Tls(Issued),
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

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn play(tcp: TcpStream, script: Vec<Act>, mut left: usize, heard: &Mutex<Vec<String>>) -> Result<(), String> {
    let mut stream: Box<dyn Stream> = Box::new(tcp.try_clone().unwrap());
    let mut tag = String::new();
    let mut send = |stream: &mut dyn Stream, text: &[u8]| {
        let part = &text[..text.len().min(left)];
        left -= part.len();
        stream.write_all(part).is_ok() && part.len() == text.len()
    };
    for act in script {
        match act {
            Hear(wanted) => {
                let line = line(&mut *stream).ok_or_else(|| format!("left before {wanted}"))?;
                // DONE alone has no tag.
                let (first, command) = line.split_once(' ').unwrap_or(("", &line));
                if !first.is_empty() {
                    tag = first.into();
                }
                heard.lock().unwrap().push(command.into());
                if !command.contains(wanted) {
                    return Err(format!("said {command} for {wanted}"));
                }
            }
            Say(text) => {
                if !send(&mut *stream, text.replace("{tag}", &tag).as_bytes()) {
                    return Ok(());
                }
            }
            Chatter(text, pause) => {
                while send(&mut *stream, text.as_bytes()) {
                    std::thread::sleep(pause);
                }
            }
            Drip(text, pause) => {
                for octet in text.as_bytes() {
                    if !send(&mut *stream, &[*octet]) {
                        return Ok(());
                    }
                    std::thread::sleep(pause);
                }
            }
            Act::Tls(issued) => stream = Box::new(secure(&issued, tcp.try_clone().unwrap())?),
            Hang => {
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    }
    Ok(())
}

/// A line without its end. None: the client has left.
fn line(stream: &mut dyn Stream) -> Option<String> {
    let mut line = Vec::new();
    let mut octet = [0];
    while !line.ends_with(b"\r\n") {
        if stream.read(&mut octet).unwrap_or(0) == 0 {
            return None;
        }
        line.push(octet[0]);
    }
    Some(String::from_utf8_lossy(&line).trim_end().into())
}

fn secure(issued: &Issued, tcp: TcpStream) -> Result<openssl::ssl::SslStream<TcpStream>, String> {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_certificate(&X509::from_pem(&issued.certificate).unwrap()).unwrap();
    acceptor.set_private_key(&PKey::private_key_from_pem(&issued.key).unwrap()).unwrap();
    acceptor.build().accept(tcp).map_err(|error| error.to_string())
}
