//! The command line of the simulator: runs seeds, prints what broke and how to run it again.
//!
//! `run --seeds 300 [--start N] [--copies]`, `run --minutes M`, `run --seed N --trace`, `planted`,
//! `sweep`.

use holm_sim::crew::{self, Seeds};
use holm_sim::trace::Lines;
use holm_sim::{golden, planted, report, sweep};
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[global_allocator]
static METER: sweep::memory::Meter = sweep::memory::Meter;

const USAGE: &str = "holm-sim run [--seeds N] [--start N] [--minutes M] [--seconds S] [--copies]
holm-sim run --seed N [--trace]
holm-sim planted [--only NAME]
holm-sim sweep [--seconds N] [--only PART] [--start N] [--endless]
holm-sim sweep-planted [--only NAME]
holm-sim sweep-feed TARGET FILE
holm-sim golden FOLDER";

fn value(args: &[String], name: &str) -> Option<u64> {
    let at = args.iter().position(|arg| arg == name)?;
    args.get(at + 1)?.parse().ok()
}

fn word<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let at = args.iter().position(|arg| arg == name)?;
    args.get(at + 1).map(String::as_str)
}

fn run_sweeps(args: &[String]) -> ExitCode {
    let order = sweep::Order {
        seconds: value(args, "--seconds").unwrap_or(sweep::SECONDS),
        start: value(args, "--start").unwrap_or(0),
        extent: if args.iter().any(|arg| arg == "--endless") {
            sweep::Extent::Endless
        } else {
            sweep::Extent::Enough
        },
    };
    sweep::run(&order, word(args, "--only"))
}

/// Feeds an input of the fuzz loops again, under the panic's own words.
fn feed_again(args: &[String]) -> ExitCode {
    let (Some(name), Some(file)) = (args.get(1), args.get(2)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let _ = std::panic::take_hook();
    match std::fs::read(file) {
        Ok(input) => {
            let word = if sweep::fuzz::feed_again(name, &input) {
                "good"
            } else {
                "refused"
            };
            println!("{name}: the input is {word}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::from(2)
        }
    }
}

/// Writes the golden files of this release's format.
fn write_golden(args: &[String]) -> ExitCode {
    let Some(folder) = args.get(1) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let _ = std::panic::take_hook();
    match golden::write(folder.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{folder}: {error}");
            ExitCode::FAILURE
        }
    }
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
    let seconds = value(args, "--seconds").or(value(args, "--minutes").map(|minutes| minutes * 60));
    let seeds = match seconds {
        Some(seconds) => Seeds::until(start, begin + Duration::from_secs(seconds)),
        None => Seeds::count(start, value(args, "--seeds").unwrap_or(300)),
    };
    let seeds = if args.iter().any(|arg| arg == "--copies") {
        seeds.with_copies()
    } else {
        seeds
    };
    let ran = crew::run_all(seeds, |done| report::progress(done, begin.elapsed()));
    report::finish(&ran, begin.elapsed())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    crew::keep_panics();
    match args.first().map(String::as_str) {
        Some("run") => run(&args),
        Some("planted") => planted::hunt(word(&args, "--only")),
        Some("sweep") => run_sweeps(&args),
        Some("golden") => write_golden(&args),
        Some("sweep-feed") => feed_again(&args),
        Some("sweep-planted") => sweep::planted::hunt(word(&args, "--only")),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
