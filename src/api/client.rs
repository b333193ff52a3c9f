//! The commands' side of the socket.
//!
//! Hostile data: none; the daemon is ours. Failure: `CallError`, never a half answer.

use super::{Call, CallError, Delivery, Reply};
use crate::app::views::IngestLine;
use crate::app::{AppError, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;

/// A request waits behind others for the one writer, never this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks the daemon.
pub async fn call(
    socket: &Path,
    as_name: Option<&str>,
    now: Option<Timestamp>,
    request: Request,
) -> Result<Reply, CallError> {
    let call = Call { as_name: as_name.map(str::to_owned), now, request };
    let body = serde_json::to_vec(&call).map_err(|e| CallError::Link(e.to_string()))?;
    post(socket, "/request".to_owned(), "application/json", body).await
}

/// Hands a mail to the daemon.
pub async fn deliver(socket: &Path, delivery: &Delivery, octets: Vec<u8>) -> Result<IngestLine, CallError> {
    let mut target = format!("/ingest?mailbox={}", encoded(&delivery.mailbox));
    if let Some(sender) = &delivery.sender {
        target.push_str(&format!("&sender={}", encoded(sender)));
    }
    if let Some(size) = delivery.full_size {
        target.push_str(&format!("&full_size={size}"));
    }
    if let Some(now) = delivery.now {
        target.push_str(&format!("&now={}", encoded(&now.to_string())));
    }
    post(socket, target, "message/rfc822", octets).await
}

/// Percent-encodes a query value (RFC 3986 2.1).
fn encoded(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

async fn post<T: DeserializeOwned>(
    socket: &Path,
    target: String,
    content_type: &str,
    body: Vec<u8>,
) -> Result<T, CallError> {
    let dialogue = async {
        let stream = UnixStream::connect(socket).await.map_err(|e| broken(socket, &e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(socket, &e))?;
        let driver = tokio::spawn(connection);
        let request = hyper::Request::post(target)
            .header("host", "vigie")
            .header("content-type", content_type)
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| broken(socket, &e))?;
        let response = sender.send_request(request).await.map_err(|e| broken(socket, &e))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|e| broken(socket, &e))?.to_bytes();
        driver.abort();
        Ok::<_, CallError>((status, body))
    };
    let (status, body) = tokio::time::timeout(PATIENCE, dialogue)
        .await
        .map_err(|_| CallError::Link(format!("the daemon at {} does not answer", socket.display())))??;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| CallError::Link(strange(socket)));
    }
    match serde_json::from_slice::<AppError>(&body) {
        Ok(error) => Err(CallError::App(error)),
        Err(_) => Err(CallError::Link(strange(socket))),
    }
}

fn broken(socket: &Path, error: &dyn std::error::Error) -> CallError {
    CallError::Link(format!("the daemon at {} cannot be spoken to: {error}", socket.display()))
}

fn strange(socket: &Path) -> String {
    format!("the daemon at {} gives an answer that is not understood; is it of another version?", socket.display())
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn query_values_are_encoded() {
        assert_eq!(encoded("a+b@c.example"), "a%2Bb%40c.example");
        assert_eq!(encoded("é&=%\n"), "%C3%A9%26%3D%25%0A");
    }
}
