//! Runs cargo for the `worker` crate by one route and returns the raw module's path.
//!
//! The standard library is built along with it, for size and without the words of panics: those
//! and the places they name weigh a tenth of the module. What stops a shipped module is told by
//! its stack and the map of names beside it. `RUSTC_BOOTSTRAP` permits `-Z` on a stable release.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::route::{DEBIAN_CARGO, DEBIAN_LINKER, DEBIAN_RUSTC, Route, TARGET};

const PROFILE: &str = "wasm";

/// What a panic does: the words of rustc's `-C panic`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Panic {
    /// Says what and where, through the hook, then stops. For tests.
    Abort,
    /// Stops. What ships.
    ImmediateAbort,
}

impl Panic {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "abort" => Some(Self::Abort),
            "immediate-abort" => Some(Self::ImmediateAbort),
            _ => None,
        }
    }
}

/// What is built.
pub struct Build<'a> {
    pub route: Route,
    pub panic: Panic,
    /// Of the crate `holm-worker`, separated by commas.
    pub features: &'a str,
}

impl Build<'_> {
    /// Each has its own target folder: two toolchains or two standard libraries in one would evict
    /// each other's outputs.
    fn folder(&self, root: &Path) -> PathBuf {
        let panic = match self.panic {
            Panic::Abort => "-abort",
            Panic::ImmediateAbort => "",
        };
        root.join(format!("target/wasm-{}{panic}", self.route.name()))
    }
}

/// Compiles, and returns where the module is.
pub fn compile(root: &Path, build: &Build<'_>) -> Result<PathBuf, String> {
    let folder = build.folder(root);
    let mut cargo = match build.route {
        Route::Rustup => Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
        Route::Debian => debian_cargo(),
    };
    let status = cargo
        .current_dir(root)
        .args(["build", "--locked", "--package", "holm-worker"])
        .args(["--profile", PROFILE, "--features", build.features])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&folder)
        .args([
            "-Zbuild-std=std,panic_abort",
            "-Zbuild-std-features=optimize_for_size",
        ])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(build.panic).join("\x1f"))
        .status()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !status.success() {
        let route = build.route.name();
        return Err(format!("the {route} route failed to compile: {status}"));
    }
    Ok(folder.join(TARGET).join(PROFILE).join("holm_worker.wasm"))
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

/// For rustc. The places that a panic names are kept without this machine's folders.
fn flags(panic: Panic) -> Vec<String> {
    match panic {
        Panic::ImmediateAbort => ["-Zunstable-options", "-Cpanic=immediate-abort"]
            .map(String::from)
            .into(),
        Panic::Abort => {
            let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|h| h + "/.cargo"));
            let registry =
                home.map(|home| format!("--remap-path-prefix={home}/registry/src=/deps"));
            registry.into_iter().collect()
        }
    }
}
