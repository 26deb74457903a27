//! Section 5: who may say hello, and what a connection speaks for.

use super::*;

fn welcome(reply: &ServerMessage) -> &crate::protocol::message::Welcome {
    match reply {
        ServerMessage::Welcome(welcome) => welcome,
        other => panic!("expected a welcome, got {other:?}"),
    }
}

#[test]
fn the_first_hello_makes_the_space_and_its_epoch_stays() {
    let mut server = Server::new();
    let reply = server.hello(hello(replica(1)));
    let first = welcome(&reply);
    assert_eq!(
        (first.epoch.as_str(), first.version, first.last_seq),
        ("e1", Version(0), Seq(0))
    );
    assert_eq!((first.subject.as_str(), first.time_ms), ("ann", 1_000_000));
    server.fresh_epoch = "e2".into();
    let reply = server.hello(hello(replica(2)));
    assert_eq!(welcome(&reply).epoch, "e1");
}

#[test]
fn a_hello_that_changes_nothing_writes_nothing() {
    let server = Server::with(&[replica(1)]);
    assert_eq!(
        server
            .decide(&ClientMessage::Hello(hello(replica(1))))
            .writes,
        vec![]
    );
}

#[test]
pub fn a_copy_of_a_store_is_a_replica_conflict() {
    let mut server = Server::with(&[replica(1)]);
    let mut next = hello(replica(1));
    next.term = Term(2);
    next.life = life_token(2);
    next.previous_lives = vec![life_token(1)];
    assert_eq!(welcome(&server.hello(next.clone())).last_seq, Seq(0));
    let mut copy = next.clone();
    copy.life = life_token(3);
    assert_eq!(refusal(&server.hello(copy.clone())), "replica_conflict");
    copy.previous_lives.push(life_token(2));
    assert!(matches!(server.hello(copy), ServerMessage::Welcome(_)));
    assert_eq!(refusal(&server.hello(next)), "replica_conflict");
}

#[test]
fn a_store_that_was_rolled_back_is_a_replica_conflict() {
    let mut server = Server::with(&[replica(1)]);
    server.push(vec![transaction(1, vec![insert("1", 5)])]);
    assert_eq!(
        refusal(&server.hello(hello(replica(1)))),
        "replica_conflict"
    );
    let mut ahead = hello(replica(1));
    ahead.next_seq = Seq(2);
    assert_eq!(welcome(&server.hello(ahead)).last_seq, Seq(1));
}

#[test]
fn a_hello_that_comes_twice_over_one_connection_is_welcome_again() {
    let mut server = Server::with(&[replica(1)]);
    server.push(vec![transaction(1, vec![insert("1", 5)])]);
    server.session = Some((replica(1), Term(1)));
    let again = server.hello(hello(replica(1)));
    assert_eq!(welcome(&again).last_seq, Seq(1));
    server.session = Some((replica(2), Term(1)));
    let elsewhere = server.hello(hello(replica(1)));
    assert_eq!(refusal(&elsewhere), "replica_conflict");
}

#[test]
pub fn a_lower_term_is_fenced_before_its_life_is_looked_at() {
    let mut server = Server::with(&[replica(1)]);
    let mut next = hello(replica(1));
    next.term = Term(2);
    next.life = life_token(2);
    next.previous_lives = vec![life_token(1)];
    server.hello(next);
    assert_eq!(refusal(&server.hello(hello(replica(1)))), "term_fenced");
    let push = Push {
        replica: replica(1),
        term: Term(1),
        confirmed: Seq(0),
        transactions: vec![transaction(1, vec![insert("1", 5)])],
    };
    let before = server.space.clone();
    assert_eq!(
        refusal(&server.handle(&ClientMessage::Push(push))),
        "term_fenced"
    );
    assert_eq!(server.space, before);
}

#[test]
fn a_term_must_say_hello_before_it_pushes() {
    let mut server = Server::with(&[replica(1)]);
    let push = Push {
        replica: replica(1),
        term: Term(2),
        confirmed: Seq(0),
        transactions: vec![],
    };
    assert_eq!(
        refusal(&server.handle(&ClientMessage::Push(push))),
        "needs_hello"
    );
}

#[test]
fn a_replica_belongs_to_the_subject_that_first_used_it() {
    let mut server = Server::with(&[replica(1)]);
    server.subject = "bob".into();
    assert_eq!(refusal(&server.hello(hello(replica(1)))), "wrong_subject");
    let shapes = vec![ShapePull {
        id: "all".into(),
        cursor: None,
    }];
    let pull = ClientMessage::Pull(Pull {
        replica: replica(1),
        confirmed: Seq(0),
        shapes,
        limit: 10,
    });
    assert_eq!(refusal(&server.handle(&pull)), "wrong_subject");
    let push = Push {
        replica: replica(1),
        term: Term(1),
        confirmed: Seq(0),
        transactions: vec![],
    };
    assert_eq!(
        refusal(&server.handle(&ClientMessage::Push(push))),
        "wrong_subject"
    );
}

#[test]
fn ranges_of_the_protocol_must_overlap() {
    let mut server = Server::new();
    for (range, is_welcome) in [
        ((1, 4), true),
        ((0, 1), true),
        ((2, 4), false),
        ((0, 0), false),
    ] {
        let reply = server.hello(Hello {
            protocol: range,
            ..hello(replica(1))
        });
        assert_eq!(
            matches!(reply, ServerMessage::Welcome(_)),
            is_welcome,
            "{range:?}"
        );
        assert!(is_welcome || refusal(&reply) == "protocol_unsupported");
    }
}

#[test]
fn a_connection_speaks_for_the_replica_and_term_it_welcomed() {
    let mut server = Server::with(&[replica(1), replica(2)]);
    server.session = Some((replica(1), Term(1)));
    let beat = ClientMessage::Beat { cursor: None };
    let time_ms = server.time_ms;
    assert_eq!(
        server.handle(&beat),
        ServerMessage::Beat {
            version: Version(0),
            time_ms
        }
    );
    let shapes = vec![ShapePull {
        id: "all".into(),
        cursor: None,
    }];
    let pull = ClientMessage::Pull(Pull {
        replica: replica(2),
        confirmed: Seq(0),
        shapes,
        limit: 10,
    });
    assert_eq!(refusal(&server.handle(&pull)), "needs_hello");
    let mut next = hello(replica(1));
    next.term = Term(2);
    server.hello(next);
    assert_eq!(refusal(&server.handle(&beat)), "term_fenced");
}

#[test]
fn a_replica_the_space_does_not_know_must_say_hello() {
    let mut server = Server::new();
    let push = Push {
        replica: replica(1),
        term: Term(1),
        confirmed: Seq(0),
        transactions: vec![],
    };
    assert_eq!(
        refusal(&server.handle(&ClientMessage::Push(push))),
        "needs_hello"
    );
    let shapes = vec![ShapePull {
        id: "all".into(),
        cursor: None,
    }];
    let pull = ClientMessage::Pull(Pull {
        replica: replica(1),
        confirmed: Seq(0),
        shapes,
        limit: 10,
    });
    assert_eq!(refusal(&server.handle(&pull)), "needs_hello");
    assert!(server.space.is_empty());
}

#[test]
fn a_replaced_leader_is_fenced_also_after_its_successor_reconnected() {
    let mut server = Server::with(&[replica(1)]);
    let mut next = hello(replica(1));
    next.term = Term(2);
    next.life = life_token(2);
    next.previous_lives = vec![life_token(1)];
    server.hello(next.clone());
    // Welcomed, so that it names no life but its own when it connects again.
    next.previous_lives = Vec::new();
    server.hello(next);
    assert_eq!(refusal(&server.hello(hello(replica(1)))), "term_fenced");
}

#[test]
pub fn a_store_that_has_forgotten_what_it_confirmed_is_a_replica_conflict() {
    let mut server = Server::with(&[replica(1)]);
    let all = ["1", "2", "3"].into_iter().zip(1..);
    let all = all.map(|(id, seq)| transaction(seq, vec![insert(id, 5)]));
    server.push(all.collect());
    server.push_as(replica(1), Seq(3), vec![]);
    let mut restored = Hello {
        term: Term(2),
        life: life_token(2),
        previous_lives: vec![life_token(1)],
        next_seq: Seq(4),
        confirmed: Seq(1),
        ..hello(replica(1))
    };
    let reply = server.hello(restored.clone());
    assert_eq!(refusal(&reply), "replica_conflict");
    restored.confirmed = Seq(3);
    assert_eq!(welcome(&server.hello(restored)).last_seq, Seq(3));
}
