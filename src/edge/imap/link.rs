//! The way to a server: TCP, TLS, greeting, login.
//!
//! Hostile data: the network and the server, before and after TLS. What `tls` in the settings
//! says is done or nothing is; no password leaves before TLS is up, but on loopback.
//! Failure: [`ImapTrouble`] without the place, which the caller adds.

use super::guard::{CHATTER, Guard, Wire};
use super::{ImapTrouble, Io, io_words, shown, tame, words};
use crate::edge::tls;
use crate::rules::settings::{Server, Tls};
use async_imap::Client;
use async_imap::error::Error;
use async_imap::imap_proto::{Response, Status};
use std::sync::Arc;
use tokio::net::TcpStream;

impl ImapTrouble {
    /// The same, with the place in front.
    pub(super) fn at(self, place: &str) -> Self {
        match self {
            ImapTrouble::Later(words) => ImapTrouble::Later(format!("{place}: {words}")),
            ImapTrouble::Auth(words) => ImapTrouble::Auth(format!("{place}: {words}")),
            ImapTrouble::NoFolder(words) => ImapTrouble::NoFolder(format!("{place}: {words}")),
            ImapTrouble::Cannot(words) => ImapTrouble::Cannot(format!("{place}: {words}")),
        }
    }
}

fn later(words: impl Into<String>) -> ImapTrouble {
    ImapTrouble::Later(words.into())
}

/// Connects and logs in. The caller sets the time limit.
pub(super) async fn open(
    server: &Server,
    password: &str,
    config: Arc<rustls::ClientConfig>,
) -> Result<Io, ImapTrouble> {
    let user = server.user.as_deref().ok_or_else(|| ImapTrouble::Cannot("no `user` is set".into()))?;
    let tcp = TcpStream::connect((server.host.as_str(), server.port))
        .await
        .map_err(|e| later(format!("no connection: {}", e.kind())))?;
    // Tag, command and line end are written apart: without this each command waits 40 ms.
    tcp.set_nodelay(true).map_err(|e| later(e.kind().to_string()))?;
    let client = match server.tls {
        Tls::Implicit => {
            let mut client = Client::new(Guard::new(secure(tcp, server, config).await?));
            greeting(&mut client).await?;
            client
        }
        Tls::StartTls => {
            let mut client = Client::new(Guard::new(Wire::Clear(tcp)));
            greeting(&mut client).await?;
            client.run_command_and_check_ok("STARTTLS", None).await.map_err(|e| match e {
                Error::No(said) | Error::Bad(said) => {
                    later(format!("the server refuses STARTTLS, so we do not log in: {}", reason(&said)))
                }
                other => later(format!("STARTTLS: {}", words(other))),
            })?;
            // What came in clear behind the OK is dropped with the client's buffer, never
            // taken for something said under TLS.
            let Wire::Clear(tcp) = client.into_inner().into_wire() else {
                return Err(later("TLS before STARTTLS"));
            };
            Client::new(Guard::new(secure(tcp, server, config).await?))
        }
        Tls::None => {
            let peer = tcp.peer_addr().map_err(|e| later(e.kind().to_string()))?;
            if !peer.ip().to_canonical().is_loopback() {
                return Err(ImapTrouble::Cannot("tls = \"none\" is for this machine's own server only".into()));
            }
            let mut client = Client::new(Guard::new(Wire::Clear(tcp)));
            greeting(&mut client).await?;
            client
        }
    };
    login(client, user, password).await
}

async fn secure(tcp: TcpStream, server: &Server, config: Arc<rustls::ClientConfig>) -> Result<Wire, ImapTrouble> {
    let stream = tls::connect(config, &server.host, tcp).await.map_err(|words| later(tame(&words)))?;
    Ok(Wire::Tls(Box::new(stream)))
}

async fn greeting(client: &mut Client<Guard>) -> Result<(), ImapTrouble> {
    let reply = super::read(client.read_response()).await.map_err(|words| later(format!("no greeting: {words}")))?;
    match reply.parsed() {
        Response::Data { status: Status::Ok, .. } => Ok(()),
        // Logged in before we said who we are, and perhaps before TLS: not our server's doing.
        Response::Data { status: Status::PreAuth, .. } => {
            Err(later("the server says that we are logged in already (PREAUTH): refused"))
        }
        Response::Data { outcome, .. } => Err(later(format!("the server turns us away: {}", shown(outcome)))),
        _ => Err(later("this is no IMAP server")),
    }
}

async fn login(mut client: Client<Guard>, user: &str, password: &str) -> Result<Io, ImapTrouble> {
    client.get_mut().allow(CHATTER);
    // A quoted string holds ASCII alone (RFC 3501 section 4.3); the rest goes as base64.
    let plain = |text: &str| text.chars().all(|c| (' '..='~').contains(&c));
    let outcome = if plain(user) && plain(password) {
        super::unwinding(client.login(user, password)).await
    } else if user.contains('\0') || password.contains('\0') {
        return Err(ImapTrouble::Cannot("user or password holds a NUL character".into()));
    } else {
        super::unwinding(client.authenticate("PLAIN", Plain(format!("\0{user}\0{password}")))).await
    };
    match outcome {
        Some(Ok(io)) => Ok(io),
        Some(Err((Error::No(said) | Error::Bad(said), _))) => Err(refusal(&said)),
        Some(Err((Error::Io(e), _))) => Err(later(format!("login: {}", io_words(&e)))),
        Some(Err((Error::ConnectionLost, _))) => Err(later("login: the server closed the connection")),
        Some(Err(_)) | None => Err(later("login: it sent a reply that is no IMAP")),
    }
}

/// What a refused login means (RFC 5530): a server in trouble is no wrong password.
fn refusal(said: &str) -> ImapTrouble {
    let passing = ["[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "[CONTACTADMIN]"];
    let upper = said.to_ascii_uppercase();
    let words = format!("the server refuses the login: {}", reason(said));
    if passing.iter().any(|code| upper.contains(code)) { ImapTrouble::Later(words) } else { ImapTrouble::Auth(words) }
}

/// The server's words out of async-imap's `code: .., info: Some("..")`.
fn reason(said: &str) -> String {
    let info = said.split_once("info: Some(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
    tame(info.unwrap_or("no reason given"))
}

/// SASL PLAIN (RFC 4616).
struct Plain(String);

impl async_imap::Authenticator for Plain {
    type Response = String;

    fn process(&mut self, _challenge: &[u8]) -> String {
        std::mem::take(&mut self.0)
    }
}
