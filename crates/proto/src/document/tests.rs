use super::*;
use proptest::prelude::*;

fn document(version: u64, text: &str) -> Document {
    let content = Bytes::copy_from_slice(text.as_bytes());
    Document::new(DocumentKind::Policies, version, content).expect("document")
}

/// A policy of many lines, of which one says `word`.
fn long(word: &str) -> String {
    let mut state = 1u64;
    let mut lines: Vec<String> = (0..2000)
        .map(|index| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            format!("- name: rule-{index}-{state:x}")
        })
        .collect();
    lines[1000] = format!("- name: {word}");
    lines.join("\n")
}

#[test]
fn a_change_of_one_line_costs_little_and_arrives() {
    let old = SharedDocument::new(document(1, &long("one")), &[]);
    let new = SharedDocument::new(document(2, &long("two")), std::slice::from_ref(&old));
    let whole = new.update_for(None).expect("update");
    let told = new
        .update_for(Some(&old.document().sha256))
        .expect("update");
    assert!(told.content.len() < 200, "{}", told.content.len());
    assert!(whole.content.len() > 10_000);
    assert_eq!(&*told.base_sha256, &old.document().sha256[..]);
    for update in [whole, told.clone()] {
        let came = Document::of_update(&update, Some(old.document())).expect("document");
        assert_eq!(&came, new.document());
    }
    // The second sensor gets the same bytes, not a copy of them.
    let again = new
        .update_for(Some(&old.document().sha256))
        .expect("update");
    assert_eq!(again.content.as_ptr(), told.content.as_ptr());
}

#[test]
fn who_has_an_unknown_version_gets_the_whole() {
    let new = SharedDocument::new(document(2, &long("two")), &[]);
    let update = new.update_for(Some(&[9; 32])).expect("update");
    assert!(update.base_sha256.is_empty());
}

#[test]
fn an_update_is_not_believed() {
    let old = document(1, &long("one"));
    let shared = SharedDocument::new(old.clone(), &[]);
    let new = SharedDocument::new(document(2, &long("two")), &[shared]);
    let good = new.update_for(Some(&old.sha256)).expect("update");
    let refused = |update: &wire::DocumentUpdate| Document::of_update(update, Some(&old));
    assert!(matches!(
        Document::of_update(&good, None),
        Err(DocumentError::Base)
    ));
    let other = wire::DocumentUpdate {
        sha256: Bytes::from_static(&[0; 32]),
        ..good.clone()
    };
    assert!(matches!(refused(&other), Err(DocumentError::Digest)));
    let huge = wire::DocumentUpdate {
        size: u64::MAX,
        ..good.clone()
    };
    assert!(matches!(refused(&huge), Err(DocumentError::TooLong { .. })));
    let kind = wire::DocumentUpdate {
        kind: 77,
        ..good.clone()
    };
    assert!(matches!(refused(&kind), Err(DocumentError::Kind(77))));
    let nothing = wire::DocumentUpdate { version: 0, ..good };
    assert!(matches!(refused(&nothing), Err(DocumentError::NoVersion)));
}

#[test]
fn a_bomb_does_not_go_off() {
    let bomb = zstd::bulk::compress(&vec![0; DOCUMENT_BYTES_MAX + 1], LEVEL).expect("zstd");
    let update = wire::DocumentUpdate {
        kind: 1,
        version: 1,
        size: 10,
        content: bomb.into(),
        ..Default::default()
    };
    assert!(matches!(
        Document::of_update(&update, None),
        Err(DocumentError::Coding(_))
    ));
}

proptest! {
    #[test]
    fn any_text_arrives_by_any_other(before: Vec<u8>, after: Vec<u8>) {
        let make = |version, content: Vec<u8>| Document::new(DocumentKind::Rules, version, content.into()).expect("document");
        let old = SharedDocument::new(make(1, before), &[]);
        let new = SharedDocument::new(make(2, after), std::slice::from_ref(&old));
        let update = new.update_for(Some(&old.document().sha256)).expect("update");
        let came = Document::of_update(&update, Some(old.document())).expect("document");
        prop_assert_eq!(&came, new.document());
    }

    #[test]
    fn any_update_is_read_or_refused(content: Vec<u8>, size in 0u64..1 << 25, kind: i32, has_base: bool) {
        let old = document(1, "base");
        let base_sha256 = if has_base { Bytes::copy_from_slice(&old.sha256) } else { Bytes::new() };
        let update = wire::DocumentUpdate { kind, version: 2, size, content: content.into(), base_sha256, ..Default::default() };
        let _ = Document::of_update(&update, Some(&old));
    }
}
