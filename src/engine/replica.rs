//! Becoming another replica: what a copy of a store does once the server tells it that it is one.
//!
//! What the server has accepted stays accepted. All else is queued again as it was written, under
//! its own stamps: a write that the store which was copied has sent, or sends later, is then the
//! same write to the server, and is not applied twice.

use super::database::Database;
use super::exchange::Told;
use super::out::Step;
use super::push::Anew;
use crate::error::Error;
use crate::ids::Token;
use crate::planted;
use crate::protocol::refusal::REPLICA_CONFLICT;
use crate::store::Batch;
use crate::txn::table;

impl Database {
    /// Goes on as a replica of its own. Once between two welcomes: a server that refuses a replica
    /// which nobody has ever used is not to be convinced.
    pub fn renew_replica(&mut self, step: &mut Step<'_>) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let bearing_before = link.bearing.encode();
        link.is_renewed = true;
        link.bearing.lives.clear();
        // What is staged may have verdicts for the seqs of before.
        link.bearing.drop_staged();
        let replica = step.input.random.first_chunk();
        let replica = Token(*replica.expect("an input has enough of them"));
        let replica_before = std::mem::replace(&mut self.replica, replica);
        let mut batch = Batch::new();
        if !planted::is("engine_copy_replica_not_stored") {
            batch.put(table::meta("replica"), replica.0.to_vec());
        }
        link.bearing.put(&mut batch);
        let result = self.requeue(step, batch, Anew::Replica);
        if result.is_err() {
            self.replica = replica_before;
            self.turn_back(&bearing_before);
            if let Some(link) = &mut self.link {
                link.is_renewed = false;
            }
            return result;
        }
        if planted::is("engine_copy_restamped") {
            self.restamp(step)?;
        }
        self.drive(step, Told::Lost(REPLICA_CONFLICT));
        self.drive(step, Told::Wanted);
        Ok(())
    }
}
