//! `Locks`: Web Locks where there are any, else a table of this module instance.

mod table;
mod web;

use crate::arrivals::Arrivals;
use holm::platform::locks::Locks;

/// The locks of this platform.
pub fn locks(arrivals: Arrivals) -> Box<dyn Locks> {
    match web::manager() {
        Some(manager) => Box::new(web::WebLocks::new(manager, arrivals)),
        None => Box::new(table::TableLocks::new(arrivals)),
    }
}

/// The lock of a database. Its form is frozen: other versions of this code ask for the same.
fn lock_name(database: &str) -> String {
    format!("holm:{database}")
}
