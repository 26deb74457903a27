//! Documents: values and their order, paths, encodings and the schema.

pub mod codec;
pub mod dictionary;
pub mod json;
pub mod key;
pub mod path;
pub mod row;
pub mod schema;
pub mod value;
