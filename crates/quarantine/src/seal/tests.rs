use super::*;
use proptest::prelude::*;
use std::io::Cursor;

const ID: ItemId = ItemId(*b"01234567");

fn sealed(content: &[u8], metadata: &[u8]) -> (Key, Sealed, Vec<u8>) {
    let key = Key::from([7; 32]);
    let header = Header::new(ID).expect("random");
    let mut out = Vec::new();
    let sealed = seal(&key, &header, content, u64::MAX, &mut out).expect("sealed");
    seal_metadata(&key, &header, metadata, &mut out).expect("sealed");
    (key, sealed, out)
}

fn opened(key: &Key, expected: Sealed, item: &[u8]) -> Result<(Vec<u8>, Vec<u8>), UnsealError> {
    let mut from = Cursor::new(item);
    let (header, metadata) = unseal_metadata(key, ID, &mut from)?;
    let mut content = Vec::new();
    unseal(key, &header, expected, &mut from, &mut content)?;
    Ok((content, metadata))
}

#[test]
fn sizes_around_a_chunk_come_back() {
    for size in [
        0,
        1,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        3 * CHUNK_BYTES,
    ] {
        let content: Vec<u8> = (0..=250).cycle().take(size).collect();
        let (key, expected, item) = sealed(&content, b"{}");
        assert_eq!(expected.size, size as u64);
        let (back, metadata) = opened(&key, expected, &item).expect("opened");
        assert!(back == content, "{size}");
        assert_eq!(metadata, b"{}");
    }
}

#[test]
fn nothing_of_the_content_is_readable() {
    let content = b"a sentence that must not be found".repeat(10);
    let (_, _, item) = sealed(&content, b"another one");
    for part in [&content[..8], b"another"] {
        assert!(!item.windows(part.len()).any(|window| window == part));
    }
}

#[test]
fn a_larger_file_is_refused() {
    let header = Header::new(ID).expect("random");
    let seal = |bytes_max| {
        let content = io::repeat(0).take(100_000);
        seal(
            &Key::from([7; 32]),
            &header,
            content,
            bytes_max,
            &mut Vec::new(),
        )
    };
    assert!(seal(100_000).is_ok());
    assert!(matches!(seal(99_999), Err(SealError::TooLarge { .. })));
}

#[test]
fn another_key_and_another_name_are_told() {
    let (key, expected, item) = sealed(b"content", b"{}");
    assert!(matches!(
        opened(&Key::from([8; 32]), expected, &item),
        Err(UnsealError::Metadata)
    ));
    let other = unseal_metadata(&key, ItemId([0; 8]), &mut Cursor::new(&item));
    assert!(matches!(other, Err(UnsealError::OtherItem { found: ID })));
}

#[test]
fn chunks_cannot_be_exchanged_left_out_or_brought_from_another_item() {
    let content = vec![b'x'; 2 * CHUNK_BYTES + 5];
    let (key, expected, item) = sealed(&content, b"{}");
    let length = CHUNK_BYTES + TAG_BYTES;
    let (first, second) = (HEADER_BYTES, HEADER_BYTES + length);

    let mut exchanged = item.clone();
    exchanged[first..second].copy_from_slice(&item[second..second + length]);
    exchanged[second..second + length].copy_from_slice(&item[first..second]);
    assert!(matches!(
        opened(&key, expected, &exchanged),
        Err(UnsealError::Chunk { chunk: 0 })
    ));

    let mut shorter = item.clone();
    shorter.drain(second..second + length);
    assert!(opened(&key, expected, &shorter).is_err());

    let (_, _, other) = sealed(&content, b"{}");
    let mut mixed = item.clone();
    mixed[second..second + length].copy_from_slice(&other[second..second + length]);
    assert!(matches!(
        opened(&key, expected, &mixed),
        Err(UnsealError::Chunk { chunk: 1 })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_is_opened(content in proptest::collection::vec(any::<u8>(), 0..200_000), metadata in proptest::collection::vec(any::<u8>(), 0..500)) {
        let (key, expected, item) = sealed(&content, &metadata);
        let (back, described) = opened(&key, expected, &item).expect("opened");
        prop_assert!(back == content);
        prop_assert_eq!(described, metadata);
    }

    #[test]
    fn any_changed_byte_is_found(size in 0..150_000usize, at in any::<proptest::sample::Index>(), flip in 1..=255u8) {
        let (key, expected, mut item) = sealed(&vec![1; size], b"{\"a\":1}");
        let at = at.index(item.len());
        item[at] ^= flip;
        prop_assert!(opened(&key, expected, &item).is_err());
    }

    #[test]
    fn any_cut_is_found(size in 0..150_000usize, at in any::<proptest::sample::Index>()) {
        let (key, expected, item) = sealed(&vec![1; size], b"{\"a\":1}");
        prop_assert!(opened(&key, expected, &item[..at.index(item.len())]).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in any::<u64>()) {
        let key = Key::from([7; 32]);
        let item = [MAGIC.as_slice(), &ID.0, &bytes].concat();
        let expected = Sealed { size, sha256: Sha256([0; 32]) };
        prop_assert!(opened(&key, expected, &item).is_err());
        prop_assert!(opened(&key, expected, &bytes).is_err());
    }
}
