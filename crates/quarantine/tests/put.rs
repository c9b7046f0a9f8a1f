//! Taking.

use crate::harness::{Place, note};
use rustix::fs::{CWD, Mode, XattrFlags, mkfifoat, setxattr};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use yagura_quarantine::{Limits, PutError, SealError, Source, SourceError};

#[test]
fn a_file_is_taken_with_all_that_belongs_to_it() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"content");
    let path = place.at("dir/x");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4751)).expect("mode");
    setxattr(&path, "user.origin", b"http", XattrFlags::empty()).expect("attribute");

    let item = place.take(&store, "/dir/x");

    assert!(!path.exists());
    let metadata = &item.metadata;
    assert_eq!(metadata.path.as_bytes(), b"/dir/x");
    assert_eq!((metadata.size, metadata.links), (7, 1));
    assert_eq!(metadata.mode & 0o7777, 0o4751);
    assert_eq!(metadata.xattrs.len(), 1);
    assert_eq!(metadata.xattrs[0].name.as_bytes(), b"user.origin");
    let digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    assert_eq!(metadata.sha256.to_string(), digest);
    assert_eq!(store.verify(metadata.id).expect("whole"), item);
    let stored = std::fs::read(place.item_path(metadata.id)).expect("stored");
    assert_eq!(stored.len() as u64, item.stored_bytes);
    assert!(!stored.windows(7).any(|window| window == b"content"));
}

#[test]
fn names_need_not_be_text() {
    let place = Place::new();
    let store = place.store();
    let name = b"a\n\xff\x1b[31m";
    let path = place.at("dir").join(std::ffi::OsStr::from_bytes(name));
    std::fs::write(&path, "x").expect("a file");
    let full = [b"/dir/".as_slice(), name].concat();
    let source = Source::open(place.root(), &full, None).expect("a source");
    let item = store.put(&source, &note()).expect("taken");
    assert!(!path.exists());
    let again = store.get(item.metadata.id).expect("an item");
    assert_eq!(again.metadata.path.as_bytes(), full);
}

#[test]
fn only_regular_files_are_opened() {
    let place = Place::new();
    place.write("dir/x", b"");
    symlink("x", place.at("dir/link")).expect("link");
    mkfifoat(CWD, place.at("dir/pipe"), Mode::RUSR | Mode::WUSR).expect("pipe");
    for (path, kind) in [
        ("/dir/link", "link"),
        ("/dir/pipe", "FIFO"),
        ("/dir", "directory"),
    ] {
        match Source::open(place.root(), path.as_bytes(), None) {
            Err(SourceError::NotRegular { kind: found }) => {
                assert!(found.contains(kind), "{found}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }
    for path in ["dir/x", "/dir/x/", "/none/x", "/dir/none", "/dir/.."] {
        assert!(
            Source::open(place.root(), path.as_bytes(), None).is_err(),
            "{path}"
        );
    }
}

#[test]
fn links_do_not_lead_out_of_the_root() {
    let place = Place::new();
    std::fs::create_dir(place.outside("dir2")).expect("directory");
    std::fs::write(place.outside("dir2/secret"), "host").expect("secret");
    symlink("../../../dir2", place.at("dir/up")).expect("link");
    symlink(place.outside("dir2"), place.at("dir/absolute")).expect("link");
    for path in ["/dir/up/secret", "/dir/absolute/secret", "/../dir2/secret"] {
        assert!(
            Source::open(place.root(), path.as_bytes(), None).is_err(),
            "{path}"
        );
    }
    assert!(place.outside("dir2/secret").exists());
}

#[test]
fn a_file_that_took_the_name_meanwhile_stays() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"bad");
    let source = place.source("/dir/x");
    place.write("dir/new", b"good");
    std::fs::rename(place.at("dir/new"), place.at("dir/x")).expect("rename");
    // Losing its name changed the file's ctime before the copy, so only the name tells.
    let error = store.put(&source, &note()).expect_err("refused");
    assert!(matches!(error, PutError::Replaced), "{error}");
    assert_eq!(std::fs::read(place.at("dir/x")).expect("a file"), b"good");
    assert!(store.list().expect("list").items.is_empty());
}

#[test]
fn a_file_that_lost_its_name_is_not_kept() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"bad");
    let source = place.source("/dir/x");
    std::fs::remove_file(place.at("dir/x")).expect("removed");
    let error = store.put(&source, &note()).expect_err("refused");
    assert!(matches!(error, PutError::Unlink(_)), "{error}");
    assert!(store.list().expect("list").items.is_empty());
}

#[test]
fn a_file_that_is_written_all_the_time_is_never_half_taken() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", &vec![b'a'; 4 << 20]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut letters = (b'a'..=b'z').cycle();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let letter = letters.next().unwrap();
                let file = std::fs::OpenOptions::new()
                    .write(true)
                    .open(place.at("dir/x"));
                let Ok(file) = file else { continue };
                use std::os::unix::fs::FileExt as _;
                file.write_all_at(&[letter; 100], 3 << 20).expect("written");
            }
        });
        for _ in 0..20 {
            match store.put(&place.source("/dir/x"), &note()) {
                Ok(item) => {
                    store.verify(item.metadata.id).expect("whole");
                    assert!(!place.at("dir/x").exists());
                    break;
                }
                Err(PutError::Changed) => {
                    assert_eq!(
                        std::fs::metadata(place.at("dir/x")).expect("there").len(),
                        4 << 20
                    );
                }
                Err(error) => panic!("{error}"),
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_file_with_another_name_says_so() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"bad");
    std::fs::hard_link(place.at("dir/x"), place.at("dir/y")).expect("link");
    let item = place.take(&store, "/dir/x");
    assert_eq!(item.metadata.links, 2);
    assert!(place.at("dir/y").exists());
}

#[test]
fn bounds_hold() {
    let place = Place::new();
    let limits = Limits {
        file_bytes_max: 100,
        items_max: 2,
        bytes_max: 2500,
    };
    let store = place.store_with(limits);
    place.write("dir/large", &[0; 101]);
    let error = store
        .put(&place.source("/dir/large"), &note())
        .expect_err("large");
    assert!(
        matches!(error, PutError::TooLarge { size: 101, .. }),
        "{error}"
    );
    for name in ["a", "b", "c"] {
        place.write(&format!("dir/{name}"), b"x");
    }
    place.take(&store, "/dir/a");
    place.take(&store, "/dir/b");
    let error = store
        .put(&place.source("/dir/c"), &note())
        .expect_err("full");
    assert!(
        matches!(error, PutError::ItemsFull { items_max: 2 }),
        "{error}"
    );
    let narrow = place.store_with(Limits {
        items_max: 10,
        bytes_max: 100,
        ..limits
    });
    let error = narrow
        .put(&place.source("/dir/c"), &note())
        .expect_err("full");
    assert!(matches!(error, PutError::BytesFull { .. }), "{error}");
    let mut long = note();
    long.reason = "x".repeat(yagura_quarantine::NOTE_BYTES_MAX);
    let error = store.put(&place.source("/dir/c"), &long).expect_err("long");
    assert!(matches!(error, PutError::NoteTooLarge { .. }), "{error}");
    assert!(place.at("dir/c").exists());
}

#[test]
fn a_sparse_file_beyond_the_bound_is_not_read() {
    let place = Place::new();
    let store = place.store();
    place.write("dir/x", b"");
    let file = std::fs::File::options()
        .write(true)
        .open(place.at("dir/x"))
        .expect("a file");
    file.set_len(10 << 30).expect("sparse");
    let error = store
        .put(&place.source("/dir/x"), &note())
        .expect_err("large");
    assert!(matches!(error, PutError::TooLarge { .. }), "{error}");
}

#[test]
fn a_special_file_given_open_is_refused() {
    let place = Place::new();
    let store = place.store();
    let null = std::fs::File::open("/dev/null").expect("null");
    let directory = crate::harness::open_directory(&place.at("dir"));
    let source = Source::from_parts(null, directory, b"x".to_vec(), None, "/dir/x".into());
    let error = store.put(&source, &note()).expect_err("refused");
    assert!(matches!(error, PutError::NotRegular { .. }), "{error}");
    // A kind of its own for what turns out larger than it said.
    let error: PutError = SealError::TooLarge { bytes_max: 1 }.into();
    assert!(error.to_string().contains("copied"));
}
