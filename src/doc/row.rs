//! A row: a document as queries see it, and the change of one.

use super::value::Value;
use std::rc::Rc;

/// The id, and the values of the schema's fields in their order. Column 0 is the id; column n is
/// field n-1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The document's id.
    pub id: String,
    /// One value per field.
    pub values: Vec<Value>,
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
