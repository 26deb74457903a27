//! Section 7: pages, cursors, checkpoints.

use super::*;
use crate::protocol::codec::encode_server;

fn cursor(page: &Page) -> &str {
    &page.cursors[0].1
}

fn ids(page: &Page) -> Vec<&str> {
    page.deltas
        .iter()
        .map(|delta| delta.key.id.as_str())
        .collect()
}

fn three_films() -> Server {
    let mut server = Server::with(&[replica(1)]);
    for seq in 1..4 {
        server.push(vec![transaction(seq, vec![insert(&seq.to_string(), 5)])]);
    }
    server
}

#[test]
fn an_empty_space_is_one_empty_page() {
    let mut server = Server::with(&[replica(1)]);
    let page = server.pull(None, 10);
    assert_eq!(
        (page.deltas.len(), page.checkpoint, page.has_more),
        (0, Version(0), false)
    );
    assert_eq!(page.cursors[0].0, "all");
    assert_eq!(page.reset, Vec::<String>::new());
}

#[test]
fn pages_are_cut_by_documents_and_the_last_one_says_so() {
    let mut server = three_films();
    let first = server.pull(None, 2);
    assert_eq!((ids(&first), first.has_more), (vec!["1", "2"], true));
    let last = server.pull(Some(cursor(&first)), 2);
    assert_eq!(
        (ids(&last), last.has_more, last.checkpoint),
        (vec!["3"], false, Version(3))
    );
    let none = server.pull(Some(cursor(&last)), 2);
    assert_eq!(
        (ids(&none), none.has_more, cursor(&none)),
        (vec![], false, cursor(&last))
    );
}

#[test]
fn only_paths_changed_since_the_cursor_are_sent() {
    let mut server = three_films();
    let base = server.pull(None, 10);
    let update = delta("2", 1, 9, vec![set("title", "new")]);
    server.push(vec![transaction(4, vec![update.clone()])]);
    let page = server.pull(Some(cursor(&base)), 10);
    assert_eq!(page.deltas, vec![update]);
}

#[test]
pub fn a_document_that_changes_between_pages_is_sent_again() {
    let mut server = three_films();
    let first = server.pull(None, 2);
    let update = delta("1", 1, 9, vec![set("title", "new")]);
    let insert_four = insert("4", 9);
    server.push(vec![transaction(4, vec![update, insert_four])]);
    let second = server.pull(Some(cursor(&first)), 2);
    assert_eq!((ids(&second), second.has_more), (vec!["3", "1"], true));
    let last = server.pull(Some(cursor(&second)), 2);
    assert_eq!(
        (ids(&last), last.has_more, last.checkpoint),
        (vec!["4"], false, Version(4))
    );
}

#[test]
fn a_document_deleted_between_pages_is_told_of() {
    let mut server = three_films();
    let first = server.pull(None, 2);
    server.push(vec![transaction(
        4,
        vec![delta("1", 2, 9, vec![existence(2)])],
    )]);
    let last = server.pull(Some(cursor(&first)), 2);
    assert_eq!(ids(&last), ["3", "1"]);
    assert_eq!(last.deltas[1].paths[0].value, Value::int(2));
}

#[test]
fn a_cursor_of_another_epoch_or_out_of_thin_air_resets() {
    let mut server = three_films();
    for text in ["", "nonsense", "e2.1", "e1.99", "e1.1.zz"] {
        let page = server.pull(Some(text), 2);
        assert_eq!(
            (page.reset.as_slice(), ids(&page)),
            (&["all".to_owned()][..], vec!["1", "2"])
        );
        let last = server.pull(Some(cursor(&page)), 2);
        assert_eq!((last.reset.len(), ids(&last)), (0, vec!["3"]), "{text}");
    }
}

#[test]
fn an_update_that_changes_nothing_is_not_sent_again() {
    let mut server = three_films();
    let base = server.pull(None, 10);
    let stale = delta("2", 1, 1, vec![set("title", "older")]);
    server.push(vec![transaction(4, vec![stale])]);
    let page = server.pull(Some(cursor(&base)), 10);
    assert_eq!((page.deltas.len(), page.checkpoint), (0, Version(4)));
}

#[test]
fn verdicts_come_with_pages_until_confirmed() {
    let mut server = three_films();
    let seqs = |page: &Page| page.verdicts.iter().map(|v| v.seq.0).collect::<Vec<_>>();
    assert_eq!(seqs(&server.pull(None, 1)), [1, 2, 3]);
    let mut pull = |confirmed| server.pull_as(replica(1), Seq(confirmed), None, 1);
    assert_eq!(seqs(&pull(1)), [2, 3]);
    assert_eq!(seqs(&pull(99)), [0; 0]);
    assert_eq!(seqs(&pull(0)), [1, 2, 3], "a pull removes nothing");
    server.push_as(replica(1), Seq(2), vec![]);
    assert_eq!(seqs(&server.pull(None, 1)), [3]);
}

#[test]
fn a_level_one_server_knows_one_shape() {
    let mut server = three_films();
    for count in [0, 2] {
        let shapes = (0..count)
            .map(|at| ShapePull {
                id: at.to_string(),
                cursor: None,
            })
            .collect();
        let pull = ClientMessage::Pull(Pull {
            replica: replica(1),
            confirmed: Seq(0),
            shapes,
            limit: 10,
        });
        assert_eq!(refusal(&server.handle(&pull)), "bad_frame");
    }
}

#[test]
fn pages_are_cut_by_bytes_and_fit_in_a_frame() {
    let mut server = Server::with(&[replica(1)]);
    // Control characters are the longest in JSON: six bytes each.
    for seq in 1..12 {
        let text = PathWrite {
            value: Value::String("\u{1}".repeat(43_000)),
            ..set("text", "")
        };
        let delta = delta(&seq.to_string(), 1, 5, vec![existence(1), text]);
        assert_eq!(
            codes(&server.push(vec![transaction(seq, vec![delta])])),
            [(seq, "accepted")]
        );
    }
    let (mut at, mut seen, mut pages) = (None::<String>, 0, 0);
    loop {
        let page = server.pull(at.as_deref(), 5_000);
        seen += page.deltas.len();
        pages += 1;
        at = Some(cursor(&page).into());
        let has_more = page.has_more;
        assert!(encode_server(&ServerMessage::Page(page)).len() < crate::limits::FRAME_BYTES_MAX);
        if !has_more {
            break;
        }
    }
    assert_eq!((seen, pages), (11, 4));
}

#[test]
fn many_small_documents_are_read_in_steps_and_come_in_full_pages() {
    let mut server = Server::with(&[replica(1)]);
    let films = (0..500).map(|id| insert(&format!("{id:03}"), 5)).collect();
    server.push(vec![transaction(1, films)]);
    let page = server.pull(None, 400);
    assert_eq!((page.deltas.len(), page.has_more), (400, true));
    let last = server.pull(Some(cursor(&page)), 400);
    assert_eq!((last.deltas.len(), last.has_more), (100, false));
}
