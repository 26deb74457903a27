//! What the server is told: a TOML file, and flags that go before it.

use crate::auth::Grant;
use clap::Parser;
use serde::Deserialize;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The command's flags.
#[derive(Debug, Default, Parser)]
#[command(
    name = "holm-server",
    version,
    about = "The reference server of the Holm delta protocol"
)]
pub struct Flags {
    /// A TOML file with the settings below.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8787].
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// SQLite file, made if it is not there [default: holm.sqlite]. `:memory:` keeps nothing.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// A bearer token and the subject it speaks for, in every space. May be given several times.
    #[arg(long, value_name = "TOKEN=SUBJECT", value_parser = read_grant)]
    pub token: Vec<Grant>,
    /// A page's origin that may connect, exactly as browsers send it. May be given several times.
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
}

/// The settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// SQLite file; `:memory:` keeps nothing.
    pub data: PathBuf,
    /// Who may connect.
    pub tokens: Vec<Grant>,
    /// Which pages' origins may connect. Requests without an origin are not from browsers and are
    /// not held to this.
    pub origins: Vec<String>,
    /// Bounds on what clients can take.
    pub limits: Limits,
}

/// Bounds on what clients can take.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most connections at once; more wait to be accepted.
    pub connections: usize,
    /// How long the headers of a request may take, in milliseconds.
    pub header_ms: u64,
    /// How long the body of a request, or the sending of a frame, may take, in milliseconds.
    pub body_ms: u64,
    /// How long a live connection may go without a valid `hello`, in milliseconds.
    pub hello_ms: u64,
    /// How long a live connection may be silent, in milliseconds; clients beat every 25 s.
    pub idle_ms: u64,
    /// How long connections have to end when the server stops, in milliseconds.
    pub stop_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_ms: 10_000,
            body_ms: 30_000,
            hello_ms: 5_000,
            idle_ms: 90_000,
            stop_ms: 5_000,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            data: "holm.sqlite".into(),
            tokens: Vec::new(),
            origins: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// What is wrong with the configuration.
#[derive(Debug)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// The file, if one is named, with the flags over it.
    pub fn load(flags: Flags) -> Result<Self, ConfigError> {
        let mut config = match &flags.config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        config.listen = flags.listen.unwrap_or(config.listen);
        config.data = flags.data.unwrap_or(config.data);
        config.tokens.extend(flags.token);
        config.origins.extend(flags.origin);
        if config.tokens.is_empty() {
            let message = "no tokens: give --token TOKEN=SUBJECT or a file with --config, \
                or nobody could connect";
            return Err(ConfigError(message.into()));
        }
        Ok(config)
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let wrong = |problem: &dyn fmt::Display| {
            ConfigError(format!(
                "cannot read the configuration {}: {problem}",
                path.display()
            ))
        };
        let text = std::fs::read_to_string(path).map_err(|problem| wrong(&problem))?;
        toml::from_str(&text).map_err(|problem| wrong(&problem))
    }
}

fn read_grant(text: &str) -> Result<Grant, String> {
    match text.split_once('=') {
        Some((token, subject)) if !token.is_empty() && !subject.is_empty() => Ok(Grant {
            token: token.into(),
            subject: subject.into(),
            spaces: None,
        }),
        _ => Err("expected TOKEN=SUBJECT".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_everything_and_misspelt_names_are_refused() {
        let text = r#"
            listen = "0.0.0.0:80"
            data = "x.sqlite"
            origins = ["https://app.example.com"]
            [limits]
            idle_ms = 1
            [[tokens]]
            token = "t"
            subject = "ann"
            spaces = ["films"]
        "#;
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!((config.listen.port(), config.limits.idle_ms), (80, 1));
        assert_eq!(
            config.tokens[0].spaces.as_deref(),
            Some(&["films".to_owned()][..])
        );
        assert!(toml::from_str::<Config>("lisen = 1").is_err());
    }

    #[test]
    fn the_example_is_valid_and_shows_the_defaults() {
        let config: Config = toml::from_str(include_str!("../holm-server.example.toml")).unwrap();
        assert_eq!((config.tokens.len(), config.origins.len()), (1, 1));
        let defaults = Config::default();
        assert_eq!(
            (config.listen, config.data),
            (defaults.listen, defaults.data)
        );
        let (shown, standing) = (config.limits, defaults.limits);
        assert_eq!(format!("{shown:?}"), format!("{standing:?}"));
    }

    #[test]
    fn flags_go_before_the_file_and_tokens_are_needed() {
        assert!(Config::load(Flags::default()).is_err());
        let flags = ["holm-server", "--listen", "127.0.0.1:0", "--token", "a=b"];
        let config = Config::load(Flags::parse_from(flags)).unwrap();
        assert_eq!((config.listen.port(), config.tokens.len()), (0, 1));
        assert!(Flags::try_parse_from(["holm-server", "--token", "nothing"]).is_err());
    }
}
