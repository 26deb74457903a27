//! Runs cargo for the `worker` crate by one route and returns the raw module's path.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::route::{DEBIAN_CARGO, DEBIAN_LINKER, DEBIAN_RUSTC, Route, TARGET};

const PROFILE: &str = "wasm";

/// Each route has its own target folder: two toolchains in one would evict each other's outputs.
pub fn compile(root: &Path, route: Route, features: &str) -> Result<PathBuf, String> {
    let folder = root.join(format!("target/wasm-{}", route.name()));
    let mut cargo = match route {
        Route::Rustup => Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
        Route::Debian => debian_cargo(),
    };
    cargo
        .current_dir(root)
        .args([
            "build",
            "--locked",
            "--package",
            "holm-worker",
            "--profile",
            PROFILE,
            "--features",
            features,
        ])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&folder)
        .env("CARGO_ENCODED_RUSTFLAGS", remapped_paths().join("\x1f"));
    if route == Route::Debian {
        cargo.args([
            "-Zbuild-std=std,panic_abort",
            "-Zbuild-std-features=optimize_for_size",
        ]);
    }
    let status = cargo
        .status()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !status.success() {
        return Err(format!(
            "the {} route failed to compile: {status}",
            route.name()
        ));
    }
    Ok(folder.join(TARGET).join(PROFILE).join("holm_worker.wasm"))
}

/// Debian's compiler by full path: rustup's shims come first on PATH. `RUSTC_BOOTSTRAP` permits
/// `-Zbuild-std` on a stable release.
fn debian_cargo() -> Command {
    let mut cargo = Command::new(DEBIAN_CARGO);
    cargo
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTDOC")
        .env("CARGO", DEBIAN_CARGO)
        .env("RUSTC", DEBIAN_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
    cargo
}

/// The place of a failed assertion is kept in the module; this machine's folders are not.
fn remapped_paths() -> Vec<String> {
    let home = env::var("CARGO_HOME")
        .ok()
        .or_else(|| Some(env::var("HOME").ok()? + "/.cargo"));
    let registry = home.map(|home| format!("--remap-path-prefix={home}/registry/src=/deps"));
    let std_source = "--remap-path-prefix=/usr/lib/rustlib/src/rust=/rust".to_owned();
    registry.into_iter().chain([std_source]).collect()
}
