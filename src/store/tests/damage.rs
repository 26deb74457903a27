//! Rot and cuts at every byte: detected or harmless, never a wrong answer.

use super::life::{DATABASE, Life, Opened, Pairs, Session, WHOLE, open};
use crate::event::Event;
use crate::platform::disk::{Files, When};
use crate::platform::torn::TornDisk;
use crate::store::{Batch, Direction, Flushing};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// A closed database of several logs, and what each commit left.
struct Subject {
    disk: TornDisk,
    states: Vec<Pairs>,
    /// Commits of which a later group says that they were flushed.
    proven: usize,
    newest: String,
}

fn put(life: &mut Life, key: u8, value: u8) {
    let mut batch = Batch::new();
    batch.put(vec![key], vec![value; 5]);
    let mut state = life.states.last().cloned().unwrap_or_default();
    state.insert(vec![key], vec![value; 5]);
    life.session
        .as_mut()
        .expect("it is open")
        .commit(batch)
        .expect("there is space");
    life.states.push(state);
}

/// A chain of three logs; the last has four commits, of which three are known to be flushed.
fn subject() -> Subject {
    let mut life = Life::new(1);
    for opening in 0..3 {
        assert!(life.open(WHOLE));
        for commit in 0..4 {
            put(&mut life, b'a' + commit, opening * 10 + commit);
            life.flush().expect("nothing fails");
        }
        life.kill();
    }
    let newest = life.disk.names(DATABASE).pop().expect("there are logs");
    let proven = life.states.len() - 2;
    Subject {
        disk: life.disk,
        states: life.states,
        proven,
        newest,
    }
}

/// Opens a damaged copy. Returns the last commit if no damage was reported.
fn judge(subject: &Subject, name: &str, content: Vec<u8>, what: &str) -> Option<usize> {
    let disk = subject.disk.fork();
    let length = subject
        .disk
        .content(DATABASE, name)
        .expect("it is there")
        .len();
    let is_at_boundary = content.len() < length && is_group_end(subject, name, content.len());
    disk.set_content(DATABASE, name, content);
    match open(&disk, WHOLE) {
        Opened::Whole(mut session) => {
            let last = session.store.last().0 as usize;
            assert!(
                session.pairs() == subject.states[last],
                "{what}: not what {last} left"
            );
            let is_reported = !session.report.torn.is_empty() || is_at_boundary;
            assert!(
                is_reported || last + 1 == subject.states.len(),
                "{what}: lost in silence"
            );
            Some(last)
        }
        Opened::Damaged(mut session) => {
            assert!(!session.report.damage.is_empty());
            readable_is_true(subject, &mut session, what);
            assert!(
                session.commit(one()).is_err_and(|error| error.is_damage()),
                "{what}"
            );
            assert_eq!(session.store.flush_wanted(), None);
            None
        }
        Opened::Failed(error) => panic!("{what}: {error:?}"),
        Opened::Stopped => panic!("{what}: stopped"),
    }
}

/// Whether a log that is cut there lacks groups, but has no bad one.
fn is_group_end(subject: &Subject, name: &str, length: usize) -> bool {
    let content = subject.disk.content(DATABASE, name).expect("it is there");
    length == 0 || content[length..].starts_with(b"HLM")
}

fn one() -> Batch {
    let mut batch = Batch::new();
    batch.put(b"k".to_vec(), b"v".to_vec());
    batch
}

/// What can be read of a damaged database was written once under that key.
fn readable_is_true(subject: &Subject, session: &mut Session, what: &str) {
    let mut written: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for (key, value) in subject.states.iter().flatten() {
        written.entry(key.clone()).or_default().push(value.clone());
    }
    for (key, value) in session.pairs() {
        let is_true = written
            .get(&key)
            .is_some_and(|values| values.contains(&value));
        assert!(is_true, "{what}: {key:?} was never {value:?}");
    }
}

/// Flips bits of every byte of every log.
pub fn flip_every_byte() {
    let subject = subject();
    let mut damaged = 0;
    for name in subject.disk.names(DATABASE) {
        let content = subject.disk.content(DATABASE, &name).expect("it is there");
        let proven_bytes = proven_bytes(&subject, &name);
        for at in 0..content.len() {
            for mask in [1_u8 << (at % 8), 0xff] {
                let mut content = content.clone();
                content[at] ^= mask;
                let what = format!("{name} byte {at}");
                let last = judge(&subject, &name, content, &what);
                damaged += usize::from(last.is_none());
                assert_eq!(last.is_none(), at < proven_bytes, "{what}");
                assert!(
                    last.is_none_or(|last| last >= subject.proven),
                    "{what}: {last:?}"
                );
            }
        }
    }
    assert!(damaged > 800, "only {damaged} damaged");
}

/// Cuts every log at every length.
pub fn cut_everywhere() {
    let subject = subject();
    for name in subject.disk.names(DATABASE) {
        let content = subject.disk.content(DATABASE, &name).expect("it is there");
        for length in 0..content.len() {
            let what = format!("{name} cut at {length}");
            let last = judge(&subject, &name, content[..length].to_vec(), &what);
            if name != subject.newest && length < proven_bytes(&subject, &name) {
                assert_eq!(last, None, "{what}: a later log builds on what is gone");
            }
        }
    }
}

/// Up to where a group tells that a log was flushed: all but its last group. Later logs build on no
/// more than that.
fn proven_bytes(subject: &Subject, name: &str) -> usize {
    let content = subject.disk.content(DATABASE, name).expect("it is there");
    content
        .windows(3)
        .rposition(|window| window == b"HLM")
        .expect("it has groups")
}

/// After its predecessors are gone, a log whose head is lost is damage: never an empty or an older
/// database.
pub fn lose_the_head() {
    let mut life = Life::new(3);
    for _ in 0..12 {
        assert!(life.open(WHOLE));
        for _ in 0..30 {
            life.commit().expect("there is space");
            life.flush().expect("nothing fails");
        }
        let logs = life.disk.names(DATABASE);
        let [newest] = logs.as_slice() else { continue };
        for length in 0..60 {
            let disk = life.disk.fork();
            let content = life.disk.content(DATABASE, newest).expect("it is there");
            disk.set_content(DATABASE, newest, content[..length].to_vec());
            let is_first = newest.ends_with("0000000000-0000");
            assert!(
                is_first || matches!(open(&disk, WHOLE), Opened::Damaged(_)),
                "cut at {length}"
            );
            let mut content = content.clone();
            content[length] ^= 4;
            disk.set_content(DATABASE, newest, content);
            assert!(
                matches!(open(&disk, WHOLE), Opened::Damaged(_)),
                "flipped at {length}"
            );
        }
    }
    assert!(
        life.disk
            .names(DATABASE)
            .iter()
            .all(|name| !name.starts_with("log-0000000001"))
    );
}

#[test]
fn any_flipped_bit_is_seen_or_harmless() {
    flip_every_byte();
}

#[test]
fn any_cut_is_seen_or_leaves_what_an_earlier_commit_left() {
    cut_everywhere();
}

#[test]
fn a_log_that_lost_its_head_is_no_empty_database() {
    lose_the_head();
}

#[test]
fn a_missing_log_is_damage() {
    let subject = subject();
    for name in subject.disk.names(DATABASE) {
        if name != subject.newest {
            let inbox = crate::platform::inbox::Inbox::default();
            let disk = subject.disk.fork();
            let mut files = disk.files(inbox);
            crate::platform::disk::Files::list(
                &mut files,
                DATABASE,
                crate::platform::disk::Access::Alone,
            );
            crate::platform::disk::Files::remove(&mut files, &name);
            assert!(matches!(open(&disk, WHOLE), Opened::Damaged(_)), "{name}");
        }
    }
}

#[test]
fn documents_beyond_the_damage_can_be_taken_out() {
    let subject = subject();
    let mut content = subject
        .disk
        .content(DATABASE, &subject.newest)
        .expect("it is there");
    let starts: Vec<usize> = content
        .windows(3)
        .enumerate()
        .filter(|(_, w)| w == b"HLM")
        .map(|(at, _)| at)
        .collect();
    content[starts[3] + 45] ^= 1;
    let disk = subject.disk.fork();
    disk.set_content(DATABASE, &subject.newest, content);
    let Opened::Damaged(mut session) = open(&disk, WHOLE) else {
        panic!("it is damaged")
    };
    let found = &session.report.damage[0];
    assert_eq!(
        (found.file.as_str(), found.offset),
        (subject.newest.as_str(), starts[3] as u64)
    );
    let pairs = session.pairs();
    assert_eq!(pairs[&b"a"[..]], [20; 5], "before it");
    assert_eq!(pairs[&b"b"[..]], [11; 5], "the damaged commit is not read");
    assert_eq!(pairs[&b"d"[..]], [23; 5], "after it");
    let names = disk.names(DATABASE);
    assert_eq!(
        names,
        subject.disk.names(DATABASE),
        "nothing was made or removed"
    );
}

/// A database of several runs, and what is in it.
fn with_runs() -> (TornDisk, Pairs) {
    let mut life = Life::new(5);
    assert!(life.open(WHOLE));
    while life
        .session
        .as_ref()
        .expect("it is open")
        .store
        .counts()
        .runs
        < 3
    {
        life.commit().expect("there is space");
        life.turn().expect("nothing fails");
    }
    let pairs = life.states.pop().expect("there are commits");
    life.flush().expect("nothing fails");
    life.kill();
    (life.disk, pairs)
}

/// Every byte of every run is changed, and every run is cut: a read says so, or is right.
pub fn rot_in_runs() {
    let (good, pairs) = with_runs();
    let names = good.names(DATABASE);
    let runs = names.iter().filter(|name| name.starts_with("run-"));
    let mut detected = 0;
    for name in runs {
        let content = good.content(DATABASE, name).expect("it is there");
        // Only a database without a manifest needs the footer, whose last byte is its length.
        let footer_at = content.len() - 9 - usize::from(content[content.len() - 1]);
        for at in 0..content.len() {
            let mut bytes = content.clone();
            bytes[at] ^= 0x10;
            let disk = good.fork();
            disk.set_content(DATABASE, name, bytes);
            detected += u32::from(reads_right_or_says_so(&disk, &pairs));
            if at % 16 == 0 {
                disk.set_content(DATABASE, name, content[..at].to_vec());
                let is_damaged = matches!(open(&disk, WHOLE), Opened::Damaged(_));
                assert_eq!(is_damaged, at < footer_at, "{name} cut at {at}");
            }
        }
    }
    assert!(detected > 1_000, "only {detected} changes were seen");
}

/// All that can be read of a database that was opened whole, though its runs may be damaged.
fn pairs_past_damage(session: &mut Session) -> Pairs {
    let all = (&[][..], &[0xff; 9][..]);
    let stopped = session.store.scan(
        &mut session.files,
        all.0,
        all.1,
        Direction::Forward,
        &mut |_, _| ControlFlow::Continue(()),
    );
    let damage = session.store.take_damage();
    assert_eq!(stopped.err(), damage);
    assert_eq!(session.store.take_damage(), None, "it is told once");
    let refused = session.commit(one()).err();
    assert_eq!(refused, damage, "nothing is written any more");
    session.pairs()
}

/// A bad block takes its own pairs with it and no others; every pair comes from some commit.
pub fn bad_blocks_hide_only_themselves() {
    let (good, pairs) = with_runs();
    let names = good.names(DATABASE);
    let (mut changes, mut most) = (0, 0);
    for name in names.iter().filter(|name| name.starts_with("run-")) {
        let content = good.content(DATABASE, name).expect("it is there");
        for at in (20..content.len()).step_by(37) {
            let mut bytes = content.clone();
            bytes[at] ^= 0x04;
            let disk = good.fork();
            disk.set_content(DATABASE, name, bytes);
            let Opened::Whole(mut session) = open(&disk, WHOLE) else {
                panic!("opening reads no runs")
            };
            let found = pairs_past_damage(&mut session);
            most = most.max(
                found
                    .iter()
                    .filter(|pair| pairs.get(pair.0) == Some(pair.1))
                    .count(),
            );
            changes += 1;
        }
    }
    assert!(changes > 50, "only {changes} changes");
    assert!(most + 3 > pairs.len(), "at best {most} of {}", pairs.len());
}

/// Runs, and those that were merged into them, since nothing was removed.
fn with_stale_runs(seed: u64) -> Life {
    let mut life = Life::new(seed);
    assert!(life.open(WHOLE));
    let mut runs_made = 0;
    while runs_made < 14 {
        life.commit().expect("there is space");
        let session = life.session.as_mut().expect("it is open");
        let wanted = session.store.files_wanted();
        runs_made += wanted
            .iter()
            .filter(|name| name.starts_with("run-"))
            .count();
        for name in &wanted {
            session.make(name);
        }
        for _ in 0..8 {
            session.store.work(&mut session.files);
        }
        life.flush().expect("nothing fails");
    }
    for _ in 0..6 {
        life.commit().expect("there is space");
        life.flush().expect("nothing fails");
    }
    life
}

/// Wherever the newest log is damaged, what runs hold can be read, or what is newer; also where no
/// manifest can be read, and nothing of the past comes back.
pub fn runs_outlive_their_manifest() {
    // A crash came between removals.
    let remove = |disk: &TornDisk, at: usize, runs: &Runs| {
        for (number, name) in runs.stale.iter().enumerate() {
            if (at / 11) >> (number % 8) & 1 == 1 {
                disk.set_content(DATABASE, name, Vec::new());
            }
        }
    };
    let damaged: usize = (1..5)
        .map(|seed| damage_the_log(with_stale_runs(seed), 0, &remove))
        .sum();
    assert!(damaged > 100, "only {damaged} damaged");
}

/// Names of runs that a manifest has, and of those that it has no longer.
struct Runs {
    in_use: Vec<String>,
    stale: Vec<String>,
}

fn change(disk: &TornDisk, name: &str, change: &dyn Fn(&mut Vec<u8>)) {
    let mut content = disk.content(DATABASE, name).expect("it is there");
    change(&mut content);
    disk.set_content(DATABASE, name, content);
}

/// Changes a byte of the newest log, at many places from one on, and does more harm. What runs hold
/// is there, or what is newer. Returns how often there was damage.
fn damage_the_log(mut life: Life, from: usize, harm: &dyn Fn(&TornDisk, usize, &Runs)) -> usize {
    let store = &life.session.as_ref().expect("it is open").store;
    let newest_run = store.runs.first().expect("there are runs");
    let held = newest_run.record.commits.1.0 as usize;
    let in_use: Vec<String> = store
        .runs
        .iter()
        .map(|run| run.record.id.to_text())
        .collect();
    life.kill();
    let names = life.disk.names(DATABASE);
    let is_stale = |name: &&String| name.starts_with("run-") && !in_use.contains(*name);
    let stale: Vec<_> = names.iter().filter(is_stale).cloned().collect();
    let runs = Runs { in_use, stale };
    let length = |name: &String| life.disk.content(DATABASE, name).map_or(0, |c| c.len());
    let is_log = |name: &&String| name.starts_with("log-") && length(name) > 0;
    let log = names.iter().rfind(is_log).expect("there is a log");
    let bytes = length(log);
    let mut damaged = 0;
    for at in (from..bytes).step_by(11) {
        let disk = life.disk.fork();
        change(&disk, log, &|content| content[at] ^= 0x40);
        harm(&disk, at, &runs);
        let opened = open(&disk, WHOLE);
        eprintln!(
            "{log} {at} of {bytes} {}",
            matches!(opened, Opened::Damaged(_))
        );
        let Opened::Damaged(mut session) = opened else {
            continue;
        };
        damaged += 1;
        let found = session.pairs();
        let keys = life.states[held].keys().chain(found.keys());
        for key in keys {
            let mut states = life.states.iter().skip(held);
            let is_true = states.any(|state| state.get(key) == found.get(key));
            assert!(is_true, "byte {at}: {key:?} is older than what runs hold");
        }
    }
    damaged
}

/// Whether a scan of everything found damage; else it was right.
fn reads_right_or_says_so(disk: &TornDisk, pairs: &Pairs) -> bool {
    let Opened::Whole(mut session) = open(disk, WHOLE) else {
        panic!("opening reads no runs")
    };
    let mut found = Pairs::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        found.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    };
    let (from, to) = (&[][..], &[0xff; 9][..]);
    let scanned = session
        .store
        .scan(&mut session.files, from, to, Direction::Forward, visit);
    match &scanned {
        Ok(()) => assert!(found == *pairs, "a wrong answer"),
        Err(error) => assert!(error.is_damage(), "{error:?}"),
    }
    for (key, value) in pairs {
        match session.store.get(&mut session.files, key) {
            Ok(found) => assert_eq!(found.as_deref(), Some(value.as_slice())),
            Err(error) => assert!(error.is_damage(), "{error:?}"),
        }
    }
    scanned.is_err()
}

#[test]
fn a_changed_byte_of_a_run_is_seen_or_harmless() {
    rot_in_runs();
}

#[test]
fn the_rest_of_a_damaged_run_can_be_taken_out() {
    bad_blocks_hide_only_themselves();
}

#[test]
fn runs_can_be_read_without_a_manifest() {
    runs_outlive_their_manifest();
}

/// Where the head of the log is good, its manifest is what counts.
#[test]
fn a_manifest_leads_to_runs_without_a_footer() {
    let cut = |disk: &TornDisk, _: usize, runs: &Runs| {
        for name in &runs.in_use {
            change(disk, name, &|content| content.truncate(content.len() - 5));
        }
        for name in &runs.stale {
            disk.set_content(DATABASE, name, Vec::new());
        }
    };
    let life = with_stale_runs(2);
    let writer = life.session.as_ref().expect("it is open").store.writer();
    let head = writer.expect("it can be written to").bytes() as usize / 2;
    let damaged = damage_the_log(life, head, &cut);
    assert!(damaged > 3, "only {damaged} damaged");
}

/// A database with a run that is written to its end, not flushed and in no manifest.
fn with_unfinished_run(seed: u64) -> Life {
    let mut life = Life::new(seed);
    assert!(life.open(WHOLE));
    loop {
        life.commit().expect("there is space");
        let session = life.session.as_mut().expect("it is open");
        for name in session.store.files_wanted() {
            session.make(&name);
        }
        session.store.work(&mut session.files);
        let Some((file, ticket)) = session.store.flush_wanted() else {
            continue;
        };
        let is_of_run = matches!(session.store.flushing, Some((_, Flushing::Run(_))));
        if is_of_run && session.store.runs.len() >= 4 {
            return life;
        }
        Files::flush(&mut session.files, file, ticket, When::Now);
        let Some(Event::Flushed { result, .. }) = session.inbox.pop() else {
            panic!("no answer")
        };
        let flushed = session.store.flushed(&mut session.files, ticket, result);
        flushed.expect("nothing fails");
    }
}

/// A crash may leave the end of a run that was never flushed, and not its beginning: then what it
/// was made of counts.
#[test]
fn an_unfinished_run_hides_nothing() {
    let spoil = |disk: &TornDisk, _: usize, runs: &Runs| {
        let length = |name: &&String| disk.content(DATABASE, name).map_or(0, |c| c.len());
        let name = runs.stale.iter().rfind(|name| length(name) > 0);
        change(disk, name.expect("there is one"), &|content| {
            let end = content.len() - 150;
            content[20..end].fill(0);
        });
    };
    let damaged: usize = (1..6)
        .map(|seed| damage_the_log(with_unfinished_run(seed), 0, &spoil))
        .sum();
    assert!(damaged > 20, "only {damaged} damaged");
}
