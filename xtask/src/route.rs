//! The two ways to build WebAssembly, and which one this machine has.
//!
//! Both build the standard library from its source. `Rustup`: the running toolchain has, or can
//! add, the component `rust-src`. `Debian`: Debian's `rustc-web` with the source that
//! `rust-web-src` carries. The first that holds is taken. A `rustup component add` that failed is
//! remembered beside the build's outputs for that toolchain, so that a machine without network
//! asks once.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub const TARGET: &str = "wasm32-unknown-unknown";
pub const DEBIAN_CARGO: &str = "/usr/bin/cargo";
pub const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
pub const DEBIAN_LINKER: &str = "wasm-ld-19";

/// What the Debian route needs: a package and the file that proves it is there.
const DEBIAN_PACKAGES: [(&str, &str); 4] = [
    ("rustc-web", DEBIAN_RUSTC),
    ("cargo-web", DEBIAN_CARGO),
    (
        "rust-web-src",
        "/usr/lib/rustlib/src/rust/library/Cargo.lock",
    ),
    ("lld-19", "/usr/bin/wasm-ld-19"),
];

const COMPONENT: &str = "rust-src";

/// How long `rustup component add` may take before the machine counts as one without network.
const ADD_DEADLINE: Duration = Duration::from_secs(90);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    Rustup,
    Debian,
}

/// No route holds: what the Debian route lacks, and why the rustup route is closed.
#[derive(Debug)]
pub struct RouteError {
    rustup: String,
    missing: Vec<&'static str>,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "This machine cannot build WebAssembly yet. Either of these is enough:"
        )?;
        writeln!(f, "  rustup component add {COMPONENT}    ({})", self.rustup)?;
        write!(
            f,
            "  apt-get install -y --no-install-recommends {}",
            self.missing.join(" ")
        )
    }
}

impl Route {
    pub fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Rustup, Self::Debian]
            .into_iter()
            .find(|route| route.name() == name)
    }

    /// The first route that holds. `HOLM_WASM_ROUTE` names one instead.
    pub fn choose(root: &Path) -> Result<Self, RouteError> {
        if let Some(named) = std::env::var("HOLM_WASM_ROUTE")
            .ok()
            .and_then(|n| Self::from_name(&n))
        {
            return named.require(root);
        }
        Self::Rustup.require(root).or_else(|rustup| {
            Self::Debian.require(root).map_err(|debian| RouteError {
                rustup: rustup.rustup,
                ..debian
            })
        })
    }

    /// This route, or what it lacks.
    pub fn require(self, root: &Path) -> Result<Self, RouteError> {
        let lacking = match self {
            Self::Rustup => source_present_or_added(root).err(),
            Self::Debian if debian_missing().is_empty() => None,
            Self::Debian => Some("not asked".to_owned()),
        };
        match lacking {
            None => Ok(self),
            Some(rustup) => Err(RouteError {
                rustup,
                missing: debian_missing(),
            }),
        }
    }
}

fn debian_missing() -> Vec<&'static str> {
    let absent = |(_, proof): &&(&str, &str)| !Path::new(proof).exists();
    DEBIAN_PACKAGES
        .iter()
        .filter(absent)
        .map(|(package, _)| *package)
        .collect()
}

fn source_present_or_added(root: &Path) -> Result<(), String> {
    if source_present() {
        return Ok(());
    }
    let memory = RefusalMemory::new(root);
    if let Some(reason) = memory.recall() {
        return Err(reason);
    }
    match add_source() {
        Ok(()) if source_present() => Ok(()),
        Ok(()) => Err("rustup added it, but the compiler on PATH is not rustup's".to_owned()),
        Err(reason) => {
            memory.keep(&reason);
            Err(reason)
        }
    }
}

/// Whether the compiler on PATH has the source of its standard library, and the linker that
/// rustup's toolchains carry.
fn source_present() -> bool {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    let Ok(output) = output else { return false };
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let rustlib = sysroot.join("lib/rustlib");
    let Ok(hosts) = fs::read_dir(&rustlib) else {
        return false;
    };
    let has_linker = |entry: fs::DirEntry| entry.path().join("bin/rust-lld").exists();
    rustlib.join("src/rust/library/Cargo.lock").exists() && hosts.flatten().any(has_linker)
}

fn add_source() -> Result<(), String> {
    eprintln!("xtask: asking rustup for {COMPONENT}");
    let child = Command::new("rustup")
        .args(["component", "add", COMPONENT])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("rustup does not run: {error}"))?;
    wait_until(child, Instant::now() + ADD_DEADLINE)
}

fn wait_until(mut child: Child, deadline: Instant) -> Result<(), String> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("rustup could not add it: {status}")),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                let _already_gone = child.kill();
                let _reaped = child.wait();
                return Err(format!(
                    "rustup did not answer in {} s",
                    ADD_DEADLINE.as_secs()
                ));
            }
            Err(error) => return Err(format!("rustup cannot be waited for: {error}")),
        }
    }
}

/// Remembers that rustup refused, per toolchain. Removing the file asks again.
struct RefusalMemory {
    file: PathBuf,
    toolchain: String,
}

impl RefusalMemory {
    fn new(root: &Path) -> Self {
        let version = Command::new("rustc").arg("--version").output();
        let toolchain = version.map_or_else(
            |_| String::new(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        );
        Self {
            file: root.join("target/rustup-refused-wasm"),
            toolchain,
        }
    }

    fn recall(&self) -> Option<String> {
        let kept = fs::read_to_string(&self.file).ok()?;
        let (toolchain, reason) = kept.split_once('\n')?;
        (toolchain == self.toolchain).then(|| format!("{}, remembered in target/", reason.trim()))
    }

    fn keep(&self, reason: &str) {
        let line = format!("{}\n{reason}\n", self.toolchain);
        if let Err(error) = fs::write(&self.file, line) {
            eprintln!("xtask: the refusal is not remembered: {error}");
        }
    }
}
