//! Layers of real overlays, made and mounted by the kernel.

use super::super::layers::{ImageFile, find};
use super::super::process::tests::key_of;
use super::whole::{Fixture, file_facts};
use super::{TestDir, TestProcess};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::process::Command;
use yagura_event::{
    ContainerKey, ContainerRoot, FileFacts, InspectionRequest, LayerDirs, Text, Twin,
};

/// A mounted overlay over two image layers; unmounted at the end.
struct Overlay {
    dir: TestDir,
}

impl Overlay {
    /// `fill` makes the image in two steps: called with the mounted lower layer's overlay.
    fn new(lowest: impl Fn(&Path), second: impl Fn(&Path)) -> Overlay {
        let dir = TestDir::new();
        for name in ["lowest", "second", "upper", "work", "work2", "merged"] {
            std::fs::create_dir(dir.join(name)).expect("directory");
        }
        lowest(&dir.join("lowest"));
        let overlay = Overlay { dir };
        // The second layer is written through an overlay, so the kernel itself makes its whiteouts.
        overlay.mount("lowest", "second", "work");
        second(&overlay.dir.join("merged"));
        overlay.unmount();
        overlay.mount("second:lowest", "upper", "work2");
        overlay
    }

    fn mount(&self, lower: &str, upper: &str, work: &str) {
        let path = |name: &str| self.dir.join(name).to_string_lossy().into_owned();
        let lower: Vec<String> = lower.split(':').map(path).collect();
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            path(upper),
            path(work)
        );
        let options = CString::new(options).expect("options");
        let target = self.dir.join("merged");
        mount(
            "overlay",
            &target,
            "overlay",
            MountFlags::empty(),
            options.as_c_str(),
        )
        .expect("an overlay");
    }

    fn unmount(&self) {
        unmount(self.dir.join("merged"), UnmountFlags::DETACH).expect("unmount");
    }

    fn merged(&self, path: &str) -> PathBuf {
        self.dir.join("merged").join(path.trim_start_matches('/'))
    }

    fn layers(&self) -> LayerDirs {
        LayerDirs {
            lower: vec![self.dir.join("second"), self.dir.join("lowest")],
            upper: self.dir.join("upper"),
        }
    }

    fn request(&self, pid: u32, path: &str) -> InspectionRequest {
        let root = file_facts(&self.dir.join("merged"), "/");
        let file = file_facts(&self.merged(path), path);
        InspectionRequest {
            token: 1,
            file: FileFacts {
                magic: FileFacts::OVERLAY_MAGIC,
                key: yagura_event::FileKey {
                    id: yagura_event::FileId {
                        dev: root.key.id.dev,
                        ..file.key.id
                    },
                    ..file.key
                },
                ..file
            },
            pid,
            is_exe: false,
            start_ns: key_of(pid).start_ns,
            container: ContainerKey(1),
            root: ContainerRoot {
                dev: root.key.id.dev,
                ino: root.key.id.ino,
                overlay: true,
                since_ns: 0,
            },
            layers: Some(self.layers()),
            arguments: Vec::new(),
            cwd: Text::default(),
        }
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        let _ = unmount(self.dir.join("merged"), UnmountFlags::DETACH);
    }
}

fn write(path: &Path, content: &str) {
    let parent = path.parent().expect("parent");
    std::fs::create_dir_all(parent).expect("directories");
    std::fs::write(path, content).expect("write");
}

fn chroot(overlay: &Overlay) -> TestProcess {
    let mut command = Command::new("chroot");
    command
        .arg(overlay.dir.join("merged"))
        .args(["/bin/busybox", "sleep", "60"]);
    let process = TestProcess::spawn(&mut command);
    process.wait_for_exe(Path::new("bin/busybox"));
    process
}

fn busybox_image(root: &Path) {
    write(&root.join("bin/script"), "#!/bin/sh\n");
    write(&root.join("bin/gone"), "#!/bin/sh\necho gone\n");
    std::fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox");
}

#[test]
fn files_of_a_mounted_overlay_are_told_from_the_images() {
    if !super::is_root("files_of_a_mounted_overlay_are_told_from_the_images") {
        return;
    }
    let overlay = Overlay::new(busybox_image, |root| {
        std::fs::remove_file(root.join("bin/gone")).expect("remove");
        write(&root.join("lib/libx.so.1"), "library");
    });
    let process = chroot(&overlay);
    let fixture = Fixture::new();
    let answer = |path: &str| fixture.ask(&overlay.request(process.0.id(), path));

    assert_eq!(answer("/bin/script").twin, Twin::Same);
    std::fs::copy("/bin/busybox", overlay.merged("/tmp-busybox")).expect("copy");
    let copy = answer("/tmp-busybox");
    assert_eq!((copy.error, copy.twin), (None, Twin::Absent));
    assert_eq!(copy.copy_of, Some("/bin/busybox".into()));
    assert!(copy.is_program);

    // Only metadata: the content is copied up and the same.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(overlay.merged("/bin/script"), mode).expect("chmod");
    let touched = answer("/bin/script");
    assert_eq!(
        (touched.error, touched.twin, touched.copy_of),
        (None, Twin::Same, None)
    );

    std::fs::write(overlay.merged("/bin/script"), "#!/bin/xx\n").expect("write");
    assert_eq!(answer("/bin/script").twin, Twin::Different);

    // A lower layer has it, but the image does not.
    write(&overlay.merged("/bin/gone"), "#!/bin/sh\necho gone\n");
    let gone = answer("/bin/gone");
    assert_eq!((gone.twin, gone.copy_of), (Twin::Absent, None));

    write(&overlay.merged("/lib/copy"), "library");
    assert_eq!(answer("/lib/copy").copy_of, Some("/lib/libx.so.1".into()));
}

#[test]
fn the_upper_layer_is_read_when_every_process_has_ended() {
    if !super::is_root("the_upper_layer_is_read_when_every_process_has_ended") {
        return;
    }
    let overlay = Overlay::new(busybox_image, |_| {});
    write(&overlay.merged("/tmp/dropped"), "#!/bin/sh\n");
    std::os::unix::fs::symlink("/etc/passwd", overlay.merged("/tmp/link")).expect("link");
    let process = chroot(&overlay);
    let mut request = overlay.request(process.0.id(), "/tmp/dropped");
    drop(process);
    request.arguments = vec![Text::from("/tmp/dropped")];
    let fixture = Fixture::new();
    let answer = fixture.ask(&request);
    assert_eq!((answer.error, answer.twin), (None, Twin::Absent));
    assert_eq!(answer.head, b"#!/bin/sh\n");
    request.file.path = Text::from("/tmp/link");
    assert!(fixture.ask(&request).sha256.is_none());
}

#[test]
fn a_program_deleted_while_it_runs_is_seen_as_deleted() {
    if !super::is_root("a_program_deleted_while_it_runs_is_seen_as_deleted") {
        return;
    }
    let overlay = Overlay::new(busybox_image, |_| {});
    let fixture = Fixture::new();
    let deleted = |program: &str, delete: bool| {
        let mut command = Command::new("chroot");
        command
            .arg(overlay.dir.join("merged"))
            .args([program, "sleep", "60"]);
        let process = TestProcess::spawn(&mut command);
        process.wait_for_exe(Path::new(program.trim_start_matches('/')));
        let mut request = overlay.request(process.0.id(), program);
        request.is_exe = true;
        if delete {
            std::fs::remove_file(overlay.merged(program)).expect("remove");
        }
        let answer = fixture.ask(&request);
        assert_eq!(answer.error, None);
        answer.deleted
    };
    std::fs::copy("/bin/busybox", overlay.merged("/busybox")).expect("copy");
    assert!(!deleted("/busybox", false));
    assert!(deleted("/busybox", true));
    assert!(!deleted("/bin/busybox", false));
}

/// Every path of the image, found in the layers exactly as the kernel shows it.
#[test]
fn layers_are_stacked_as_the_kernel_does() {
    if !super::is_root("layers_are_stacked_as_the_kernel_does") {
        return;
    }
    let overlay = Overlay::new(
        |root| {
            for path in ["a/1", "a/2", "b/c/3", "b/4", "d/5", "e", "f/6", "g/h/7"] {
                write(&root.join(path), path);
            }
            std::os::unix::fs::symlink("a/1", root.join("link")).expect("link");
            std::os::unix::fs::symlink("a", root.join("linked")).expect("link");
        },
        |root| {
            // Whiteout of a file, of a directory, and a directory made anew, which is opaque.
            std::fs::remove_file(root.join("a/1")).expect("remove");
            std::fs::remove_dir_all(root.join("d")).expect("remove");
            std::fs::remove_dir_all(root.join("b")).expect("remove");
            write(&root.join("b/4"), "new");
            // A file where a directory was, and the other way round.
            std::fs::remove_dir_all(root.join("f")).expect("remove");
            write(&root.join("f"), "file");
            std::fs::remove_file(root.join("e")).expect("remove");
            write(&root.join("e/8"), "directory");
            write(&root.join("g/h/9"), "merged");
        },
    );
    let layers = overlay.layers().lower;
    let paths = [
        "/a/1",
        "/a/2",
        "/a",
        "/b/c/3",
        "/b/4",
        "/d/5",
        "/e",
        "/e/8",
        "/f",
        "/f/6",
        "/g/h/7",
        "/g/h/9",
        "/g/h",
        "/link",
        "/linked/2",
        "/nothing",
        "/a/2/x",
    ];
    for path in paths {
        let shown = std::fs::symlink_metadata(overlay.merged(path));
        let through_link = path.starts_with("/linked/");
        let expected = shown
            .is_ok_and(|metadata| metadata.is_file() && !through_link)
            .then(|| std::fs::read(overlay.merged(path)).expect("content"));
        let content = match find(&layers, path.as_bytes()) {
            ImageFile::Unknown => panic!("{path} is unknown"),
            ImageFile::Absent => None,
            ImageFile::Present { found, .. } => {
                let mut content = Vec::new();
                let mut file = found.open(Path::new("/proc")).expect("open");
                std::io::Read::read_to_end(&mut file, &mut content).expect("read");
                Some(content)
            }
        };
        assert_eq!(content, expected, "{path}");
    }
}

#[test]
fn whiteouts_opaque_directories_and_odd_layers_are_understood_without_a_mount() {
    if !super::is_root("whiteouts_opaque_directories_and_odd_layers_are_understood") {
        return;
    }
    let dir = TestDir::new();
    let layers = [dir.join("top"), dir.join("low")];
    for path in ["w", "o/x", "u/x", "n/x", "m", "r/x", "z"] {
        write(&layers[1].join(path), "low");
    }
    for path in ["o/y", "u/y", "n/y", "r/y", "z", "m"] {
        write(&layers[0].join(path), "");
    }
    mknodat(
        CWD,
        layers[0].join("w"),
        FileType::CharacterDevice,
        Mode::empty(),
        0,
    )
    .expect("whiteout");
    let set = |path: &str, name: &str, value: &[u8]| {
        setxattr(layers[0].join(path), name, value, XattrFlags::empty()).expect("attribute");
    };
    set("o", "trusted.overlay.opaque", b"y");
    set("n", "trusted.overlay.opaque", b"n");
    set("r", "trusted.overlay.redirect", b"/elsewhere");
    set("z", "trusted.overlay.whiteout", b"");
    set("m", "trusted.overlay.metacopy", b"");
    let user = rustix::fs::setxattr(
        layers[0].join("u"),
        "user.overlay.opaque",
        b"y",
        XattrFlags::empty(),
    );
    let look = |path: &str| match find(&layers, path.as_bytes()) {
        ImageFile::Unknown => "unknown",
        ImageFile::Absent => "absent",
        ImageFile::Present { layer: 0, .. } => "top",
        ImageFile::Present { .. } => "low",
    };
    assert_eq!(look("/w"), "absent");
    assert_eq!((look("/o/x"), look("/o/y")), ("absent", "top"));
    assert_eq!(look("/n/x"), "low");
    assert_eq!(look("/r/x"), "unknown");
    assert_eq!(look("/z"), "absent");
    assert_eq!(look("/m"), "low");
    if user.is_ok() {
        assert_eq!(look("/u/x"), "absent");
    }
    assert_eq!(
        (look("/"), look("n/x"), look("/n/../m")),
        ("unknown", "unknown", "unknown")
    );
    assert!(matches!(find(&[], b"/m"), ImageFile::Unknown));
    assert!(matches!(
        find(&[dir.join("missing")], b"/m"),
        ImageFile::Unknown
    ));
}
