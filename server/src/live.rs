//! A live connection: messages both ways over a WebSocket, and pokes.

use crate::host::{Host, Request};
use crate::pokes::ConnectionId;
use crate::routes::{Shared, check_space, refuse, too_large};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::response::Response;
use holm::ids::{ReplicaId, Term, Version};
use holm::limits::FRAME_BYTES_MAX;
use holm::protocol::codec::{decode_client, encode_server};
use holm::protocol::message::{ClientMessage, Hello, Refusal, ServerMessage};
use holm::protocol::refusal::{BAD_FRAME, INTERNAL, NEEDS_HELLO};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// Takes the connection over.
pub async fn open(
    State(shared): State<Shared>,
    Path(space): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Err(refusal) = check_space(&space) {
        return refuse(&refusal);
    }
    let upgrade = upgrade
        .max_frame_size(FRAME_BYTES_MAX)
        .max_message_size(FRAME_BYTES_MAX);
    upgrade.on_upgrade(move |socket| async move {
        let id = shared.host.next_connection();
        let live = Live {
            id,
            space,
            socket,
            session: None,
            deadline: Instant::now(),
        };
        live.serve(&shared).await;
    })
}

/// Who a connection was welcomed as.
#[derive(Clone, Debug)]
struct Session {
    subject: String,
    replica: ReplicaId,
    term: Term,
}

impl Session {
    fn identity(&self) -> (ReplicaId, Term) {
        (self.replica, self.term)
    }
}

struct Live {
    id: ConnectionId,
    space: String,
    socket: WebSocket,
    session: Option<Session>,
    /// When the connection ends unless something valid comes.
    deadline: Instant,
}

/// Why a connection ends.
struct End {
    code: u16,
    reason: &'static str,
}

impl End {
    fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// What a connection waits for.
enum Happening {
    Frame(Option<Result<Message, axum::Error>>),
    Poke(Version),
    Silence,
    Stop,
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // If the sender has gone, the server has stopped as well.
    let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
}

impl Live {
    async fn serve(mut self, shared: &Shared) {
        let mut pokes = shared.host.pokes.listen(&self.space, self.id);
        let mut stopping = shared.stopping.clone();
        self.deadline = after(shared.limits.hello_ms);
        let end = loop {
            let happening = tokio::select! {
                frame = self.socket.recv() => Happening::Frame(frame),
                version = pokes.next() => Happening::Poke(version),
                () = tokio::time::sleep_until(self.deadline) => Happening::Silence,
                () = stopped(&mut stopping) => Happening::Stop,
            };
            let served = match happening {
                Happening::Frame(None) => return,
                Happening::Frame(Some(Ok(message))) => self.take(shared, message).await,
                Happening::Frame(Some(Err(problem))) => Err(self.broken(shared, &problem).await),
                Happening::Poke(version) => self.poke(shared, version).await,
                Happening::Silence => Err(End::new(close_code::POLICY, "silent for too long")),
                Happening::Stop => Err(End::new(close_code::AWAY, "the server stops")),
            };
            if let Err(end) = served {
                break end;
            }
        };
        self.close(end).await;
    }

    /// Says why, and waits a moment for the client to have read it.
    async fn close(mut self, end: End) {
        let frame = CloseFrame {
            code: end.code,
            reason: end.reason.into(),
        };
        let close = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        let _ = timeout(Duration::from_secs(1), close).await;
    }

    async fn poke(&mut self, shared: &Shared, version: Version) -> Result<(), End> {
        match &self.session {
            Some(_) => self.send(shared, &ServerMessage::Poke { version }).await,
            None => Ok(()),
        }
    }

    async fn take(&mut self, shared: &Shared, message: Message) -> Result<(), End> {
        let text = match message {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::new(close_code::NORMAL, "")),
            Message::Binary(_) => {
                let refusal = Refusal::new(BAD_FRAME, "expected a text frame");
                return self.send(shared, &ServerMessage::Refused(refusal)).await;
            }
        };
        let reply = match decode_client(text.as_bytes()) {
            Ok(ClientMessage::Hello(hello)) => self.hello(shared, hello).await,
            Ok(message) => self.answer(&shared.host, message).await,
            Err(refusal) => ServerMessage::Refused(refusal),
        };
        if self.session.is_some() {
            self.deadline = after(shared.limits.idle_ms);
        }
        self.send(shared, &reply).await
    }

    /// A hello with a token authenticates the connection anew; one that is refused ends what was
    /// before it.
    async fn hello(&mut self, shared: &Shared, hello: Hello) -> ServerMessage {
        let before = self.session.take();
        let session = before.as_ref().map(Session::identity);
        let subject = match (&hello.token, before) {
            (None, Some(session)) => Ok(session.subject),
            (token, _) => shared
                .host
                .tokens
                .subject(token.as_deref(), &self.space)
                .map(ToOwned::to_owned),
        };
        let subject = match subject {
            Ok(subject) => subject,
            Err(refusal) => return self.unwelcome(shared, ServerMessage::Refused(refusal)),
        };
        let (replica, term) = (hello.replica, hello.term);
        let message = ClientMessage::Hello(hello);
        let reply = shared
            .host
            .handle(self.request(subject.clone(), session, message))
            .await;
        if !matches!(reply, ServerMessage::Welcome(_)) {
            return self.unwelcome(shared, reply);
        }
        self.session = Some(Session {
            subject,
            replica,
            term,
        });
        reply
    }

    /// After a refused hello the time for a valid one runs, if it does not run already.
    fn unwelcome(&mut self, shared: &Shared, reply: ServerMessage) -> ServerMessage {
        self.deadline = self.deadline.min(after(shared.limits.hello_ms));
        reply
    }

    async fn answer(&mut self, host: &Host, message: ClientMessage) -> ServerMessage {
        let Some(session) = &self.session else {
            let refusal = Refusal::new(NEEDS_HELLO, "a connection begins with hello");
            return ServerMessage::Refused(refusal);
        };
        let (subject, identity) = (session.subject.clone(), session.identity());
        host.handle(self.request(subject, Some(identity), message))
            .await
    }

    fn request(
        &self,
        subject: String,
        session: Option<(ReplicaId, Term)>,
        message: ClientMessage,
    ) -> Request {
        Request {
            space: self.space.clone(),
            subject,
            connection: self.id,
            session,
            message,
        }
    }

    async fn send(&mut self, shared: &Shared, message: &ServerMessage) -> Result<(), End> {
        let mut text = encode_server(message);
        if text.len() > FRAME_BYTES_MAX {
            tracing::error!(bytes = text.len(), "an answer is longer than a frame");
            let refusal = Refusal::new(INTERNAL, "the answer is longer than a frame");
            text = encode_server(&ServerMessage::Refused(refusal));
        }
        let patience = Duration::from_millis(shared.limits.body_ms);
        match timeout(patience, self.socket.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::new(close_code::AWAY, "frames are not taken")),
        }
    }

    /// The stream cannot be read any further. If it was a frame over the limit, the client is told.
    async fn broken(&mut self, shared: &Shared, problem: &axum::Error) -> End {
        if problem.to_string().contains("too long") {
            let _ = self
                .send(shared, &ServerMessage::Refused(too_large()))
                .await;
            return End::new(close_code::SIZE, "frame_too_large");
        }
        End::new(close_code::PROTOCOL, "not a valid frame")
    }
}

fn after(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}
