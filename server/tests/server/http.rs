//! Messages over HTTP, and what the listening socket refuses.

use crate::support::{
    Folder, ORIGIN, Running, code, hello, insert, pull, push, replica, transaction,
};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use holm::ids::{Seq, Version};
use holm::limits::FRAME_BYTES_MAX;
use holm::protocol::codec::{decode_server, encode_client};
use holm::protocol::message::{ClientMessage, ServerMessage};
use holm_server::{Server, StartError};
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

/// A request that the tests change before they send it.
struct Asked {
    address: String,
    token: Option<&'static str>,
    origin: Option<&'static str>,
    body: String,
}

impl Asked {
    fn new(kind: &str, message: &ClientMessage) -> Self {
        Self {
            address: format!("/v1/films/{kind}"),
            token: Some("token of ann"),
            origin: None,
            body: encode_client(message),
        }
    }

    fn by(mut self, token: Option<&'static str>) -> Self {
        self.token = token;
        self
    }

    fn to(mut self, address: &str) -> Self {
        self.address = address.into();
        self
    }

    fn saying(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    async fn send(self, router: &Router) -> Response<Body> {
        let mut request = Request::post(self.address);
        if let Some(token) = self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(origin) = self.origin {
            request = request.header("origin", origin);
        }
        router
            .clone()
            .oneshot(request.body(Body::from(self.body)).unwrap())
            .await
            .unwrap()
    }

    /// The status and the message.
    async fn answer(self, router: &Router) -> (u16, ServerMessage) {
        let response = self.send(router).await;
        let status = response.status().as_u16();
        assert_eq!(response.headers()["content-type"], "application/json");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, decode_server(&bytes).unwrap())
    }
}

async fn ask(router: &Router, kind: &str, message: &ClientMessage) -> ServerMessage {
    let (status, reply) = Asked::new(kind, message).answer(router).await;
    assert_eq!(status, 200, "{reply:?}");
    reply
}

#[tokio::test]
async fn what_was_pushed_is_pulled_also_after_a_restart() {
    let folder = Folder::new();
    let one = replica(1);
    let server = Server::bind(folder.config()).await.unwrap();
    let router = server.router();
    let ServerMessage::Welcome(first) = ask(&router, "hello", &hello(one)).await else {
        panic!("expected a welcome");
    };
    let message = push(one, vec![transaction(1, vec![insert("1", "Alien")])]);
    let verdicts = ask(&router, "push", &message).await;
    let page = ask(&router, "pull", &pull(one, None)).await;
    let ServerMessage::Page(page) = page else {
        panic!("expected a page")
    };
    assert_eq!(page.deltas, vec![insert("1", "Alien")]);
    drop(router);
    server.run(async {}).await;

    let server = Server::bind(folder.config()).await.unwrap();
    let router = server.router();
    let again = ask(&router, "pull", &pull(one, None)).await;
    assert_eq!(again, ServerMessage::Page(page));
    let ServerMessage::Welcome(second) = ask(&router, "hello", &hello(one)).await else {
        panic!("expected a welcome");
    };
    assert_eq!(second.epoch, first.epoch);
    assert_eq!((second.version, second.last_seq), (Version(1), Seq(1)));
    let ServerMessage::Verdicts(repeated) = ask(&router, "push", &message).await else {
        panic!("expected verdicts");
    };
    let ServerMessage::Verdicts(verdicts) = verdicts else {
        panic!("expected verdicts")
    };
    assert_eq!(repeated.verdicts, verdicts.verdicts);
}

#[tokio::test]
async fn requests_are_refused_with_their_status_and_code() {
    let folder = Folder::new();
    let server = Server::bind(folder.config()).await.unwrap();
    let router = server.router();
    ask(&router, "hello", &hello(replica(1))).await;
    let base = || Asked::new("pull", &pull(replica(1), None));
    let unknown = Asked::new("pull", &pull(replica(2), None));
    let long = " ".repeat(FRAME_BYTES_MAX + 1);
    let cases = [
        (base().by(None), 401, "needs_auth"),
        (base().by(Some("token of eve")), 401, "needs_auth"),
        (base().by(Some("token of bob")), 403, "forbidden"),
        (base().to("/v1/a%20b/pull"), 400, "bad_frame"),
        (base().to("/v1/films/push"), 400, "bad_frame"),
        (base().saying("{"), 400, "bad_frame"),
        (base().saying(r#"{"kind":"digest"}"#), 400, "unknown_kind"),
        (unknown, 409, "needs_hello"),
        (base().saying(&long), 413, "frame_too_large"),
    ];
    for (asked, status, expected) in cases {
        let (found, reply) = asked.answer(&router).await;
        assert_eq!((found, code(&reply)), (status, expected));
    }
}

#[tokio::test]
async fn a_replica_stays_with_its_subject_and_a_token_in_its_spaces() {
    let folder = Folder::new();
    let server = Server::bind(folder.config()).await.unwrap();
    let router = server.router();
    let mine = Asked::new("hello", &hello(replica(1))).to("/v1/books/hello");
    assert_eq!(mine.answer(&router).await.0, 200);
    let theirs = Asked::new("pull", &pull(replica(1), None)).to("/v1/books/pull");
    let (status, reply) = theirs.by(Some("token of bob")).answer(&router).await;
    assert_eq!((status, code(&reply)), (409, "wrong_subject"));
}

#[tokio::test]
async fn origins_that_are_not_listed_are_refused() {
    let folder = Folder::new();
    let server = Server::bind(folder.config()).await.unwrap();
    let router = server.router();
    for origin in [
        "http://localhost",
        "https://evil.example",
        "null",
        "HTTP://LOCALHOST:5173",
    ] {
        let asked = Asked {
            origin: Some(origin),
            ..Asked::new("hello", &hello(replica(1)))
        };
        let (status, reply) = asked.answer(&router).await;
        assert_eq!((status, code(&reply)), (403, "forbidden"), "{origin}");
    }
    let asked = Asked {
        origin: Some(ORIGIN),
        ..Asked::new("hello", &hello(replica(1)))
    };
    let response = asked.send(&router).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN);
    assert_eq!(response.headers()["vary"], "origin");
}

#[tokio::test]
async fn listed_origins_may_ask_before_they_send() {
    let folder = Folder::new();
    let server = Server::bind(folder.config()).await.unwrap();
    let preflight = |origin: &str| {
        let request = Request::options("/v1/films/push").header("origin", origin);
        server
            .router()
            .oneshot(request.body(Body::empty()).unwrap())
    };
    let response = preflight(ORIGIN).await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN);
    assert!(
        response.headers()["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("authorization")
    );
    assert_eq!(
        preflight("https://evil.example").await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn health_is_told_to_anybody() {
    let folder = Folder::new();
    let server = Server::bind(folder.config()).await.unwrap();
    let request = Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(
        server.router().oneshot(request).await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn headers_that_take_too_long_end_the_connection() {
    let folder = Folder::new();
    let mut config = folder.config();
    config.limits.header_ms = 200;
    let running = Running::start(config).await;
    let mut stream = tokio::net::TcpStream::connect(running.address)
        .await
        .unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest));
    assert!(ended.await.is_ok(), "the connection stayed open");
    running.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let folder = Folder::new();
    let mut config = folder.config();
    config.limits.body_ms = 200;
    let running = Running::start(config).await;
    let mut stream = tokio::net::TcpStream::connect(running.address)
        .await
        .unwrap();
    let head = "POST /v1/films/hello HTTP/1.1\r\nhost: x\r\nauthorization: Bearer token of ann\r\n\
        content-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut start));
    read.await.expect("an answer in time").unwrap();
    assert_eq!(&start, b"HTTP/1.1 400");
    drop(stream);
    running.stop().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_file_says_so() {
    let folder = Folder::new();
    let first = Server::bind(folder.config()).await.unwrap();
    let second = Server::bind(folder.config()).await.unwrap_err();
    assert!(matches!(second, StartError::Store(_)));
    assert!(
        second.to_string().contains("in use by another holm-server"),
        "{second}"
    );
    first.run(async {}).await;
    assert!(Server::bind(folder.config()).await.is_ok());
}

#[tokio::test]
async fn a_port_in_use_is_said_to_be() {
    let (one, two) = (Folder::new(), Folder::new());
    let first = Server::bind(one.config()).await.unwrap();
    let mut config = two.config();
    config.listen = first.address();
    let second = Server::bind(config).await.unwrap_err();
    assert!(matches!(second, StartError::Listen(..)), "{second}");
}
