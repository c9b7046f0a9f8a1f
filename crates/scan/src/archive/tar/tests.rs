use super::*;

/// A header with a right checksum, and content padded to whole blocks.
fn member(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    let size = format!("{:011o}", content.len());
    raw(name, kind, size.as_bytes(), content)
}

fn raw(name: &[u8], kind: u8, size: &[u8], content: &[u8]) -> Vec<u8> {
    let mut block = [0; BLOCK_BYTES];
    block[..name.len()].copy_from_slice(name);
    block[124..124 + size.len()].copy_from_slice(size);
    block[156] = kind;
    block[257..263].copy_from_slice(b"ustar\0");
    block[148..156].copy_from_slice(b"        ");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut bytes = [block.as_slice(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES), 0);
    bytes
}

fn members(tar: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut reader = TarReader::new(tar);
    let mut found = Vec::new();
    while let Some(member) = reader.next_member()? {
        let mut content = Vec::new();
        reader.read_to_end(&mut content)?;
        assert_eq!(content.len() as u64, member.size);
        found.push((String::from_utf8_lossy(&member.name).into_owned(), content));
    }
    Ok(found)
}

fn names(tar: &[u8]) -> Vec<String> {
    let members = members(tar).expect("members");
    members.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn only_regular_files_are_members() {
    let tar = [
        member(b"dir/", b'5', b""),
        member(b"dir/link", b'2', b""),
        // A link whose size lies, as old writers of tar files have it.
        raw(b"hard", b'1', b"00000001000", b""),
        member(b"dir/file", b'0', b"content"),
        member(b"old", 0, b"old"),
        member(b"old-directory/", 0, b""),
        member(b"future", b'Q', b"unknown kind"),
        vec![0; 2 * BLOCK_BYTES],
        member(b"behind", b'0', b"the end"),
    ]
    .concat();
    assert_eq!(names(&tar), ["dir/file", "old", "future"]);
}

#[test]
fn long_names_and_pax_headers_are_read() {
    let long = "x/".repeat(200) + "file";
    let record = |key: &str, value: &str| {
        let rest = format!(" {key}={value}\n");
        let length = (rest.len()..).find(|length| length.to_string().len() + rest.len() == *length);
        format!("{}{rest}", length.expect("a length"))
    };
    let pax = record("mtime", "1.5") + &record("path", "pax/päth") + &record("size", "3");
    let tar = [
        member(b"././@LongLink", b'L', format!("{long}\0").as_bytes()),
        member(b"x/x", b'0', b"a"),
        member(b"././@LongLink", b'K', "l".repeat(2000).as_bytes()),
        member(b"pax_global", b'g', record("path", "not this").as_bytes()),
        member(b"PaxHeaders/p", b'x', pax.as_bytes()),
        raw(b"p", b'0', b"00000000000", b"abc"),
        member(b"last", b'0', b""),
    ]
    .concat();
    let found = members(&tar).expect("members");
    assert_eq!(names(&tar), [long.as_str(), "pax/päth", "last"]);
    assert_eq!(found[1].1, b"abc");
}

#[test]
fn sparse_headers_are_passed_over() {
    let mut tar = member(b"sparse", b'S', b"data");
    tar[482] = 1;
    let sum: u64 = 256
        + tar[..512]
            .iter()
            .enumerate()
            .filter(|(at, _)| !(148..156).contains(at))
            .map(|(_, byte)| u64::from(*byte))
            .sum::<u64>();
    tar[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut first = vec![0; BLOCK_BYTES];
    first[504] = 1;
    let second = vec![0; BLOCK_BYTES];
    let header = tar[..BLOCK_BYTES].to_vec();
    let whole = [
        header,
        first,
        second,
        tar[BLOCK_BYTES..].to_vec(),
        member(b"next", b'0', b"n"),
    ]
    .concat();
    assert_eq!(names(&whole), ["sparse", "next"]);
    assert_eq!(members(&whole).expect("members")[0].1, b"data");
}

#[test]
fn numbers_are_octal_or_binary() {
    assert_eq!(number(b"0000017\0"), Some(15));
    assert_eq!(number(b"   17 "), Some(15));
    assert_eq!(number(b""), Some(0));
    assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]), Some(258));
    assert_eq!(number(&[0xff; 12]), None);
    assert_eq!(number(b"9"), None);
    assert_eq!(number(b"7777777777777777777777777"), None);
}

#[test]
fn what_is_damaged_is_an_error_and_ends() {
    let tar = member(b"file", b'0', b"content");
    for length in [1, 511, 513, 700] {
        assert!(members(&tar[..length]).is_err(), "{length}");
    }
    let mut wrong = tar.clone();
    wrong[0] ^= 1;
    assert!(members(&[tar, wrong].concat()).is_err());
    for kind in [b'L', b'x'] {
        let huge = raw(b"huge", kind, b"77777777777", b"");
        assert!(members(&huge).is_err());
    }
    let huge = raw(
        b"huge",
        b'0',
        &[
            0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ],
        b"",
    );
    assert!(members(&huge).is_err());
}

#[test]
fn a_tar_file_is_known_by_its_checksum() {
    assert!(is_header(&member(b"x", b'0', b"")));
    assert!(!is_header(&[0; 512]));
    assert!(!is_header(&[b'0'; 512]));
    assert!(!is_header(b"short"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0u8.., 0..2000), first in proptest::bool::ANY) {
        let tar = if first { [member(b"x", b'x', &bytes), bytes].concat() } else { bytes };
        let _ = members(&tar);
    }
}
