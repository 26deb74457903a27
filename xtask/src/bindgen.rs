//! From the raw module to what ships: wasm-bindgen's glue, then Binaryen's `wasm-opt`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::names::Names;
use crate::order;
use crate::pack::pack;
use wasm_bindgen_cli_support::Bindgen;

const MODULE: &str = "holm_worker_bg.wasm";
/// The module as pages load it.
const PACKED: &str = "holm_worker_bg.packed.wasm";
const GLUE: &str = "holm_worker.js";
/// Types of the module's exports, which nobody calls but the glue.
const EXPORTS: &str = "holm_worker_bg.wasm.d.ts";
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

/// Measured in gzip, not in bytes of the module: these are 0.7 % smaller than -Oz alone, and once
/// more is as small as until nothing changes, in a fifth of the time.
/// `--low-memory-unused` holds because the stack lies first in memory and grows down: its last
/// bytes are reached only where it is about to overflow.
const SMALLER: [&str; 8] = [
    "-Os",
    "-Os",
    "--skip-pass=local-cse",
    "--one-caller-inline-max-function-size=1",
    "--flexible-inline-max-function-size=10",
    "--low-memory-unused",
    "--strip-debug",
    "--strip-producers",
];

/// Makes module and glue smaller, in place, and writes the names of the functions to a file.
pub fn optimise(root: &Path, out: &Path) -> Result<(), String> {
    let (module, glue) = (out.join(MODULE), out.join(GLUE));
    let symbols = format!("--symbolmap={}", out.join(NAMES).display());
    let mut options = SMALLER.to_vec();
    options.push(&symbols);
    wasm_opt(root, &module, &options)?;
    // By itself: it would run with each of the others, the second time on what it has shortened.
    let printed = wasm_opt(root, &module, &["--minify-imports-and-exports-and-modules"])?;
    let long = fs::read_to_string(&glue).map_err(|error| in_file(&glue, &error))?;
    let short = Names::read(&printed).shorten(&long)?;
    fs::write(&glue, short).map_err(|error| in_file(&glue, &error))?;
    order_functions(&module, &out.join(NAMES))?;
    write_packed(root, &module, &out.join(PACKED))?;
    let exports = out.join(EXPORTS);
    fs::remove_file(&exports).map_err(|error| in_file(&exports, &error))
}

/// Last, since other tools have an order of their own.
fn order_functions(module: &Path, names: &Path) -> Result<(), String> {
    let bytes = fs::read(module).map_err(|error| in_file(module, &error))?;
    let lines = fs::read_to_string(names).map_err(|error| in_file(names, &error))?;
    let (bytes, lines) = order::reorder(&bytes, &lines)?;
    fs::write(names, lines).map_err(|error| in_file(names, &error))?;
    fs::write(module, bytes).map_err(|error| in_file(module, &error))
}

/// Writes the module as pages load it.
fn write_packed(root: &Path, module: &Path, packed: &Path) -> Result<(), String> {
    let bytes = fs::read(module).map_err(|error| in_file(module, &error))?;
    fs::write(packed, pack(&bytes)?.text()).map_err(|error| in_file(packed, &error))?;
    // It reads text too.
    wasm_opt(root, packed, &["--strip-debug"]).map(|_| ())
}

/// Rewrites a module, through a file beside it so that a failure leaves no half. Gives what was
/// printed.
fn wasm_opt(root: &Path, module: &Path, options: &[&str]) -> Result<String, String> {
    let tool = root.join("node_modules/binaryen/bin/wasm-opt");
    if !tool.exists() {
        return Err("wasm-opt is not installed: run `npm ci`".to_owned());
    }
    let smaller = module.with_extension("smaller.wasm");
    let output = Command::new("node")
        .arg(&tool)
        .arg(module)
        .args(options)
        .args(FEATURES)
        .arg("-o")
        .arg(&smaller)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("wasm-opt does not run: {error}"))?;
    if !output.status.success() {
        return Err(format!("wasm-opt failed: {}", output.status));
    }
    fs::rename(&smaller, module).map_err(|error| in_file(module, &error))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn in_file(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
