//! The folder.

use crate::harness::Place;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use yagura_quarantine::{Limits, OpenError, ReadError, RemoveError, Store};

fn open(place: &Place) -> Result<Store, OpenError> {
    Store::open(&place.store_path(), Limits::default())
}

fn set_mode(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("mode");
}

#[test]
fn a_store_is_its_owners_alone() {
    let place = Place::new();
    place.store();
    let mode = |path: &str| {
        let path = place.store_path().join(path);
        std::fs::metadata(path).expect("there").permissions().mode() & 0o777
    };
    assert_eq!((mode("."), mode("key")), (0o700, 0o600));
    place.write("dir/x", b"x");
    let id = place.take(&place.store(), "/dir/x").metadata.id;
    assert_eq!(mode(&format!("{id}.item")), 0o600);
}

#[test]
fn a_folder_of_others_is_refused() {
    let place = Place::new();
    place.store();
    for mode in [0o770, 0o702, 0o755] {
        set_mode(&place.store_path(), mode);
        let error = open(&place).expect_err("refused");
        assert!(
            matches!(error, OpenError::Mode { mode: found } if found == mode),
            "{error}"
        );
    }
    set_mode(&place.store_path(), 0o700);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(place.store_path(), Some(12345), None).expect("owner");
        let error = open(&place).expect_err("refused");
        assert!(
            matches!(error, OpenError::Owner { uid: 12345, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_link_to_a_folder_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.outside("elsewhere")).expect("directory");
    symlink("elsewhere", place.store_path()).expect("link");
    assert!(matches!(open(&place), Err(OpenError::Folder(_))));
}

#[test]
fn items_are_listed_shown_and_removed() {
    let place = Place::new();
    let store = place.store();
    assert!(store.list().expect("list").items.is_empty());
    for name in ["a", "b"] {
        place.write(&format!("dir/{name}"), name.as_bytes());
        place.take(&store, &format!("/dir/{name}"));
    }
    let listing = place.store().list().expect("list");
    assert_eq!(listing.items.len(), 2);
    assert!(listing.unusable.is_empty() && !listing.is_cut);
    let id = listing.items[0].metadata.id;
    assert_eq!(store.get(id).expect("an item"), listing.items[0]);
    store.remove(id).expect("removed");
    assert!(matches!(store.remove(id), Err(RemoveError::Missing { .. })));
    assert!(matches!(store.get(id), Err(ReadError::Missing { .. })));
    assert_eq!(store.list().expect("list").items.len(), 1);
}

#[test]
fn files_that_were_tampered_with_are_named_and_the_rest_is_listed() {
    let place = Place::new();
    let store = place.store();
    for name in ["a", "b", "c"] {
        place.write(&format!("dir/{name}"), name.as_bytes());
    }
    let [a, b, c] = ["/dir/a", "/dir/b", "/dir/c"].map(|path| place.take(&store, path).metadata.id);
    std::fs::write(place.item_path(a), "no item").expect("written");
    let mut bytes = std::fs::read(place.item_path(b)).expect("stored");
    let end = bytes.len() - 10;
    bytes[end] ^= 1;
    std::fs::write(place.item_path(b), bytes).expect("written");
    std::fs::write(place.store_path().join("note\n"), "x").expect("written");
    std::fs::copy(
        place.item_path(c),
        place.store_path().join("0123456789abcdef.item"),
    )
    .expect("copied");

    let listing = store.list().expect("list");
    let items: Vec<_> = listing.items.iter().map(|item| item.metadata.id).collect();
    assert_eq!(items, [c]);
    let named: Vec<&str> = listing
        .unusable
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    let mut expected = [
        format!("{a}.item"),
        format!("{b}.item"),
        "0123456789abcdef.item".to_owned(),
        "note\\n".to_owned(),
    ];
    expected.sort();
    assert_eq!(named, expected);
    assert!(
        listing
            .unusable
            .iter()
            .all(|file| file.error.is_some() == file.name.ends_with(".item"))
    );
}

#[test]
fn what_a_crash_left_is_removed_and_named() {
    let place = Place::new();
    place.store();
    std::fs::write(place.store_path().join(".unfinished-1"), "half").expect("written");
    let store = place.store();
    assert_eq!(store.leftovers(), [".unfinished-1"]);
    assert!(place.store().leftovers().is_empty());
}

#[test]
fn a_lost_key_is_not_replaced() {
    let place = Place::new();
    place.write("dir/x", b"x");
    place.take(&place.store(), "/dir/x");
    let key = place.store_path().join("key");
    std::fs::write(&key, "short").expect("written");
    assert!(matches!(open(&place), Err(OpenError::KeyLost)));
    std::fs::remove_file(&key).expect("removed");
    assert!(matches!(open(&place), Err(OpenError::KeyLost)));
    assert!(!key.exists());
    std::fs::write(&key, [0; 32]).expect("written");
    let listing = place.store().list().expect("list");
    assert_eq!((listing.items.len(), listing.unusable.len()), (0, 1));
}

#[test]
fn several_may_use_it_at_once() {
    let place = Place::new();
    let names: Vec<String> = (0..16).map(|number| format!("/dir/{number}")).collect();
    for name in &names {
        place.write(name, &vec![b'x'; 100_000]);
    }
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| place.take(&place.store(), name));
        }
    });
    let store = place.store();
    let listing = store.list().expect("list");
    assert_eq!(listing.items.len(), names.len());
    for item in listing.items {
        store.verify(item.metadata.id).expect("whole");
    }
    assert!(place.names("dir").is_empty());
}
