//! The store's decoders, one by one, and a whole store whose content is nonsense under checks that
//! hold.

use super::Target;
use crate::dice::Dice;
use crate::sweep::account::Account;
use crate::sweep::life::Life;
use crate::sweep::process::{DATABASE, Opened, Process, open};
use crate::sweep::recorder::Notes;
use holm::platform::torn::{Image, TornDisk};
use holm::store::probe;
use std::cell::OnceCell;

/// What is fed.
pub const TARGETS: &[Target] = &[
    Target {
        name: "store: manifest",
        samples: || vec![probe::manifest_sample(2, 5), probe::manifest_sample(0, 0)],
        words: &[],
        feed: probe::manifest,
        is_slow: false,
    },
    Target {
        name: "store: entries",
        samples: || vec![probe::entries_sample(9), probe::entries_sample(1)],
        words: &[],
        feed: probe::entries,
        is_slow: false,
    },
    Target {
        name: "store: run record",
        samples: || vec![vec![7, 3, 100, 9, 1, 20, 80, 20]],
        words: &[],
        feed: probe::run_record,
        is_slow: false,
    },
    Target {
        name: "store: block",
        samples: || vec![probe::block_sample(30), probe::block_sample(2)],
        words: &[],
        feed: probe::block,
        is_slow: false,
    },
    Target {
        name: "store: groups",
        samples: || {
            log_of(&sample())
                .into_iter()
                .map(|(_, content)| content)
                .collect()
        },
        words: &[
            "HLM", "HLM\u{1}", "HLM\u{2}", "HLM\u{3}", "HLM\u{4}", "holm-log",
        ],
        feed: feed_log,
        is_slow: true,
    },
    Target {
        name: "store: sealed groups",
        samples: || {
            log_of(&sample())
                .into_iter()
                .map(|(_, content)| content)
                .collect()
        },
        words: &["HLM\u{1}", "HLM\u{2}", "HLM\u{4}"],
        feed: feed_sealed_log,
        is_slow: true,
    },
    Target {
        name: "store: sealed blocks",
        samples: || vec![vec![0; 40], (0..60).collect()],
        words: &[],
        feed: feed_blocks,
        is_slow: true,
    },
];

thread_local! {
    static SAMPLE: OnceCell<Image> = const { OnceCell::new() };
}

/// A store with logs and runs.
fn sample() -> Image {
    let make = || {
        let notes = Notes::without_points(Account::default());
        let mut life = Life::new(TornDisk::new(), notes, Dice::new(5));
        let lived = life.run("OcccscccsKOcfcf");
        lived.expect("nothing fails");
        life.disk.image(DATABASE)
    };
    SAMPLE.with(|sample| sample.get_or_init(make).clone())
}

/// The newest log, by its name.
fn log_of(image: &Image) -> Option<(String, Vec<u8>)> {
    let newest = image.iter().rfind(|(name, _)| name.starts_with("log-"));
    newest.map(|(name, content)| (name.clone(), content.clone()))
}

fn feed_log(bytes: &[u8]) -> bool {
    probe::preamble(bytes);
    feed_as_log(bytes.to_vec())
}

fn feed_sealed_log(bytes: &[u8]) -> bool {
    let mut bytes = bytes.to_vec();
    if let Some((name, _)) = log_of(&sample()) {
        probe::seal_log(&name, &mut bytes);
    }
    feed_as_log(bytes)
}

fn feed_as_log(bytes: Vec<u8>) -> bool {
    let mut image = sample();
    if let Some((name, _)) = log_of(&image) {
        image.insert(name, bytes);
    }
    read_all(&image)
}

/// The input says where the runs' blocks are changed, and to what.
fn feed_blocks(bytes: &[u8]) -> bool {
    let mut image = sample();
    for (name, content) in image
        .iter_mut()
        .filter(|(name, _)| name.starts_with("run-"))
    {
        let blocks = probe::blocks_of(name, content);
        for change in bytes.chunks_exact(4) {
            let [block, at, high, byte] = *change else {
                continue;
            };
            let Some(block) = blocks.get(usize::from(block) % blocks.len().max(1)) else {
                continue;
            };
            let (from, length) = *block;
            let at = (usize::from(at) << 4 | usize::from(high) & 15) % length.max(1);
            if let Some(to) = content.get_mut(from + at) {
                *to = byte;
            }
            probe::seal_block(name, content, *block);
        }
    }
    read_all(&image)
}

/// Opens, reads everything in every way, and goes on where that is allowed.
fn read_all(image: &Image) -> bool {
    let disk = TornDisk::of_image(DATABASE, image);
    let notes = Notes::without_points(Account::default());
    let read = |process: &mut Process| {
        // What it says is not judged: a check that holds over nonsense is nobody's accident.
        let _ = process.hash();
        process.store.take_damage();
        let _ = process.hash();
    };
    match open(&disk, &notes) {
        Opened::Failed(_) => false,
        Opened::Damaged(mut process) => {
            read(&mut process);
            false
        }
        Opened::Whole(mut process) => {
            for _ in 0..4 {
                let batch = Account::default().try_commit(&mut Dice::new(1));
                let _ = process.commit(batch);
                let rests = process.settle();
                assert!(rests.is_ok(), "it does not come to rest");
            }
            read(&mut process);
            true
        }
    }
}
