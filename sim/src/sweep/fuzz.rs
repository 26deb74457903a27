//! The fuzz loops: bytes that nobody wrote, for every decoder. It refuses or decodes; it does not
//! panic, run for ever, or ask for much memory; and what decodes encodes again to something that
//! decodes the same.
//!
//! On stable Rust, from seeds: samples are changed, and what still decodes is changed again.

mod documents;
mod messages;
mod mutate;
mod page;
mod store;

use super::fault::{Blame, Fault, Tally};
use super::memory::take_largest;
use super::work::{Work, caught};
use crate::dice::Dice;
use std::collections::BTreeMap;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Inputs of the ordinary tests; fewer are a failure.
pub const FLOOR: u64 = 200_000;
/// How long the ordinary tests fuzz on two threads.
pub const SECONDS: u64 = 30;
/// Inputs of a job.
const BATCH: u64 = 1_000;
/// Inputs of a job whose target is slow.
const BATCH_SLOW: u64 = 100;
/// Inputs that decoded and are changed further.
const KEPT_MAX: usize = 60;
/// One input may take this long.
const SLOW: Duration = Duration::from_secs(2);
/// After this it never ends.
const NEVER: Duration = Duration::from_secs(30);
/// Bytes of an input that a report shows.
const SHOWN_MAX: usize = 200;
/// What an input of any length may ask for at once, and how much more per byte.
const BYTES_MAX: usize = 1 << 20;
const BYTES_PER_BYTE: usize = 64;

/// A decoder to feed.
pub struct Target {
    name: &'static str,
    /// Inputs that it decodes.
    samples: fn() -> Vec<Vec<u8>>,
    /// Words that its inputs are made of.
    words: &'static [&'static str],
    /// Decodes, and says whether the input was good. Asserts what must hold then.
    feed: fn(&[u8]) -> bool,
    is_slow: bool,
}

fn targets() -> Vec<Target> {
    let all = [
        store::TARGETS,
        documents::TARGETS,
        messages::TARGETS,
        page::TARGETS,
    ];
    all.into_iter().flatten().copied().collect()
}

impl Clone for Target {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Target {}

/// Jobs that are busy with an input: since when, where, and which.
type Busy = Mutex<BTreeMap<u64, (Instant, String, Vec<u8>)>>;

/// Feeds all targets in turn until the time is over.
pub fn run(work: &Work) -> Tally {
    let targets = targets();
    let busy = Busy::default();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| watch(&busy, &is_done));
        let mut tally = work.share(|job| {
            let target = targets.get((job % targets.len() as u64) as usize)?;
            Some(feed(target, work, job, &busy))
        });
        is_done.store(true, Ordering::Relaxed);
        tally.add("inputs", tally.attempted);
        tally
    })
}

/// Feeds one input to one target again. The program ends with a fault's panic.
pub fn feed_again(name: &str, input: &[u8]) -> bool {
    let target = targets().into_iter().find(|target| target.name == name);
    let target = target.expect("there is a target of that name");
    (target.feed)(input)
}

/// Ends the program when an input never does: nothing else can.
fn watch(busy: &Busy, is_done: &AtomicBool) {
    while !is_done.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
        let busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, place, input)) = busy.values().find(|(since, ..)| since.elapsed() > NEVER) {
            println!("fuzz: does not end: {place}");
            keep(input);
            exit(1);
        }
    }
}

/// Keeps an input that was a fault, to be fed again.
fn keep(input: &[u8]) {
    let file = std::env::temp_dir().join("holm-fuzz-input");
    match std::fs::write(&file, input) {
        Ok(()) => println!("fuzz: the input is in {}", file.display()),
        Err(error) => println!("fuzz: the input cannot be kept: {error}"),
    }
}

/// One job: a batch of inputs for one target.
fn feed(target: &Target, work: &Work, job: u64, busy: &Busy) -> Tally {
    let mut tally = Tally::default();
    let mut dice = Dice::new(work.seed(job));
    let samples = (target.samples)();
    for sample in &samples {
        if !(target.feed)(sample) {
            println!("fuzz: a sample of {} does not decode", target.name);
            keep(sample);
            exit(1);
        }
    }
    let mut corpus = samples;
    let least = corpus.len();
    for number in 0..if target.is_slow { BATCH_SLOW } else { BATCH } {
        if work.is_over() {
            break;
        }
        let input = mutate::mutate(&mut dice, &corpus, target.words);
        let shown = String::from_utf8_lossy(input.get(..SHOWN_MAX).unwrap_or(&input));
        let place = format!("{} job {job} input {number} {shown:?}", target.name);
        let lock = || busy.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = Instant::now();
        lock().insert(job, (begin, place.clone(), input.clone()));
        let result = one(target, &input, begin);
        lock().remove(&job);
        if matches!(result, Ok(true)) {
            tally.count("good inputs");
            let at = least + dice.below(KEPT_MAX as u64) as usize;
            match corpus.get_mut(at) {
                Some(kept) => *kept = input.clone(),
                None => corpus.push(input.clone()),
            }
        }
        if result.is_err() && !work.stops_early {
            keep(&input);
        }
        tally.judge(result.map(|_| ()).map_err(|fault| fault.at(place)));
        tally.count(target.name);
    }
    tally
}

fn one(target: &Target, input: &[u8], begin: Instant) -> Result<bool, Fault> {
    take_largest();
    let is_good = caught(|| Ok((target.feed)(input)))?;
    let largest = take_largest();
    if largest > BYTES_MAX + input.len() * BYTES_PER_BYTE {
        let problem = format!("{largest} bytes at once for {} bytes", input.len());
        return Err(Fault::new(Blame::Memory, problem));
    }
    if begin.elapsed() > SLOW {
        let problem = format!("took {:?} for {} bytes", begin.elapsed(), input.len());
        return Err(Fault::new(Blame::Hang, problem));
    }
    Ok(is_good)
}
