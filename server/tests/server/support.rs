//! A server that runs in the test's process, and what clients say to it.

use futures_util::{SinkExt, StreamExt};
use holm::causal::stamp::{Stamp, Time};
use holm::doc::path::{DocumentKey, Path};
use holm::doc::value::Value;
use holm::ids::{Life, ReplicaId, Seq, Term, Token};
use holm::protocol::codec::{decode_server, encode_client};
use holm::protocol::message::{
    ClientMessage, Delta, Hello, Page, PathWrite, Pull, Push, Pushed, ServerMessage, ShapePull,
    Verdicts,
};
use holm_server::auth::Grant;
use holm_server::config::Limits;
use holm_server::{Config, Server};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub const ORIGIN: &str = "http://localhost:5173";

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("holm-server-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn config(&self) -> Config {
        let grant = |token: &str, subject: &str, spaces: Option<Vec<String>>| Grant {
            token: token.into(),
            subject: subject.into(),
            spaces,
        };
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: self.0.join("holm.sqlite"),
            tokens: vec![
                grant("token of ann", "ann", None),
                grant("token of bob", "bob", Some(vec!["books".into()])),
            ],
            origins: vec![ORIGIN.into()],
            limits: Limits::default(),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that runs.
pub struct Running {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn start(config: Config) -> Self {
        let server = Server::bind(config).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async { _ = stopped.await }));
        Self {
            address,
            stop,
            task,
        }
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(10), self.task)
            .await
            .unwrap()
            .unwrap();
    }

    /// A connection that has said nothing yet.
    pub async fn connect(&self, space: &str) -> Socket {
        let url = format!("ws://{}/v1/{space}/live", self.address);
        Socket(connect_async(url).await.unwrap().0)
    }

    /// A connection of this replica that was welcomed.
    pub async fn client(&self, replica: ReplicaId) -> Socket {
        let mut socket = self.connect("films").await;
        let reply = socket.ask(&hello(replica)).await;
        assert!(matches!(reply, ServerMessage::Welcome(_)), "{reply:?}");
        socket
    }

    /// What answers a connection from a page of this origin.
    pub async fn connect_from(&self, origin: &str) -> Result<(), u16> {
        let url = format!("ws://{}/v1/films/live", self.address);
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("origin", HeaderValue::from_str(origin).unwrap());
        match connect_async(request).await {
            Ok(_) => Ok(()),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                Err(response.status().as_u16())
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// A live connection, seen from the client.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub async fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::binary(bytes)).await.unwrap();
    }

    /// The next message, within ten seconds. An error is the code of the server's close frame.
    pub async fn next(&mut self) -> Result<ServerMessage, u16> {
        let patience = Duration::from_secs(10);
        match tokio::time::timeout(patience, self.0.next())
            .await
            .expect("an answer in time")
        {
            Some(Ok(Message::Text(text))) => Ok(decode_server(text.as_bytes()).unwrap()),
            Some(Ok(Message::Close(frame))) => Err(frame.map_or(0, |frame| frame.code.into())),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// Whether nothing comes for a moment.
    pub async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(200), self.0.next())
            .await
            .is_err()
    }

    /// Sends, and gives the next message that is no poke.
    pub async fn ask(&mut self, message: &ClientMessage) -> ServerMessage {
        self.send(&encode_client(message)).await;
        loop {
            match self.next().await.unwrap() {
                ServerMessage::Poke { .. } => {}
                other => return other,
            }
        }
    }

    pub async fn push(&mut self, replica: ReplicaId, pushed: Vec<Pushed>) -> Verdicts {
        match self.ask(&push(replica, pushed)).await {
            ServerMessage::Verdicts(verdicts) => verdicts,
            other => panic!("expected verdicts, got {other:?}"),
        }
    }

    pub async fn pull(&mut self, replica: ReplicaId, cursor: Option<String>) -> Page {
        match self.ask(&pull(replica, cursor)).await {
            ServerMessage::Page(page) => page,
            other => panic!("expected a page, got {other:?}"),
        }
    }
}

pub fn replica(number: u8) -> ReplicaId {
    Token([number; 10])
}

pub fn hello(replica: ReplicaId) -> ClientMessage {
    ClientMessage::Hello(Hello {
        protocol: (1, 1),
        replica,
        term: Term(1),
        life: Token([9; 10]),
        previous_lives: vec![],
        next_seq: Seq(1_000),
        confirmed: Seq(0),
        schema_version: 1,
        capabilities: vec![],
        token: Some("token of ann".into()),
    })
}

pub fn push(replica: ReplicaId, transactions: Vec<Pushed>) -> ClientMessage {
    ClientMessage::Push(Push {
        replica,
        term: Term(1),
        confirmed: Seq(0),
        transactions,
    })
}

pub fn pull(replica: ReplicaId, cursor: Option<String>) -> ClientMessage {
    let shapes = vec![ShapePull {
        id: "all".into(),
        cursor,
    }];
    ClientMessage::Pull(Pull {
        replica,
        confirmed: Seq(0),
        shapes,
        limit: 5_000,
    })
}

pub fn insert(id: &str, title: &str) -> Delta {
    let stamp = Stamp {
        time: Time(5),
        replica: replica(1),
    };
    let write = |path, value| PathWrite {
        path,
        value,
        saw: None,
        stamp: None,
    };
    let paths = vec![
        write(Path::existence(), Value::int(1)),
        write(Path::field("title"), Value::text(title)),
    ];
    Delta {
        key: DocumentKey::new("films", id),
        life: Life(1),
        stamp,
        upsert: false,
        paths,
    }
}

pub fn transaction(seq: u64, deltas: Vec<Delta>) -> Pushed {
    Pushed {
        seq: Seq(seq),
        schema_version: 1,
        mutation: None,
        part: None,
        is_void: false,
        deltas,
    }
}

pub fn code(message: &ServerMessage) -> &str {
    match message {
        ServerMessage::Refused(refusal) => &refusal.code,
        _ => "not refused",
    }
}
