//! Requests of pages (`docs/PAGE.md`) to an open database.

use super::answers::Known;
use super::database::{Database, Waiting};
use super::exchange::Told;
use super::list::{post_parts, write_rows};
use super::out::{
    Asker, EMPTY, Out, Step, map, member_text, member_whole, notice, reply, write_name,
};
use super::transaction::Transaction;
use super::verdict::Moves;
use crate::doc::codec::Items;
use crate::doc::json;
use crate::doc::row::Row;
use crate::doc::value::Value;
use crate::error::{Error, Problem};
use crate::ids::{EntryId, RequestNumber, SubscriptionId};
use crate::limits::MUTATION_BYTES_MAX;
use crate::outbox::entry::{Entry, State};
use crate::planted;
use crate::platform::disk::Disk;
use crate::protocol::message::Mutation;
use crate::query::check::CheckedQuery;
use crate::query::evaluate::evaluate;
use crate::store::{Batch, StoreError, StoreProblem};
use crate::txn::operation::Operation;
use crate::txn::staging::Staging;
use crate::txn::table;
use std::rc::Rc;

/// A request on its way to its answer.
struct Call<'a> {
    asker: Asker,
    request: &'a mut Value,
    /// The answer; empty if somebody gives it later.
    ok: Vec<u8>,
}

impl Database {
    /// Takes a request and answers it, now or later, once.
    pub fn take_request(&mut self, step: &mut Step<'_>, asker: Asker, request: &mut Value) {
        let kind = request.get_mut("kind").map(std::mem::take);
        let kind = kind.as_ref().and_then(Value::as_str).unwrap_or("");
        let writes = matches!(kind, "write" | "commit" | "retry" | "discard");
        if writes && !planted::is("engine_repeated_executed") {
            match self.answers.begin(asker) {
                Known::New => {
                    if let Some((_, reason)) = self.refused.iter().find(|(of, _)| *of == asker) {
                        let reason = Some(reason.clone());
                        return self.refuse(step, asker, reason);
                    }
                }
                // It was found in a log whose flush failed, and no flush has succeeded since.
                Known::Answered(_) if self.storage.state != "ok" => {
                    return self.refuse(step, asker, self.store.problem());
                }
                Known::Answered(notice) if planted::is("engine_found_before_flush") => {
                    return step.out.post(asker.tab, &notice);
                }
                // Where it was found in a log, a flush is still to show that it will stay there.
                Known::Answered(notice) => {
                    if self.store.durable() == self.store.last() {
                        self.reopenings = 0;
                    }
                    let answer = Waiting::Answer(asker, notice);
                    return self.after(self.store.last(), answer, step.out);
                }
                Known::Pending | Known::Confirmed => return,
            }
        }
        let mut call = Call {
            asker,
            request,
            ok: EMPTY.to_vec(),
        };
        let result = match self.dispatch(step, kind, &mut call) {
            Ok(()) if call.ok.is_empty() => return,
            Ok(()) => Ok(call.ok.as_slice()),
            Err(_) if self.will_reopen() => return,
            Err(error) => Err(error),
        };
        let notice = reply(asker.number, result.as_ref().map(|ok| *ok));
        step.out.post(asker.tab, &notice);
        if writes {
            self.answers.keep(asker, notice);
        }
    }

    /// A write that could not be made durable, whether it is there or not.
    fn refuse(&mut self, step: &mut Step<'_>, asker: Asker, reason: Option<StoreError>) {
        let problem = "it could not be flushed";
        let reason = reason.unwrap_or_else(|| {
            StoreError::from(StoreProblem::Poisoned {
                problem: problem.into(),
            })
        });
        let error = Error::from(reason);
        let notice = reply(asker.number, Err(&error));
        step.out.post(asker.tab, &notice);
        self.answers.keep(asker, notice);
    }

    fn dispatch(
        &mut self,
        step: &mut Step<'_>,
        kind: &str,
        call: &mut Call<'_>,
    ) -> Result<(), Error> {
        match kind {
            "write" => self.on_write(step, call),
            "get" => self.on_get(step, call, None),
            "explain" => {
                let query = self.query(step, call)?;
                let text = self.explain(step.disk, &query)?;
                call.ok = map(1);
                member_text(&mut call.ok, "text", Some(&text));
                Ok(())
            }
            "subscribe" => self.on_subscribe(step, call),
            "unsubscribe" => {
                let subscription = SubscriptionId(call.whole("subscription")?);
                self.live.unsubscribe(call.asker.tab, subscription);
                Ok(())
            }
            "begin" => {
                self.transactions.get_or_default(call.asker);
                Ok(())
            }
            "tx_write" => self.on_transaction_write(step, call),
            "tx_get" => {
                let key = call.transaction()?;
                self.on_get(step, call, Some(key))
            }
            "commit" => {
                let transaction = self.take_transaction(call.transaction()?)?;
                self.commit_call(step, call, transaction.staging)
            }
            "abort" => {
                self.transactions.remove(&call.transaction()?);
                Ok(())
            }
            "retry" => self.on_retry(step, call),
            "discard" => self.on_discard(step, call),
            "token" => {
                self.on_token(step, call);
                Ok(())
            }
            "network" => {
                let is_online = call.request.get("online").and_then(Value::as_bool);
                let told = match is_online {
                    Some(false) => Told::Offline,
                    _ => Told::Online,
                };
                self.drive(step, told);
                self.answer_wanted(step.out);
                Ok(())
            }
            "sync" => {
                call.ok.clear();
                self.want_sync(step, call.asker)
            }
            "confirm" => self.on_confirm(step, call),
            "export" | "check" => {
                let read = self.on_read_through(step, call, kind);
                if read.is_err() && self.note_damage() {
                    return self.on_read_through(step, call, kind);
                }
                read
            }
            other => Err(bad(&["there is no kind `", other, "`"])),
        }
    }

    /// A slice of everything there is.
    fn on_read_through(
        &mut self,
        step: &mut Step<'_>,
        call: &mut Call<'_>,
        kind: &str,
    ) -> Result<(), Error> {
        if kind == "check" {
            return self.check(step.disk, text_of(call.request, "from"), &mut call.ok);
        }
        let mut snapshot = Rc::new(self.store.snapshot());
        if call.request.get("transaction").is_some() {
            let transaction = self.transactions.get_mut(&call.transaction()?);
            let transaction = transaction.ok_or(Problem::NoTransaction)?;
            snapshot = transaction.snapshot.get_or_insert(snapshot).clone();
        }
        self.export(step.disk, &snapshot, call.request, &mut call.ok)
    }

    fn on_write(&mut self, step: &mut Step<'_>, call: &mut Call<'_>) -> Result<(), Error> {
        if let Some(previous) = call.request.get("previous").and_then(Value::as_u64)
            && self.answers.is_refused(call.asker.other(previous))
            && !planted::is("engine_previous_ignored")
        {
            return Err(bad(&["the write before it was refused"]));
        }
        let operations = self.operations(call.request)?;
        let mut staging = Staging::default();
        self.stage(step, &mut staging, operations)?;
        self.commit_call(step, call, staging)
    }

    fn commit_call(
        &mut self,
        step: &mut Step<'_>,
        call: &mut Call<'_>,
        staging: Staging,
    ) -> Result<(), Error> {
        let mutation = match call.request.get("mutation") {
            None | Some(Value::Null) => None,
            Some(mutation) => {
                if json::to_text(mutation).len() > MUTATION_BYTES_MAX {
                    return Err(bad(&["a mutation's name and arguments take over 64 KiB"]));
                }
                Some(Mutation {
                    name: text_of(mutation, "name").into(),
                    args: mutation.get("args").cloned().unwrap_or_default(),
                })
            }
        };
        self.commit_staging(step, call.asker, staging, mutation)?;
        self.drive(step, Told::Written);
        call.ok.clear();
        Ok(())
    }

    /// Reads the operations of a request, which are in their binary form, one after the other.
    fn operations<'a>(&self, request: &'a Value) -> Result<Vec<Operation<'a>>, Error> {
        let Some(Value::Bytes(ops)) = request.get("ops") else {
            return Err(bad(&["it needs operations, `ops`"]));
        };
        let mut items = Items::new(ops);
        let mut operations = Vec::new();
        while !items.is_done() {
            operations.push(Operation::read(&self.schema, &mut items)?);
        }
        let operations = items.check(operations);
        operations.ok_or_else(|| bad(&["its operations, `ops`, are damaged"]))
    }

    fn query(&mut self, step: &mut Step<'_>, call: &Call<'_>) -> Result<CheckedQuery, Error> {
        let query = call.request.get("query").unwrap_or(&Value::Null);
        let query = CheckedQuery::read(query, &self.schema)?;
        if self.schema.is_outbox(query.collection) {
            self.read_outbox(step.disk)?;
            self.outbox.is_watched = true;
        }
        Ok(query)
    }

    /// Rows of a query, as a transaction sees them if it is one's.
    /// The rows, unless the page has them as of the last commit. Entries of the outbox also move
    /// without one.
    fn give_news(
        &mut self,
        step: &mut Step<'_>,
        call: &mut Call<'_>,
        query: &CheckedQuery,
    ) -> Result<(), Error> {
        let last = self.store.last().0;
        let since = call.request.get("since").and_then(Value::as_u64);
        let is_known = match since {
            Some(since) => since == last || planted::is("engine_get_misses_commits"),
            None => false,
        };
        if is_known && !self.schema.is_outbox(query.collection) {
            return Ok(());
        }
        let enough = query.reach().unwrap_or(usize::MAX);
        let found = self.rows_for(step.disk, query, enough)?;
        let rows = evaluate(query, &found.rows);
        let receiver = (call.asker.tab, "number", call.asker.number.0);
        let (from, rows) = post_parts(step.out, receiver, &rows);
        call.ok = map(3);
        member_whole(&mut call.ok, "revision", last);
        member_whole(&mut call.ok, "from", from as u64);
        write_rows(&mut call.ok, rows);
        Ok(())
    }

    fn on_get(
        &mut self,
        step: &mut Step<'_>,
        call: &mut Call<'_>,
        transaction: Option<Asker>,
    ) -> Result<(), Error> {
        let query = self.query(step, call)?;
        let Some(key) = transaction else {
            return self.give_news(step, call, &query);
        };
        let staged = self.transactions.get(&key);
        let staged = staged.map_or(0, |transaction| transaction.staging.documents.len());
        let enough = query.reach().unwrap_or(usize::MAX).saturating_add(staged);
        let mut rows = self.rows_for(step.disk, &query, enough)?.rows;
        let mut transaction = self.take_transaction(key)?;
        let name = &self.schema.at(query.collection).name;
        for (key, staged) in &transaction.staging.documents {
            if key.collection == *name {
                let id = key.id.as_bytes();
                rows.retain(|row| row.id() != id);
                rows.extend(self.read_row(query.collection, id, &staged.after)?);
            }
        }
        call.give_rows(&evaluate(&query, &rows));
        transaction.reads(query);
        self.transactions.insert(key, transaction);
        Ok(())
    }

    fn on_subscribe(&mut self, step: &mut Step<'_>, call: &mut Call<'_>) -> Result<(), Error> {
        let query = self.query(step, call)?;
        let subscription = SubscriptionId(call.whole("subscription")?);
        let tab = call.asker.tab;
        let rows = self.with_live(step.disk, |live, rows| {
            live.subscribe(tab, subscription, query, rows)
        })?;
        let receiver = (tab, "subscription", subscription.0);
        let (from, rows) = post_parts(step.out, receiver, &rows);
        let mut notice = notice("result", 4);
        member_whole(&mut notice, "subscription", subscription.0);
        member_whole(&mut notice, "revision", self.store.last().0);
        member_whole(&mut notice, "from", from as u64);
        write_rows(&mut notice, rows);
        step.out.post(tab, &notice);
        Ok(())
    }

    /// Takes an open transaction out, to be put back.
    fn take_transaction(&mut self, key: Asker) -> Result<Transaction, Error> {
        let transaction = self
            .transactions
            .remove(&key)
            .ok_or_else(|| Error::from(Problem::NoTransaction))?;
        transaction.check()?;
        Ok(transaction)
    }

    fn on_transaction_write(
        &mut self,
        step: &mut Step<'_>,
        call: &mut Call<'_>,
    ) -> Result<(), Error> {
        let key = call.transaction()?;
        let operations = self.operations(call.request)?;
        // A refused operation ends the transaction: it is not put back, and nothing of it is seen
        // by anybody.
        let mut transaction = self.take_transaction(key)?;
        self.stage(step, &mut transaction.staging, operations)?;
        self.transactions.insert(key, transaction);
        Ok(())
    }

    fn on_retry(&mut self, step: &mut Step<'_>, call: &mut Call<'_>) -> Result<(), Error> {
        let entry = EntryId(call.whole("entry")?);
        // One whose seq is still owed to the server has to go there as void first. The retry is a
        // new entry at the tail.
        let may_return = |entry: &Entry| {
            matches!(
                entry.state,
                State::Rejected(_) | State::Quarantined(_, None)
            ) || (planted::is("engine_owed_void_dropped") && entry.state.reason().is_some())
        };
        let before = self.entry_if(step.disk, entry, &may_return)?;
        let id = self.counters.next_entry;
        self.counters.next_entry = id.next();
        let mut after = before.clone();
        after.id = id;
        after.state = State::Queued;
        let (mut batch, notice) = answer_batch(call.asker);
        batch.put(table::entry(id), crate::outbox::codec::encode(&after));
        let change = self.outbox_change(None, Some(&after));
        self.outbox.put(after);
        if let Err(error) = self.commit_moves(step, &Moves::removal(before), batch) {
            self.outbox.remove(id);
            return Err(error);
        }
        self.publish(step, self.store.last(), change.as_slice());
        self.writers.insert(id, call.asker.tab);
        self.drive(step, Told::Written);
        self.answer_saved(step.out, call, notice);
        Ok(())
    }

    fn on_discard(&mut self, step: &mut Step<'_>, call: &mut Call<'_>) -> Result<(), Error> {
        let entry = EntryId(call.whole("entry")?);
        let may_go = |entry: &Entry| match entry.state {
            State::Queued | State::Rejected(_) | State::Quarantined(_, None) => true,
            State::Sent(_) | State::Accepted(..) | State::Quarantined(_, Some(_)) => false,
        };
        let before = self.entry_if(step.disk, entry, &may_go)?;
        let (batch, notice) = answer_batch(call.asker);
        self.commit_moves(step, &Moves::removal(before), batch)?;
        self.answer_saved(step.out, call, notice);
        Ok(())
    }

    /// The outbox entry with this number, if it is there and this holds of it.
    fn entry_if(
        &mut self,
        disk: &mut dyn Disk,
        id: EntryId,
        holds: &dyn Fn(&Entry) -> bool,
    ) -> Result<Entry, Error> {
        self.read_outbox(disk)?;
        match self.outbox.get(id) {
            Some(entry) if holds(entry) => Ok(entry.clone()),
            _ => Err(Error::from(Problem::NoEntry { entry: id.0 })),
        }
    }

    /// Answers once what was just committed is saved.
    fn answer_saved(&mut self, out: &mut Out, call: &mut Call<'_>, notice: Vec<u8>) {
        call.ok.clear();
        let waiting = Waiting::Answer(call.asker, notice);
        if self.is_strict && !planted::is("engine_discard_before_flush") {
            self.waiting.push((self.store.last(), waiting));
        } else {
            self.release(waiting, out);
        }
    }

    fn on_token(&mut self, step: &mut Step<'_>, call: &Call<'_>) {
        let token = call.request.get("token").and_then(Value::as_str);
        if let Some(link) = &mut self.link {
            link.token = token.map(String::from);
        }
        self.drive(
            step,
            match token {
                Some(_) => Told::Token,
                None => Told::NoToken,
            },
        );
        self.answer_wanted(step.out);
    }

    fn on_confirm(&mut self, step: &mut Step<'_>, call: &Call<'_>) -> Result<(), Error> {
        let up_to = RequestNumber(call.whole("upTo")?);
        let tab = call.asker.tab;
        let mut batch = Batch::new();
        for number in self.answers.confirm(tab, up_to) {
            batch.delete(table::answer(tab, number));
        }
        if !batch.is_empty() {
            self.commit(step.disk, batch)?;
        }
        Ok(())
    }

    /// The answer to `open`.
    pub fn answer_open(&mut self, asker: Asker, out: &mut Out) {
        let mut ok = map(2);
        member_text(&mut ok, "replica", Some(&self.replica.to_text()));
        write_name(&mut ok, "status");
        ok.extend_from_slice(&self.told_status);
        out.answer(asker, Ok(&ok));
    }
}

impl Call<'_> {
    fn whole(&self, name: &str) -> Result<u64, Error> {
        let number = self.request.get(name).and_then(Value::as_u64);
        number.ok_or_else(|| bad(&["`", name, "` must be a whole number"]))
    }

    fn transaction(&self) -> Result<Asker, Error> {
        Ok(self.asker.other(self.whole("transaction")?))
    }

    fn give_rows(&mut self, rows: &[Rc<Row>]) {
        self.ok = map(1);
        write_rows(&mut self.ok, rows);
    }
}

/// A batch that holds the empty answer to this request, and the answer.
fn answer_batch(asker: Asker) -> (Batch, Vec<u8>) {
    let notice = reply(asker.number, Ok(EMPTY));
    let mut batch = Batch::new();
    batch.put(table::answer(asker.tab, asker.number), notice.clone());
    (batch, notice)
}

/// A request that is not as it must be.
pub fn bad(problem: &[&str]) -> Error {
    Error::from(Problem::BadRequest {
        problem: problem.concat(),
    })
}

/// The member of a map with this name, if it is a string; else the empty one.
pub fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("")
}
