//! The daemon's side of the socket.

use super::{Call, Delivery, Reply, peer};
use crate::app::views::{Answer, IngestLine};
use crate::app::{Actor, AppError, Request};
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::IncomingStream;
use axum::{Json, Router};
use jiff::Timestamp;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What stands behind the socket. The closures may block: they run on blocking threads.
pub struct Front {
    /// Does a request (`app::handle`) and rings the loops after a change. The instant is what the
    /// client asked for, for a simulated clock; the answer comes with the time that was taken.
    #[allow(clippy::type_complexity)]
    pub handle: Box<dyn Fn(&Actor, Option<Timestamp>, Request) -> Result<(Answer, Timestamp), AppError> + Send + Sync>,
    /// Spools a mail and files it.
    pub ingest: Box<dyn Fn(Delivery, Vec<u8>) -> Result<IngestLine, AppError> + Send + Sync>,
    /// The largest mail read whole, octets; may change on reload.
    pub message_bytes: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// A request is never longer than this: certificates, or a long answer.
const REQUEST_BYTES: usize = 64 << 20;
/// Beside the mail itself: what is cut off never comes here.
const INGEST_MARGIN: u64 = 1 << 20;
/// Bodies held in memory at once.
const DELIVERIES: usize = 4;
/// How long a stop waits for dialogues that are under way.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

struct Shared {
    front: Front,
    /// The daemon's own user.
    own_uid: u32,
    deliveries: Semaphore,
}

/// Takes the socket's place in the file system, mode 0660. A stale file is replaced; one at which
/// somebody still listens is an error.
pub fn listen(path: &Path) -> Result<UnixListener, String> {
    let shown = path.display();
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(format!("{shown} is there and is no socket; set [api] socket to another path"));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(format!("{shown} is in use: another daemon listens there"));
        }
        std::fs::remove_file(path).map_err(|e| format!("the stale socket {shown} cannot be removed: {e}"))?;
    }
    let listener = UnixListener::bind(path).map_err(|e| format!("cannot listen at {shown}: {e}"))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))
        .map_err(|e| format!("cannot set the mode of {shown}: {e}"))?;
    Ok(listener)
}

/// Serves until `stop` is cancelled, then waits a little for what is under way. The caller removes
/// the socket file.
pub async fn serve(listener: UnixListener, front: Front, stop: CancellationToken) -> std::io::Result<()> {
    let own_uid = UnixStream::pair()?.0.peer_cred()?.uid();
    let shared = Arc::new(Shared { front, own_uid, deliveries: Semaphore::new(DELIVERIES) });
    let router = Router::new()
        .route("/request", post(request))
        .route("/ingest", post(ingest))
        .with_state(shared)
        .into_make_service_with_connect_info::<Peer>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future();
    let patience = async move {
        stop.cancelled().await;
        tokio::time::sleep(STOP_PATIENCE).await;
    };
    tokio::select! {
        outcome = serving => outcome,
        () = patience => Ok(()),
    }
}

/// The user at the other end, as the kernel tells.
#[derive(Clone, Copy)]
struct Peer(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Peer(stream.io().peer_cred().ok().map(|credentials| credentials.uid()))
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self)).into_response()
    }
}

async fn request(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body: Body,
) -> Result<Response, AppError> {
    let body = to_bytes(body, REQUEST_BYTES)
        .await
        .map_err(|_| AppError::invalid("request", "larger than 64 MiB, or broken off"))?;
    let call: Call = serde_json::from_slice(&body).map_err(|_| {
        AppError::invalid("request", "not understood; are command and daemon of the same version of vigie?")
    })?;
    let uid = peer.0.ok_or_else(|| AppError::not_allowed("the kernel does not tell who asks"))?;
    let actor = peer::actor(uid, shared.own_uid, call.as_name.as_deref())?;
    let (answer, now) = blocking(move || (shared.front.handle)(&actor, call.now, call.request)).await?;
    Ok(Json(Reply { answer, now }).into_response())
}

async fn ingest(
    State(shared): State<Arc<Shared>>,
    Query(delivery): Query<Delivery>,
    body: Body,
) -> Result<Response, AppError> {
    let most = (shared.front.message_bytes)().saturating_add(INGEST_MARGIN);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    // A closed semaphore is never seen: nothing closes it.
    let _place = shared.deliveries.acquire().await.ok();
    let octets = to_bytes(body, most)
        .await
        .map_err(|_| AppError::invalid("message", "larger than [limits] message_bytes, or broken off"))?;
    let held = Arc::clone(&shared);
    let line = blocking(move || (held.front.ingest)(delivery, octets.into())).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(line)).into_response())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AppError> + Send + 'static,
) -> Result<T, AppError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(AppError::Internal { words: "the request failed inside; see the log".to_owned() }))
}
