//! Every kind of archive, and all within each other.

use crate::builders::{ar, gz, noise, tar, zip, zip_by, zst};
use crate::harness::{Told, told_of, told_within};
use proptest::prelude::*;
use std::io::{Cursor, Write as _};
use yagura_scan::archive::{ArchiveGap, ArchiveLimits, RunBudget, Visited, visit_archive};

const A: &[u8] = b"content of a";
const B: &[u8] = b"content of b";

#[test]
fn plain_files_are_none() {
    let mut told = Told::default();
    for content in [
        b"".as_slice(),
        b"text",
        b"#!/bin/sh\n",
        &[0; 2000],
        b"PK",
        b"\x7fELF",
    ] {
        let run = RunBudget::default();
        let limits = ArchiveLimits::default();
        let visited = visit_archive(b"x.zip", &mut Cursor::new(content), limits, &run, &mut told);
        assert_eq!(visited.expect("readable"), Visited::Plain);
    }
    assert!(told.members.is_empty() && told.gaps.is_empty());
}

#[test]
fn every_kind_is_known_by_its_content() {
    let members = [("dir/a", A), ("b", B)];
    for archive in [
        tar(&members),
        gz(&tar(&members)),
        zst(&tar(&members)),
        zip(&members),
        zip_by(zip::CompressionMethod::Stored, &members),
        ar(&members),
    ] {
        let told = told_of("innocent.txt", &archive);
        assert_eq!(told.names(), ["dir/a", "b"]);
        assert_eq!((told.content("dir/a"), told.content("b")), (A, B));
        assert!(told.gaps.is_empty(), "{:?}", told.gaps);
    }
}

#[test]
fn one_compressed_file_has_the_name_without_the_ending() {
    assert_eq!(told_of("/srv/x.php.gz", &gz(A)).names(), ["x.php"]);
    assert_eq!(told_of("x.zst", &zst(A)).names(), ["x"]);
    assert_eq!(told_of("x", &gz(A)).names(), ["content"]);
    assert_eq!(told_of(".gz", &gz(b"")).names(), ["content"]);
    // Several compressions behind each other are one file.
    let told = told_of("x.gz", &[gz(A), gz(B)].concat());
    assert_eq!(told.content("x"), [A, B].concat());
}

#[test]
fn archives_within_archives_are_looked_at_as_a_whole_and_gone_into() {
    let jar = zip(&[("META-INF/", b""), ("x/A.class", A)]);
    let war = zip(&[("WEB-INF/lib/l.jar", &jar), ("shell.jsp", B)]);
    let layer = gz(&tar(&[("app/app.war", &war), ("app/.wh.gone", b"")]));
    let image = tar(&[("manifest.json", b"[]"), ("blobs/sha256/0a", &layer)]);
    let told = told_of("image.tar", &image);
    let paths = [
        "manifest.json",
        "blobs/sha256/0a",
        "blobs/sha256/0a!app/app.war",
        "blobs/sha256/0a!app/app.war!WEB-INF/lib/l.jar",
        "blobs/sha256/0a!app/app.war!WEB-INF/lib/l.jar!x/A.class",
        "blobs/sha256/0a!app/app.war!shell.jsp",
    ];
    assert_eq!(told.names(), paths);
    assert_eq!(told.content(paths[4]), A);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
}

#[test]
fn a_debian_package_is_gone_into() {
    let deb = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", &gz(&tar(&[("postinst", A)]))),
        ("data.tar.zst", &zst(&tar(&[("usr/bin/b", B)]))),
    ]);
    let told = told_of("x.deb", &deb);
    assert_eq!(told.content("control.tar.gz!postinst"), A);
    assert_eq!(told.content("data.tar.zst!usr/bin/b"), B);
}

#[test]
fn large_members_are_streamed() {
    // Larger than what is held of a stream.
    let noise = noise(10 << 20);
    let layer = gz(&tar(&[("noise", &noise), ("a.jar", &zip(&[("A", A)]))]));
    let told = told_of("image.tar", &tar(&[("layer.tar", &layer)]));
    assert_eq!(
        told.names(),
        ["layer.tar!noise", "layer.tar!a.jar", "layer.tar!a.jar!A"]
    );
    assert!(told.bytes > 10 << 20);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
}

#[test]
fn what_cannot_be_gone_into_is_told_and_the_rest_goes_on() {
    let limits = ArchiveLimits {
        held_bytes_max: 200,
        ..ArchiveLimits::default()
    };
    let large = zip(&[("noise", &noise(400))]);
    let xz = [b"\xfd7zXZ\0".as_slice(), &[0; 30]].concat();
    let archive = tar(&[("a.tar.xz", &xz), ("large.zip", &large), ("b", B)]);
    let told = told_within("x.tar", &archive, limits);
    assert_eq!(told.names(), ["a.tar.xz", "b"]);
    assert_eq!(told.gaps_of("a.tar.xz"), [&ArchiveGap::Form { form: "xz" }]);
    assert_eq!(
        told.gaps_of("large.zip"),
        [&ArchiveGap::Held { bytes_max: 200 }]
    );
}

#[test]
fn encrypted_members_are_told() {
    let mut archive = zip(&[("secret", A), ("open", B)]);
    // The flag in both headers of the first member.
    archive[6] |= 1;
    let entry = archive
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .expect("an entry");
    archive[entry + 8] |= 1;
    let told = told_of("x.zip", &archive);
    assert_eq!(told.names(), ["open"]);
    assert_eq!(told.gaps_of("secret"), [&ArchiveGap::Encrypted]);
}

#[test]
fn unknown_methods_are_told() {
    let mut archive = zip(&[("odd", A), ("open", B)]);
    let entry = archive
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .expect("an entry");
    archive[entry + 10] = 14;
    let told = told_of("x.zip", &archive);
    assert_eq!(told.names(), ["open"]);
    assert_eq!(told.gaps_of("odd"), [&ArchiveGap::Method { method: 14 }]);
}

#[test]
fn something_in_front_of_a_zip_file_and_a_comment_behind_are_no_matter() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .set_comment("PK\u{5}\u{6} is how it ends")
        .expect("a comment");
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("a", options).expect("a member");
    writer.write_all(A).expect("content");
    let archive = writer.finish().expect("a zip file").into_inner();
    assert_eq!(told_of("x.zip", &archive).content("a"), A);
    let nested = [zip(&[("other", B)]), archive].concat();
    assert_eq!(told_of("x.zip", &nested).names(), ["a"]);
}

#[test]
fn names_are_kept_as_they_are() {
    let told = told_of(
        "x.zip",
        &zip(&[("../../etc/pass\nwd", A), ("/abs!olute", B)]),
    );
    assert_eq!(told.names(), ["../../etc/pass\nwd", "/abs!olute"]);
}

#[test]
fn what_could_be_unpacked_of_a_damaged_archive_counts() {
    let noise = noise(4000);
    let whole = gz(&tar(&[("a", A), ("noise", &noise)]));
    let told = told_of("x.tgz", &whole[..whole.len() - 100]);
    assert_eq!(told.content("a"), A);
    assert!(noise.starts_with(told.content("noise")));
    assert!(
        matches!(told.gaps_of("noise")[..], [ArchiveGap::Damaged { .. }]),
        "{:?}",
        told.gaps
    );
    let told = told_of("x.gz", &[gz(A).as_slice(), b"garbage"].concat());
    assert_eq!(told.content("x"), A);
    assert!(
        matches!(told.gaps_of("x")[..], [ArchiveGap::Damaged { .. }]),
        "{:?}",
        told.gaps
    );
    let archive = zip(&[("a", A)]);
    let told = told_of("x.zip", &archive[..archive.len() - 10]);
    assert!(
        matches!(told.gaps_of("")[..], [ArchiveGap::Damaged { .. }]),
        "{:?}",
        told.gaps
    );
}

#[test]
fn a_damaged_member_of_a_tar_file_leaves_its_neighbours() {
    let mut bad = gz(&vec![b'x'; 1000]);
    bad[15] ^= 0xff;
    let told = told_of("x.tar", &tar(&[("bad.gz", &bad), ("b", B)]));
    assert_eq!(told.content("b"), B);
    assert!(!told.gaps.is_empty());
    assert!(
        told.gaps.iter().all(|(path, _)| path.starts_with("bad.gz")),
        "{:?}",
        told.gaps
    );
}

#[test]
fn stopping_ends_it_with_one_gap() {
    let run = RunBudget::default();
    run.stop();
    let mut told = Told::default();
    let archive = tar(&[("a", A), ("b", B)]);
    let limits = ArchiveLimits::default();
    visit_archive(b"x", &mut Cursor::new(archive), limits, &run, &mut told).expect("readable");
    assert!(told.members.is_empty());
    assert_eq!(told.gaps_of(""), [&ArchiveGap::Stopped]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_change_of_an_archive_is_survived(which in 0..6usize, changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8), cut in any::<proptest::sample::Index>()) {
        let members = [("dir/a", A), ("b.zip", &zip(&[("c", B)]))];
        let mut archive = match which {
            0 => tar(&members),
            1 => gz(&tar(&members)),
            2 => zst(&tar(&members)),
            3 => zip(&members),
            4 => zip_by(zip::CompressionMethod::Stored, &members),
            _ => ar(&members),
        };
        for (at, byte) in changes {
            let at = at.index(archive.len());
            archive[at] = byte;
        }
        archive.truncate(cut.index(archive.len()) + 1);
        let mut told = Told::default();
        let run = RunBudget::default();
        let limits = ArchiveLimits::default();
        visit_archive(b"x", &mut Cursor::new(&archive), limits, &run, &mut told).expect("readable");
        prop_assert!(told.bytes < 1 << 20);
    }

    #[test]
    fn members_come_back_whole(contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3000), 1..6)) {
        let names: Vec<String> = (0..contents.len()).map(|number| format!("member-{number}")).collect();
        // In front of each a byte that begins no archive.
        let contents: Vec<Vec<u8>> = contents.iter().map(|content| [b"-", content.as_slice()].concat()).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(contents.iter().map(Vec::as_slice)).collect();
        for archive in [tar(&members), gz(&tar(&members)), zst(&tar(&members)), zip(&members), ar(&members)] {
            let told = told_of("x", &archive);
            prop_assert!(told.gaps.is_empty(), "{:?}", told.gaps);
            prop_assert_eq!(told.names(), names.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(told.bytes, contents.iter().map(|content| content.len() as u64).sum::<u64>());
        }
    }
}
