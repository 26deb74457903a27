//! Random replicas push batches that are repeated, reordered, cut and overlapping, while clients
//! pull page by page. The reference replays the accepted transactions, in the order of their
//! versions, with the merge alone.

use super::super::document::Stored;
use super::super::record::Space;
use super::super::rows::{Need, Rows};
use super::*;
use crate::merge::document::Document;
use crate::protocol::message::Part;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

const REPLICAS: u8 = 3;
const SEQS: u64 = 6;

type Documents = BTreeMap<DocumentKey, Document<Path>>;

/// What happens next.
#[derive(Clone, Debug)]
pub enum Step {
    Push {
        replica: u8,
        first: u64,
        count: u64,
        mangle: Mangle,
        is_confirming: bool,
    },
    Pull {
        client: usize,
        limit: u32,
    },
}

/// What the network does to a batch.
#[derive(Clone, Copy, Debug)]
pub enum Mangle {
    Nothing,
    Reverse,
    Double,
    Drop(usize),
}

/// Every transaction that will be pushed, by replica and seq, in its parts.
pub type Script = Vec<Vec<Vec<Vec<Delta>>>>;

fn any_delta() -> impl Strategy<Value = Delta> {
    let fields = proptest::collection::vec((0..3_u8, 0..3_i64), 1..3);
    (0..3_u8, 1..4_u64, 0..8_u64, 0..3_u8, any::<bool>(), fields).prop_map(
        |(id, life, time, kind, upsert, fields)| {
            let mut paths = match kind {
                0 if life % 2 == 1 => vec![],
                _ => vec![existence(life)],
            };
            for (field, value) in fields.into_iter().filter(|_| life % 2 == 1) {
                let path = Path::field(["a", "b", "c"][usize::from(field)]);
                if paths.iter().all(|write| write.path != path) {
                    let value = Value::int(value);
                    paths.push(PathWrite {
                        path,
                        value,
                        saw: None,
                        stamp: None,
                    });
                }
            }
            Delta {
                upsert,
                ..delta(&id.to_string(), life, time, paths)
            }
        },
    )
}

fn any_script() -> impl Strategy<Value = Script> {
    let part = proptest::collection::vec(any_delta(), 1..3);
    let transaction = proptest::collection::vec(part, 1..4);
    let replica = proptest::collection::vec(transaction, SEQS as usize);
    proptest::collection::vec(replica, usize::from(REPLICAS))
}

fn any_step() -> impl Strategy<Value = Step> {
    let mangle = prop_oneof![
        3 => Just(Mangle::Nothing),
        1 => Just(Mangle::Reverse),
        2 => Just(Mangle::Double),
        2 => (0..4_usize).prop_map(Mangle::Drop),
    ];
    let push = (0..REPLICAS, 0..3_u64, 1..4_u64, mangle, any::<bool>());
    let push = push.prop_map(
        |(replica, first, count, mangle, is_confirming)| Step::Push {
            replica,
            first,
            count,
            mangle,
            is_confirming,
        },
    );
    let pull = (0..2_usize, 1..4_u32).prop_map(|(client, limit)| Step::Pull { client, limit });
    prop_oneof![push, pull]
}

/// A client that shows nothing before the last page.
#[derive(Default)]
struct Client {
    cursor: Option<String>,
    staged: Vec<Delta>,
    base: Documents,
}

/// What must hold, and what is known so far.
struct World {
    script: Script,
    server: Server,
    clients: Vec<Client>,
    /// What the accepted transactions give.
    model: Documents,
    accepted: u64,
    verdicts: BTreeMap<(u8, u64), Outcome>,
    confirmed: BTreeMap<u8, u64>,
}

impl World {
    fn new(script: Script) -> Self {
        let replicas: Vec<_> = (0..REPLICAS).map(replica).collect();
        Self {
            script,
            server: Server::with(&replicas),
            clients: vec![Client::default(), Client::default()],
            model: Documents::new(),
            accepted: 0,
            verdicts: BTreeMap::new(),
            confirmed: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: &Step) -> TestCaseResult {
        match *step {
            Step::Push {
                replica,
                first,
                count,
                mangle,
                is_confirming,
            } => {
                let settled = self.settled(replica);
                if is_confirming {
                    self.confirmed.insert(replica, settled);
                }
                // From two before the first that has no verdict, so that repetitions are common.
                let first = (settled + first).saturating_sub(1).max(1);
                self.push(replica, first..first + count, mangle)
            }
            Step::Pull { client, limit } => self.pull(client, limit),
        }
    }

    fn settled(&self, replica: u8) -> u64 {
        self.verdicts
            .keys()
            .filter(|(of, _)| *of == replica)
            .map(|(_, seq)| *seq)
            .max()
            .unwrap_or(0)
    }

    fn deltas(&self, replica: u8, seq: u64) -> Option<&Vec<Vec<Delta>>> {
        self.script
            .get(usize::from(replica))?
            .get(usize::try_from(seq).ok()?.checked_sub(1)?)
    }

    fn push(&mut self, from: u8, seqs: std::ops::Range<u64>, mangle: Mangle) -> TestCaseResult {
        let mut batch = Vec::new();
        for seq in seqs.clone() {
            let parts = self.deltas(from, seq).cloned().unwrap_or_default();
            let count = parts.len() as u32;
            for (index, deltas) in (0..).zip(parts) {
                let part = (count > 1).then_some(Part { index, count });
                batch.push(Pushed {
                    part,
                    ..transaction(seq, deltas)
                });
            }
        }
        match mangle {
            Mangle::Reverse => batch.reverse(),
            Mangle::Double => {
                batch = batch
                    .iter()
                    .flat_map(|one| [one.clone(), one.clone()])
                    .collect();
            }
            Mangle::Drop(at) if at < batch.len() => _ = batch.remove(at),
            Mangle::Nothing | Mangle::Drop(_) => {}
        }
        let confirmed = self.confirmed.get(&from).copied().unwrap_or(0);
        let sent: Vec<_> = batch.iter().map(|pushed| pushed.seq.0).collect();
        let reply = self.server.push_as(replica(from), Seq(confirmed), batch);
        for verdict in &reply.verdicts {
            self.learn(from, verdict.seq.0, &verdict.outcome)?;
        }
        for seq in sent
            .into_iter()
            .filter(|seq| *seq > confirmed && *seq < reply.expected.0)
        {
            let is_answered = reply.verdicts.iter().any(|verdict| verdict.seq.0 == seq);
            let is_full = reply.not_processed.contains(&Seq(seq)) || reply.reason.is_some();
            prop_assert!(is_answered || is_full, "seq {} has no answer", seq);
        }
        self.check_server()
    }

    /// A verdict is for ever; an accepted transaction that is new goes into the model.
    fn learn(&mut self, from: u8, seq: u64, outcome: &Outcome) -> TestCaseResult {
        if let Some(known) = self.verdicts.get(&(from, seq)) {
            prop_assert_eq!(known, outcome);
            return Ok(());
        }
        self.verdicts.insert((from, seq), outcome.clone());
        let Outcome::Accepted { version, discarded } = outcome else {
            return Ok(());
        };
        self.accepted += 1;
        prop_assert_eq!(
            version.0,
            self.accepted,
            "versions are one more per accepted transaction"
        );
        let deltas = self.deltas(from, seq).cloned().unwrap_or_default();
        let mut lost = Vec::new();
        for delta in deltas.iter().flatten() {
            let document = self.model.entry(delta.key.clone()).or_default();
            let begins = delta.paths.iter().any(|write| write.path.is_existence());
            if begins && delta.life.is_alive() && !delta.upsert && document.is_alive() {
                let same = (document.existence.life, document.existence.stamp);
                prop_assert_eq!(
                    same,
                    (delta.life, delta.stamp),
                    "an insert met a living document"
                );
            }
            let paths = document
                .apply(delta, Version(0), &mut Path::clone)
                .discarded;
            lost.extend(paths.into_iter().map(|path| (delta.key.clone(), path)));
        }
        let mut listed = discarded.clone();
        listed.retain(|(_, path)| !path.is_existence());
        prop_assert_eq!(listed, lost);
        Ok(())
    }

    fn check_server(&self) -> TestCaseResult {
        prop_assert_eq!(
            self.version(),
            self.accepted,
            "a seq had effect twice or not at all"
        );
        let mut rows = Rows::default();
        let mut stored = Documents::new();
        for key in self.model.keys() {
            let need = Need::Get(Key::document(key));
            rows.answer(need.clone(), need.read_from(&self.server.space));
            let document = Stored::read(key, &rows).expect("rows are sound").merged;
            stored.insert(key.clone(), without_versions(document));
        }
        prop_assert_eq!(&stored, &self.model);
        Ok(())
    }

    fn version(&self) -> u64 {
        let mut rows = Rows::default();
        let need = Need::Get(Key::space());
        rows.answer(need.clone(), need.read_from(&self.server.space));
        let context = Context {
            subject: String::new(),
            time_ms: 0,
            fresh_epoch: String::new(),
            session: None,
        };
        Space::read(&context, &rows)
            .expect("rows are sound")
            .version
            .0
    }

    fn pull(&mut self, client: usize, limit: u32) -> TestCaseResult {
        let confirmed = self.confirmed.get(&0).copied().unwrap_or(0);
        let client = &mut self.clients[client];
        let cursor = client.cursor.as_deref();
        let mut page = self
            .server
            .pull_as(replica(0), Seq(confirmed), cursor, limit);
        let first = page.verdicts.first().map(|verdict| verdict.seq.0);
        prop_assert!(first.is_none_or(|first| first == confirmed + 1));
        client.cursor = Some(page.cursors.remove(0).1);
        client.staged.append(&mut page.deltas);
        prop_assert!(page.reset.is_empty());
        if page.has_more {
            return Ok(());
        }
        for delta in client.staged.drain(..) {
            let document = client.base.entry(delta.key.clone()).or_default();
            document.apply(&delta, Version(0), &mut Path::clone);
        }
        prop_assert_eq!(page.checkpoint.0, self.accepted);
        let existing =
            |(_, document): &(&DocumentKey, &Document<Path>)| document.existence.life.0 > 0;
        let base: Vec<_> = client.base.iter().filter(existing).collect();
        let model: Vec<_> = self.model.iter().filter(existing).collect();
        prop_assert_eq!(base, model, "a checkpoint is the space as of one version");
        Ok(())
    }
}

fn without_versions(mut document: Document<Path>) -> Document<Path> {
    document.existence.version = Version(0);
    for register in document.registers.values_mut() {
        register.version = Version(0);
    }
    document
}

/// A script and what happens to it.
pub fn any_run() -> impl Strategy<Value = (Script, Vec<Step>)> {
    (any_script(), proptest::collection::vec(any_step(), 1..60))
}

/// Plays it, then sends and pulls what is left.
pub fn play((script, steps): (Script, Vec<Step>)) -> TestCaseResult {
    let mut world = World::new(script);
    for step in &steps {
        world.step(step)?;
    }
    for from in 0..REPLICAS {
        world.push(from, 1..SEQS + 1, Mangle::Nothing)?;
        prop_assert_eq!(world.settled(from), SEQS);
    }
    for client in 0..2 {
        for _ in 0..10 {
            world.pull(client, 3)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_seq_has_effect_once_and_every_checkpoint_is_the_space(run in any_run()) {
        play(run)?;
    }
}
