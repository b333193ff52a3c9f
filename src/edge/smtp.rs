//! One mail to one recipient over SMTP submission (RFC 5321, 6409), by lettre's low-level client:
//! its transports do not tell at which step they failed, and on that hangs whether a second
//! try may deliver twice (law 5).
//!
//! Hostile data: the server's replies; they reach the operator as one sanitised line. Failure: a
//! `Trouble`: Later until the end of data has been sent, Unsure from there until its reply is
//! read, Never only where the server says so with a 5yz that no change of config mends.
//! One connection a mail, since a reply left unread in a shared one would be taken for the next
//! mail's. Known gap: a server's refusal that came while the mail was still being written is
//! seen as a lost link.

use super::{crash, tls};
use crate::rules::address::Address;
use crate::rules::settings::{Server, Tls};
use crate::rules::trouble::Trouble;
use crate::rules::untrusted::Untrusted;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Ehlo, Quit};
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::transport::smtp::response::Response;
use rustls::ClientConfig;
use std::fmt::Display;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The most that a server may say in one dialogue, octets.
const MOST_REPLIES: usize = 256 * 1024;

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To reach the port and to agree on TLS, each.
    pub connect: Duration,
    /// For the reply to one command, the greeting included.
    pub command: Duration,
    /// For the mail itself and the reply to its end (RFC 5321 4.5.3.2.6: 10 minutes).
    pub data: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(30),
            command: Duration::from_secs(60),
            data: Duration::from_secs(10 * 60),
        }
    }
}

/// A server and what it takes to be let in.
pub struct Access<'a> {
    pub server: &'a Server,
    /// What `password_file` holds; None where it could not be read or is not set.
    pub password: Option<&'a str>,
    /// From `tls::client_config`.
    pub tls: Arc<ClientConfig>,
    /// The name for EHLO: the domain of the team's address, never the machine's own name.
    pub hello: &'a str,
    pub timeouts: Timeouts,
}

/// One mail and where it goes.
pub struct Parcel<'a> {
    /// None: the empty sender `<>`, for automatic mail (RFC 3834).
    pub from: Option<&'a Address>,
    pub to: &'a Address,
    /// A whole mail with CRLF line ends.
    pub bytes: &'a [u8],
}

/// Hands one mail to the server and gives the server's words of acceptance.
///
/// Run it in a task of its own that nobody cancels: a future dropped in mid-dialogue leaves
/// unknown what happened. Every step has its limit; once `give_up` is cancelled the link is dropped
/// at once, and the outcome says whether the mail may have arrived.
pub async fn deliver(access: &Access<'_>, parcel: &Parcel<'_>, give_up: &CancellationToken) -> Result<String, Trouble> {
    if has_bare_line_end(parcel.bytes) {
        return Err(Trouble::Never("the mail holds a bare CR or LF and was not sent".to_owned()));
    }
    let ended = AtomicBool::new(false);
    let dialogue = async {
        let mut link = log_in(access).await?;
        let outcome = transact(&mut link, access, parcel, &ended).await;
        Ok::<_, Trouble>((link, outcome))
    };
    let (mut link, outcome) = tokio::select! {
        // What is known counts, also when both are ready.
        biased;
        done = dialogue => done?,
        () = give_up.cancelled() => return Err(match ended.load(Ordering::Relaxed) {
            true => Trouble::Unsure("we stopped before the server answered; it may have been delivered".to_owned()),
            false => Trouble::Later("we stopped before the mail was handed over".to_owned()),
        }),
    };
    // The outcome stands; a server that does not answer the farewell changes nothing.
    let farewell = async { timeout(Duration::from_secs(2), link.command(Quit)).await };
    tokio::select! {
        _ = farewell => {}
        () = give_up.cancelled() => {}
    }
    outcome
}

/// Connects, agrees on TLS and logs in, then says farewell: for `vigie check --connect`.
pub async fn probe(access: &Access<'_>) -> Result<(), Trouble> {
    let mut link = log_in(access).await?;
    let _ = timeout(Duration::from_secs(2), link.command(Quit)).await;
    Ok(())
}

async fn log_in(access: &Access<'_>) -> Result<AsyncSmtpConnection, Trouble> {
    let wire = open(access).await?;
    let hello = ClientId::Domain(access.hello.to_owned());
    let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(wire), &hello);
    let mut link = match timeout(access.timeouts.command, greeting).await {
        Ok(Ok(link)) => link,
        Ok(Err(error)) => return Err(later(access, "does not greet us", &error)),
        Err(_) => return Err(slow(access, "to greet us")),
    };
    authenticate(&mut link, access).await?;
    Ok(link)
}

/// A connection that is as private as the config wants it, before the (first) EHLO.
async fn open(access: &Access<'_>) -> Result<Wire, Trouble> {
    let (server, limit) = (access.server, access.timeouts.connect);
    if server.tls == Tls::None && !tls::is_loopback(&server.host) {
        return Err(Trouble::Later(format!("{} is not this machine: set tls for it", place(server))));
    }
    let tcp = match timeout(limit, TcpStream::connect((server.host.as_str(), server.port))).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => return Err(Trouble::Later(format!("{} cannot be reached: {}", place(server), error.kind()))),
        Err(_) => return Err(slow(access, "to accept a connection")),
    };
    // Commands are small: without this each waits for the other side's delayed acknowledgement.
    let _ = tcp.set_nodelay(true);
    let peer = tcp.peer_addr().map_err(|_| lost(access, "at once"))?;
    let tcp = match server.tls {
        Tls::None => return Ok(Wire::new(Box::new(tcp), peer, b"")),
        Tls::Implicit => tcp,
        Tls::StartTls => match timeout(access.timeouts.command, start_tls(tcp, access)).await {
            Ok(tcp) => tcp?,
            Err(_) => return Err(slow(access, "to answer STARTTLS")),
        },
    };
    match timeout(limit, tls::connect(access.tls.clone(), &server.host, tcp)).await {
        // After STARTTLS there is no second greeting, which lettre waits for: it gets ours.
        Ok(Ok(stream)) if server.tls == Tls::StartTls => Ok(Wire::new(Box::new(stream), peer, b"220 TLS\r\n")),
        Ok(Ok(stream)) => Ok(Wire::new(Box::new(stream), peer, b"")),
        Ok(Err(words)) => Err(Trouble::Later(words)),
        Err(_) => Err(slow(access, "to agree on TLS")),
    }
}

/// The clear part of the dialogue up to the reply to STARTTLS (RFC 3207).
///
/// Not by lettre: it would keep what an attacker slips in behind that reply and take it for
/// replies that came through TLS. Here reading stops with the line; the rest breaks the handshake.
async fn start_tls(mut tcp: TcpStream, access: &Access<'_>) -> Result<TcpStream, Trouble> {
    let hello = format!("EHLO {}\r\n", access.hello);
    let mut offered = String::new();
    for (line, code) in [("", "220"), (&hello, "250"), ("STARTTLS\r\n", "220")] {
        if line == "STARTTLS\r\n"
            && !offered.lines().any(|l| l.get(4..).unwrap_or_default().trim_end().eq_ignore_ascii_case("STARTTLS"))
        {
            return Err(Trouble::Later(format!(
                "{} offers no STARTTLS and nothing was sent in clear; check port and tls",
                place(access.server)
            )));
        }
        tcp.write_all(line.as_bytes()).await.map_err(|_| lost(access, "before TLS"))?;
        let reply = clear_reply(&mut tcp).await.ok_or_else(|| lost(access, "before TLS"))?;
        if !reply.starts_with(code) {
            let words = sanitised(reply.lines().next().unwrap_or_default());
            return Err(Trouble::Later(format!("{} refuses STARTTLS: {words}", place(access.server))));
        }
        offered = reply;
    }
    Ok(tcp)
}

/// One whole reply, octet by octet so that nothing behind it is taken; None if it is none.
async fn clear_reply(tcp: &mut TcpStream) -> Option<String> {
    let (mut reply, mut start) = (String::new(), 0);
    loop {
        let octet = tcp.read_u8().await.ok()?;
        reply.push(if octet.is_ascii() { char::from(octet) } else { '?' });
        if reply.len() > MOST_REPLIES {
            return None;
        }
        if octet == b'\n' {
            match &reply.as_bytes()[start..] {
                [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..] => start = reply.len(),
                [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ' | b'\r' | b'\n', ..] => return Some(reply),
                _ => return None,
            }
        }
    }
}

async fn authenticate(link: &mut AsyncSmtpConnection, access: &Access<'_>) -> Result<(), Trouble> {
    let Some(user) = &access.server.user else { return Ok(()) };
    let Some(password) = access.password else {
        return Err(Trouble::Later(format!("no password for {}: check password_file", place(access.server))));
    };
    let credentials = Credentials::new(user.clone(), password.to_owned());
    let log_in = link.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
    match timeout(access.timeouts.command, log_in).await {
        Ok(Ok(reply)) if reply.has_code(235) => Ok(()),
        Ok(Ok(reply)) => Err(Trouble::Later(format!("{} does not let us in: {}", place(access.server), said(&reply)))),
        Ok(Err(error)) if error.is_permanent() => {
            Err(later(access, "refuses our user name and password; check [smtp] user and password_file", &error))
        }
        Ok(Err(error)) if error.is_client() => Err(Trouble::Later(format!(
            "{} offers neither AUTH PLAIN nor LOGIN; check port and tls",
            place(access.server)
        ))),
        Ok(Err(error)) => Err(later(access, "does not let us in", &error)),
        Err(_) => Err(slow(access, "to let us in")),
    }
}

/// `ended` becomes true where the end of the mail is about to be sent.
async fn transact(
    link: &mut AsyncSmtpConnection,
    access: &Access<'_>,
    parcel: &Parcel<'_>,
    ended: &AtomicBool,
) -> Result<String, Trouble> {
    // Nobody wants a bounce of an automatic mail; the server must say that it knows the word.
    let quiet = if parcel.from.is_none() && knows_dsn(link, access).await { " NOTIFY=NEVER" } else { "" };
    let mail = mail_command(link, access, parcel)?;
    crash::point("smtp.connected");
    ask(link, access, "MAIL", mail, &[250]).await?;
    crash::point("smtp.mail");
    ask(link, access, "RCPT", format!("RCPT TO:<{}>{quiet}\r\n", parcel.to), &[250, 251]).await?;
    crash::point("smtp.rcpt");
    ask(link, access, "DATA", Data, &[354]).await?;
    crash::point("smtp.data");
    let said = content(link, access, parcel.bytes, ended).await;
    crash::point("smtp.accepted");
    said
}

/// MAIL with the options that the mail needs; Never where the server has not got them.
fn mail_command(link: &AsyncSmtpConnection, access: &Access<'_>, parcel: &Parcel<'_>) -> Result<String, Trouble> {
    let sender = parcel.from.map_or("", Address::as_str);
    let foreign = !sender.is_ascii() || !parcel.to.as_str().is_ascii();
    let mut options = String::new();
    for (needed, extension, option) in [
        (!parcel.bytes.is_ascii(), Extension::EightBitMime, " BODY=8BITMIME"),
        (foreign, Extension::SmtpUtfEight, " SMTPUTF8"),
    ] {
        if needed && !link.server_info().supports_feature(extension) {
            return Err(Trouble::Never(format!(
                "{} has no {extension}, which this address or mail needs",
                place(access.server)
            )));
        }
        options.push_str(if needed { option } else { "" });
    }
    Ok(format!("MAIL FROM:<{sender}>{options}\r\n"))
}

/// Whether the server has DSN (RFC 3461). Asked anew, since lettre keeps only words that it
/// uses; before MAIL, since EHLO resets a transaction. A server that takes no second EHLO (`503
/// Duplicate HELO/EHLO`) is taken for one without DSN; a lost link shows at the next verb.
async fn knows_dsn(link: &mut AsyncSmtpConnection, access: &Access<'_>) -> bool {
    let hello = Ehlo::new(ClientId::Domain(access.hello.to_owned()));
    let reply = ask(link, access, "EHLO", hello, &[250]).await;
    reply.is_ok_and(|reply| reply.message().any(|line| line.trim().eq_ignore_ascii_case("DSN")))
}

/// One command and its reply, which must have one of the `wanted` codes.
async fn ask(
    link: &mut AsyncSmtpConnection,
    access: &Access<'_>,
    verb: &str,
    command: impl Display,
    wanted: &[u16],
) -> Result<Response, Trouble> {
    match timeout(access.timeouts.command, link.command(command)).await {
        Ok(Ok(reply)) if wanted.iter().any(|code| reply.has_code(*code)) => Ok(reply),
        Ok(Ok(reply)) => {
            Err(Trouble::Later(format!("{} answers {verb} out of turn: {}", place(access.server), said(&reply))))
        }
        Ok(Err(error)) => Err(refusal(access, verb, &error)),
        Err(_) => Err(slow(access, &format!("to answer {verb}"))),
    }
}

/// The mail, its end, and the reply to that: the one moment where "sent" can be unknown.
async fn content(
    link: &mut AsyncSmtpConnection,
    access: &Access<'_>,
    bytes: &[u8],
    ended: &AtomicBool,
) -> Result<String, Trouble> {
    // lettre writes CRLF dot CRLF, whatever comes before.
    let body = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
    let last = std::iter::once_with(|| {
        ended.store(true, Ordering::Relaxed);
        crash::point("smtp.ending");
        &[][..]
    });
    let sending = timeout(access.timeouts.data, link.message_iter(body.chunks(64 * 1024).chain(last))).await;
    let place = place(access.server);
    let gone = match sending {
        Ok(Ok(reply)) if reply.has_code(250) => return Ok(said(&reply)),
        Ok(Ok(reply)) => format!("{place} answers the end of the mail out of turn: {}", said(&reply)),
        Ok(Err(error)) if error.status().is_some() => return Err(refusal(access, "the mail", &error)),
        Ok(Err(error)) => format!("{place}: {}", fault(&error)),
        Err(_) => format!("{place} takes too long to accept the mail"),
    };
    Err(if ended.load(Ordering::Relaxed) {
        Trouble::Unsure(format!("{gone}; it may have been delivered"))
    } else {
        Trouble::Later(gone)
    })
}

/// What a server's no, or a broken link, before the end of the mail means.
fn refusal(access: &Access<'_>, verb: &str, error: &Error) -> Trouble {
    let words = format!("{} refuses {verb}: {}", place(access.server), fault(error));
    match error.status().map(u16::from) {
        // About how we logged in (RFC 4954 6), not about this mail: the config can be mended.
        Some(530 | 534 | 535 | 538) => Trouble::Later(format!("{words}; check [smtp] user and password_file")),
        Some(500..) => Trouble::Never(words),
        Some(_) => Trouble::Later(words),
        None => Trouble::Later(format!("{} at {verb}: {}", place(access.server), fault(error))),
    }
}

fn later(access: &Access<'_>, what: &str, error: &Error) -> Trouble {
    Trouble::Later(format!("{} {what}: {}", place(access.server), fault(error)))
}

fn slow(access: &Access<'_>, to: &str) -> Trouble {
    Trouble::Later(format!("{} takes too long {to}", place(access.server)))
}

fn lost(access: &Access<'_>, when: &str) -> Trouble {
    Trouble::Later(format!("{} broke the link {when}", place(access.server)))
}

fn place(server: &Server) -> String {
    format!("SMTP server {}:{}", server.host, server.port)
}

/// What went wrong, in the server's words where there are any.
fn fault(error: &Error) -> String {
    match error.status() {
        Some(code) => {
            let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            sanitised(&format!("{code} {text}"))
        }
        None if error.is_response() => "the link was lost or the reply makes no sense".to_owned(),
        None => "the link was lost".to_owned(),
    }
}

fn said(reply: &Response) -> String {
    sanitised(&format!("{} {}", reply.code(), reply.first_line().unwrap_or_default()))
}

/// One line of at most 200 characters, without anything that looks like an address (law 11).
fn sanitised(text: &str) -> String {
    let masked: Vec<&str> =
        text.split_whitespace().map(|word| if word.contains('@') { "<address>" } else { word }).collect();
    Untrusted::new(masked.join(" ")).line().chars().take(200).collect()
}

/// Whether some CR or LF stands alone: servers disagree on those, and so mails are smuggled.
fn has_bare_line_end(bytes: &[u8]) -> bool {
    let mut before = 0;
    for &octet in bytes {
        if (octet == b'\n') != (before == b'\r') {
            return true;
        }
        before = octet;
    }
    before == b'\r'
}

/// The stream under lettre: gives it a greeting where the server has none left to give, keeps
/// what it reads within `MOST_REPLIES`, and makes it ASCII (lettre fails on other octets, and a
/// reply in Latin-1 would make an accepted mail Unsure).
struct Wire {
    stream: Box<dyn Duplex>,
    peer: SocketAddr,
    greeting: &'static [u8],
    left: usize,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

impl Wire {
    fn new(stream: Box<dyn Duplex>, peer: SocketAddr, greeting: &'static [u8]) -> Wire {
        Wire { stream, peer, greeting, left: MOST_REPLIES }
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if !self.greeting.is_empty() && buf.remaining() >= self.greeting.len() {
            buf.put_slice(std::mem::take(&mut self.greeting));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let fresh = &mut buf.filled_mut()[before..];
        if fresh.len() > self.left {
            return Poll::Ready(Err(std::io::Error::other("the server says too much")));
        }
        self.left -= fresh.len();
        fresh.iter_mut().filter(|octet| !octet.is_ascii()).for_each(|octet| *octet = b'?');
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_server_are_one_short_line_without_addresses() {
        assert_eq!(
            sanitised("550 5.1.1 <a@b.example>: no\u{1B}[2J\r\nBcc: x"),
            "550 5.1.1 <address> no<U+001B>[2J Bcc: x"
        );
        assert_eq!(sanitised(&"x".repeat(5000)).len(), 200);
    }

    #[test]
    fn a_line_end_is_cr_and_lf_together() {
        for good in ["", "a", "a\r\nb", "\r\n\r\n"] {
            assert!(!has_bare_line_end(good.as_bytes()), "{good:?}");
        }
        for bad in ["\n", "\r", "a\nb", "a\rb", "a\r\r\nb", "\r\n\n", "\r\n.\n"] {
            assert!(has_bare_line_end(bad.as_bytes()), "{bad:?}");
        }
    }
}
