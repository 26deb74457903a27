//! What pages are told of lists: results, and patches of live queries (`docs/PAGE.md`).

use super::out::{Out, member_whole, notice, write_head, write_name, write_whole};
use crate::doc::codec::LIST;
use crate::doc::row::Row;
use crate::ids::TabId;
use crate::limits::MESSAGE_ROWS_MAX;
use crate::query::patch::{Patch, Update};
use std::rc::Rc;

/// How many members of a notice [`write_patch`] writes.
pub const PATCH_MEMBERS: u64 = 4;

/// Writes a patch's members: `removes`, `moves`, `inserts`, `updates`.
pub fn write_patch(out: &mut Vec<u8>, patch: &Patch) {
    begin_list(out, "removes", patch.removes.len());
    for at in &patch.removes {
        write_whole(out, *at as u64);
    }
    begin_list(out, "moves", patch.moves.len());
    for (from, to) in &patch.moves {
        write_head(out, LIST, 2);
        write_whole(out, *from as u64);
        write_whole(out, *to as u64);
    }
    begin_list(out, "inserts", patch.inserts.len());
    for (at, row) in &patch.inserts {
        write_head(out, LIST, 2);
        write_whole(out, *at as u64);
        write_row(out, row);
    }
    begin_list(out, "updates", patch.updates.len());
    for update in &patch.updates {
        write_update(out, update);
    }
}

fn write_update(out: &mut Vec<u8>, update: &Update) {
    write_head(out, LIST, 2);
    write_whole(out, update.position as u64);
    write_head(out, LIST, update.columns.len() as u64);
    for column in &update.columns {
        write_head(out, LIST, 2);
        write_whole(out, *column as u64);
        out.extend_from_slice(update.row.cell(*column));
    }
}

/// Who the rows of a result are for: a page, and the member that says for what.
pub type Receiver<'a> = (TabId, &'a str, u64);

/// Posts all rows but the last ones, up to the most that go in a message, in messages of their own.
/// Returns how many were posted, and the others.
pub fn post_parts<'a>(
    out: &mut Out,
    (tab, name, number): Receiver<'_>,
    mut rows: &'a [Rc<Row>],
) -> (usize, &'a [Rc<Row>]) {
    let mut from = 0;
    while let Some((part, others)) = rows.split_at_checked(MESSAGE_ROWS_MAX)
        && !others.is_empty()
    {
        let mut notice = notice("part", 3);
        member_whole(&mut notice, name, number);
        member_whole(&mut notice, "from", from as u64);
        write_rows(&mut notice, part);
        out.cut(tab);
        out.post(tab, &notice);
        out.cut(tab);
        from += part.len();
        rows = others;
    }
    (from, rows)
}

/// Writes the member `rows`.
pub fn write_rows(out: &mut Vec<u8>, rows: &[Rc<Row>]) {
    begin_list(out, "rows", rows.len());
    for row in rows {
        write_row(out, row);
    }
}

/// Writes a row as a list: the id, then the fields in the schema's order.
fn write_row(out: &mut Vec<u8>, row: &Row) {
    write_head(out, LIST, row.columns() as u64);
    out.extend_from_slice(row.cells());
}

fn begin_list(out: &mut Vec<u8>, name: &str, count: usize) {
    write_name(out, name);
    write_head(out, LIST, count as u64);
}

#[cfg(test)]
mod tests {
    use super::super::message;
    use super::super::out::map;
    use super::*;
    use crate::doc::json;
    use crate::doc::value::Value;

    fn row(id: &str, value: i64) -> Rc<Row> {
        Rc::new(Row::of(id, &[Value::int(value), Value::Null]))
    }

    fn text_of(members: u64, write: &dyn Fn(&mut Vec<u8>)) -> String {
        let mut out = map(members);
        write(&mut out);
        let notices = message::notices(&message::to_page(&out));
        notices.iter().map(json::to_text).collect()
    }

    #[test]
    fn a_patch_is_written_as_the_page_reads_it() {
        let patch = Patch {
            removes: vec![0, 2],
            moves: vec![(3, 0)],
            inserts: vec![(1, row("n\"", 5))],
            updates: vec![Update {
                position: 2,
                columns: vec![1, 2],
                row: row("b", 7),
            }],
        };
        let expected = concat!(
            r#"{"inserts":[[1,["n\"",5,null]]],"moves":[[3,0]],"removes":[0,2],"#,
            r#""updates":[[2,[[1,7],[2,null]]]]}"#
        );
        let text = text_of(PATCH_MEMBERS, &|out| write_patch(out, &patch));
        assert_eq!(text, expected);
    }

    #[test]
    fn rows_are_written_as_the_page_reads_them() {
        let rows = [row("a", 1), row("\u{e9}\u{1f600}", -2)];
        let text = text_of(1, &|out| write_rows(out, &rows));
        assert_eq!(
            text,
            "{\"rows\":[[\"a\",1,null],[\"\u{e9}\u{1f600}\",-2,null]]}"
        );
        let text = text_of(1, &|out| write_rows(out, &[]));
        assert_eq!(text, r#"{"rows":[]}"#);
    }
}
