//! From the raw module to what ships: wasm-bindgen's glue, then Binaryen's `wasm-opt`.

use std::fs;
use std::path::Path;
use std::process::Command;

use wasm_bindgen_cli_support::Bindgen;

const MODULE: &str = "holm_worker_bg.wasm";
/// The names of the module's functions, `number:name` a line: what the stack of an error that
/// stopped the module stands for. Ships beside the module; no page loads it.
const NAMES: &str = "holm_worker_bg.names";

/// What rustc's default for the target already uses; `wasm-opt` must accept it and add nothing.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Writes `holm_worker.js`, its types and the module to `out`.
pub fn generate(module: &Path, out: &Path) -> Result<(), String> {
    Bindgen::new()
        .input_path(module)
        .out_name("holm_worker")
        .web(true)
        .and_then(|bindgen| {
            bindgen
                .typescript(true)
                .omit_default_module_path(false)
                .remove_name_section(false)
                .remove_producers_section(true)
                .generate(out)
        })
        .map_err(|error| format!("wasm-bindgen: {error:#}"))
}

/// `--low-memory-unused` holds because the stack lies first in memory and grows down: its last
/// bytes are reached only where it is about to overflow. Writes the names of the functions to a
/// file; rewrites the module in place, through a file beside it so that a failure leaves no half.
pub fn optimise(root: &Path, out: &Path) -> Result<(), String> {
    let module = out.join(MODULE);
    let smaller = out.join("smaller.wasm");
    let tool = root.join("node_modules/binaryen/bin/wasm-opt");
    if !tool.exists() {
        return Err("wasm-opt is not installed: run `npm ci`".to_owned());
    }
    let status = Command::new("node")
        .arg(&tool)
        .arg(&module)
        .args([
            // Measured in gzip, not in bytes of the module: these are 0.7 % smaller than -Oz alone.
            "-Os",
            "--converge",
            "--skip-pass=local-cse",
            "--one-caller-inline-max-function-size=1",
            "--flexible-inline-max-function-size=10",
            "--low-memory-unused",
            &format!("--symbolmap={}", out.join(NAMES).display()),
            "--strip-debug",
            "--strip-producers",
        ])
        .args(FEATURES)
        .arg("-o")
        .arg(&smaller)
        .status()
        .map_err(|error| format!("wasm-opt does not run: {error}"))?;
    if !status.success() {
        return Err(format!("wasm-opt failed: {status}"));
    }
    fs::rename(&smaller, &module).map_err(|error| format!("{}: {error}", module.display()))
}
