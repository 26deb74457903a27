//! Which pages may talk to the server: requests that carry an `Origin` that is not listed are
//! refused, WebSockets too, and the server's own host is no exception.

use crate::routes::refuse;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use holm::protocol::message::Refusal;
use holm::protocol::refusal::FORBIDDEN;
use std::sync::Arc;

/// The origins that may connect, exactly as browsers send them.
#[derive(Debug)]
pub struct Origins(pub Vec<String>);

/// Refuses what comes from elsewhere, and tells browsers that what was let in may be read.
pub async fn check(State(origins): State<Arc<Origins>>, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(ORIGIN).cloned() else {
        return next.run(request).await;
    };
    if !origins
        .0
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes())
    {
        let message = "this origin may not connect: list it in the server's origins";
        return refuse(&Refusal::new(FORBIDDEN, message));
    }
    let mut response = if request.method() == Method::OPTIONS {
        allow_preflight()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(VARY, HeaderValue::from_static("origin"));
    response
}

fn allow_preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "POST, GET"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
