//! The store against a disk that crashes, tears, fails and rots.

mod crash;
mod damage;
mod faults;
mod life;
mod model;
#[cfg(feature = "planted")]
mod planted;
mod reserve;
mod rules;
