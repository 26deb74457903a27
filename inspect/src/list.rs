//! `list`: what the files are and what is in them, for people.

use crate::folder::Folder;
use crate::record::{Names, TABLES};
use crate::survey::{Content, Held, Part, Survey};
use crate::{DAMAGED, Failure, WHOLE};
use holm::doc::json;
use holm::engine::inspect::{indexes, single};
use holm::ids::EntryId;
use holm::merge::record;
use holm::outbox::codec;
use holm::store::inspect::{LogContent, RunContent};
use holm::txn::table;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes what there is to `out`.
pub fn list(folder: Folder, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut survey = Survey::read(folder)?;
    writeln!(out, "files")?;
    for held in &survey.files {
        write_file(out, held)?;
    }
    for name in &survey.folder.others {
        let what = match name.strip_prefix("home-") {
            Some(_) => "where the database lives",
            None => "not a file of the store",
        };
        writeln!(out, "  {name}  {what}")?;
    }
    write_tables(&mut survey, out)?;
    write_collections(&mut survey, out)?;
    write_outbox(&mut survey, out)?;
    write_indexes(&mut survey, out)?;
    write_singles(&mut survey, out)?;
    writeln!(out, "state")?;
    for torn in &survey.torn {
        writeln!(out, "  torn: {}: {} bytes", torn.file, torn.bytes)?;
    }
    for problem in &survey.problems {
        writeln!(out, "  damaged: {problem}")?;
    }
    if survey.problems.is_empty() {
        writeln!(out, "  no damage, up to commit {}", survey.store.last().0)?;
        return Ok(WHOLE);
    }
    Ok(DAMAGED)
}

fn write_file(out: &mut dyn Write, held: &Held) -> io::Result<()> {
    let part = match held.part {
        Part::Newest => "the newest log".into(),
        Part::Linked(length) => format!("read up to byte {length}"),
        Part::Read => "read".into(),
        Part::Spare => "not needed".into(),
    };
    let name = &held.name;
    match &held.content {
        Content::Log(log) => {
            writeln!(out, "  {name}  {} bytes, {part}", log.bytes)?;
            write_log(out, log)
        }
        Content::Run(run) => {
            writeln!(out, "  {name}  {} bytes, {part}", run.bytes)?;
            write_run(out, run)
        }
    }
}

fn write_log(out: &mut dyn Write, log: &LogContent) -> io::Result<()> {
    let base = log.base.map_or("none".into(), |(term, part)| {
        format!("term {} part {part}", term.0)
    });
    writeln!(
        out,
        "    log, term {}, part {}, base {base}",
        log.term.0, log.part
    )?;
    if !log.has_head {
        return writeln!(out, "    no good head");
    }
    let [heads, commits, marks, manifests] = log.groups;
    writeln!(
        out,
        "    groups: {heads} head, {commits} commits{}, {marks} marks, {manifests} manifests",
        span(log.commits.map(|(first, last)| (first.0, last.0)))
    )?;
    let (end, flushed) = (log.end, log.flushed);
    writeln!(
        out,
        "    good up to byte {end}, known to be flushed up to {flushed}"
    )?;
    for (name, length) in &log.links {
        writeln!(out, "    link: {name} up to byte {length}")?;
    }
    for run in &log.runs {
        writeln!(out, "    run: {}", run.name())?;
    }
    for (from, length) in &log.gaps {
        writeln!(out, "    no good group from byte {from}, {length} bytes")?;
    }
    if log.stray > 0 {
        writeln!(out, "    {} good groups behind that", log.stray)?;
    }
    Ok(())
}

fn write_run(out: &mut dyn Write, run: &RunContent) -> io::Result<()> {
    let (term, number) = (run.term.0, run.number);
    if !run.is_finished {
        return writeln!(out, "    run, term {term}, number {number}, never finished");
    }
    let (first, last) = run.commits;
    writeln!(
        out,
        "    run, term {term}, number {number}, {} entries{}, {} blocks, {} of them bad",
        run.entries,
        span(Some((first.0, last.0))),
        run.blocks + run.faults.len() as u64,
        run.faults.len(),
    )
}

fn span(commits: Option<(u64, u64)>) -> String {
    commits.map_or(String::new(), |(first, last)| {
        format!(" (commits {first} to {last})")
    })
}

fn write_tables(survey: &mut Survey, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "tables, bytes of keys and values")?;
    for (at, name) in TABLES {
        let (mut records, mut bytes) = (0_u64, 0);
        survey.scan(at, &mut |key, value| {
            records += 1;
            bytes += key.len() + value.len();
        })?;
        writeln!(out, "  {name:<10} {records:>9} records {bytes:>12} bytes")?;
    }
    Ok(())
}

fn write_collections(survey: &mut Survey, out: &mut dyn Write) -> Result<(), Failure> {
    let mut names = Names::default();
    survey.scan(table::DICTIONARY, &mut |key, value| names.load(key, value))?;
    let mut collections: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    survey.scan(table::VISIBLE, &mut |key, value| {
        let collection = table::document_key(key).map_or_else(String::new, |key| key.collection);
        let counts = collections.entry(collection).or_default();
        let stored = record::decode(value);
        for (path, _) in stored.iter().flat_map(|stored| stored.registers.iter()) {
            names.name(*path);
        }
        let at = stored.map_or(2, |stored| usize::from(!stored.is_alive()));
        if let Some(count) = counts.get_mut(at) {
            *count += 1;
        }
    })?;
    writeln!(out, "collections")?;
    for (name, [living, deleted, bad]) in &collections {
        write!(out, "  {name}  {living} documents, {deleted} deleted")?;
        match bad {
            0 => writeln!(out)?,
            bad => writeln!(out, ", {bad} that do not decode")?,
        }
    }
    for number in names.missing.keys() {
        writeln!(out, "  the name of field {number} is lost")?;
    }
    Ok(())
}

fn write_outbox(survey: &mut Survey, out: &mut dyn Write) -> Result<(), Failure> {
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    survey.scan(table::OUTBOX, &mut |key, value| {
        let id = table::number(key).map(EntryId);
        let entry = id.and_then(|id| codec::decode(id, value));
        let state = entry.map_or("undecodable", |entry| entry.state.name());
        *states.entry(state).or_default() += 1;
    })?;
    writeln!(out, "outbox")?;
    for (state, entries) in states {
        writeln!(out, "  {state}  {entries}")?;
    }
    Ok(())
}

fn write_indexes(survey: &mut Survey, out: &mut dyn Write) -> Result<(), Failure> {
    let mut found: BTreeMap<u64, (u64, &str)> = BTreeMap::new();
    let meta = table::meta("indexes");
    let record = survey.store.get(&mut survey.folder, &meta);
    let record = record.ok().flatten().map(std::borrow::Cow::into_owned);
    for (id, is_ready) in record.and_then(|bytes| indexes(&bytes)).unwrap_or_default() {
        found.insert(id, (0, if is_ready { "ready" } else { "not ready" }));
    }
    survey.scan(table::INDEX, &mut |key, _| {
        let id = key.get(..9).and_then(table::number).unwrap_or_default();
        found.entry(id).or_insert((0, "not kept")).0 += 1;
    })?;
    writeln!(out, "indexes")?;
    for (id, (entries, state)) in found {
        writeln!(out, "  {id:016x}  {entries} entries, {state}")?;
    }
    Ok(())
}

fn write_singles(survey: &mut Survey, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "single records")?;
    let mut lines = Vec::new();
    survey.scan(table::META, &mut |key, value| {
        let name = key.get(1..).unwrap_or_default();
        let said = single(name, value).map_or_else(
            || format!("{} bytes", value.len()),
            |value| json::to_text(&value),
        );
        lines.push(format!("  {}  {said}", String::from_utf8_lossy(name)));
    })?;
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
