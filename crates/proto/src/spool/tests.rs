use super::*;
use proptest::prelude::*;

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let number = u64::from_le_bytes(random().expect("random"));
        Folder(std::env::temp_dir().join(format!("yagura-spool-{number:x}")))
    }

    fn open(&self) -> Spool {
        Spool::open(&self.0, OPTIONS).expect("spool")
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).expect("folder");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("entry").path()).collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "spool")
        });
        paths.sort();
        paths
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const OPTIONS: SpoolOptions = SpoolOptions {
    bytes_max: 64 << 10,
    segment_bytes: SEGMENT_BYTES_MIN,
};

fn contents(spool: &Spool) -> Vec<Vec<u8>> {
    read_all(spool)
        .into_iter()
        .map(|batch| batch.content.to_vec())
        .collect()
}

/// Everything that waits, a few batches at a time, as the link reads it.
fn read_all(spool: &Spool) -> Vec<Batch> {
    let mut all: Vec<Batch> = Vec::new();
    loop {
        let after = all.last().map_or(0, |batch| batch.number);
        let more = spool.read_after(after, 3, 1000).expect("read");
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

#[test]
fn what_was_accepted_is_there_after_a_restart_until_it_is_acknowledged() {
    let folder = Folder::new();
    let spool = folder.open();
    assert!(matches!(
        Spool::open(&folder.0, OPTIONS),
        Err(OpenError::InUse)
    ));
    let numbers: Vec<u64> = (0u8..5)
        .map(|byte| spool.append(&[byte; 900], 2).expect("append"))
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    spool.acknowledge(2);
    assert_eq!(spool.state().batches, 3);
    let id = spool.id();
    drop(spool);
    let spool = folder.open();
    assert_eq!(
        (spool.id(), spool.acknowledged(), spool.accepted()),
        (id, 2, 5)
    );
    assert_eq!(contents(&spool), [[2; 900], [3; 900], [4; 900]]);
    assert_eq!(spool.append(b"next", 1).expect("append"), 6);
    spool.acknowledge(6);
    assert!(read_all(&spool).is_empty());
    assert_eq!(folder.segments().len(), 1);
    drop(spool);
    assert_eq!(folder.open().append(b"later", 1).expect("append"), 7);
}

#[test]
fn the_oldest_goes_when_there_is_no_room_and_is_counted() {
    let folder = Folder::new();
    let spool = folder.open();
    for _ in 0..100 {
        spool.append(&[7; 1000], 3).expect("append");
    }
    let left = read_all(&spool);
    let state = spool.state();
    assert_eq!(state.dropped_alerts, (100 - left.len() as u64) * 3);
    assert!(state.bytes <= OPTIONS.bytes_max && left.len() > 50);
    assert_eq!(left.last().map(|batch| batch.number), Some(100));
}

#[test]
fn a_batch_that_is_too_long_is_refused_and_the_next_is_not() {
    let folder = Folder::new();
    let spool = folder.open();
    let long = vec![0; crate::limits::BATCH_ENCODED_BYTES_MAX + 1];
    assert!(matches!(
        spool.append(&long, 1),
        Err(AppendError::TooLong(_))
    ));
    spool.append(b"short", 1).expect("append");
    assert_eq!(contents(&spool), [b"short"]);
}

#[test]
fn damage_in_the_middle_costs_its_segment_and_is_counted_once() {
    let folder = Folder::new();
    let spool = folder.open();
    for byte in 0u8..30 {
        spool.append(&[byte; 900], 1).expect("append");
    }
    drop(spool);
    let damaged = folder.segments()[1].clone();
    let mut bytes = std::fs::read(&damaged).expect("read");
    bytes[1036] ^= 0x40;
    std::fs::write(&damaged, bytes).expect("write");
    let spool = folder.open();
    let left = read_all(&spool);
    assert_eq!(spool.state().damaged, 1);
    assert!(left.len() >= 25 && left.len() < 30, "{}", left.len());
    let number = spool.append(b"new", 1).expect("append");
    assert!(number > 30);
    assert_eq!(
        contents(&spool).last().map(Vec::as_slice),
        Some(&b"new"[..])
    );
}

#[test]
fn damage_while_it_runs_is_passed_over() {
    let folder = Folder::new();
    let spool = folder.open();
    for byte in 0u8..30 {
        spool.append(&[byte; 900], 1).expect("append");
    }
    let damaged = folder.segments()[0].clone();
    let file = OpenOptions::new().write(true).open(&damaged).expect("open");
    file.write_all_at(b"x", HEADER_BYTES + 100).expect("write");
    let left = read_all(&spool);
    assert_eq!((left.len(), spool.state().damaged), (25, 1));
    assert_eq!((read_all(&spool).len(), spool.state().damaged), (25, 1));
}

/// A spool whose batches were accepted one by one, and what its last file looked like after each.
fn written(sizes: &[usize]) -> (Folder, Vec<(PathBuf, u64)>) {
    let folder = Folder::new();
    let spool = folder.open();
    let ends = sizes
        .iter()
        .enumerate()
        .map(|(index, size)| {
            let byte = u8::try_from(index).expect("few");
            spool.append(&vec![byte; *size], 1).expect("append");
            let last = folder.segments().pop().expect("segment");
            let length = std::fs::metadata(&last).expect("metadata").len();
            (last, length)
        })
        .collect();
    (folder, ends)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_kill_at_any_byte_loses_nothing_that_was_accepted(
        sizes in proptest::collection::vec(0usize..1500, 1..20),
        cut: prop::sample::Index,
        garbage in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let (folder, ends) = written(&sizes);
        let (last, length) = ends.last().cloned().expect("end");
        let cut = cut.index(usize::try_from(length).expect("small") + 1) as u64;
        let file = OpenOptions::new().write(true).open(&last).expect("open");
        file.set_len(cut).expect("cut");
        file.write_all_at(&garbage, cut).expect("garbage");
        let kept = ends.iter().filter(|(path, end)| *path != last || *end <= cut).count();
        let spool = folder.open();
        let found = contents(&spool);
        prop_assert_eq!(found.len(), kept);
        for (index, content) in found.iter().enumerate() {
            prop_assert_eq!(content, &vec![u8::try_from(index).expect("few"); sizes[index]]);
        }
        let number = spool.append(b"after", 1).expect("append");
        prop_assert!(number > kept as u64);
        drop(spool);
        let found = contents(&folder.open());
        prop_assert_eq!(found.len(), kept + 1);
        prop_assert_eq!(&found[kept], b"after");
    }

    #[test]
    fn any_bytes_are_batches_or_damage(bytes: Vec<u8>) {
        let mut rest = &bytes[..];
        while let Ok(Some(record)) = read_record(&mut rest) {
            prop_assert!(record.content.len() <= bytes.len());
        }
    }
}
