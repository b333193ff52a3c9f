//! An SMTP server that records what it is given and fails where it is told to.

use super::certs::Issued;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Where in the dialogue something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Instead of the greeting (and before implicit TLS).
    Connect,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// After the first octets of the mail.
    Body,
    /// After the dot.
    End,
    Quit,
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This, verbatim, with CRLF, instead of the due reply.
    Reply(String),
    /// This, verbatim, together with what is due, in one packet.
    Also(String),
    /// The link is closed.
    Drop,
    /// Nothing more is said.
    Hang,
}

impl Fault {
    pub fn reply(text: &str) -> Fault {
        Fault::Reply(text.to_owned())
    }
}

#[derive(Clone)]
pub enum Privacy {
    Clear,
    Implicit(Issued),
    StartTls(Issued),
}

/// One mail, as accepted or as far as it came to the dot.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    /// The arguments of MAIL and RCPT as sent: `<a@b> BODY=8BITMIME`.
    pub from: String,
    pub to: Vec<String>,
    /// Without dot-stuffing and without the final dot.
    pub data: Vec<u8>,
    pub tls: bool,
    pub user: Option<String>,
    pub hello: String,
    /// Whether the reply to the end of data was a plain 250.
    pub accepted: bool,
    /// When its dot came.
    pub at: Option<Instant>,
}

impl Mail {
    /// Its octets as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }
}

struct State {
    privacy: Privacy,
    /// User and password that must be given.
    login: Option<(String, String)>,
    /// Words beside those that follow from the rest.
    offers: Vec<String>,
    faults: Mutex<HashMap<Step, Fault>>,
    /// Faults that mails to one address alone meet, from RCPT on.
    faults_for: Mutex<Vec<(String, Step, Fault)>>,
    mails: Mutex<Vec<Mail>>,
    connections: AtomicUsize,
    stop: AtomicBool,
}

/// The running server; ends when dropped.
pub struct Recorder {
    pub port: u16,
    state: Arc<State>,
}

impl Recorder {
    /// In clear, no login.
    pub fn start() -> Recorder {
        Recorder::start_with(Privacy::Clear, None, &["8BITMIME", "SMTPUTF8"])
    }

    pub fn start_with(privacy: Privacy, login: Option<(&str, &str)>, offers: &[&str]) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            privacy,
            login: login.map(|(user, password)| (user.to_owned(), password.to_owned())),
            offers: offers.iter().map(|s| (*s).to_owned()).collect(),
            faults: Mutex::default(),
            faults_for: Mutex::default(),
            mails: Mutex::default(),
            connections: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.stop.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let shared = shared.clone();
                std::thread::spawn(move || {
                    let _ = serve(stream, &shared);
                });
            }
        });
        Recorder { port, state }
    }

    /// From now on, at that step, this happens.
    pub fn fail(&self, step: Step, fault: Fault) {
        self.state.faults.lock().unwrap().insert(step, fault);
    }

    /// From now on this happens to mails to that address, from RCPT on.
    pub fn fail_for(&self, address: &str, step: Step, fault: Fault) {
        self.state.faults_for.lock().unwrap().push((address.to_owned(), step, fault));
    }

    /// All is well again.
    pub fn heal(&self) {
        self.state.faults.lock().unwrap().clear();
        self.state.faults_for.lock().unwrap().clear();
    }

    /// The mails that were accepted with 250.
    pub fn mails(&self) -> Vec<Mail> {
        self.everything().into_iter().filter(|m| m.accepted).collect()
    }

    /// The accepted mails to one address, oldest first.
    pub fn mails_to(&self, address: &str) -> Vec<Mail> {
        self.mails().into_iter().filter(|mail| mail.to.iter().any(|to| to.contains(address))).collect()
    }

    /// Also those whose dot arrived but that were then refused or left without reply.
    pub fn everything(&self) -> Vec<Mail> {
        self.state.mails.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Waits until `count` mails have been accepted; panics after 30 seconds.
    pub fn wait_for(&self, count: usize) -> Vec<Mail> {
        let start = Instant::now();
        loop {
            let mails = self.mails();
            if mails.len() >= count {
                return mails;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{} of {count} mails came", mails.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}
type Link = BufReader<Box<dyn Duplex>>;

fn serve(stream: TcpStream, state: &State) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    // A test that is over does not wait for its hanging links.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut tls = false;
    let mut raw: Link = BufReader::new(Box::new(stream.try_clone()?));
    if !pass(state, Step::Connect, &mut raw, "")? {
        return Ok(());
    }
    if let Privacy::Implicit(issued) = &state.privacy {
        raw = encrypt(stream.try_clone()?, issued);
        tls = true;
    }
    say(&mut raw, "220 recorder ESMTP")?;
    let mut mail = Mail { tls, ..Mail::default() };
    loop {
        let mut line = String::new();
        if raw.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let verb = verb.to_ascii_uppercase();
        let in_order = match verb.as_str() {
            "EHLO" => {
                mail.hello = rest.to_owned();
                mail.from.clear();
                pass(state, Step::Ehlo, &mut raw, &capabilities(state, mail.tls))?
            }
            "STARTTLS" => {
                if !pass(state, Step::StartTls, &mut raw, "220 go on")? {
                    return Ok(());
                }
                let Privacy::StartTls(issued) = &state.privacy else { return Ok(()) };
                raw = encrypt(stream.try_clone()?, issued);
                mail.tls = true;
                true
            }
            "AUTH" => log_in(&mut raw, state, rest, &mut mail)?,
            "MAIL" => {
                mail.from = rest.trim_start_matches("FROM:").to_owned();
                mail.to.clear();
                pass(state, Step::Mail, &mut raw, if permitted(state, &mail) { "250 ok" } else { "530 log in first" })?
            }
            "RCPT" if mail.from.is_empty() => say(&mut raw, "503 need MAIL").map(|()| true)?,
            "RCPT" => {
                mail.to.push(rest.trim_start_matches("TO:").to_owned());
                pass_for(state, &mail, Step::Rcpt, &mut raw, "250 ok")?
            }
            "DATA" => pass_for(state, &mail, Step::Data, &mut raw, "354 go on")? && take(&mut raw, state, &mut mail)?,
            "QUIT" => {
                pass(state, Step::Quit, &mut raw, "221 bye")?;
                false
            }
            _ => {
                say(&mut raw, "500 what?")?;
                true
            }
        };
        if !in_order {
            return Ok(());
        }
    }
}

/// Says what is due, or does what the script has for this step; false where the link is over.
fn pass(state: &State, step: Step, link: &mut Link, due: &str) -> std::io::Result<bool> {
    meet(state, state.fault(step, &[]), step, link, due)
}

/// The same for a mail whose recipients are known.
fn pass_for(state: &State, mail: &Mail, step: Step, link: &mut Link, due: &str) -> std::io::Result<bool> {
    meet(state, state.fault(step, &mail.to), step, link, due)
}

impl State {
    fn fault(&self, step: Step, to: &[String]) -> Option<Fault> {
        let for_one = self.faults_for.lock().unwrap().iter().find_map(|(address, at, fault)| {
            (*at == step && to.iter().any(|to| to.contains(address.as_str()))).then(|| fault.clone())
        });
        for_one.or_else(|| self.faults.lock().unwrap().get(&step).cloned())
    }
}

fn meet(state: &State, fault: Option<Fault>, step: Step, link: &mut Link, due: &str) -> std::io::Result<bool> {
    match fault {
        None if due.is_empty() => Ok(true),
        None => say(link, due).map(|()| true),
        Some(Fault::Reply(text)) => say(link, &text).map(|()| step != Step::Data && step != Step::StartTls),
        Some(Fault::Also(text)) => say(link, &format!("{due}\r\n{text}")).map(|()| true),
        Some(Fault::Drop) => Ok(false),
        Some(Fault::Hang) => {
            while !state.stop.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(false)
        }
    }
}

fn say(link: &mut Link, text: &str) -> std::io::Result<()> {
    link.get_mut().write_all(format!("{text}\r\n").as_bytes())?;
    link.get_mut().flush()
}

fn encrypt(stream: TcpStream, issued: &Issued) -> Link {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(&issued.certificate).unwrap()],
            PrivateKeyDer::from_pem_slice(&issued.key).unwrap(),
        )
        .unwrap();
    let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
    BufReader::new(Box::new(rustls::StreamOwned::new(connection, stream)))
}

fn capabilities(state: &State, tls: bool) -> String {
    let mut words = vec!["recorder".to_owned()];
    if matches!(state.privacy, Privacy::StartTls(_)) && !tls {
        words.push("STARTTLS".to_owned());
    }
    if state.login.is_some() && !state.offers.iter().any(|word| word.starts_with("AUTH")) {
        words.push("AUTH PLAIN LOGIN".to_owned());
    }
    words.extend(state.offers.iter().cloned());
    let last = words.pop().unwrap();
    words.iter().map(|word| format!("250-{word}\r\n")).collect::<String>() + "250 " + &last
}

fn permitted(state: &State, mail: &Mail) -> bool {
    let private = mail.tls || !matches!(state.privacy, Privacy::StartTls(_));
    private && (state.login.is_none() || mail.user.is_some())
}

fn log_in(link: &mut Link, state: &State, rest: &str, mail: &mut Mail) -> std::io::Result<bool> {
    let (user, password) = if let Some(given) = rest.strip_prefix("PLAIN ") {
        let given = String::from_utf8(STANDARD.decode(given).unwrap()).unwrap();
        let mut fields = given.split('\0').skip(1).map(str::to_owned);
        (fields.next().unwrap(), fields.next().unwrap())
    } else {
        let mut answers = Vec::new();
        for question in ["Username:", "Password:"] {
            say(link, &format!("334 {}", STANDARD.encode(question)))?;
            let mut line = String::new();
            link.read_line(&mut line)?;
            answers.push(String::from_utf8(STANDARD.decode(line.trim_end()).unwrap()).unwrap());
        }
        (answers[0].clone(), answers[1].clone())
    };
    let good = state.login.as_ref().is_some_and(|(u, p)| *u == user && *p == password);
    mail.user = good.then_some(user);
    pass(state, Step::Auth, link, if good { "235 welcome" } else { "535 5.7.8 wrong" })
}

fn take(link: &mut Link, state: &State, mail: &mut Mail) -> std::io::Result<bool> {
    mail.data.clear();
    loop {
        let mut line = Vec::new();
        if link.read_until(b'\n', &mut line)? == 0
            || (mail.data.is_empty() && !pass_for(state, mail, Step::Body, link, "")?)
        {
            return Ok(false);
        }
        if line == b".\r\n" {
            break;
        }
        mail.data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
    let fault = state.fault(Step::End, &mail.to);
    let accepted = match &fault {
        None => true,
        Some(Fault::Reply(text)) => text.starts_with("250 "),
        Some(_) => false,
    };
    state.mails.lock().unwrap().push(Mail { accepted, at: Some(Instant::now()), ..mail.clone() });
    pass_for(state, mail, Step::End, link, "250 2.0.0 queued as 1")
}
