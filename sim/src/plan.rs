//! What kind of world a seed makes: clocks, network, disk, server, and which faults come how often.

use crate::dice::Dice;

/// Replicas in every world.
pub const REPLICAS: usize = 3;
/// The true time at the beginning, in milliseconds since 1970.
pub const BEGIN_MS: u64 = 1_795_248_000_000;
const YEAR_MS: i64 = 365 * 86_400_000;

/// A device's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Skew {
    /// How far it is ahead of the true time, in milliseconds.
    pub ahead_ms: i64,
    /// How much faster it goes, in parts of a million.
    pub drift_ppm: i64,
}

/// How often each fault comes, as weights.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Mean time between faults, in milliseconds; 0 for none.
    pub every_ms: u64,
    /// By the order of [`Fault`].
    pub weights: Vec<u64>,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A worker ends; its page starts another.
    WorkerCrash,
    /// A page ends with its worker; it is opened anew.
    PageCrash,
    /// The machine stops: what was not flushed survives in part.
    MachineCrash,
    /// A connection breaks.
    Cut,
    /// A device has no network for a while.
    Partition,
    /// The server stops and comes back.
    ServerCrash,
    /// A wall clock is set.
    ClockJump,
    /// A token is not valid any more.
    TokenExpiry,
    /// A device has no space for a while.
    DiskFull,
    /// A call on the disk fails.
    DiskFailure,
}

/// All faults.
pub const FAULTS: [Fault; 10] = [
    Fault::WorkerCrash,
    Fault::PageCrash,
    Fault::MachineCrash,
    Fault::Cut,
    Fault::Partition,
    Fault::ServerCrash,
    Fault::ClockJump,
    Fault::TokenExpiry,
    Fault::DiskFull,
    Fault::DiskFailure,
];

/// The world of a seed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long pages act and faults come, in milliseconds.
    pub active_ms: u64,
    /// Mean time between two acts of a page, in milliseconds.
    pub act_ms: u64,
    /// By device.
    pub skews: Vec<Skew>,
    /// Shortest and longest time of a frame under way.
    pub latency_ms: (u64, u64),
    /// Of a hundred frames, how many something on the way duplicates, and how many it overtakes.
    pub meddled: (u64, u64),
    /// Shortest and longest time of a flush.
    pub flush_ms: (u64, u64),
    /// Most documents that the server puts in a page.
    pub page_limit: u32,
    /// Whether answers wait for the flush.
    pub is_strict: bool,
    /// Which faults come.
    pub faults: Faults,
    /// Of a hundred requests, how many a page sends twice.
    pub repeated: u64,
    /// Of a hundred writes, how many something before the server refuses for ever.
    pub poisoned: u64,
    /// Of a hundred writes, how many are larger than a frame.
    pub large: u64,
    /// Of a hundred live results, how many are compared with a fresh evaluation at once.
    pub compared: u64,
    /// Which disks are copied, if any are.
    pub copies: Option<Copies>,
}

/// How often disks are copied.
#[derive(Clone, Debug)]
pub struct Copies {
    /// How often.
    pub count: u64,
    /// What decides which, when, and what becomes of the copy.
    pub seed: u64,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(dice: &mut Dice) -> Self {
        let is_strict = !dice.chance(10);
        Self {
            active_ms: dice.between(40, 120) * 1_000,
            act_ms: *dice.pick(&[150, 400, 900, 2_000]),
            skews: (0..REPLICAS + 1).map(|_| skew(dice)).collect(),
            latency_ms: *dice.pick(&[(1, 5), (10, 80), (50, 900), (1, 4_000)]),
            meddled: *dice.pick(&[(0, 0), (0, 0), (0, 0), (5, 0), (8, 8)]),
            flush_ms: *dice.pick(&[(0, 0), (1, 4), (5, 60), (1, 400)]),
            page_limit: *dice.pick(&[1, 2, 5, 20, 5_000]),
            is_strict,
            faults: faults(dice, is_strict),
            repeated: *dice.pick(&[0, 0, 10]),
            poisoned: *dice.pick(&[0, 0, 3]),
            large: *dice.pick(&[0, 0, 0, 0, 0, 0, 0, 1]),
            compared: 12,
            // Drawn last, so that a world without copies is as it was before there were any.
            copies: copies(dice),
        }
    }

    /// About how often each page acts.
    pub fn acts(&self) -> u64 {
        self.active_ms / self.act_ms
    }
}

fn copies(dice: &mut Dice) -> Option<Copies> {
    let (count, seed) = (dice.between(1, 3), dice.draw());
    dice.chance(20).then_some(Copies { count, seed })
}

fn skew(dice: &mut Dice) -> Skew {
    let far = *dice.pick(&[YEAR_MS, 3_600_000, 90_000, 5_000]);
    let ahead_ms = match dice.below(4) {
        0 | 1 => 0,
        2 => far,
        _ => -far,
    };
    Skew {
        ahead_ms,
        drift_ppm: *dice.pick(&[0, 0, 200, -200, 50_000]),
    }
}

/// A few kinds of worlds: each has some faults often and lacks others.
fn faults(dice: &mut Dice, is_strict: bool) -> Faults {
    let every_ms = *dice.pick(&[0, 2_000, 5_000, 15_000]);
    let mut weights: Vec<u64> = FAULTS.iter().map(|_| *dice.pick(&[0, 1, 1, 5])).collect();
    for (fault, weight) in FAULTS.iter().zip(&mut weights) {
        let is_rare = matches!(fault, Fault::DiskFull | Fault::DiskFailure);
        let needs_strict = matches!(fault, Fault::MachineCrash | Fault::DiskFailure);
        if (is_rare && dice.chance(60)) || (needs_strict && !is_strict) {
            *weight = 0;
        }
    }
    Faults { every_ms, weights }
}
