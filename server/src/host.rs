//! Between sockets and the authority: one thread that owns the store and takes messages in turn.

use crate::auth::Tokens;
use crate::pokes::{ConnectionId, Pokes};
use crate::store::{Store, StoreError};
use holm::ids::{ReplicaId, Term, Version};
use holm::protocol::message::{ClientMessage, Refusal, ServerMessage};
use holm::protocol::refusal::{INTERNAL, RETRY_LATER};
use holm::sync::authority::{Context, Decision};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};

/// Most messages that wait for the store; more are told to come back later.
const WAITING_MAX: usize = 256;

/// A message and everything known about who sent it.
#[derive(Debug)]
pub struct Request {
    /// The space.
    pub space: String,
    /// Who the token speaks for.
    pub subject: String,
    /// The connection; 0 over HTTP.
    pub connection: ConnectionId,
    /// What the connection's hello was for.
    pub session: Option<(ReplicaId, Term)>,
    /// What was sent.
    pub message: ClientMessage,
}

struct Job {
    request: Request,
    answer: oneshot::Sender<Result<Decision, StoreError>>,
}

/// What all connections share.
#[derive(Debug)]
pub struct Host {
    /// Who may connect.
    pub tokens: Tokens,
    /// Who is told of moves.
    pub pokes: Pokes,
    jobs: mpsc::Sender<Job>,
    connections: AtomicU64,
}

impl Host {
    /// Gives the store a thread. The thread ends when the host is dropped.
    pub fn start(tokens: Tokens, store: Box<dyn Store>) -> (Self, JoinHandle<()>) {
        let (jobs, inbox) = mpsc::channel(WAITING_MAX);
        let thread = std::thread::spawn(move || work(store, inbox));
        let host = Self {
            tokens,
            pokes: Pokes::default(),
            jobs,
            connections: AtomicU64::new(1),
        };
        (host, thread)
    }

    /// A number for a new live connection.
    pub fn next_connection(&self) -> ConnectionId {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    /// Answers a message, and pokes the others if it moved the space.
    pub async fn handle(&self, request: Request) -> ServerMessage {
        let (space, connection) = (request.space.clone(), request.connection);
        let (answer, answered) = oneshot::channel();
        if self.jobs.try_send(Job { request, answer }).is_err() {
            return busy();
        }
        match answered.await {
            Ok(Ok(decision)) => {
                self.poke(&space, connection, decision.poke);
                decision.reply
            }
            Ok(Err(StoreError::Busy(problem))) => {
                tracing::warn!(space, problem, "the store is busy");
                busy()
            }
            Ok(Err(problem)) => {
                tracing::error!(space, %problem, "the store failed");
                failed()
            }
            Err(_) => {
                tracing::error!(space, "the store's thread has ended");
                failed()
            }
        }
    }

    fn poke(&self, space: &str, by: ConnectionId, moved: Option<Version>) {
        if let Some(version) = moved {
            self.pokes.poke(space, by, version);
        }
    }
}

fn busy() -> ServerMessage {
    ServerMessage::Refused(Refusal::new(
        RETRY_LATER,
        "the server is busy: try again later",
    ))
}

/// What happened is for the log: a client must not learn about the server's inside.
fn failed() -> ServerMessage {
    ServerMessage::Refused(Refusal::new(INTERNAL, "the server failed: try again later"))
}

fn work(mut store: Box<dyn Store>, mut inbox: mpsc::Receiver<Job>) {
    while let Some(Job { request, answer }) = inbox.blocking_recv() {
        let context = Context {
            subject: request.subject.clone(),
            time_ms: now_ms(),
            fresh_epoch: fresh_epoch(),
            session: request.session,
        };
        // Nobody waits any more if the connection has gone; what was decided stands.
        let _ = answer.send(guarded(store.as_mut(), &request, &context));
    }
}

/// A broken invariant must cost the message that found it, whose transaction is rolled back, and
/// not the server.
fn guarded(
    store: &mut dyn Store,
    request: &Request,
    context: &Context,
) -> Result<Decision, StoreError> {
    let handle = || store.handle(&request.space, context, &request.message);
    let handled = catch_unwind(AssertUnwindSafe(handle));
    handled.unwrap_or_else(|_| Err(StoreError::Failed("a bug: see the panic above".into())))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

fn fresh_epoch() -> String {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    holm::ids::Token(bytes).to_text()
}
