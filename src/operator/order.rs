//! The order of a list, as bytes: comparing two rows' keys byte by byte compares the rows.
//!
//! A key is the order-preserving encoding of each column, flipped where it descends, then the id.
//! The id makes every order total, so a key also names its row. Must not know what is done with the
//! list.

use crate::doc::key::{self, Direction};
use crate::doc::row::Row;
use crate::zset::sort;
use std::cmp::Ordering;
use std::rc::Rc;

/// Columns from the most to the least significant; the id, ascending, stands after them unsaid.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    columns: Vec<(usize, Direction)>,
}

/// A row and where it stands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The row's key in the order.
    pub key: Box<[u8]>,
    /// The row.
    pub row: Rc<Row>,
}

impl Order {
    /// Leaves out columns that decide nothing: repeated ones, those after the id, an ascending id
    /// at the end.
    pub fn new(columns: impl IntoIterator<Item = (usize, Direction)>) -> Self {
        let mut kept: Vec<(usize, Direction)> = Vec::new();
        for (column, direction) in columns {
            if kept.iter().any(|earlier| earlier.0 == 0) {
                break;
            }
            if kept.iter().all(|earlier| earlier.0 != column) {
                kept.push((column, direction));
            }
            if crate::planted::is("query_order_one_direction") {
                kept = kept.iter().map(|kept| (kept.0, direction)).collect();
            }
        }
        kept.pop_if(|last| *last == (0, Direction::Ascending));
        Self { columns: kept }
    }

    /// The columns that decide before the id does.
    pub fn columns(&self) -> &[(usize, Direction)] {
        &self.columns
    }

    /// Writes the row's key over `out`.
    pub fn write_key(&self, out: &mut Vec<u8>, row: &Row) {
        out.clear();
        for (column, direction) in &self.columns {
            key::encode_column(out, row.cell(*column), *direction);
        }
        out.extend_from_slice(row.id());
    }

    /// How two rows stand to each other.
    pub fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let [mut one, mut other] = [Vec::new(), Vec::new()];
        self.write_key(&mut one, a);
        self.write_key(&mut other, b);
        one.cmp(&other)
    }

    /// The row with its key.
    pub fn entry(&self, row: &Rc<Row>) -> Entry {
        let mut key = Vec::new();
        self.write_key(&mut key, row);
        Entry {
            key: key.into_boxed_slice(),
            row: Rc::clone(row),
        }
    }
}

/// The entries by ascending key.
pub fn sorted(entries: Vec<Entry>) -> Vec<Entry> {
    sort::sorted(entries, |a, b| a.key.cmp(&b.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::value::Value;
    use Direction::{Ascending, Descending};

    fn row(id: &str, values: [i64; 2]) -> Rc<Row> {
        Rc::new(Row::of(id, &values.map(Value::int)))
    }

    fn ids(order: &Order, rows: &[Rc<Row>]) -> String {
        let entries = sorted(rows.iter().map(|row| order.entry(row)).collect());
        let id = |entry: &Entry| str::from_utf8(entry.row.id()).unwrap().to_string();
        entries.iter().map(id).collect()
    }

    #[test]
    fn every_column_has_its_own_direction_and_the_id_breaks_ties() {
        let rows = [
            row("d", [1, 2]),
            row("a", [2, 1]),
            row("c", [1, 1]),
            row("b", [1, 2]),
        ];
        assert_eq!(ids(&Order::default(), &rows), "abcd");
        assert_eq!(
            ids(&Order::new([(1, Ascending), (2, Descending)]), &rows),
            "bdca"
        );
        assert_eq!(
            ids(&Order::new([(1, Descending), (2, Ascending)]), &rows),
            "acbd"
        );
        assert_eq!(
            ids(&Order::new([(2, Ascending), (0, Descending)]), &rows),
            "cadb"
        );
    }

    #[test]
    fn columns_that_decide_nothing_are_left_out() {
        let plain = Order::new([(1, Descending)]);
        assert_eq!(Order::new([(1, Descending), (1, Ascending)]), plain);
        assert_eq!(
            Order::new([(1, Descending), (0, Ascending), (2, Ascending)]),
            plain
        );
        assert_ne!(Order::new([(1, Descending), (0, Descending)]), plain);
    }
}
