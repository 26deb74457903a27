//! The addresses of `docs/PROTOCOL.md` section 1, and messages over HTTP.

use crate::config::Limits;
use crate::host::{Host, Request};
use crate::live;
use crate::origin::{self, Origins};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use holm::limits::FRAME_BYTES_MAX;
use holm::protocol::codec::{decode_client, encode_server};
use holm::protocol::message::{ClientMessage, Refusal, ServerMessage};
use holm::protocol::refusal::{
    BAD_FRAME, FORBIDDEN, FRAME_TOO_LARGE, INTERNAL, NEEDS_AUTH, NEEDS_HELLO, PROTOCOL_UNSUPPORTED,
    REPLICA_CONFLICT, RETRY_LATER, TERM_FENCED, UNKNOWN_KIND, WRONG_SUBJECT,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Longest name of a space.
const SPACE_BYTES_MAX: usize = 128;

/// What every request can reach.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The store's thread, the tokens, the pokes.
    pub host: Arc<Host>,
    /// Bounds.
    pub limits: Limits,
    /// Becomes true when the server stops.
    pub stopping: watch::Receiver<bool>,
}

/// Everything the server answers.
pub fn router(shared: Shared, origins: Origins) -> Router {
    let spaces = Router::new()
        .route("/v1/{space}/{kind}", post(message))
        .route("/v1/{space}/live", get(live::open))
        .layer(from_fn_with_state(Arc::new(origins), origin::check));
    Router::new()
        .route("/healthz", get(healthz))
        .merge(spaces)
        .with_state(shared)
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// One message in, one message out.
async fn message(
    State(shared): State<Shared>,
    Path((space, kind)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match answer(&shared, space, &kind, &headers, body).await {
        Ok(ServerMessage::Refused(refusal)) | Err(refusal) => refuse(&refusal),
        Ok(reply) => json(StatusCode::OK, &reply),
    }
}

async fn answer(
    shared: &Shared,
    space: String,
    kind: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<ServerMessage, Refusal> {
    check_space(&space)?;
    let subject = shared
        .host
        .tokens
        .subject(bearer(headers), &space)?
        .to_owned();
    let bytes = read(body, Duration::from_millis(shared.limits.body_ms)).await?;
    let message = decode_client(&bytes)?;
    if kind != kind_of(&message) {
        let message = format!("expected the message that this address is for, {kind}");
        return Err(Refusal::new(BAD_FRAME, message));
    }
    let request = Request {
        space,
        subject,
        connection: 0,
        session: None,
        message,
    };
    Ok(shared.host.handle(request).await)
}

/// The name of a space: letters, digits, dots, hyphens and underscores.
pub fn check_space(space: &str) -> Result<(), Refusal> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if (1..=SPACE_BYTES_MAX).contains(&space.len()) && space.bytes().all(is_plain) {
        return Ok(());
    }
    let message = "a space's name has 1 to 128 letters, digits, dots, hyphens and underscores";
    Err(Refusal::new(BAD_FRAME, message))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn read(body: Body, patience: Duration) -> Result<Bytes, Refusal> {
    let Ok(read) = tokio::time::timeout(patience, to_bytes(body, FRAME_BYTES_MAX)).await else {
        return Err(Refusal::new(BAD_FRAME, "the body took too long"));
    };
    // The body is either too long or broken off, and then nobody reads the answer.
    read.map_err(|_| too_large())
}

/// A frame is longer than the limit.
pub fn too_large() -> Refusal {
    Refusal::new(
        FRAME_TOO_LARGE,
        format!("a frame has at most {FRAME_BYTES_MAX} bytes"),
    )
}

fn kind_of(message: &ClientMessage) -> &'static str {
    match message {
        ClientMessage::Hello(_) => "hello",
        ClientMessage::Push(_) => "push",
        ClientMessage::Pull(_) => "pull",
        ClientMessage::Beat { .. } => "beat",
    }
}

/// A refusal with its status (section 9).
pub fn refuse(refusal: &Refusal) -> Response {
    let status = match refusal.code.as_str() {
        BAD_FRAME | UNKNOWN_KIND | PROTOCOL_UNSUPPORTED => StatusCode::BAD_REQUEST,
        FRAME_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        NEEDS_AUTH => StatusCode::UNAUTHORIZED,
        FORBIDDEN => StatusCode::FORBIDDEN,
        WRONG_SUBJECT | REPLICA_CONFLICT | TERM_FENCED | NEEDS_HELLO => StatusCode::CONFLICT,
        RETRY_LATER => StatusCode::SERVICE_UNAVAILABLE,
        INTERNAL => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    json(status, &ServerMessage::Refused(refusal.clone()))
}

fn json(status: StatusCode, message: &ServerMessage) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        encode_server(message),
    )
        .into_response()
}
