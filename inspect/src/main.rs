//! `holm-inspect`: lists, dumps and checks the files of a database that were copied out of a
//! browser or written by Node. It opens files for reading only.

mod agree;
mod check;
mod dump;
mod folder;
mod list;
mod record;
mod survey;

use clap::{Parser, Subcommand};
use folder::Folder;
use record::Wanted;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Everything is as it was written.
const WHOLE: u8 = 0;
/// The end of a log was never finished. Holm passes over it, and so does this command.
const TORN: u8 = 1;
/// Something is not as it was written.
const DAMAGED: u8 = 2;
/// Nothing could be looked at.
const FAILED: u8 = 3;

/// Lists, dumps and checks the files of a Holm database, which it never changes.
#[derive(Debug, Parser)]
#[command(
    name = "holm-inspect",
    version,
    after_help = "Exit codes: 0 whole, 1 a torn tail (check only), 2 damaged, 3 not a database"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says what the files are, what is in them, and what is wrong with them.
    List {
        /// The folder with the files of one database.
        folder: PathBuf,
    },
    /// Writes records as NDJSON: documents and outbox as `db.export()` does.
    Dump {
        /// The folder with the files of one database.
        folder: PathBuf,
        /// Which records.
        #[arg(long, value_enum, default_value_t = Wanted::Documents)]
        table: Wanted,
        /// Only records of documents of this collection.
        #[arg(long)]
        collection: Option<String>,
    },
    /// Reads every file to its end, and says every problem.
    Check {
        /// The folder with the files of one database.
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(said) => {
            let code = if said.use_stderr() { FAILED } else { WHOLE };
            let _ = said.print();
            return code.into();
        }
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let ended = run(arguments.command, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match ended {
        Ok(code) => code.into(),
        // Whoever read the output has seen enough.
        Err(error) if is_broken_pipe(&*error) => WHOLE.into(),
        Err(error) => {
            eprintln!("holm-inspect: {error}");
            FAILED.into()
        }
    }
}

/// Why nothing could be looked at.
type Failure = Box<dyn std::error::Error>;

fn run(command: Command, out: &mut dyn Write) -> Result<u8, Failure> {
    match command {
        Command::List { folder } => list::list(Folder::open(&folder)?, out),
        Command::Dump {
            folder,
            table,
            collection,
        } => dump::dump(Folder::open(&folder)?, table, collection.as_deref(), out),
        Command::Check { folder } => check::check(Folder::open(&folder)?, out),
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
