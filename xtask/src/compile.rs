//! Runs cargo for the `worker` crate by one route and returns the raw module's path.
//!
//! The standard library is built along with it, for size. In what ships a failed assertion is a
//! trap, whose stack says in which function; what it would say, and what `{:?}` would print of
//! values, are left out with the code that prints them.
//! `RUSTC_BOOTSTRAP` permits `-Z` on a stable release.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::route::{DEBIAN_CARGO, DEBIAN_LINKER, DEBIAN_RUSTC, Route, TARGET};

/// What ships.
const PROFILE: &str = "wasm";
/// Quickly compiled, with debug assertions.
const TESTING_PROFILE: &str = "wasm-testing";

/// The passes of LLVM keep values in more locals and write the same code at more places, for speed;
/// without them the module is 1.5 % smaller in gzip.
const SMALLER: [&str; 3] = [
    "-Cllvm-args=-disable-lsr",
    "-Cllvm-args=-disable-licm-promotion",
    "-Cllvm-args=-enable-load-pre=false",
];

/// Compiles with these features of the crate, separated by commas; returns where the module is.
/// What differs in toolchain or flags has its own target folder: in one they would evict each
/// other.
pub fn compile(root: &Path, route: Route, features: &str) -> Result<PathBuf, String> {
    let (profile, suffix) = if features.is_empty() {
        (PROFILE, "")
    } else {
        (TESTING_PROFILE, "-testing")
    };
    let folder = root.join(format!("target/wasm-{}{suffix}", route.name()));
    let mut cargo = match route {
        Route::Rustup => Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
        Route::Debian => debian_cargo(),
    };
    let status = cargo
        .current_dir(root)
        .args(["build", "--locked", "--package", "holm-worker"])
        .args(["--profile", profile, "--features", features])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&folder)
        .args([
            "-Zbuild-std=std,panic_abort",
            "-Zbuild-std-features=optimize_for_size",
        ])
        .env("RUSTC_BOOTSTRAP", "1")
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            flags(route, features).join("\x1f"),
        )
        .status()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !status.success() {
        let route = route.name();
        return Err(format!("the {route} route failed to compile: {status}"));
    }
    Ok(folder.join(TARGET).join(profile).join("holm_worker.wasm"))
}

/// Debian's compiler by full path: rustup's shims come first on PATH.
fn debian_cargo() -> Command {
    let mut cargo = Command::new(DEBIAN_CARGO);
    cargo
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTDOC")
        .env("CARGO", DEBIAN_CARGO)
        .env("RUSTC", DEBIAN_RUSTC)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
    cargo
}

/// Of what ships only: tests look at what `{:?}` prints, and at what an assertion says.
const SILENT: [&str; 4] = [
    "-Zlocation-detail=none",
    "-Zfmt-debug=none",
    "-Zunstable-options",
    "-Cpanic=immediate-abort",
];

/// For rustc. This machine's folders are kept out.
fn flags(route: Route, features: &str) -> Vec<String> {
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| home + "/.cargo"));
    let registries = home
        .ok()
        .and_then(|home| fs::read_dir(home + "/registry/src").ok());
    let folders = registries.into_iter().flatten().flatten();
    let dependencies =
        folders.map(|folder| format!("--remap-path-prefix={}=/deps", folder.path().display()));
    let source = library_source(route).map(|source| format!("--remap-path-prefix={source}=/std"));
    let silent = SILENT.iter().filter(|_| features.is_empty());
    let fixed = SMALLER.iter().chain(silent).map(|flag| (*flag).to_owned());
    dependencies.chain(source).chain(fixed).collect()
}

/// Where the source of the standard library lies on this machine.
fn library_source(route: Route) -> Option<String> {
    let rustc = match route {
        Route::Rustup => "rustc",
        Route::Debian => DEBIAN_RUSTC,
    };
    let output = Command::new(rustc).args(["--print", "sysroot"]).output();
    let sysroot = String::from_utf8(output.ok()?.stdout).ok()?;
    Some(format!("{}/lib/rustlib/src/rust/library", sysroot.trim()))
}
