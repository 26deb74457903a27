//! The command line of the simulator: runs seeds, prints what broke and how to run it again.
//!
//! `run --seeds 300 [--start N]`, `run --minutes M`, `run --seed N --trace`, `planted`.

use holm_sim::crew::{self, Seeds};
use holm_sim::trace::Lines;
use holm_sim::{planted, report};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "holm-sim run [--seeds N] [--start N] [--minutes M] [--seed N] [--trace]
holm-sim planted [--only NAME]";

fn value(args: &[String], name: &str) -> Option<u64> {
    let at = args.iter().position(|arg| arg == name)?;
    args.get(at + 1)?.parse().ok()
}

fn run(args: &[String]) -> ExitCode {
    if let Some(seed) = value(args, "--seed") {
        let is_traced = args.iter().any(|arg| arg == "--trace");
        let lines = if is_traced {
            Lines::Printed
        } else {
            Lines::Hidden
        };
        let ran = crew::run_one(seed, lines);
        return report::finish(&[ran], Duration::ZERO);
    }
    let begin = Instant::now();
    let start = value(args, "--start").unwrap_or(1);
    let seeds = match value(args, "--minutes") {
        Some(minutes) => Seeds::until(start, begin + Duration::from_secs(minutes * 60)),
        None => Seeds::count(start, value(args, "--seeds").unwrap_or(300)),
    };
    let ran = crew::run_all(seeds, "", |done| report::progress(done, begin.elapsed()));
    report::finish(&ran, begin.elapsed())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    crew::keep_panics();
    match args.first().map(String::as_str) {
        Some("run") => run(&args),
        Some("planted") => {
            let only = args
                .iter()
                .position(|arg| arg == "--only")
                .and_then(|at| args.get(at + 1));
            planted::hunt(only.map(String::as_str))
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
