//! Drift that hides: memory, deleted files, loaders, libraries, namespaces, descriptors.

use super::{DriftCase, How, Needs, PreparedInput};
use yagura_event::{DriftKind, DriftVector};

pub(super) const MEMFD: &[DriftCase] = &[
    DriftCase {
        name: "memfd-fexecve",
        vector: DriftVector::Memfd,
        kind: DriftKind::Binaries,
        description: "a foreign program in memory, executed by descriptor",
        paths: &["memfd-fexecve"],
        needs: Needs::NOTHING,
        how: How::Shell("run-memfd exec /payload/drifted memfd-fexecve"),
    },
    DriftCase {
        name: "memfd-proc",
        vector: DriftVector::Memfd,
        kind: DriftKind::Binaries,
        description: "the same through /proc/self/fd",
        paths: &["memfd-proc"],
        needs: Needs::NOTHING,
        how: How::Shell("run-memfd path /payload/drifted memfd-proc"),
    },
    DriftCase {
        name: "memfd-image-copy",
        vector: DriftVector::Memfd,
        kind: DriftKind::Binaries,
        description: "an image program copied into memory",
        paths: &["memfd-image-copy"],
        needs: Needs::NOTHING,
        how: How::Shell("run-memfd exec /usr/bin/shipped memfd-image-copy"),
    },
    DriftCase {
        name: "memfd-stdin",
        vector: DriftVector::Memfd,
        kind: DriftKind::Binaries,
        description: "a program that came through a pipe and never touched a file system",
        paths: &["memfd-stdin"],
        needs: Needs::NOTHING,
        how: How::ShellWithInput(
            "run-memfd exec /dev/stdin memfd-stdin",
            PreparedInput::Drifted,
        ),
    },
];

pub(super) const DELETED: &[DriftCase] = &[
    DriftCase {
        name: "deleted-before",
        vector: DriftVector::Deleted,
        kind: DriftKind::Binaries,
        description: "opened, deleted, then executed by descriptor",
        paths: &["/tmp/deleted-before"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/deleted-before && run-descriptor deleted /tmp/deleted-before",
        ),
    },
    DriftCase {
        name: "deleted-running",
        vector: DriftVector::Deleted,
        kind: DriftKind::Binaries,
        description: "deleted by another process while it runs",
        paths: &["/tmp/deleted-running"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/deleted-running && { /tmp/deleted-running 300 & } && sleep 0.1 && rm /tmp/deleted-running && wait $!",
        ),
    },
    DriftCase {
        name: "deleted-itself",
        vector: DriftVector::Deleted,
        kind: DriftKind::Binaries,
        description: "deletes its own file as soon as it runs",
        paths: &["/tmp/deleted-itself"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/deleted-itself && /tmp/deleted-itself 200 unlink",
        ),
    },
    DriftCase {
        name: "deleted-volume",
        vector: DriftVector::Deleted,
        kind: DriftKind::Binaries,
        description: "on a volume, opened, deleted, then executed",
        paths: &["/volume/deleted-volume"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /volume/deleted-volume && run-descriptor deleted /volume/deleted-volume",
        ),
    },
];

pub(super) const LOADER: &[DriftCase] = &[
    DriftCase {
        name: "loader-absolute",
        vector: DriftVector::Loader,
        kind: DriftKind::Binaries,
        description: "a written program given to the dynamic loader",
        paths: &["/tmp/loader-absolute"],
        needs: Needs::LOADER,
        how: How::Shell(
            "cp /payload/drifted-dynamic /tmp/loader-absolute && $LOADER /tmp/loader-absolute",
        ),
    },
    DriftCase {
        name: "loader-relative",
        vector: DriftVector::Loader,
        kind: DriftKind::Binaries,
        description: "the same by a relative path",
        paths: &["/tmp/loader-relative"],
        needs: Needs::LOADER,
        how: How::Shell(
            "cd /tmp && cp /payload/drifted-dynamic loader-relative && $LOADER ./loader-relative",
        ),
    },
    DriftCase {
        name: "loader-not-executable",
        vector: DriftVector::Loader,
        kind: DriftKind::Binaries,
        description: "the same for a file that may not be executed",
        paths: &["/tmp/loader-not-executable"],
        needs: Needs::LOADER,
        how: How::Shell(
            "cat /payload/drifted-dynamic > /tmp/loader-not-executable && chmod 644 /tmp/loader-not-executable && $LOADER /tmp/loader-not-executable",
        ),
    },
    DriftCase {
        name: "loader-options",
        vector: DriftVector::Loader,
        kind: DriftKind::Binaries,
        description: "the same behind the loader's own options",
        paths: &["/tmp/loader-options"],
        needs: Needs::LOADER,
        how: How::Shell(
            "cp /payload/drifted-dynamic /tmp/loader-options && $LOADER --library-path /tmp /tmp/loader-options",
        ),
    },
    DriftCase {
        name: "loader-volume",
        vector: DriftVector::Loader,
        kind: DriftKind::Binaries,
        description: "a program on a volume given to the dynamic loader",
        paths: &["/payload/drifted-dynamic"],
        needs: Needs::LOADER,
        how: How::Shell("$LOADER /payload/drifted-dynamic"),
    },
];

pub(super) const LIBRARY: &[DriftCase] = &[
    DriftCase {
        name: "library-preload",
        vector: DriftVector::Library,
        kind: DriftKind::Libraries,
        description: "preloaded by an environment variable",
        paths: &["/tmp/library-preload.so"],
        needs: Needs::LOADER,
        how: How::Shell(
            "cp /payload/drifted.so /tmp/library-preload.so && LD_PRELOAD=/tmp/library-preload.so cat /dev/null",
        ),
    },
    DriftCase {
        name: "library-volume",
        vector: DriftVector::Library,
        kind: DriftKind::Libraries,
        description: "preloaded from a read-only volume",
        paths: &["/payload/drifted.so"],
        needs: Needs::LOADER,
        how: How::Shell("LD_PRELOAD=/payload/drifted.so cat /dev/null"),
    },
    DriftCase {
        name: "library-data",
        vector: DriftVector::Library,
        kind: DriftKind::Libraries,
        description: "preloaded from a directory of the host's, without an execute bit",
        paths: &["/data/library-data.so"],
        needs: Needs::LOADER,
        how: How::Shell(
            "cat /payload/drifted.so > /data/library-data.so && LD_PRELOAD=/data/library-data.so cat /dev/null",
        ),
    },
    DriftCase {
        name: "library-preload-file",
        vector: DriftVector::Library,
        kind: DriftKind::Libraries,
        description: "preloaded into every program by /etc/ld.so.preload",
        paths: &["/tmp/library-preload-file.so"],
        needs: Needs::LOADER,
        how: How::Shell(
            "cp /payload/drifted.so /tmp/library-preload-file.so && echo /tmp/library-preload-file.so > /etc/ld.so.preload && cat /dev/null; told=$?; : > /etc/ld.so.preload; exit $told",
        ),
    },
    DriftCase {
        name: "library-dlopen",
        vector: DriftVector::Library,
        kind: DriftKind::Libraries,
        description: "opened by a running program with dlopen",
        paths: &["/tmp/library-dlopen.so"],
        needs: Needs::programs(&["bash"]),
        how: How::Shell(
            "cp /payload/drifted.so /tmp/library-dlopen.so && bash -c 'enable -f /tmp/library-dlopen.so absent'",
        ),
    },
    DriftCase {
        name: "library-mapped",
        vector: DriftVector::Library,
        kind: DriftKind::Libraries,
        description: "mapped by a program that is its own loader",
        paths: &["/tmp/library-mapped.so"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted.so /tmp/library-mapped.so && map-library /tmp/library-mapped.so",
        ),
    },
    DriftCase {
        name: "library-changed",
        vector: DriftVector::Library,
        kind: DriftKind::Libraries,
        description: "an image library changed in place",
        paths: &["/usr/lib/shipped/changed.so"],
        needs: Needs::LOADER,
        how: How::Shell(
            "printf x >> /usr/lib/shipped/changed.so && LD_PRELOAD=/usr/lib/shipped/changed.so cat /dev/null",
        ),
    },
];

pub(super) const NAMESPACE: &[DriftCase] = &[
    DriftCase {
        name: "namespace-mount",
        vector: DriftVector::Namespace,
        kind: DriftKind::Binaries,
        description: "a written program in a mount namespace of its own",
        paths: &["/tmp/namespace-mount"],
        needs: Needs::admin(&["unshare"]),
        how: How::Shell(
            "cp /payload/drifted /tmp/namespace-mount && unshare -m /tmp/namespace-mount",
        ),
    },
    DriftCase {
        name: "namespace-user",
        vector: DriftVector::Namespace,
        kind: DriftKind::Binaries,
        description: "a written program in a user and mount namespace of its own",
        paths: &["/tmp/namespace-user"],
        needs: Needs::admin(&["unshare"]),
        how: How::Shell(
            "cp /payload/drifted /tmp/namespace-user && unshare -rm /tmp/namespace-user",
        ),
    },
    DriftCase {
        name: "namespace-chroot",
        vector: DriftVector::Namespace,
        kind: DriftKind::Binaries,
        description: "a written program after chroot",
        paths: &["/tmp/namespace-chroot/program", "/program"],
        needs: Needs::programs(&["chroot"]),
        how: How::Shell(
            "mkdir /tmp/namespace-chroot && cp /payload/drifted /tmp/namespace-chroot/program && chroot /tmp/namespace-chroot /program",
        ),
    },
    DriftCase {
        name: "namespace-bind",
        vector: DriftVector::Namespace,
        kind: DriftKind::Binaries,
        description: "a written program in a folder mounted elsewhere",
        paths: &[
            "/tmp/namespace-bind/to/program",
            "/tmp/namespace-bind/from/program",
        ],
        needs: Needs::admin(&["mount"]),
        how: How::Shell(
            "mkdir -p /tmp/namespace-bind/from /tmp/namespace-bind/to && cp /payload/drifted /tmp/namespace-bind/from/program && mount --bind /tmp/namespace-bind/from /tmp/namespace-bind/to && /tmp/namespace-bind/to/program",
        ),
    },
    DriftCase {
        name: "namespace-cover",
        vector: DriftVector::Namespace,
        kind: DriftKind::Binaries,
        description: "a written program mounted over an image program",
        paths: &["/usr/bin/shipped-covered", "/tmp/namespace-cover"],
        needs: Needs::admin(&["mount"]),
        how: How::Shell(
            "cp /payload/drifted /tmp/namespace-cover && mount --bind /tmp/namespace-cover /usr/bin/shipped-covered && /usr/bin/shipped-covered",
        ),
    },
    DriftCase {
        name: "namespace-pivot",
        vector: DriftVector::Namespace,
        kind: DriftKind::Binaries,
        description: "a program on a tmpfs that became the root",
        paths: &["/namespace-pivot", "/mnt/namespace-pivot"],
        needs: Needs::admin(&["mount", "unshare", "pivot_root"]),
        how: How::Shell(
            "unshare -m sh -c 'mount -t tmpfs late /mnt && cp /payload/drifted /mnt/namespace-pivot && mkdir /mnt/old && cd /mnt && pivot_root . old && exec /namespace-pivot'",
        ),
    },
    DriftCase {
        name: "namespace-overlay",
        vector: DriftVector::Namespace,
        kind: DriftKind::Binaries,
        description: "a written program in an overlay of the container's own",
        paths: &[
            "/tmp/namespace-overlay/program",
            "/volume/namespace-overlay/upper/program",
        ],
        needs: Needs::admin(&["mount", "unshare"]),
        how: How::Shell(
            "mkdir -p /tmp/namespace-overlay /volume/namespace-overlay/upper /volume/namespace-overlay/work && unshare -m sh -c 'mount -t overlay own -o lowerdir=/opt/tools/bin,upperdir=/volume/namespace-overlay/upper,workdir=/volume/namespace-overlay/work /tmp/namespace-overlay && cp /payload/drifted /tmp/namespace-overlay/program && /tmp/namespace-overlay/program'",
        ),
    },
];

pub(super) const DESCRIPTOR: &[DriftCase] = &[
    DriftCase {
        name: "descriptor-shell",
        vector: DriftVector::Descriptor,
        kind: DriftKind::Binaries,
        description: "executed by the shell through /proc/self/fd",
        paths: &["/tmp/descriptor-shell"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/descriptor-shell && exec 3< /tmp/descriptor-shell && /proc/self/fd/3",
        ),
    },
    DriftCase {
        name: "descriptor-fexecve",
        vector: DriftVector::Descriptor,
        kind: DriftKind::Binaries,
        description: "executed by an open descriptor alone",
        paths: &["/tmp/descriptor-fexecve"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/descriptor-fexecve && run-descriptor fexecve /tmp/descriptor-fexecve",
        ),
    },
    DriftCase {
        name: "descriptor-path",
        vector: DriftVector::Descriptor,
        kind: DriftKind::Binaries,
        description: "executed by an O_PATH descriptor alone",
        paths: &["/tmp/descriptor-path"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/descriptor-path && run-descriptor path /tmp/descriptor-path",
        ),
    },
    DriftCase {
        name: "descriptor-proc",
        vector: DriftVector::Descriptor,
        kind: DriftKind::Binaries,
        description: "executed by an O_PATH descriptor through /proc/self/fd",
        paths: &["/tmp/descriptor-proc"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/descriptor-proc && run-descriptor proc /tmp/descriptor-proc",
        ),
    },
    DriftCase {
        name: "descriptor-link",
        vector: DriftVector::Descriptor,
        kind: DriftKind::Binaries,
        description: "executed through a symbolic link among the system's programs",
        paths: &["/tmp/descriptor-link"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/descriptor-link && ln -s /tmp/descriptor-link /usr/local/bin/innocent && innocent",
        ),
    },
    DriftCase {
        name: "descriptor-folder",
        vector: DriftVector::Descriptor,
        kind: DriftKind::Binaries,
        description: "executed through a symbolic link to its folder",
        paths: &["/tmp/descriptor-folder/program"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "mkdir /tmp/descriptor-folder && cp /payload/drifted /tmp/descriptor-folder/program && ln -s /tmp/descriptor-folder /tmp/descriptor-alias && /tmp/descriptor-alias/program",
        ),
    },
    DriftCase {
        name: "descriptor-cwd",
        vector: DriftVector::Descriptor,
        kind: DriftKind::Binaries,
        description: "executed through /proc/self/cwd",
        paths: &["/var/tmp/descriptor-cwd"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /var/tmp/descriptor-cwd && cd /var/tmp && /proc/self/cwd/descriptor-cwd",
        ),
    },
    DriftCase {
        name: "descriptor-root",
        vector: DriftVector::Descriptor,
        kind: DriftKind::Binaries,
        description: "executed through the first process's root",
        paths: &["/tmp/descriptor-root"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/descriptor-root && /proc/1/root/tmp/descriptor-root",
        ),
    },
    DriftCase {
        name: "descriptor-exe",
        vector: DriftVector::Descriptor,
        kind: DriftKind::Binaries,
        description: "executed through /proc/PID/exe of its own running process",
        paths: &["/tmp/descriptor-exe"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/descriptor-exe && { /tmp/descriptor-exe 300 >&2 & } && sleep 0.1 && /proc/$!/exe",
        ),
    },
];
