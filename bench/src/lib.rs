//! What benchmarks and counted tests are made of: a page and its engine, natively, with files in a
//! folder or in memory, and the data.

pub mod device;
pub mod folder;
pub mod issues;
pub mod native;
pub mod scan;
pub mod server;
