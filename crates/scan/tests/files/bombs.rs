//! Archives that are made to use something up.

use crate::builders::{gz, noise, tar, zip, zst};
use crate::harness::{TestDir, Told, told_of, told_within};
use std::io::Write as _;
use std::time::{Duration, Instant};
use yagura_scan::archive::{ArchiveGap, ArchiveLimits, RunBudget, visit_archive};

/// Small enough for tests.
const LIMITS: ArchiveLimits = ArchiveLimits {
    depth_max: 12,
    members_max: 1000,
    bytes_max: 8 << 20,
    ratio_max: 250,
    ratio_free_bytes: 1 << 20,
    held_bytes_max: 4 << 20,
};

/// Zeros, compressed about a thousandfold.
fn zeros_gz(bytes: u64) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let chunk = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        encoder.write_all(&chunk).expect("compressed");
    }
    encoder.finish().expect("a gzip file")
}

#[test]
fn ten_gigabytes_of_zeros_are_given_up_early() {
    let one = zeros_gz(256 << 20);
    let bomb = one.repeat(40);
    let began = Instant::now();
    let told = told_of("zeros.gz", &bomb);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(told.bytes < 80 << 20, "{}", told.bytes);
    assert_eq!(
        told.gaps_of("zeros"),
        [&ArchiveGap::Ratio { ratio_max: 250 }]
    );
}

#[test]
fn a_bomb_leaves_its_neighbours() {
    let archive = tar(&[
        ("zeros.gz", &zeros_gz(8 << 20)),
        ("a", b"a"),
        ("b.gz", &gz(b"b")),
    ]);
    let told = told_within("x.tar", &archive, LIMITS);
    assert_eq!(told.content("a"), b"a");
    assert_eq!(told.content("b.gz!b"), b"b");
    assert_eq!(
        told.gaps_of("zeros.gz!zeros"),
        [&ArchiveGap::Ratio { ratio_max: 250 }]
    );
}

#[test]
fn small_files_of_zeros_are_none() {
    let archive = zip(&[("zeros", &vec![0; 900 << 10]), ("a", b"a")]);
    let told = told_within("x.zip", &archive, LIMITS);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
    let told = told_within("x.zst", &zst(&vec![0; 900 << 10]), LIMITS);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
}

/// Zip files of sixteen zip files each, five levels deep, with a bomb at the bottom of each branch.
#[test]
fn sixteen_to_the_fifth_bombs_are_given_up_early() {
    let zeros = vec![0; 4 << 20];
    let mut level = zip(&[("0.dll", &zeros)]);
    for _ in 0..5 {
        let names: Vec<String> = (0..16).map(|number| format!("lib {number}.zip")).collect();
        let members: Vec<(&str, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), level.as_slice()))
            .collect();
        level = zip(&members);
    }
    let began = Instant::now();
    let told = told_within("42.zip", &level, LIMITS);
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(told.members.len() < 50, "{}", told.members.len());
    let ends = told.gaps_of("");
    assert!(
        matches!(ends[..], [ArchiveGap::Bombs | ArchiveGap::Bytes { .. }]),
        "{:?}",
        told.gaps
    );
}

/// As deep as somebody likes: what holds for an archive that holds itself holds for one that seems to.
#[test]
fn archives_without_end_are_left_at_some_depth() {
    for pack in [
        |bytes: &[u8]| zip(&[("r.zip", bytes)]),
        |bytes: &[u8]| tar(&[("r.tar", bytes)]),
    ] {
        let mut archive = pack(b"core");
        for _ in 0..40 {
            archive = pack(&archive);
        }
        let told = told_of("r", &archive);
        assert_eq!(told.members.len(), 12);
        assert!(
            matches!(told.gaps[..], [(_, ArchiveGap::Depth { depth_max: 12 })]),
            "{:?}",
            told.gaps
        );
    }
    let mut archive = b"core".to_vec();
    for _ in 0..40 {
        archive = gz(&archive);
    }
    let told = told_of("r.gz", &archive);
    assert!(
        matches!(told.gaps[..], [(_, ArchiveGap::Depth { depth_max: 12 })]),
        "{:?}",
        told.gaps
    );
    let mut archive = b"core".to_vec();
    for _ in 0..6 {
        archive = zst(&archive);
    }
    let told = told_of("r.zst", &archive);
    assert!(
        matches!(told.gaps[..], [(_, ArchiveGap::Depth { .. })]),
        "{:?}",
        told.gaps
    );
}

#[test]
fn members_that_lie_over_each_other_are_told() {
    // Two entries of the central directory for the one member.
    let archive = zip(&[("a", &[7; 4000])]);
    let entry_at = archive
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .expect("an entry");
    let end_at = archive
        .windows(4)
        .position(|window| window == b"PK\x05\x06")
        .expect("the end");
    let entry = &archive[entry_at..end_at];
    let mut many = archive[..entry_at].to_vec();
    for _ in 0..100 {
        many.extend(entry);
    }
    let mut end = archive[end_at..].to_vec();
    let size = u32::try_from(entry.len() * 100).expect("small");
    end[8..10].copy_from_slice(&100u16.to_le_bytes());
    end[10..12].copy_from_slice(&100u16.to_le_bytes());
    end[12..16].copy_from_slice(&size.to_le_bytes());
    many.extend(end);
    // The list of members itself gives room for some of them.
    let mut large = entry.to_vec();
    let packed = u32::from_le_bytes(large[20..24].try_into().expect("four bytes"));
    assert!(packed < 100);
    large[20..24].copy_from_slice(&4000u32.to_le_bytes());
    let told = told_of("x.zip", &many);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
    let many = [
        &many[..entry_at],
        &large.repeat(100),
        &many[entry_at + entry.len() * 100..],
    ]
    .concat();
    let told = told_of("x.zip", &many);
    assert_eq!(told.gaps_of(""), [&ArchiveGap::Overlap]);
    assert!(told.members.len() < 3);
}

#[test]
fn too_many_members_end_it() {
    let names: Vec<String> = (0..1100).map(|number| number.to_string()).collect();
    let members: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), b"".as_slice()))
        .collect();
    for archive in [tar(&members), zip(&members)] {
        let told = told_within("x", &archive, LIMITS);
        assert_eq!(told.members.len(), 1000);
        assert_eq!(
            told.gaps,
            [(String::new(), ArchiveGap::Members { members_max: 1000 })]
        );
    }
}

#[test]
fn too_many_bytes_end_it() {
    let noise = noise(3 << 20);
    let members: [(&str, &[u8]); 5] =
        ["a", "b", "c", "d", "e"].map(|name| (name, noise.as_slice()));
    for archive in [tar(&members), gz(&tar(&members)), zip(&members)] {
        let told = told_within("x", &archive, LIMITS);
        assert_eq!(told.names(), ["a", "b", "c"]);
        assert_eq!(
            told.gaps,
            [(String::new(), ArchiveGap::Bytes { bytes_max: 8 << 20 })]
        );
    }
    let run = RunBudget::new(1 << 20);
    let mut told = Told::default();
    let mut archive = std::io::Cursor::new(tar(&members));
    visit_archive(b"x", &mut archive, LIMITS, &run, &mut told).expect("readable");
    assert_eq!(told.gaps, [(String::new(), ArchiveGap::RunBytes)]);
}

#[test]
fn gaps_without_end_are_cut() {
    let names: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
    let xz = [b"\xfd7zXZ\0".as_slice(), &[0; 30]].concat();
    let members: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), xz.as_slice()))
        .collect();
    let told = told_of("x", &tar(&members));
    assert_eq!(told.members.len(), 2000);
    assert_eq!(told.gaps.len(), 1000);
    assert_eq!(told.gaps[999], (String::new(), ArchiveGap::More));
}

#[test]
fn a_sparse_tar_file_of_ten_gigabytes_is_bounded() {
    let dir = TestDir::new();
    let path = dir.join("x.tar");
    let mut header = tar::Header::new_gnu();
    header.set_path("huge").expect("a name");
    header.set_size(10 << 30);
    header.set_cksum();
    std::fs::write(&path, header.as_bytes()).expect("written");
    let file = std::fs::File::options().read(true).write(true).open(&path);
    let mut file = file.expect("a file");
    file.set_len((10 << 30) + 512).expect("sparse");
    let mut told = Told::default();
    let run = RunBudget::default();
    visit_archive(b"x", &mut file, LIMITS, &run, &mut told).expect("readable");
    assert_eq!(
        told.gaps,
        [(String::new(), ArchiveGap::Bytes { bytes_max: 8 << 20 })]
    );
}
