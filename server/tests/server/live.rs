//! Messages over a WebSocket, pokes, and how connections end.

use crate::support::{
    Folder, ORIGIN, Running, code, hello, insert, pull, push, replica, transaction,
};
use holm::ids::{Seq, Version};
use holm::limits::FRAME_BYTES_MAX;
use holm::protocol::codec::encode_client;
use holm::protocol::message::{ClientMessage, Delta, Hello, Outcome, Part, Pushed, ServerMessage};
use std::collections::BTreeMap;

fn with_token(message: &ClientMessage, token: Option<&str>) -> ClientMessage {
    let ClientMessage::Hello(hello) = message else {
        panic!("expected a hello")
    };
    ClientMessage::Hello(Hello {
        token: token.map(Into::into),
        ..hello.clone()
    })
}

#[tokio::test]
async fn what_one_pushes_the_other_is_poked_about_and_pulls() {
    let folder = Folder::new();
    let running = Running::start(folder.config()).await;
    let (one, two) = (replica(1), replica(2));
    let (mut first, mut second) = (running.client(one).await, running.client(two).await);
    let mut elsewhere = running.connect("books").await;
    let reply = elsewhere.ask(&hello(replica(3))).await;
    assert!(matches!(reply, ServerMessage::Welcome(_)));
    let verdicts = first
        .push(one, vec![transaction(1, vec![insert("1", "Alien")])])
        .await;
    assert_eq!(verdicts.expected, Seq(2));
    assert_eq!(
        second.next().await,
        Ok(ServerMessage::Poke {
            version: Version(1)
        })
    );
    assert_eq!(
        second.pull(two, None).await.deltas,
        vec![insert("1", "Alien")]
    );
    assert!(
        first.is_silent().await,
        "the one that moved the space is not poked"
    );
    assert!(elsewhere.is_silent().await, "other spaces are not poked");
    let beat = first.ask(&ClientMessage::Beat { cursor: None }).await;
    assert!(matches!(
        beat,
        ServerMessage::Beat {
            version: Version(1),
            ..
        }
    ));
    running.stop().await;
}

#[tokio::test]
async fn a_frame_that_is_not_valid_is_refused_and_the_session_goes_on() {
    let folder = Folder::new();
    let running = Running::start(folder.config()).await;
    let mut client = running.client(replica(1)).await;
    for (frame, expected) in [
        ("", "bad_frame"),
        ("{\"kind\":", "bad_frame"),
        ("[1]", "bad_frame"),
        ("{\"kind\":\"push\"}", "bad_frame"),
        ("{\"kind\":\"later\"}", "unknown_kind"),
    ] {
        client.send(frame).await;
        assert_eq!(code(&client.next().await.unwrap()), expected, "{frame}");
    }
    client.send_bytes(vec![1, 2, 3]).await;
    assert_eq!(code(&client.next().await.unwrap()), "bad_frame");
    assert_eq!(client.pull(replica(1), None).await.checkpoint, Version(0));
    running.stop().await;
}

#[tokio::test]
async fn nothing_is_answered_before_a_valid_hello() {
    let folder = Folder::new();
    let running = Running::start(folder.config()).await;
    drop(running.client(replica(1)).await);
    let mut socket = running.connect("films").await;
    assert_eq!(
        code(&socket.ask(&pull(replica(1), None)).await),
        "needs_hello"
    );
    let stranger = with_token(&hello(replica(1)), Some("token of eve"));
    assert_eq!(code(&socket.ask(&stranger).await), "needs_auth");
    assert_eq!(
        code(&socket.ask(&with_token(&hello(replica(1)), None)).await),
        "needs_auth"
    );
    let other_space = with_token(&hello(replica(1)), Some("token of bob"));
    assert_eq!(code(&socket.ask(&other_space).await), "forbidden");
    assert_eq!(
        code(&socket.ask(&pull(replica(1), None)).await),
        "needs_hello"
    );
    assert!(matches!(
        socket.ask(&hello(replica(1))).await,
        ServerMessage::Welcome(_)
    ));
    running.stop().await;
}

#[tokio::test]
async fn a_hello_that_comes_twice_is_welcome_again() {
    let folder = Folder::new();
    let running = Running::start(folder.config()).await;
    let mut client = running.client(replica(1)).await;
    client
        .push(replica(1), vec![transaction(1, vec![insert("1", "Alien")])])
        .await;
    let mut early = hello(replica(1));
    if let ClientMessage::Hello(hello) = &mut early {
        hello.next_seq = Seq(1);
    }
    let again = client.ask(&early).await;
    assert!(matches!(again, ServerMessage::Welcome(_)), "{again:?}");
    let mut other = running.connect("films").await;
    assert_eq!(code(&other.ask(&early).await), "replica_conflict");
    running.stop().await;
}

#[tokio::test]
async fn a_connection_without_hello_is_closed() {
    let folder = Folder::new();
    let mut config = folder.config();
    config.limits.hello_ms = 300;
    let running = Running::start(config).await;
    let mut silent = running.connect("films").await;
    let mut talking = running.connect("films").await;
    assert_eq!(
        code(&talking.ask(&pull(replica(1), None)).await),
        "needs_hello"
    );
    assert_eq!(silent.next().await, Err(1008));
    assert_eq!(talking.next().await, Err(1008));
    running.stop().await;
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_closed_and_one_that_beats_is_not() {
    let folder = Folder::new();
    let mut config = folder.config();
    config.limits.idle_ms = 600;
    let running = Running::start(config).await;
    let (mut silent, mut beating) = (
        running.client(replica(1)).await,
        running.client(replica(2)).await,
    );
    for _ in 0..6 {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        let reply = beating.ask(&ClientMessage::Beat { cursor: None }).await;
        assert!(matches!(reply, ServerMessage::Beat { .. }));
    }
    assert_eq!(silent.next().await, Err(1008));
    running.stop().await;
}

#[tokio::test]
async fn a_new_token_is_taken_on_the_same_connection_and_a_bad_one_ends_the_session() {
    let folder = Folder::new();
    let running = Running::start(folder.config()).await;
    let mut client = running.client(replica(1)).await;
    assert!(matches!(
        client.ask(&hello(replica(1))).await,
        ServerMessage::Welcome(_)
    ));
    let tokenless = with_token(&hello(replica(1)), None);
    assert!(matches!(
        client.ask(&tokenless).await,
        ServerMessage::Welcome(_)
    ));
    let stranger = with_token(&hello(replica(1)), Some("token of eve"));
    assert_eq!(code(&client.ask(&stranger).await), "needs_auth");
    assert_eq!(
        code(&client.ask(&pull(replica(1), None)).await),
        "needs_hello"
    );
    assert!(matches!(
        client.ask(&hello(replica(1))).await,
        ServerMessage::Welcome(_)
    ));
    running.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_cannot_connect() {
    let folder = Folder::new();
    let running = Running::start(folder.config()).await;
    assert_eq!(running.connect_from(ORIGIN).await, Ok(()));
    let own = format!("http://{}", running.address);
    for origin in ["https://evil.example", "null", own.as_str()] {
        assert_eq!(running.connect_from(origin).await, Err(403), "{origin}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_frame_over_the_limit_is_refused_and_the_connection_closed() {
    let folder = Folder::new();
    let running = Running::start(folder.config()).await;
    let mut client = running.client(replica(1)).await;
    client.send(&" ".repeat(FRAME_BYTES_MAX + 1)).await;
    assert_eq!(code(&client.next().await.unwrap()), "frame_too_large");
    assert_eq!(client.next().await, Err(1009));
    let mut client = running.client(replica(1)).await;
    client.send(&" ".repeat(FRAME_BYTES_MAX)).await;
    assert_eq!(code(&client.next().await.unwrap()), "bad_frame");
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_tells_its_connections() {
    let folder = Folder::new();
    let running = Running::start(folder.config()).await;
    let mut client = running.client(replica(1)).await;
    let (closed, ()) = tokio::join!(client.next(), running.stop());
    assert_eq!(closed, Err(1001));
}

/// 3 MiB of films, in parts that each fit in a frame.
fn parts(seq: u64) -> (Vec<Pushed>, BTreeMap<String, Delta>) {
    let films: Vec<_> = (0..3_200)
        .map(|id| insert(&id.to_string(), &format!("{id} {}", "x".repeat(1_000))))
        .collect();
    let groups: Vec<_> = films.chunks(640).map(<[Delta]>::to_vec).collect();
    let count = u32::try_from(groups.len()).unwrap();
    let pushed = (0..count).zip(groups).map(|(index, deltas)| Pushed {
        part: Some(Part { index, count }),
        ..transaction(seq, deltas)
    });
    let by_id = films
        .iter()
        .map(|delta| (delta.key.id.clone(), delta.clone()))
        .collect();
    (pushed.collect(), by_id)
}

#[tokio::test]
async fn a_transaction_of_three_mebibytes_in_parts_arrives_whole_across_a_restart() {
    let folder = Folder::new();
    let (one, two) = (replica(1), replica(2));
    let (parts, films) = parts(1);
    let bytes: usize = parts
        .iter()
        .map(|part| encode_client(&push(one, vec![part.clone()])).len())
        .sum();
    assert!(parts.len() == 5 && bytes > 3 << 20, "{bytes}");
    let mut running = Running::start(folder.config()).await;
    for (at, part) in parts.iter().enumerate() {
        if at == 2 {
            running.stop().await;
            running = Running::start(folder.config()).await;
        }
        let verdicts = running
            .client(one)
            .await
            .push(one, vec![part.clone()])
            .await;
        assert_eq!(
            verdicts.verdicts.len(),
            usize::from(at == 4),
            "{verdicts:?}"
        );
        let page = running.client(two).await.pull(two, None).await;
        assert_eq!(
            page.deltas.is_empty(),
            at < 4,
            "half a transaction was seen"
        );
    }
    let verdicts = running
        .client(one)
        .await
        .push(one, vec![parts[4].clone()])
        .await;
    let accepted = Outcome::Accepted {
        version: Version(1),
        discarded: vec![],
    };
    assert_eq!(
        verdicts.verdicts.first().map(|verdict| &verdict.outcome),
        Some(&accepted)
    );
    let mut client = running.client(two).await;
    let (mut found, mut cursor) = (BTreeMap::new(), None);
    loop {
        let page = client.pull(two, cursor).await;
        found.extend(
            page.deltas
                .into_iter()
                .map(|delta| (delta.key.id.clone(), delta)),
        );
        cursor = Some(page.cursors[0].1.clone());
        if !page.has_more {
            assert_eq!(page.checkpoint, Version(1));
            break;
        }
    }
    assert!(found == films, "what arrived is not what was sent");
    running.stop().await;
}

#[tokio::test]
async fn every_connection_hears_of_the_last_version_of_a_burst() {
    let folder = Folder::new();
    let running = Running::start(folder.config()).await;
    let (one, two) = (replica(1), replica(2));
    let (mut first, mut second) = (running.client(one).await, running.client(two).await);
    for seq in 1..=200 {
        first
            .push(
                one,
                vec![transaction(seq, vec![insert(&seq.to_string(), "x")])],
            )
            .await;
    }
    let mut last = Version(0);
    while last < Version(200) {
        let Ok(ServerMessage::Poke { version }) = second.next().await else {
            panic!("expected a poke");
        };
        assert!(version > last);
        last = version;
    }
    running.stop().await;
}
