//! What the harness itself knows: what every commit left, and which of them were acknowledged. The
//! store is never asked.

use super::fault::{Blame, Fault};
use crate::dice::Dice;
use holm::store::{Batch, Room};
use std::collections::BTreeMap;
use std::rc::Rc;
use xxhash_rust::xxh64::Xxh64;

/// All pairs of a store.
pub type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// What there was after a commit.
#[derive(Clone, Default)]
pub struct State {
    /// The pairs.
    pub pairs: Rc<Pairs>,
    /// Their hash.
    pub hash: u64,
}

/// States by the numbers of their commits, and what must outlive a crash.
#[derive(Clone)]
pub struct Account {
    states: Rc<Vec<State>>,
    /// How many keys there are beside the number.
    keys: u64,
    /// Commits that somebody was told are durable.
    pub acknowledged: usize,
}

/// The key that every commit writes its number under: so no two states are the same.
const NUMBER: &[u8] = b"n";
/// Other keys there are, where many changes are to meet.
const KEYS_FEW: u64 = 12;
/// Lengths of values: some fill a memtable of the sweep's size at once.
const LENGTHS: [u64; 4] = [3, 20, 60, 420];

impl Default for Account {
    fn default() -> Self {
        Self::with_keys(KEYS_FEW)
    }
}

impl State {
    fn of(pairs: Pairs) -> Self {
        let hash = hash_of(&pairs);
        Self {
            pairs: Rc::new(pairs),
            hash,
        }
    }
}

/// A key by its number, the first ones of one letter.
fn key(number: u64) -> Vec<u8> {
    let letter = b'a' + (number % KEYS_FEW) as u8;
    let rest = number / KEYS_FEW;
    let rest = if rest > 0 {
        rest.to_string()
    } else {
        String::new()
    };
    [&[letter], rest.as_bytes()].concat()
}

/// A hash of pairs.
pub fn hash_of<'a>(pairs: impl IntoIterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>) -> u64 {
    let mut hash = Xxh64::new(0);
    for (key, value) in pairs {
        for bytes in [key, value] {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
    }
    hash.digest()
}

impl Account {
    /// Of an empty store in which so many keys will be written.
    pub fn with_keys(keys: u64) -> Self {
        let empty = State::of(Pairs::new());
        Self {
            states: Rc::new(vec![empty]),
            keys,
            acknowledged: 0,
        }
    }

    /// Number of the last commit that was tried.
    pub fn last(&self) -> usize {
        self.states.len() - 1
    }

    /// What there is after the last commit.
    pub fn newest(&self) -> &State {
        self.states.last().expect("there is a state from the start")
    }

    /// What that commit left, if it was ever tried.
    pub fn state(&self, commit: usize) -> Option<&State> {
        self.states.get(commit)
    }

    /// A commit of several pairs that is about to be tried: a crash may leave it from now on.
    pub fn try_commit(&mut self, dice: &mut Dice) -> Batch {
        let mut batch = Batch::new();
        batch.room = Room::Free;
        let mut pairs = Pairs::clone(&self.newest().pairs);
        let mut put = |key: Vec<u8>, value: Vec<u8>| {
            pairs.insert(key.clone(), value.clone());
            batch.put(key, value);
        };
        put(NUMBER.to_vec(), self.states.len().to_string().into_bytes());
        for _ in 0..=dice.below(3) {
            let length = *dice.pick(&LENGTHS);
            put(
                key(dice.below(self.keys)),
                (0..length).map(|_| dice.draw() as u8).collect(),
            );
        }
        if dice.chance(40) {
            let key = key(dice.below(self.keys));
            pairs.remove(&key);
            batch.delete(key);
        }
        Rc::make_mut(&mut self.states).push(State::of(pairs));
        batch
    }

    /// A commit that frees room and is about to be tried. It may take the reserve.
    pub fn try_delete(&mut self, dice: &mut Dice) -> Batch {
        let mut batch = Batch::new();
        let mut pairs = Pairs::clone(&self.newest().pairs);
        let number = self.states.len().to_string().into_bytes();
        pairs.insert(NUMBER.to_vec(), number.clone());
        batch.put(NUMBER.to_vec(), number);
        let key = key(dice.below(self.keys));
        pairs.remove(&key);
        batch.delete(key);
        Rc::make_mut(&mut self.states).push(State::of(pairs));
        batch
    }

    /// The last commit was refused.
    pub fn refuse(&mut self) {
        Rc::make_mut(&mut self.states).pop();
    }

    /// The store says how far it is durable, and whoever waits is told.
    pub fn acknowledge(&mut self, durable: usize) -> Result<(), Fault> {
        if durable < self.acknowledged || durable > self.last() {
            let problem = format!(
                "durable up to {durable}, where {} were acknowledged and {} made",
                self.acknowledged,
                self.last()
            );
            return Err(Fault::new(Blame::Other, problem));
        }
        self.acknowledged = durable;
        Ok(())
    }

    /// What was opened is what this commit left: what came after it never was.
    pub fn resume(&mut self, last: usize) {
        Rc::make_mut(&mut self.states).truncate(last + 1);
        self.acknowledged = last;
    }

    /// Compares what was found with what a commit left that is not before the last acknowledged.
    pub fn check(&self, last: usize, hash: u64) -> Result<(), Fault> {
        if last < self.acknowledged {
            let problem = format!("{last} of {} acknowledged commits", self.acknowledged);
            return Err(Fault::new(Blame::Lost, problem));
        }
        match self.state(last) {
            None => Err(Fault::new(
                Blame::Other,
                format!("commit {last} was never made, {} were", self.last()),
            )),
            Some(state) if state.hash != hash => {
                let problem = format!("what is there is not what commit {last} left");
                Err(Fault::new(Blame::Half, problem))
            }
            Some(_) => Ok(()),
        }
    }
}
