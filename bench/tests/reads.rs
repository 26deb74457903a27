//! What a query reads follows what it shows, and not how much there is: blocks of a database that
//! was just opened, counted, with 10,000 documents and with 40,000.

use holm_bench::device::{Device, Setup};
use holm_bench::folder::Folder;
use holm_bench::issues::{self, Kind};

const INDEXES: &str = r#"["assigneeId","updatedAt"],["updatedAt"]"#;
const SIZES: [usize; 2] = [10_000, 40_000];
const BATCH: usize = 500;
/// For what finds the rows: of an index and of the collection, in the runs there are.
const BESIDE: u64 = 16;

/// Queries that show at most ten rows. `$` stands for a time in the middle.
const QUERIES: [&str; 7] = [
    r#""orderBy":[["updatedAt","desc"]],"limit":10"#,
    r#""where":{"op":"=","field":"assigneeId","value":"u7"},
        "orderBy":[["updatedAt","desc"]],"limit":10"#,
    r#""orderBy":[["updatedAt","desc"]],"after":[$,"x"],"limit":10"#,
    r#""orderBy":[["updatedAt","asc"]],"after":[$,"x"],"offset":3,"limit":7"#,
    r#""where":{"op":"=","field":"assigneeId","value":"u7"},
        "orderBy":[["updatedAt","asc"]],"after":[$,"x"],"limit":10"#,
    r#""after":["8"],"limit":10"#,
    r#""where":{"op":"prefix","field":"id","value":"8a"},"limit":10"#,
];

/// Blocks that each query reads, in a collection of this size.
fn blocks(documents: usize) -> Vec<u64> {
    let folder = Folder::new("reads");
    let setup = Setup {
        schema: issues::schema(Kind::Local, INDEXES),
        folder: Some(folder.path().to_owned()),
        ..Setup::default()
    };
    let mut device = Device::open(&setup);
    for from in (0..documents).step_by(BATCH) {
        let ops: Vec<String> = (from..from + BATCH).map(issues::insert).collect();
        device.write(&ops.join(","));
    }
    drop(device);
    let middle = 1_700_500_000_000_u64.to_string();
    let count = |members: &str| {
        let mut device = Device::open(&setup);
        setup.calls.take();
        let members = members.replace('$', &middle);
        let ids = device.ids(&format!(r#"{{"from":"issues",{members}}}"#));
        assert!((5..=10).contains(&ids.len()), "{members}: {}", ids.len());
        setup.calls.take().reads
    };
    QUERIES.iter().map(|members| count(members)).collect()
}

#[test]
fn a_query_that_shows_ten_rows_reads_for_ten_rows() {
    let [small, large] = SIZES.map(blocks);
    println!(
        "blocks read: {small:?} of {}, {large:?} of {}",
        SIZES[0], SIZES[1]
    );
    for (query, blocks) in QUERIES.iter().zip(large) {
        assert!(blocks <= 10 + BESIDE, "{query}: {blocks} blocks");
    }
}
