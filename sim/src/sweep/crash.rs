//! The crash sweep: a crash at every boundary of recorded lives, and in the recovery from it, and
//! in the recovery from that.
//!
//! At every boundary images of what a crash may leave are made, all of them where they are few.
//! Each is opened: nothing acknowledged may be missing, nothing half there, and it must go on from
//! there. An image counts once, by its hash, however often it is met.

use super::account::Account;
use super::fault::{Blame, Fault, Tally};
use super::life::Life;
use super::process::DATABASE;
use super::recorder::{Notes, Point};
use super::work::{Work, caught};
use crate::dice::Dice;
use holm::platform::torn::{Image, TornDisk};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use xxhash_rust::xxh64::Xxh64;

/// Distinct images in the ordinary tests; fewer are a failure.
pub const FLOOR: u64 = 50_000;
/// Lives that the ordinary tests take: all short ones, and some long ones.
pub const ENOUGH: u64 = 48;
/// How often a crash comes in the recovery from a crash.
const DEPTH_MAX: usize = 3;

/// Short lives, of which every boundary is taken apart.
const SHORT: [&str; 8] = [
    "OccfcKOcfccKOfcfKOccfcc",
    "OctctctctctctctctctcK",
    "OcccccsccccsccccsK",
    "OcfcCOcCOccfC",
    "OcfzchcfhctK",
    "OKOKOKOKOKOKOcK",
    "OccccccctttttfcccccttttttczhthtK",
    "OcccccsKOcccccsKOcccccsCOcccs",
];
/// Most images of a boundary: in a short life, in a long one, in a recovery, in the one after that.
const MOST: [usize; 4] = [250, 10, 8, 6];
/// Of so many images one is crashed again in its recovery: in a short life, in a long one, deeper.
const DEEPER: [u64; 3] = [80, 40, 15];

/// What a recovered image came to, for when it is met again.
#[derive(Clone, Copy)]
struct Seen {
    last: usize,
    hash: u64,
}

/// The sweep of one life.
struct Sweep<'a> {
    seen: BTreeMap<u64, Option<Seen>>,
    tally: Tally,
    is_short: bool,
    work: &'a Work,
}

/// Takes so many lives, or as many as there is time for.
pub fn run(work: &Work, lives: u64) -> Tally {
    let all: Mutex<BTreeSet<u64>> = Mutex::default();
    let lock = || all.lock().unwrap_or_else(PoisonError::into_inner);
    let mut tally = work.share(|at| {
        if at >= lives {
            return None;
        }
        let mut sweep = Sweep {
            seen: BTreeMap::new(),
            tally: Tally::default(),
            is_short: at < SHORT.len() as u64,
            work,
        };
        let lived = caught(|| sweep.life(at));
        if let Err(fault) = lived {
            sweep.tally.blame(fault.at(format!("life {at}")));
        }
        sweep.tally.count("lives");
        lock().extend(sweep.seen.into_keys());
        Some(sweep.tally)
    });
    tally.add("distinct images", lock().len() as u64);
    tally
}

/// A long life by its number.
fn long_script(dice: &mut Dice) -> String {
    let mut script = String::from("O");
    for _ in 0..dice.between(40, 90) {
        script.push_str(match dice.below(24) {
            0..=8 => "c",
            9..=11 => "f",
            12..=18 => "t",
            19 => "s",
            20 => "KO",
            21 => "CO",
            22 => "z",
            _ => "h",
        });
    }
    script
}

fn hash_of(image: &Image) -> u64 {
    let mut hash = Xxh64::new(0);
    for (name, content) in image {
        hash.update(name.as_bytes());
        hash.update(&(content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    hash.digest()
}

impl Sweep<'_> {
    fn life(&mut self, at: u64) -> Result<(), Fault> {
        let seed = self.work.seed(at);
        let mut dice = Dice::new(seed);
        let script = match SHORT.get(at as usize) {
            Some(script) => (*script).to_string(),
            None => long_script(&mut dice),
        };
        let notes = Notes::with_points(Account::default());
        let mut life = Life::new(TornDisk::new(), notes, dice);
        life.run(&script).map_err(|fault| fault.at(&script))?;
        let points = life.take_points();
        self.tally.add("boundaries", points.len() as u64);
        for (number, point) in points.iter().enumerate() {
            self.explore(
                point,
                seed ^ number as u64,
                1,
                &format!("boundary {number}"),
            );
        }
        Ok(())
    }

    /// Every image of a boundary.
    fn explore(&mut self, point: &Point, seed: u64, depth: usize, place: &str) {
        let kind = if depth == 1 {
            usize::from(!self.is_short)
        } else {
            depth
        };
        let most = MOST.get(kind).copied().unwrap_or(2);
        for (number, image) in point.disk.images(DATABASE, most, seed).iter().enumerate() {
            if self.work.is_over() {
                return;
            }
            let hash = hash_of(image);
            let place = format!("{place} image {number}");
            let result = match self.seen.get(&hash) {
                Some(None) => Ok(()),
                Some(Some(seen)) => point.account.check(seen.last, seen.hash),
                None => caught(|| self.recover(image, hash, &point.account, depth, &place)),
            };
            if let Err(fault) = result {
                self.seen.insert(hash, None);
                self.tally.blame(fault.at(&place));
                self.work.fail();
            }
        }
    }

    /// Opens an image that was never met, goes on from there, and crashes on the way.
    fn recover(
        &mut self,
        image: &Image,
        hash: u64,
        account: &Account,
        depth: usize,
        place: &str,
    ) -> Result<(), Fault> {
        self.tally.attempted += 1;
        self.tally.count(match depth {
            1 => "first crashes",
            2 => "crashes in recovery",
            _ => "crashes in the recovery from that",
        });
        let goes_deeper = depth < DEPTH_MAX && hash.is_multiple_of(self.rarity(depth));
        let notes = if goes_deeper {
            Notes::with_points(account.clone())
        } else {
            Notes::without_points(account.clone())
        };
        let disk = TornDisk::of_image(DATABASE, image);
        let mut life = Life::new(disk, notes, Dice::new(hash));
        life.run("O")?;
        let points = life.take_points();
        let known = life.notes.account.borrow().clone();
        let seen = Seen {
            last: known.last(),
            hash: known.newest().hash,
        };
        self.seen.insert(hash, Some(seen));
        let rest = if hash.is_multiple_of(2) {
            "csKO"
        } else {
            "csCO"
        };
        life.run(rest).map_err(|fault| fault.at("going on"))?;
        let now = life.notes.account.borrow().last();
        if now != seen.last + 1 {
            let problem = format!("commit {} went missing in the next opening", seen.last + 1);
            return Err(Fault::new(Blame::Lost, problem));
        }
        for (number, point) in points.iter().enumerate() {
            let place = format!("{place} step {number}");
            self.explore(point, hash ^ number as u64, depth + 1, &place);
        }
        Ok(())
    }

    fn rarity(&self, depth: usize) -> u64 {
        let kind = if depth == 1 {
            usize::from(!self.is_short)
        } else {
            2
        };
        DEEPER.get(kind).copied().unwrap_or(1)
    }
}
