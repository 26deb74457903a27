//! A path: the unit of replication. A list of segments; the empty one is the document's existence.

use std::sync::Arc;

/// Segments from the field inwards. Shared, since every document has the same ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Arc<Vec<String>>);

impl Path {
    /// The path whose value is the document's life.
    pub fn existence() -> Self {
        Self::default()
    }

    /// The path of a whole field.
    pub fn field(name: &str) -> Self {
        Self(Arc::new(vec![name.into()]))
    }

    /// Whether this is the document's existence.
    pub fn is_existence(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of the field, if the path is a whole field.
    pub fn as_field(&self) -> Option<&str> {
        match self.0.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }
}

/// A collection's name and a document's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentKey {
    /// The collection.
    pub collection: String,
    /// The id within it.
    pub id: String,
}

impl DocumentKey {
    /// From borrowed parts.
    pub fn new(collection: &str, id: &str) -> Self {
        Self {
            collection: collection.into(),
            id: id.into(),
        }
    }
}
