//! Giving back.

use crate::harness::Place;
use rustix::fs::{CWD, Mode, XattrFlags, getxattr, mkfifoat, setxattr};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use yagura_quarantine::{LocateError, ReadError, RestoreError, RestoreOptions, Store};

const PLAIN: RestoreOptions = RestoreOptions {
    replace: false,
    with_privileges: false,
};
const REPLACING: RestoreOptions = RestoreOptions {
    replace: true,
    ..PLAIN
};
const PRIVILEGED: RestoreOptions = RestoreOptions {
    with_privileges: true,
    ..PLAIN
};

/// `cap_net_raw` permitted, as setcap(8) writes it (`vfs_cap_data`, revision 2).
const CAPABILITY: [u8; 20] = [0, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn error(
    store: &Store,
    place: &Place,
    id: yagura_quarantine::ItemId,
    to: Option<&str>,
) -> RestoreError {
    store
        .restore(id, &place.target(to), PLAIN)
        .expect_err("refused")
}

#[test]
fn a_file_comes_back_as_it_was_without_its_privileges() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"content");
    let path = place.at("dir/x");
    setxattr(&path, "user.origin", b"http", XattrFlags::empty()).expect("attribute");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4751)).expect("mode");
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        setxattr(
            &path,
            "security.capability",
            &CAPABILITY,
            XattrFlags::empty(),
        )
        .expect("cap");
    }
    let before = std::fs::metadata(&path).expect("there");
    let id = place.take(&store, "/dir/x").metadata.id;

    let restored = store
        .restore(id, &place.target(None), PLAIN)
        .expect("restored");
    assert!(restored.without_privileges);
    assert_eq!(std::fs::read(&path).expect("there"), b"content");
    let after = std::fs::metadata(&path).expect("there");
    assert_eq!(after.mode() & 0o7777, 0o751);
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
    assert_eq!(
        (after.mtime(), after.mtime_nsec()),
        (before.mtime(), before.mtime_nsec())
    );
    let mut value = [0; 64];
    assert_eq!(getxattr(&path, "user.origin", &mut value), Ok(4));
    assert!(getxattr(&path, "security.capability", &mut value).is_err());
    assert_eq!(place.names("dir"), ["x"]);
    store.verify(id).expect("still stored");

    std::fs::remove_file(&path).expect("removed");
    let restored = store
        .restore(id, &place.target(None), PRIVILEGED)
        .expect("restored");
    assert!(!restored.without_privileges);
    let after = std::fs::metadata(&path).expect("there");
    assert_eq!(after.mode() & 0o7777, 0o4751);
    if is_root {
        assert_eq!(getxattr(&path, "security.capability", &mut value), Ok(20));
    }
}

#[test]
fn another_owner_is_kept() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"content");
    std::os::unix::fs::chown(place.at("dir/x"), Some(12345), Some(54321)).expect("owner");
    let id = place.take(&store, "/dir/x").metadata.id;
    store
        .restore(id, &place.target(None), PLAIN)
        .expect("restored");
    let after = std::fs::metadata(place.at("dir/x")).expect("there");
    assert_eq!((after.uid(), after.gid()), (12345, 54321));
}

#[test]
fn what_is_there_is_replaced_only_if_asked() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"old");
    let id = place.take(&store, "/dir/x").metadata.id;
    place.write("dir/x", b"new");
    assert!(matches!(
        error(&store, &place, id, None),
        RestoreError::Exists { .. }
    ));
    assert_eq!(std::fs::read(place.at("dir/x")).expect("there"), b"new");
    store
        .restore(id, &place.target(None), REPLACING)
        .expect("restored");
    assert_eq!(std::fs::read(place.at("dir/x")).expect("there"), b"old");
    assert_eq!(place.names("dir"), ["x"]);
}

#[test]
fn what_is_no_regular_file_is_never_replaced() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"old");
    place.write("dir/victim", b"victim");
    let id = place.take(&store, "/dir/x").metadata.id;
    symlink("victim", place.at("dir/link")).expect("link");
    mkfifoat(CWD, place.at("dir/pipe"), Mode::RUSR | Mode::WUSR).expect("pipe");
    std::fs::create_dir(place.at("dir/folder")).expect("directory");
    for name in ["link", "pipe", "folder"] {
        let target = place.target(Some(&format!("/dir/{name}")));
        let error = store.restore(id, &target, REPLACING).expect_err("refused");
        assert!(matches!(error, RestoreError::OtherKind { .. }), "{error}");
    }
    assert_eq!(
        std::fs::read(place.at("dir/victim")).expect("there"),
        b"victim"
    );
}

#[test]
fn no_link_leads_out_of_the_root() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"bad");
    let id = place.take(&store, "/dir/x").metadata.id;
    let outside = place.outside("host");
    std::fs::create_dir(&outside).expect("directory");
    // The directory it came from is a link by now.
    std::fs::remove_dir(place.at("dir")).expect("removed");
    for to in [
        outside.clone(),
        "../host".into(),
        "../../../../../../../../etc".into(),
    ] {
        symlink(&to, place.at("dir")).expect("link");
        let error = error(&store, &place, id, None);
        assert!(matches!(error, RestoreError::Locate(_)), "{error}");
        std::fs::remove_file(place.at("dir")).expect("removed");
    }
    assert_eq!(std::fs::read_dir(&outside).expect("there").count(), 0);
    let error = error(&store, &place, id, Some("/../host/x"));
    assert!(
        matches!(error, RestoreError::Locate(LocateError::Directory { .. })),
        "{error}"
    );
}

#[test]
fn a_link_inside_the_root_must_lead_to_where_the_file_was() {
    let place = Place::new();
    let store = place.store();
    std::fs::create_dir(place.at("cron.d")).expect("directory");
    std::fs::create_dir(place.at("usr")).expect("directory");
    symlink("usr", place.at("bin")).expect("link");
    place.write("usr/tool", b"taken over a link");
    place.write("dir/x", b"bad");
    let over_link = place.take(&store, "/bin/tool").metadata.id;
    let id = place.take(&store, "/dir/x").metadata.id;
    store
        .restore(over_link, &place.target(None), PLAIN)
        .expect("the same directory");
    assert!(place.at("usr/tool").exists());

    std::fs::remove_dir(place.at("dir")).expect("removed");
    symlink("cron.d", place.at("dir")).expect("link");
    assert!(matches!(
        error(&store, &place, id, None),
        RestoreError::Locate(LocateError::Link { .. })
    ));
    assert!(matches!(
        error(&store, &place, id, Some("/bin/x")),
        RestoreError::Locate(LocateError::Link { .. })
    ));
    assert_eq!(place.names("cron.d"), Vec::<String>::new());
    store
        .restore(id, &place.target(Some("/cron.d/x")), PLAIN)
        .expect("named");
}

#[test]
fn a_directory_that_is_gone_is_not_made() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"bad");
    let id = place.take(&store, "/dir/x").metadata.id;
    std::fs::remove_dir(place.at("dir")).expect("removed");
    assert!(matches!(
        error(&store, &place, id, None),
        RestoreError::Locate(LocateError::Directory { .. })
    ));
    place.write("dir", b"a file by now");
    assert!(matches!(
        error(&store, &place, id, None),
        RestoreError::Locate(_)
    ));
    assert!(matches!(
        error(&store, &place, id, Some("relative")),
        RestoreError::Locate(LocateError::Path { .. })
    ));
}

#[test]
fn nothing_of_a_tampered_item_comes_out() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", &vec![b'x'; 200_000]);
    let id = place.take(&store, "/dir/x").metadata.id;
    let path = place.item_path(id);
    let mut bytes = std::fs::read(&path).expect("stored");
    bytes[150_000] ^= 1;
    std::fs::write(&path, &bytes).expect("written");
    let refused = error(&store, &place, id, None);
    assert!(matches!(refused, RestoreError::Copy { .. }), "{refused}");
    assert_eq!(place.names("dir"), Vec::<String>::new());
    bytes.truncate(1000);
    std::fs::write(&path, &bytes).expect("written");
    let refused = error(&store, &place, id, None);
    assert!(
        matches!(refused, RestoreError::Item(ReadError::Damaged { .. })),
        "{refused}"
    );
}
