//! A row: a document as queries see it, and the change of one.

use super::codec::{Items, NULL, STRING, binary, write_bytes};
use super::value::Value;
use std::rc::Rc;

/// The id, and the values of the schema's fields in their order. Column 0 is the id, a string;
/// column n is field n-1. Values stay in their binary form (`doc::codec`), in which the store has
/// them and the page gets them: most are only passed on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// One value after the other.
    cells: Box<[u8]>,
    /// Where each ends.
    ends: Box<[u32]>,
}

impl Row {
    /// A row of an id and values in their binary form.
    pub fn new(id: &str, values: &[&[u8]]) -> Self {
        let mut cells = Vec::with_capacity(
            values
                .iter()
                .fold(id.len() + 4, |all, value| all + value.len()),
        );
        let mut ends = Vec::with_capacity(values.len() + 1);
        cells.push(STRING);
        write_bytes(&mut cells, id.as_bytes());
        ends.push(cells.len() as u32);
        for value in values {
            cells.extend_from_slice(value);
            ends.push(cells.len() as u32);
        }
        Self {
            cells: cells.into_boxed_slice(),
            ends: ends.into_boxed_slice(),
        }
    }

    /// A row of an id and values.
    pub fn of(id: &str, values: &[Value]) -> Self {
        let values: Vec<_> = values.iter().map(binary).collect();
        let values: Vec<_> = values.iter().map(Vec::as_slice).collect();
        Self::new(id, &values)
    }

    /// The bytes of the id.
    pub fn id(&self) -> &[u8] {
        let mut items = Items::new(self.cell(0));
        items.byte();
        items.bytes()
    }

    /// The id as a text.
    pub fn id_text(&self) -> &str {
        Items::new(self.cell(0)).string().unwrap_or_default()
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.ends.len()
    }

    /// A column's value in its binary form; null beyond the last one.
    pub fn cell(&self, column: usize) -> &[u8] {
        let end_of = |column: usize| self.ends.get(column).map(|end| *end as usize);
        let from = column.checked_sub(1).map_or(Some(0), end_of);
        let cell = from.zip(end_of(column));
        let cell = cell.and_then(|(from, to)| self.cells.get(from..to));
        cell.unwrap_or(&[NULL])
    }

    /// All columns, one after the other.
    pub fn cells(&self) -> &[u8] {
        &self.cells
    }

    /// A column's value.
    pub fn value(&self, column: usize) -> Value {
        Items::new(self.cell(column)).value()
    }

    /// The values of the fields.
    pub fn values(&self) -> Vec<Value> {
        (1..self.columns())
            .map(|column| self.value(column))
            .collect()
    }
}

/// What one commit did to one document, as queries see it: `old` has weight -1 and `new` has +1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Position of the collection in the schema.
    pub collection: usize,
    /// The row before; none if it was not there.
    pub old: Option<Rc<Row>>,
    /// The row after; none if it is no longer there.
    pub new: Option<Rc<Row>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_their_number() {
        let values = [Value::int(300), Value::Null, Value::text("x")];
        let row = Row::of("some id", &values);
        assert_eq!(row.id(), b"some id");
        assert_eq!((row.columns(), row.value(0)), (4, Value::text("some id")));
        assert_eq!(row.values(), values);
        assert_eq!(row.cell(3), binary(&values[2]));
        assert_eq!(row.cell(4), [NULL]);
        assert_eq!(row.cells().len(), 9 + 3 + 1 + 3);
    }
}
