//! The fail-Nth sweep: every call on the disk fails, once or from then on, and so does a call of
//! the opening that follows; and space runs out before every action.
//!
//! Whatever fails, the store says so or goes on as if nothing had happened: nothing acknowledged is
//! lost, nothing wrong is read, nothing panics or runs for ever.

use super::account::Account;
use super::fault::{Blame, Fault, Tally};
use super::life::Life;
use super::process::{DATABASE, SMALL};
use super::recorder::Notes;
use super::work::{Work, caught};
use crate::dice::Dice;
use holm::platform::torn::{Failing, Shortage, TornDisk};
use holm::store::{StoreError, StoreProblem};

/// Cases of the ordinary tests; fewer are a failure.
pub const FLOOR: u64 = 20_000;

/// Lives whose calls fail: openings, commits, logs of several parts, runs and merges.
const LIVES: [&str; 4] = [
    "OcfccfKOcfcKOccfcccctttccttcttsKOcc",
    "OcctcctcctttcctctctctcctctctctctsctK",
    "OcccsKOcccsKOcccsCOcccsKOcctttcttccs",
    "OcccfsdcdKOdccdtttcdfKOdscdCOdcdsKOd",
];
/// Room that is left when space runs out, in bytes.
const ROOMS: [u64; 8] = [0, 1, 17, 40, 100, 300, 900, 2_000];
const SHORTAGES: [Shortage; 3] = [Shortage::Short, Shortage::Absurd, Shortage::Refusal];
/// A commit that only deletes has fewer bytes.
const DELETE_BYTES: u64 = 100;
/// The head of a log, with what it carries, has fewer.
const HEAD_BYTES: u64 = 2_500;
/// Length of the reserve.
const RESERVE: u64 = SMALL.reserve_bytes;
/// Calls an opening makes, about; a nested failure hits one of them.
const OPENING_CALLS: u64 = 40;
/// How many nested failures are tried with each.
const NESTED: u64 = 3;

/// What fails in a life.
#[derive(Clone, Copy, Debug)]
enum Plan {
    /// A call by its number, and one of the opening after it.
    Call {
        nth: u64,
        failing: Failing,
        nested: Option<u64>,
    },
    /// Space, from an action to another.
    Space {
        from: usize,
        to: usize,
        room: u64,
        shortage: Shortage,
    },
}

/// One case.
#[derive(Clone, Copy, Debug)]
struct Case {
    life: usize,
    plan: Plan,
    ends_in_crash: bool,
}

/// Takes all cases, as long as there is time; endlessly with other lives.
pub fn run(work: &Work, rounds: u64) -> Tally {
    let mut tally = Tally::default();
    for round in 0..rounds {
        if work.is_over() {
            break;
        }
        let seed = work.seed(round);
        let calls: Vec<u64> = (0..LIVES.len()).map(|life| calls_of(life, seed)).collect();
        let cases = all_cases(&calls, seed);
        tally.absorb(work.share(|at| {
            let case = *cases.get(at as usize)?;
            let mut tally = Tally::default();
            let result = caught(|| live(case, seed, &mut tally));
            tally.judge(result.map_err(|fault| fault.at(format!("seed {seed} {case:?}"))));
            tally.count(match case.plan {
                Plan::Call { nested: None, .. } => "failing calls",
                Plan::Call { .. } => "failures after failures",
                Plan::Space { .. } => "shortages",
            });
            Some(tally)
        }));
        tally.add("calls swept", calls.iter().sum());
    }
    tally.add("cases", tally.attempted);
    tally
}

/// How many calls there are in a life in which nothing fails.
fn calls_of(life: usize, seed: u64) -> u64 {
    let mut life = begin(life, seed);
    // A fault here comes again with a failure that is never reached, and is reported there.
    let _ = caught(|| life.0.run(life.1));
    life.0.disk.calls()
}

fn begin(life: usize, seed: u64) -> (Life, &'static str) {
    let script = LIVES.get(life).copied().unwrap_or("O");
    let notes = Notes::without_points(Account::default());
    (Life::new(TornDisk::new(), notes, Dice::new(seed)), script)
}

fn all_cases(calls: &[u64], seed: u64) -> Vec<Case> {
    let mut dice = Dice::new(seed);
    let mut cases = Vec::new();
    for (life, calls) in calls.iter().enumerate() {
        let mut add = |plan| {
            cases.extend([true, false].map(|ends_in_crash| Case {
                life,
                plan,
                ends_in_crash,
            }));
        };
        for nth in 1..=calls + 1 {
            for failing in [Failing::Once, Failing::Onwards] {
                add(Plan::Call {
                    nth,
                    failing,
                    nested: None,
                });
                for _ in 0..NESTED {
                    let nested = Some(dice.between(1, OPENING_CALLS));
                    add(Plan::Call {
                        nth,
                        failing,
                        nested,
                    });
                }
            }
        }
        for from in 1..LIVES.get(life).map_or(0, |script| script.len()) {
            for (room, shortage) in ROOMS.iter().flat_map(|room| SHORTAGES.map(|s| (*room, s))) {
                for to in [from + 4, usize::MAX] {
                    add(Plan::Space {
                        from,
                        to,
                        room,
                        shortage,
                    });
                }
            }
        }
    }
    cases
}

/// One life in which something fails, and what comes after it is healed.
fn live(case: Case, seed: u64, tally: &mut Tally) -> Result<(), Fault> {
    let (mut life, script) = begin(case.life, seed);
    if let Plan::Call { nth, failing, .. } = case.plan {
        life.disk.fail(nth, failing);
    }
    let mut quota = None;
    for (at, action) in script.chars().enumerate() {
        quota = plan_space(&life, case.plan, at).unwrap_or(quota);
        let place = |fault: Fault| fault.at(format!("action {at} {action}"));
        if life.process.is_none() && action != 'O' {
            reopen(&mut life, case.plan).map_err(place)?;
        }
        let has_room = has_room_for(&life, action, quota);
        let is_plain = action == 'c' && quota.is_some();
        match life.act(action).map_err(place)? {
            Ok(()) if is_plain && reserve_of(&life) < RESERVE => {
                let problem = "what only adds has taken the reserve";
                return Err(place(Fault::new(Blame::Other, problem)));
            }
            Ok(()) if has_room => tally.count("written or opened on a full disk"),
            Ok(()) => {}
            Err(error) if *error == StoreProblem::Full && has_room => {
                let problem = "refused as full though the reserve is there";
                return Err(place(Fault::new(Blame::Other, problem)));
            }
            Err(error) => judge_refusal(&mut life, case.plan, &error).map_err(place)?,
        }
    }
    life.disk.heal();
    life.process = None;
    if case.ends_in_crash {
        life.crash();
    }
    life.run("OcsKOcs")
        .map_err(|fault| fault.at("after it is healed"))
}

/// Changes the quota where that is planned, and gives it.
fn plan_space(life: &Life, plan: Plan, at: usize) -> Option<Option<u64>> {
    let quota = match plan {
        Plan::Space {
            from,
            room,
            shortage,
            ..
        } if from == at => Some((life.disk.used() + room, shortage)),
        Plan::Space { to, .. } if to == at => None,
        _ => return None,
    };
    life.disk.set_quota(quota);
    Some(quota.map(|(bytes, _)| bytes))
}

/// Whether what only deletes, and an opening, must find room: what is free and what is left of the
/// reserve are enough.
fn has_room_for(life: &Life, action: char, quota: Option<u64>) -> bool {
    let needed = match action {
        'd' => DELETE_BYTES,
        'O' => HEAD_BYTES,
        _ => return false,
    };
    let is_there = life.disk.content(DATABASE, "reserve").is_some();
    let room = if is_there { reserve_of(life) } else { 0 };
    quota.is_some_and(|quota| (quota + room).saturating_sub(life.disk.used()) >= needed)
}

/// Bytes of the reserve; without the file nothing is promised.
fn reserve_of(life: &Life) -> u64 {
    let reserve = life.disk.content(DATABASE, "reserve");
    reserve.map_or(RESERVE, |bytes| bytes.len() as u64)
}

/// Opens after a failure. The disk is mended, but for what fails in this opening; then it is.
fn reopen(life: &mut Life, plan: Plan) -> Result<(), Fault> {
    if life.open()?.is_ok() {
        return Ok(());
    }
    life.disk.heal();
    if let Plan::Call {
        nested: Some(nth), ..
    } = plan
    {
        life.disk.fail(nth, Failing::Once);
        if life.open()?.is_ok() {
            return Ok(());
        }
        life.disk.heal();
    }
    match life.open()? {
        Ok(()) => Ok(()),
        Err(error) => {
            let problem = format!("cannot be opened though nothing fails any more: {error:?}");
            Err(Fault::new(Blame::Other, problem))
        }
    }
}

/// A refusal must fit what fails; a store that says it is poisoned stays so.
fn judge_refusal(life: &mut Life, plan: Plan, error: &StoreError) -> Result<(), Fault> {
    let is_fitting = match (&**error, plan) {
        (StoreProblem::Full, Plan::Space { .. }) => true,
        (StoreProblem::Disk(_), Plan::Call { nth, .. }) => nth <= life.disk.calls(),
        (StoreProblem::Poisoned { .. }, Plan::Call { nth, .. }) => {
            let is_poisoned = nth <= life.disk.calls()
                && (life.process.is_none()
                    || (life.commit(Account::try_commit)?).is_err_and(|error| error.is_poisoned()));
            life.process = None;
            is_poisoned
        }
        _ => false,
    };
    if is_fitting {
        return Ok(());
    }
    Err(Fault::new(Blame::Other, format!("refused with {error:?}")))
}
