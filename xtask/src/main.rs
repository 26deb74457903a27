//! `cargo xtask wasm`: builds the WebAssembly module of `worker/` and what JavaScript needs to load
//! it.
//!
//! Promises: the route (see `route`) is chosen by itself, what is missing is said exactly, and the
//! outputs of two routes never evict each other. Must not know what the module does.

mod bindgen;
mod compile;
mod names;
mod order;
mod pack;
mod route;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use route::{Route, RouteError};

const USAGE: &str = "\
usage: cargo xtask route                  print the way this machine builds WebAssembly
       cargo xtask wasm [--route rustup|debian] [--out DIR] [--features FEATURES]
                                          build the module into DIR (default dist/wasm); one with
                                          features is for tests and made no smaller";

/// Exit code of `route` and `wasm` when the machine has no way to build WebAssembly.
const EXIT_NO_ROUTE: u8 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let root = workspace_root();
    let outcome = match arguments.first().map(String::as_str) {
        Some("route") => print_route(&root),
        Some("wasm") => build_wasm(&root, arguments.get(1..).unwrap_or_default()),
        _ => Err(Failure::Usage),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage) => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
        Err(Failure::NoRoute(error)) => {
            eprintln!("{error}");
            ExitCode::from(EXIT_NO_ROUTE)
        }
        Err(Failure::Step(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Why a command did not end well.
enum Failure {
    Usage,
    NoRoute(RouteError),
    Step(String),
}

fn print_route(root: &Path) -> Result<(), Failure> {
    println!("{}", Route::choose(root).map_err(Failure::NoRoute)?.name());
    Ok(())
}

fn build_wasm(root: &Path, arguments: &[String]) -> Result<(), Failure> {
    let options = WasmOptions::parse(arguments).ok_or(Failure::Usage)?;
    let route = match options.route {
        Some(route) => route.require(root),
        None => Route::choose(root),
    }
    .map_err(Failure::NoRoute)?;
    eprintln!("xtask: building WebAssembly by the {} route", route.name());
    let module = compile::compile(root, route, &options.features).map_err(Failure::Step)?;
    let out = root.join(options.out);
    bindgen::generate(&module, &out).map_err(Failure::Step)?;
    if !options.features.is_empty() {
        return Ok(());
    }
    bindgen::optimise(root, &out).map_err(Failure::Step)
}

struct WasmOptions {
    route: Option<Route>,
    out: PathBuf,
    /// Of the crate `holm-worker`. None in the module that ships.
    features: String,
}

impl WasmOptions {
    fn parse(arguments: &[String]) -> Option<Self> {
        let mut options = Self {
            route: None,
            out: PathBuf::from("dist/wasm"),
            features: String::new(),
        };
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let value = rest.next()?;
            match name.as_str() {
                "--route" => options.route = Some(Route::from_name(value)?),
                "--out" => options.out = PathBuf::from(value),
                "--features" => options.features.clone_from(value),
                _ => return None,
            }
        }
        Some(options)
    }
}

/// The folder above this crate's.
fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask lies in the workspace")
        .to_path_buf()
}
