//! Posts JSON to a webhook: one request, one answer, nothing kept open.
//!
//! Signed as Standard Webhooks has it (headers `webhook-id`, `webhook-timestamp`,
//! `webhook-signature`): HMAC-SHA256 over `id.timestamp.body`, so that receivers can use a library.
//! https, with the machine's authorities and those of a CA file; http to this machine alone.
//! Redirects are not followed, bodies of answers are not read, no proxy is used, and the whole
//! dialogue has one time limit.
//!
//! Hostile data: the server's answer: its status and Retry-After, no more. Failure: `Refused`, whose
//! words hold no address, since chat services put a secret into it. Known gap: no HTTP/2.

use super::tls;
use crate::rules::trouble::Trouble;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, RETRY_AFTER, USER_AGENT};
use hyper::{StatusCode, Uri};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How long a webhook may take, from the name of its server to its answer.
pub const LIMIT: Duration = Duration::from_secs(15);

/// No server makes us wait longer, whatever it asks for.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// One request.
pub struct Call<'a> {
    pub url: &'a str,
    pub body: Vec<u8>,
    /// The same at every try, so that a receiver can tell a repeated one.
    pub id: &'a str,
    /// What the key file holds; None: unsigned.
    pub key: Option<&'a [u8]>,
    pub now: Timestamp,
    pub tls: Arc<rustls::ClientConfig>,
    pub limit: Duration,
}

/// Why a request was not taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub trouble: Trouble,
    /// What the server asked for before another try.
    pub wait: Option<SignedDuration>,
}

impl Refused {
    /// Another try, after a pause of our own.
    pub fn later(words: impl Into<String>) -> Refused {
        Refused { trouble: Trouble::Later(words.into()), wait: None }
    }

    /// No other try helps.
    pub fn never(words: impl Into<String>) -> Refused {
        Refused { trouble: Trouble::Never(words.into()), wait: None }
    }
}

/// Posts, once. A link that breaks is Later: the id tells the receiver what it has seen.
pub async fn post(call: &Call<'_>) -> Result<(), Refused> {
    let uri: Uri = call.url.parse().map_err(|_| Refused::never("the webhook is no usable address"))?;
    match tokio::time::timeout(call.limit, dialogue(call, &uri)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Refused::later(format!("the webhook gave no answer within {} s", call.limit.as_secs()))),
    }
}

async fn dialogue(call: &Call<'_>, uri: &Uri) -> Result<(), Refused> {
    let host = uri.host().ok_or_else(|| Refused::never("the webhook is no usable address"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") if tls::is_loopback(bare) => false,
        _ => return Err(Refused::never("the webhook is neither https nor on this machine")),
    };
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let stream = TcpStream::connect((bare, port)).await;
    let stream = stream.map_err(|error| Refused::later(format!("the webhook cannot be reached: {}", error.kind())))?;
    if !is_secure {
        return exchange(call, uri, stream).await;
    }
    let secured = tls::connect(call.tls.clone(), bare, stream).await;
    exchange(call, uri, secured.map_err(|words| Refused::later(format!("webhook: {words}")))?).await
}

async fn exchange<S>(call: &Call<'_>, uri: &Uri, stream: S) -> Result<(), Refused>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let lost = |_: hyper::Error| Refused::later("the webhook broke the connection off or answers no HTTP");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    // Dropped with the dialogue: whatever the server still sends is not waited for.
    let mut driver = tokio::task::JoinSet::new();
    driver.spawn(connection);
    let request = request(call, uri).map_err(|_| Refused::never("the webhook is no usable address"))?;
    let response = sender.send_request(request).await.map_err(lost)?;
    judge(response.status(), response.headers(), call.now)
}

fn request(call: &Call, uri: &Uri) -> Result<hyper::Request<Full<Bytes>>, hyper::http::Error> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = hyper::Request::post(target)
        .header(HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("vigie/", env!("CARGO_PKG_VERSION")));
    if let Some(key) = call.key {
        let seconds = call.now.as_second();
        request = request
            .header("webhook-id", call.id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature(key, call.id, seconds, &call.body));
    }
    request.body(Full::new(Bytes::from(call.body.clone())))
}

/// `v1,` and the Base64 of the HMAC. A key that is written as `whsec_` and Base64 is taken as that.
pub fn signature(key: &[u8], id: &str, seconds: i64, body: &[u8]) -> String {
    let decoded = key.strip_prefix(b"whsec_").and_then(|digits| STANDARD.decode(digits).ok());
    // HMAC takes a key of any length (RFC 2104).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(decoded.as_deref().unwrap_or(key)) else { return String::new() };
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Result<(), Refused> {
    let code = status.as_u16();
    match code {
        200..300 => Ok(()),
        300..400 => Err(Refused::never(format!(
            "the webhook answered {code}: it points to another address, which is not followed; give the final one"
        ))),
        408 | 425 | 429 | 500.. => {
            let trouble = Trouble::Later(format!("the webhook answered {code}"));
            Err(Refused { trouble, wait: headers.get(RETRY_AFTER).and_then(|value| wait(value.to_str().ok()?, now)) })
        }
        _ => Err(Refused::never(format!("the webhook answered {code}: check its address and its key"))),
    }
}

/// Retry-After: seconds or a date (RFC 9110 10.2.3).
fn wait(text: &str, now: Timestamp) -> Option<SignedDuration> {
    let wait = match text.trim().parse::<u32>() {
        Ok(seconds) => SignedDuration::from_secs(i64::from(seconds)),
        Err(_) => jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp().duration_since(now),
    };
    Some(wait.clamp(SignedDuration::ZERO, LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-27T17:01:00Z".parse().unwrap()
    }

    /// The example of the Standard Webhooks specification, version 1.0.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let key = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_ne!(signature(b"a key", "1", 1, b"{}"), signature(b"another", "1", 1, b"{}"));
    }

    #[test]
    fn the_answer_decides() {
        let answer = |code: u16, retry_after: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(text) = retry_after {
                headers.insert(RETRY_AFTER, text.parse().unwrap());
            }
            judge(StatusCode::from_u16(code).unwrap(), &headers, now())
        };
        for code in [200, 202, 204, 299] {
            assert_eq!(answer(code, None), Ok(()));
        }
        for code in [301, 302, 307, 308, 400, 401, 404, 410] {
            let refused = answer(code, Some("5")).unwrap_err();
            assert!(matches!(&refused.trouble, Trouble::Never(words) if words.contains(&code.to_string())), "{code}");
        }
        for (code, retry_after, wait) in [
            (429, Some("30"), Some(30)),
            (503, Some("999999999"), Some(900)),
            (500, Some("Fri, 27 Nov 2026 17:02:00 GMT"), Some(60)),
            (500, Some("Fri, 27 Nov 2026 17:00:00 GMT"), Some(0)),
            (502, Some("soon"), None),
            (408, None, None),
        ] {
            let refused = answer(code, retry_after).unwrap_err();
            assert!(matches!(refused.trouble, Trouble::Later(_)));
            assert_eq!(refused.wait, wait.map(SignedDuration::from_secs), "{code} {retry_after:?}");
        }
    }
}
