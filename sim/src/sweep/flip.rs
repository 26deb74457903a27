//! The bit flip sweep: every bit of a small store that holds every kind of record, and many bits of
//! a larger one.
//!
//! A flip is detected (the store is damaged, or a torn tail is reported and no more is missing than
//! its last group), or harmless (all is as it was). It is never served, never spread, and what is
//! read of a damaged store was written once.

use super::account::{Account, Pairs};
use super::fault::{Blame, Fault, Tally};
use super::life::Life;
use super::process::{DATABASE, Opened, Process, SMALL, open};
use super::recorder::Notes;
use super::work::{Work, caught};
use crate::dice::Dice;
use holm::platform::torn::{Image, TornDisk};
use std::collections::{BTreeMap, BTreeSet};

/// Flips of the ordinary tests; fewer are a failure.
pub const FLOOR: u64 = 85_000;
/// Bytes of the store of which every bit is flipped, and of the one of which some are.
const SIZES: [u64; 2] = [8 << 10, 64 << 10];
/// Keys that are written in each.
const KEYS: [u64; 2] = [80, 700];
/// Flips in the larger one.
const SOME: u64 = 20_000;
/// Flips in a job.
const BATCH: u64 = 4_000;
/// Of so many flips that opening does not see, one is followed by commits, merges, and a look.
const SPREAD: u64 = 16;

/// A closed store, and what it holds.
struct Subject {
    image: Image,
    account: Account,
    /// What was ever written under each key.
    written: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>,
    bits: u64,
}

/// What became of a flip.
enum Outcome {
    Detected,
    Torn,
    Harmless,
}

/// How many bits of the larger store are flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Larger {
    /// As many as the ordinary tests flip.
    Enough,
    /// As long as there is time.
    Endless,
}

/// Flips in both stores: first every bit of the small one.
pub fn run(work: &Work, larger: Larger) -> Tally {
    let bits = match caught(|| Subject::new(0, work.seed(0))) {
        Ok(small) => small.bits,
        Err(fault) => {
            let mut tally = Tally::default();
            tally.judge(Err(fault.at("building a store")));
            return tally;
        }
    };
    let every = bits.div_ceil(BATCH);
    let more = match larger {
        Larger::Enough => SOME.div_ceil(BATCH),
        Larger::Endless => u64::MAX - every,
    };
    let mut tally = work.share(|job| {
        let mut tally = Tally::default();
        let flipped = caught(|| match job {
            _ if job < every => flip_every(work, job, &mut tally),
            _ if job < every + more => flip_some(work, job, &mut tally),
            _ => Ok(false),
        });
        match flipped {
            Ok(false) => return None,
            Ok(true) => {}
            Err(fault) => tally.blame(fault.at(format!("job {job}"))),
        }
        Some(tally)
    });
    tally.add("flips", tally.attempted);
    tally.add("bytes of the small store", bits / 8);
    tally
}

fn flip_every(work: &Work, job: u64, tally: &mut Tally) -> Result<bool, Fault> {
    let subject = Subject::new(0, work.seed(0))?;
    for bit in job * BATCH..((job + 1) * BATCH).min(subject.bits) {
        subject.flip(work, bit, tally);
    }
    Ok(true)
}

fn flip_some(work: &Work, job: u64, tally: &mut Tally) -> Result<bool, Fault> {
    let subject = Subject::new(1, work.seed(0))?;
    let mut dice = Dice::new(work.seed(job));
    for _ in 0..BATCH {
        subject.flip(work, dice.below(subject.bits), tally);
    }
    Ok(true)
}

impl Subject {
    /// A store of about a size, in which every kind of record is.
    fn new(kind: usize, seed: u64) -> Result<Self, Fault> {
        let (Some(bytes), Some(keys)) = (SIZES.get(kind), KEYS.get(kind)) else {
            return Err(Fault::new(Blame::Other, "there are two stores"));
        };
        let bytes = bytes + SMALL.reserve_bytes;
        let notes = Notes::without_points(Account::with_keys(*keys));
        let mut life = Life::new(TornDisk::new(), notes, Dice::new(seed));
        life.run("O")?;
        while life.disk.used() < bytes {
            life.run("cfttt")?;
            if life.disk.used() >= bytes {
                life.run("s")?;
            }
        }
        // A log that another one builds on, and commits of which only the last is not proven.
        life.run("sKOcfcfK")?;
        let image = life.disk.image(DATABASE);
        let lacks = lacking(&image);
        if !lacks.is_empty() {
            let problem = format!("the store has no {}", lacks.join(", no "));
            return Err(Fault::new(Blame::Other, problem));
        }
        let account = life.notes.account.borrow().clone();
        let written = written_in(&account);
        let bits = image.values().map(|content| content.len() as u64 * 8).sum();
        Ok(Self {
            image,
            account,
            written,
            bits,
        })
    }

    /// Flips a bit and judges.
    fn flip(&self, work: &Work, bit: u64, tally: &mut Tally) {
        if work.is_over() {
            return;
        }
        let mut outcome = None;
        let result = caught(|| {
            outcome = Some(self.judge(bit)?);
            Ok(())
        });
        if result.is_err() {
            work.fail();
        }
        tally.judge(result.map_err(|fault| fault.at(format!("bit {bit} of {}", self.bits))));
        tally.count(match outcome {
            Some(Outcome::Detected) => "detected as damage",
            Some(Outcome::Torn) => "reported as a torn tail",
            Some(Outcome::Harmless) => "harmless",
            None => "faults",
        });
        tally.count(if self.bits / 8 < SIZES.iter().sum::<u64>() / 2 {
            "bits of 8 KiB"
        } else {
            "bits of 64 KiB"
        });
    }

    /// The store with a bit flipped, on a disk.
    fn flipped(&self, bit: u64) -> TornDisk {
        let disk = TornDisk::of_image(DATABASE, &self.image);
        let mut left = bit;
        for (name, content) in &self.image {
            let bits = content.len() as u64 * 8;
            if left < bits {
                let mut content = content.clone();
                if let Some(byte) = content.get_mut((left / 8) as usize) {
                    *byte ^= 1 << (left % 8);
                }
                disk.set_content(DATABASE, name, content);
                break;
            }
            left -= bits;
        }
        disk
    }

    fn judge(&self, bit: u64) -> Result<Outcome, Fault> {
        let disk = self.flipped(bit);
        let notes = Notes::without_points(self.account.clone());
        match open(&disk, &notes) {
            Opened::Failed(error) => Err(Fault::new(
                Blame::Other,
                format!("cannot be read at all: {error:?}"),
            )),
            Opened::Damaged(mut process) => {
                if process.report.damage.is_empty() {
                    return Err(Fault::new(
                        Blame::Silent,
                        "damaged, and nothing is reported",
                    ));
                }
                self.read_damaged(&mut process)
            }
            Opened::Whole(mut process) => {
                let outcome = self.read_whole(&mut process)?;
                if matches!(outcome, Outcome::Harmless) || bit.is_multiple_of(SPREAD) {
                    self.go_on(bit)?;
                }
                Ok(outcome)
            }
        }
    }

    /// Opened without damage: all is there, or a read says what is not.
    fn read_whole(&self, process: &mut Process) -> Result<Outcome, Fault> {
        let hash = match process.hash()? {
            Ok(hash) => hash,
            Err(error) if error.is_damage() => {
                if process.store.take_damage().is_none() {
                    return Err(Fault::new(Blame::Silent, "damage that is not told"));
                }
                return self.read_damaged(process);
            }
            Err(error) => {
                return Err(Fault::new(
                    Blame::Other,
                    format!("a read failed: {error:?}"),
                ));
            }
        };
        let (last, all) = (process.last(), self.account.last());
        self.proven().check(last, hash)?;
        match (last == all, process.report.torn.is_empty()) {
            (true, true) => Ok(Outcome::Harmless),
            (_, false) => Ok(Outcome::Torn),
            (false, true) => Err(Fault::new(Blame::Silent, "a commit is missing in silence")),
        }
    }

    /// The account without the very last commit: no later group says that it was flushed, so a torn
    /// tail may take it.
    fn proven(&self) -> Account {
        let mut account = self.account.clone();
        account.acknowledged = account.last() - 1;
        account
    }

    /// Damaged: what can be read was written once under its key, and nothing is written any more.
    fn read_damaged(&self, process: &mut Process) -> Result<Outcome, Fault> {
        let pairs = match process.pairs() {
            Ok(pairs) => pairs,
            Err(error) => {
                let problem = format!("what is good cannot be taken out: {error:?}");
                return Err(Fault::new(Blame::Other, problem));
            }
        };
        self.was_written(&pairs)?;
        let batch = self.account.clone().try_commit(&mut Dice::new(1));
        match process.commit(batch) {
            Err(error) if error.is_damage() => Ok(Outcome::Detected),
            other => {
                let problem = format!("a commit on a damaged store: {other:?}");
                Err(Fault::new(Blame::Silent, problem))
            }
        }
    }

    fn was_written(&self, pairs: &Pairs) -> Result<(), Fault> {
        for (key, value) in pairs {
            let is_true = self
                .written
                .get(key)
                .is_some_and(|values| values.contains(value));
            if !is_true {
                let problem = format!("{key:?} was never {value:?}");
                return Err(Fault::new(Blame::Wrong, problem));
            }
        }
        Ok(())
    }

    /// Goes on without a look, so that merges may meet the flip; then all is there or it is told.
    fn go_on(&self, bit: u64) -> Result<(), Fault> {
        let disk = self.flipped(bit);
        let notes = Notes::without_points(self.account.clone());
        let mut account = self.account.clone();
        let mut dice = Dice::new(bit);
        let Opened::Whole(mut process) = open(&disk, &notes) else {
            return Err(Fault::new(
                Blame::Other,
                "it opened before, and does not now",
            ));
        };
        account.resume(process.last());
        for _ in 0..10 {
            let batch = account.try_commit(&mut dice);
            if process.commit(batch).is_err() {
                account.refuse();
            }
            // What fails here is met below.
            let _ = process.settle()?;
        }
        drop(process);
        let Opened::Whole(mut process) = open(&disk, &notes) else {
            return Ok(());
        };
        match process.hash()? {
            Ok(hash) => {
                account.acknowledged = account.last();
                let gone_on = |fault: Fault| fault.at("after going on");
                account.check(process.last(), hash).map_err(gone_on)
            }
            Err(_) => Ok(()),
        }
    }
}

fn written_in(account: &Account) -> BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> {
    let mut written: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let states = (0..=account.last()).filter_map(|commit| account.state(commit));
    for (key, value) in states.flat_map(|state| state.pairs.iter()) {
        let values = written.entry(key.clone()).or_default();
        if !values.contains(value) {
            values.insert(value.clone());
        }
    }
    written
}

/// Kinds of records that an image does not have.
fn lacking(image: &Image) -> Vec<&'static str> {
    let has_group = |kind: u8| {
        let is_it = |window: &[u8]| window == [b'H', b'L', b'M', kind];
        image.values().any(|content| content.windows(4).any(is_it))
    };
    let is_run =
        |(name, content): (&String, &Vec<u8>)| name.starts_with("run-") && content.len() > 2_000;
    let kinds = [
        ("head", has_group(1)),
        ("commit", has_group(2)),
        ("mark", has_group(3)),
        ("manifest", has_group(4)),
        ("run of several leaves", image.iter().any(is_run)),
        (
            "chain",
            image.keys().filter(|name| name.starts_with("log-")).count() > 1,
        ),
    ];
    kinds
        .into_iter()
        .filter(|(_, has)| !has)
        .map(|(kind, _)| kind)
        .collect()
}
