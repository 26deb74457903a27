//! The command line of the simulator.
use holm_sim::trace::Lines;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let seed = |at: usize| args.get(at).and_then(|a| a.parse::<u64>().ok()).unwrap_or(0);
    let lines = if args.len() > 3 { Lines::Printed } else { Lines::Hidden };
    for seed in seed(1)..seed(2) {
        let outcome = holm_sim::world::run(seed, lines);
        println!("{seed} {:016x} {} {:?} {:?}", outcome.hash, outcome.events, outcome.failure, outcome.tally);
    }
}
