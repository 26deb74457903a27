//! Requests of pages (`docs/PAGE.md`) to an open database.

use super::answers::Known;
use super::database::{Database, Waiting};
use super::out::{Out, reply, write_member, write_whole};
use super::verdict::Moves;
use super::write::Asker;
use crate::doc::json;
use crate::doc::value::Value;
use crate::error::{Error, Problem};
use crate::event::Input;
use crate::ids::{EntryId, RequestNumber, SubscriptionId, TabId};
use crate::limits::MUTATION_BYTES_MAX;
use crate::outbox::entry::{Entry, State};
use crate::planted;
use crate::platform::disk::Disk;
use crate::protocol::message::Mutation;
use crate::query::ast::Query;
use crate::query::check::CheckedQuery;
use crate::query::evaluate::evaluate;
use crate::query::patch::write_rows;
use crate::store::Batch;
use crate::txn::operation::Operation;
use crate::txn::staging::Staging;
use crate::txn::table;

/// What a request comes to.
enum Answer {
    /// This JSON, now.
    Now(Vec<u8>),
    /// Somebody else gives it later.
    Later,
}

/// What every request has at hand.
struct Call<'a> {
    input: &'a Input,
    disk: &'a mut dyn Disk,
    out: &'a mut Out,
    asker: Asker,
    request: &'a Value,
}

impl Database {
    /// Takes a request and answers it, now or later, once.
    pub fn take_request(
        &mut self,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        asker: Asker,
        request: &Value,
    ) {
        let kind = request.get("kind").and_then(Value::as_str).unwrap_or("");
        let writes = matches!(kind, "write" | "commit" | "retry" | "discard");
        if writes && !planted::is("engine_repeated_executed") {
            match self.answers.begin(asker.tab, asker.number) {
                Known::New => {}
                Known::Answered(notice) => return out.post(asker.tab, &notice),
                Known::Pending | Known::Confirmed => return,
            }
        }
        let mut call = Call {
            input,
            disk,
            out,
            asker,
            request,
        };
        let result = match self.dispatch(kind, &mut call) {
            Ok(Answer::Later) => return,
            Ok(Answer::Now(ok)) => Ok(ok),
            Err(error) => Err(error),
        };
        let notice = reply(asker.number, &result);
        out.post(asker.tab, &notice);
        if writes {
            self.answers.keep(asker.tab, asker.number, notice);
        }
    }

    fn dispatch(&mut self, kind: &str, call: &mut Call<'_>) -> Result<Answer, Error> {
        match kind {
            "write" => self.on_write(call),
            "get" => self.on_get(call),
            "subscribe" => self.on_subscribe(call),
            "unsubscribe" => {
                self.live
                    .unsubscribe(call.asker.tab, SubscriptionId(call.whole("subscription")?));
                done()
            }
            "begin" => {
                let key = (call.asker.tab, call.asker.number);
                self.transactions.get_or_default(key);
                done()
            }
            "tx_write" => self.on_transaction_write(call),
            "tx_get" => self.on_transaction_get(call),
            "commit" => self.on_commit(call),
            "abort" => {
                self.transactions.remove(&call.transaction()?);
                done()
            }
            "retry" => self.on_retry(call),
            "discard" => self.on_discard(call),
            "token" => self.on_token(call),
            "network" => self.on_network(call),
            "sync" => {
                let asker = (call.asker.tab, call.asker.number);
                self.want_sync(call.input, call.disk, call.out, asker)
                    .map(|()| Answer::Later)
            }
            "confirm" => self.on_confirm(call),
            "export" => self.on_export(call),
            other => Err(bad(&format!("there is no kind `{other}`"))),
        }
    }

    fn on_write(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let operations = self.operations(call)?;
        let mut staging = Staging::default();
        self.stage(call.input, call.disk, &mut staging, &operations)?;
        self.commit_call(call, staging)
    }

    fn commit_call(&mut self, call: &mut Call<'_>, staging: Staging) -> Result<Answer, Error> {
        let mutation = call
            .request
            .get("mutation")
            .filter(|mutation| !mutation.is_null());
        if mutation.is_some_and(|mutation| json::to_text(mutation).len() > MUTATION_BYTES_MAX) {
            return Err(bad("a mutation's name and arguments take over 64 KiB"));
        }
        let mutation = mutation.map(|mutation| Mutation {
            name: mutation
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or("")
                .into(),
            args: mutation.get("args").cloned().unwrap_or_default(),
        });
        self.commit_staging(
            call.input, call.disk, call.out, call.asker, staging, mutation,
        )?;
        let now = call.input.monotonic_ms;
        self.drive(call.input, call.disk, call.out, |session, work| {
            session.on_write(work, now)
        });
        Ok(Answer::Later)
    }

    fn operations(&self, call: &Call<'_>) -> Result<Vec<Operation>, Error> {
        let operations = call.request.get("ops").and_then(Value::as_list);
        let operations = operations.ok_or_else(|| bad("it needs a list `ops`"))?;
        operations
            .iter()
            .map(|each| Operation::from_value(&self.schema, each))
            .collect()
    }

    fn query(&self, call: &Call<'_>) -> Result<CheckedQuery, Error> {
        let query = Query::from_value(call.request.get("query").unwrap_or(&Value::Null))?;
        CheckedQuery::new(&query, &self.schema)
    }

    fn on_get(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let query = self.query(call)?;
        let mut rows = self.rows(call.disk, query.collection)?;
        let rows = evaluate(&query, &mut rows)?;
        Ok(Answer::Now(rows_json(&rows)))
    }

    fn on_subscribe(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let query = self.query(call)?;
        let subscription = SubscriptionId(call.whole("subscription")?);
        let mut all = self.rows(call.disk, query.collection)?;
        let rows = self
            .live
            .subscribe(call.asker.tab, subscription, query, &mut all)?;
        let notice = call.out.notice(call.asker.tab);
        notice.extend_from_slice(b"{\"kind\":\"result\"");
        write_member(notice, "subscription");
        write_whole(notice, subscription.0);
        write_member(notice, "revision");
        write_whole(notice, self.store.last().0);
        write_member(notice, "rows");
        write_rows(notice, &rows);
        notice.push(b'}');
        done()
    }

    fn on_transaction_write(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let key = call.transaction()?;
        let operations = self.operations(call)?;
        let mut transaction = self
            .transactions
            .remove(&key)
            .ok_or(Error::from(Problem::NoTransaction))?;
        // A refused operation ends the transaction: it is not put back, and nothing of it is seen
        // by anybody.
        transaction.check()?;
        self.stage(call.input, call.disk, &mut transaction.staging, &operations)?;
        self.transactions.insert(key, transaction);
        done()
    }

    fn on_transaction_get(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let key = call.transaction()?;
        let query = self.query(call)?;
        let mut rows = self.rows(call.disk, query.collection)?;
        let mut transaction = self
            .transactions
            .remove(&key)
            .ok_or(Error::from(Problem::NoTransaction))?;
        transaction.check()?;
        let written = &transaction.staging.documents;
        let name = &self.schema.at(query.collection).name;
        let own = |id: &str| {
            written
                .iter()
                .find(|(key, _)| key.id == id && key.collection == *name)
        };
        rows.retain(|row| own(&row.id).is_none());
        for (key, staged) in written.iter().filter(|(key, _)| key.collection == *name) {
            rows.extend(self.row(query.collection, &key.id, &staged.after));
        }
        let rows = evaluate(&query, &mut rows)?;
        transaction.reads(query);
        self.transactions.insert(key, transaction);
        Ok(Answer::Now(rows_json(&rows)))
    }

    fn on_commit(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let transaction = self
            .transactions
            .remove(&call.transaction()?)
            .ok_or(Error::from(Problem::NoTransaction))?;
        transaction.check()?;
        self.commit_call(call, transaction.staging)
    }

    fn on_retry(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let entry = EntryId(call.whole("entry")?);
        // One whose seq is still owed to the server has to go there as void first. The retry is a
        // new entry at the tail.
        let before = self.outbox.get(entry).filter(|entry| {
            matches!(
                entry.state,
                State::Rejected(_) | State::Quarantined(_, None)
            ) || (planted::is("engine_owed_void_dropped") && entry.state.reason().is_some())
        });
        let before = before
            .cloned()
            .ok_or(Error::from(Problem::NoEntry { entry: entry.0 }))?;
        let id = self.counters.next_entry;
        self.counters.next_entry = id.next();
        let after = Entry {
            id,
            state: State::Queued,
            ..before.clone()
        };
        let (mut batch, notice) = answer_batch(call.asker);
        batch.put(table::entry(id), crate::outbox::codec::encode(&after));
        self.outbox.put(after.clone());
        let moves = Moves {
            entries: vec![(before, None)],
            ..Moves::default()
        };
        if let Err(error) = self.commit_moves(call.disk, call.out, &moves, batch) {
            self.outbox.remove(id);
            return Err(error);
        }
        let change = self.outbox_change(None, Some(&after));
        self.publish(self.store.last(), &[change], call.out);
        self.writers.insert(id, call.asker.tab);
        let now = call.input.monotonic_ms;
        self.drive(call.input, call.disk, call.out, |session, work| {
            session.on_write(work, now)
        });
        Ok(self.answer_saved(call, notice))
    }

    fn on_discard(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let entry = EntryId(call.whole("entry")?);
        let may_go = |entry: &&Entry| match entry.state {
            State::Queued | State::Rejected(_) | State::Quarantined(_, None) => true,
            State::Sent(_) | State::Accepted(..) | State::Quarantined(_, Some(_)) => false,
        };
        let before = self.outbox.get(entry).filter(may_go).cloned();
        let before = before.ok_or(Error::from(Problem::NoEntry { entry: entry.0 }))?;
        let moves = Moves {
            entries: vec![(before, None)],
            ..Moves::default()
        };
        let (batch, notice) = answer_batch(call.asker);
        self.commit_moves(call.disk, call.out, &moves, batch)?;
        Ok(self.answer_saved(call, notice))
    }

    /// Answers once what was just committed is saved.
    fn answer_saved(&mut self, call: &mut Call<'_>, notice: Vec<u8>) -> Answer {
        let waiting = Waiting::Answer(call.asker.tab, call.asker.number, notice);
        if self.is_strict && !planted::is("engine_discard_before_flush") {
            self.waiting.push_back((self.store.last(), waiting));
        } else {
            self.release(waiting, call.out);
        }
        Answer::Later
    }

    fn on_token(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let token = call
            .request
            .get("token")
            .and_then(Value::as_str)
            .map(String::from);
        let (is_given, now) = (token.is_some(), call.input.monotonic_ms);
        if let Some(link) = &mut self.link {
            link.token = token;
        }
        self.drive(call.input, call.disk, call.out, |session, _| {
            if is_given {
                session.on_token(now)
            } else {
                session.on_no_token()
            }
        });
        self.answer_wanted(call.out);
        done()
    }

    fn on_network(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let is_online = call
            .request
            .get("online")
            .and_then(Value::as_bool)
            .unwrap_or(true);
        let now = call.input.monotonic_ms;
        self.drive(call.input, call.disk, call.out, |session, _| {
            if is_online {
                session.on_online(now)
            } else {
                session.on_offline()
            }
        });
        self.answer_wanted(call.out);
        done()
    }

    fn on_confirm(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let up_to = RequestNumber(call.whole("upTo")?);
        let tab = call.asker.tab;
        let mut batch = Batch::new();
        for number in self.answers.confirm(tab, up_to) {
            batch.delete(table::answer(tab, number));
        }
        if !batch.is_empty() {
            self.commit(call.disk, batch)?;
        }
        done()
    }

    fn on_export(&mut self, call: &mut Call<'_>) -> Result<Answer, Error> {
        let after = call.request.get("after").and_then(Value::as_str);
        let (lines, next) = self.export(call.disk, after)?;
        let lines = lines.into_iter().map(Value::String).collect();
        let ok = Value::map(vec![
            ("lines".into(), Value::List(lines)),
            ("next".into(), next.map_or(Value::Null, Value::String)),
        ]);
        let mut out = Vec::new();
        json::write(&mut out, &ok);
        Ok(Answer::Now(out))
    }

    /// The answer to `open`.
    pub fn answer_open(&mut self, tab: TabId, number: RequestNumber, out: &mut Out) {
        let mut ok = b"{\"replica\":".to_vec();
        json::write_text(&mut ok, &self.replica.to_text());
        write_member(&mut ok, "status");
        ok.extend_from_slice(&self.told_status);
        ok.push(b'}');
        out.post(tab, &reply(number, &Ok(ok)));
    }
}

impl Call<'_> {
    fn whole(&self, name: &str) -> Result<u64, Error> {
        let number = self.request.get(name).and_then(Value::as_u64);
        number.ok_or_else(|| bad(&format!("`{name}` must be a whole number")))
    }

    fn transaction(&self) -> Result<(TabId, RequestNumber), Error> {
        Ok((self.asker.tab, RequestNumber(self.whole("transaction")?)))
    }
}

/// A batch that holds the answer `{}` to this request, and the answer.
fn answer_batch(asker: Asker) -> (Batch, Vec<u8>) {
    let notice = reply(asker.number, &Ok(b"{}".to_vec()));
    let mut batch = Batch::new();
    batch.put(table::answer(asker.tab, asker.number), notice.clone());
    (batch, notice)
}

#[expect(clippy::unnecessary_wraps, reason = "it ends the arms of `dispatch`")]
fn done() -> Result<Answer, Error> {
    Ok(Answer::Now(b"{}".to_vec()))
}

fn bad(problem: &str) -> Error {
    Error::from(Problem::BadRequest {
        problem: problem.into(),
    })
}

fn rows_json(rows: &[std::rc::Rc<crate::doc::row::Row>]) -> Vec<u8> {
    let mut ok = b"{\"rows\":".to_vec();
    write_rows(&mut ok, rows);
    ok.push(b'}');
    ok
}
