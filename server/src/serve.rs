//! The listening socket, from binding to a graceful end.

use crate::auth::Tokens;
use crate::config::Config;
use crate::host::Host;
use crate::origin::Origins;
use crate::routes::{Shared, router};
use crate::store::memory::MemoryStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Why the server does not start.
#[derive(Debug)]
pub enum StartError {
    /// The store cannot be opened.
    Store(StoreError),
    /// The address cannot be listened on.
    Listen(SocketAddr, std::io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(problem) => problem.fmt(out),
            Self::Listen(address, problem) => {
                write!(
                    out,
                    "cannot listen on {address}: {problem}; give --listen another address"
                )
            }
        }
    }
}

impl std::error::Error for StartError {}

/// A server that is bound and not yet running.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    config: Config,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Opens the store and binds the address. Connections wait until `run`.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let store = open(&config.data).map_err(StartError::Store)?;
        let failed = |problem| StartError::Listen(config.listen, problem);
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (host, thread) = Host::start(Tokens::new(config.tokens.clone()), store);
        let (stop, stopping) = watch::channel(false);
        let shared = Shared {
            host: Arc::new(host),
            limits: config.limits,
            stopping,
        };
        let router = router(shared, Origins(config.origins.clone()));
        Ok(Self {
            listener,
            address,
            router,
            config,
            stop,
            thread,
        })
    }

    /// Where it listens, with the port that was chosen if none was given.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What answers, for tests without a socket.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves until `stopped`; then lets what has begun end, tells live connections, and closes the
    /// store.
    pub async fn run(self, stopped: impl Future<Output = ()>) {
        let Self {
            listener,
            router,
            config,
            stop,
            thread,
            ..
        } = self;
        let connections = Connections::new(router, &config);
        let mut stopped = pin!(stopped);
        loop {
            tokio::select! {
                accepted = connections.accept(&listener) => match accepted {
                    Ok(stream) => connections.serve(stream),
                    Err(problem) => connections.pause(&problem).await,
                },
                () = &mut stopped => break,
            }
        }
        drop(listener);
        tracing::info!("stopping");
        // Nobody receives if no connection is live.
        let _ = stop.send(true);
        connections
            .end(Duration::from_millis(config.limits.stop_ms))
            .await;
        // Live connections hold the host for a moment longer; the store's thread ends with the last
        // of them.
        let joined = tokio::task::spawn_blocking(move || thread.join());
        let patience = Duration::from_millis(config.limits.stop_ms);
        if tokio::time::timeout(patience, joined).await.is_err() {
            tracing::warn!("connections are still open");
        }
    }
}

fn open(data: &Path) -> Result<Box<dyn Store>, StoreError> {
    if data == Path::new(":memory:") {
        return Ok(Box::new(MemoryStore::default()));
    }
    Ok(Box::new(SqliteStore::open(data)?))
}

/// The connections there are.
struct Connections {
    service: TowerToHyperService<Router>,
    builder: Builder<TokioExecutor>,
    graceful: GracefulShutdown,
    free: Arc<Semaphore>,
}

impl Connections {
    fn new(router: Router, config: &Config) -> Self {
        let mut builder = Builder::new(TokioExecutor::new()).http1_only();
        let patience = Duration::from_millis(config.limits.header_ms);
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(patience);
        Self {
            service: TowerToHyperService::new(router),
            builder,
            graceful: GracefulShutdown::new(),
            free: Arc::new(Semaphore::new(config.limits.connections)),
        }
    }

    /// The next connection, once there is room for it.
    async fn accept(&self, listener: &TcpListener) -> std::io::Result<TcpStream> {
        let room = self.free.acquire().await;
        let accepted = listener.accept().await;
        drop(room);
        accepted.map(|(stream, _)| stream)
    }

    fn serve(&self, stream: TcpStream) {
        let Ok(room) = Arc::clone(&self.free).try_acquire_owned() else {
            return;
        };
        if let Err(problem) = stream.set_nodelay(true) {
            tracing::debug!(%problem, "nodelay");
        }
        let io = TokioIo::new(stream);
        let connection = self
            .builder
            .serve_connection_with_upgrades(io, self.service.clone());
        let connection = self.graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(problem) = connection.await {
                tracing::debug!(problem, "a connection broke");
            }
            drop(room);
        });
    }

    /// After a failed accept, usually for want of file handles: trying at once would only spin.
    async fn pause(&self, problem: &std::io::Error) {
        tracing::warn!(%problem, "cannot accept a connection");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    /// Waits for requests that have begun.
    async fn end(self, patience: Duration) {
        let Self {
            service, graceful, ..
        } = self;
        drop(service);
        if tokio::time::timeout(patience, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("requests were cut off");
        }
    }
}
