//! Drift in plain sight: files written, changed, copied, on volumes; scripts; commands sent in from outside.

use super::{DriftCase, How, Needs, PreparedInput};
use yagura_event::{DriftKind, DriftVector};

pub(super) const WRITTEN: &[DriftCase] = &[
    DriftCase {
        name: "written-cp",
        vector: DriftVector::Written,
        kind: DriftKind::Binaries,
        description: "copied from a volume into the container",
        paths: &["/tmp/written-cp"],
        needs: Needs::NOTHING,
        how: How::Shell("cp /payload/drifted /tmp/written-cp && /tmp/written-cp"),
    },
    DriftCase {
        name: "written-cat",
        vector: DriftVector::Written,
        kind: DriftKind::Binaries,
        description: "written by a redirection, then made executable",
        paths: &["/tmp/written-cat"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cat /payload/drifted > /tmp/written-cat && chmod 755 /tmp/written-cat && /tmp/written-cat",
        ),
    },
    DriftCase {
        name: "written-dd",
        vector: DriftVector::Written,
        kind: DriftKind::Binaries,
        description: "written in blocks by dd",
        paths: &["/var/tmp/written-dd"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "dd if=/payload/drifted of=/var/tmp/written-dd bs=512 && chmod +x /var/tmp/written-dd && /var/tmp/written-dd",
        ),
    },
    DriftCase {
        name: "written-stdin",
        vector: DriftVector::Written,
        kind: DriftKind::Binaries,
        description: "sent through the standard input of an exec, as kubectl cp does",
        paths: &["/root/written-stdin"],
        needs: Needs::NOTHING,
        how: How::ShellWithInput(
            "cat > /root/written-stdin && chmod 700 /root/written-stdin && /root/written-stdin",
            PreparedInput::Drifted,
        ),
    },
    DriftCase {
        name: "written-base64",
        vector: DriftVector::Written,
        kind: DriftKind::Binaries,
        description: "decoded from base64 text",
        paths: &["/tmp/written-base64"],
        needs: Needs::programs(&["base64"]),
        how: How::ShellWithInput(
            "base64 -d > /tmp/written-base64 && chmod +x /tmp/written-base64 && /tmp/written-base64",
            PreparedInput::DriftedBase64,
        ),
    },
    DriftCase {
        name: "written-tar",
        vector: DriftVector::Written,
        kind: DriftKind::Binaries,
        description: "unpacked from an archive",
        paths: &["/tmp/written-tar/drifted"],
        needs: Needs::programs(&["tar"]),
        how: How::Shell(
            "mkdir /tmp/written-tar && tar -C /payload -cf - drifted | tar -C /tmp/written-tar -xf - && /tmp/written-tar/drifted",
        ),
    },
    DriftCase {
        name: "written-install",
        vector: DriftVector::Written,
        kind: DriftKind::Binaries,
        description: "put among the system's programs by install",
        paths: &["/usr/local/bin/written-install"],
        needs: Needs::programs(&["install"]),
        how: How::Shell(
            "install -m 755 /payload/drifted /usr/local/bin/written-install && written-install",
        ),
    },
    DriftCase {
        name: "written-hidden",
        vector: DriftVector::Written,
        kind: DriftKind::Binaries,
        description: "written under a hidden name, renamed, then run from its folder",
        paths: &["/var/tmp/.cache/written-hidden"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "mkdir -p /var/tmp/.cache && cd /var/tmp/.cache && cp /payload/drifted .part && mv .part written-hidden && ./written-hidden",
        ),
    },
    DriftCase {
        name: "written-background",
        vector: DriftVector::Written,
        kind: DriftKind::Binaries,
        description: "run in the background by a shell that has ended by then",
        paths: &["/tmp/written-background"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/written-background && (/tmp/written-background & wait $!)",
        ),
    },
];

pub(super) const MODIFIED: &[DriftCase] = &[
    DriftCase {
        name: "modified-append",
        vector: DriftVector::Modified,
        kind: DriftKind::Binaries,
        description: "a byte appended to an image program",
        paths: &["/usr/bin/shipped-appended"],
        needs: Needs::NOTHING,
        how: How::Shell("printf x >> /usr/bin/shipped-appended && /usr/bin/shipped-appended"),
    },
    DriftCase {
        name: "modified-overwrite",
        vector: DriftVector::Modified,
        kind: DriftKind::Binaries,
        description: "an image program overwritten in place",
        paths: &["/usr/bin/shipped-overwritten"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cat /payload/drifted > /usr/bin/shipped-overwritten && /usr/bin/shipped-overwritten",
        ),
    },
    DriftCase {
        name: "modified-patch",
        vector: DriftVector::Modified,
        kind: DriftKind::Binaries,
        description: "one byte of an image program changed, its size kept",
        paths: &["/usr/bin/shipped-patched"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "last=$(($(wc -c < /usr/bin/shipped-patched) - 1)) && printf Z | dd of=/usr/bin/shipped-patched bs=1 seek=$last conv=notrunc && /usr/bin/shipped-patched",
        ),
    },
    DriftCase {
        name: "modified-replace",
        vector: DriftVector::Modified,
        kind: DriftKind::Binaries,
        description: "another file renamed over an image program",
        paths: &["/usr/bin/shipped-replaced"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /usr/bin/.replacement && mv -f /usr/bin/.replacement /usr/bin/shipped-replaced && /usr/bin/shipped-replaced",
        ),
    },
    DriftCase {
        name: "modified-image-copy",
        vector: DriftVector::Modified,
        kind: DriftKind::Binaries,
        description: "an image program copied over another one",
        paths: &["/usr/bin/shipped-spare"],
        needs: Needs::NOTHING,
        how: How::Shell("cp /usr/bin/shipped /usr/bin/shipped-spare && /usr/bin/shipped-spare"),
    },
    DriftCase {
        name: "modified-dated",
        vector: DriftVector::Modified,
        kind: DriftKind::Binaries,
        description: "an image program overwritten and given back its old modification time",
        paths: &["/opt/tools/bin/tool"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "touch -r /opt/tools/bin/tool /tmp/modified-dated && cat /payload/drifted > /opt/tools/bin/tool && touch -r /tmp/modified-dated /opt/tools/bin/tool && /opt/tools/bin/tool",
        ),
    },
];

pub(super) const COPIED: &[DriftCase] = &[
    DriftCase {
        name: "copied-cp",
        vector: DriftVector::Copied,
        kind: DriftKind::Binaries,
        description: "an image program copied to another path",
        paths: &["/tmp/copied-cp"],
        needs: Needs::NOTHING,
        how: How::Shell("cp /usr/bin/shipped /tmp/copied-cp && /tmp/copied-cp"),
    },
    DriftCase {
        name: "copied-preserved",
        vector: DriftVector::Copied,
        kind: DriftKind::Binaries,
        description: "the same with owner, mode and times kept",
        paths: &["/tmp/copied-preserved"],
        needs: Needs::NOTHING,
        how: How::Shell("cp -p /usr/bin/shipped /tmp/copied-preserved && /tmp/copied-preserved"),
    },
    DriftCase {
        name: "copied-moved",
        vector: DriftVector::Copied,
        kind: DriftKind::Binaries,
        description: "an image program renamed",
        paths: &["/tmp/copied-moved"],
        needs: Needs::NOTHING,
        how: How::Shell("mv /usr/bin/shipped-moved /tmp/copied-moved && /tmp/copied-moved"),
    },
    DriftCase {
        name: "copied-linked",
        vector: DriftVector::Copied,
        kind: DriftKind::Binaries,
        description: "a hard link to an image program under another name",
        paths: &["/tmp/copied-linked"],
        needs: Needs::NOTHING,
        how: How::Shell("ln /usr/bin/shipped-linked /tmp/copied-linked && /tmp/copied-linked"),
    },
    DriftCase {
        name: "copied-disguised",
        vector: DriftVector::Copied,
        kind: DriftKind::Binaries,
        description: "an image program renamed within its own folder",
        paths: &["/usr/bin/copied-disguised"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "mv /usr/bin/shipped-renamed /usr/bin/copied-disguised && copied-disguised",
        ),
    },
    DriftCase {
        name: "copied-busybox",
        vector: DriftVector::Copied,
        kind: DriftKind::Binaries,
        description: "busybox copied to another path",
        paths: &["/tmp/copied-busybox/busybox"],
        needs: Needs::programs(&["busybox"]),
        how: How::Shell(
            "mkdir /tmp/copied-busybox && cp /usr/bin/busybox /tmp/copied-busybox/busybox && /tmp/copied-busybox/busybox echo yagura-rehearsal-ran",
        ),
    },
];

pub(super) const VOLUME: &[DriftCase] = &[
    DriftCase {
        name: "volume-tmpfs",
        vector: DriftVector::Volume,
        kind: DriftKind::Binaries,
        description: "on a tmpfs volume",
        paths: &["/volume/volume-tmpfs"],
        needs: Needs::NOTHING,
        how: How::Shell("cp /payload/drifted /volume/volume-tmpfs && /volume/volume-tmpfs"),
    },
    DriftCase {
        name: "volume-shm",
        vector: DriftVector::Volume,
        kind: DriftKind::Binaries,
        description: "on /dev/shm",
        paths: &["/dev/shm/volume-shm"],
        needs: Needs::NOTHING,
        how: How::Shell("cp /payload/drifted /dev/shm/volume-shm && /dev/shm/volume-shm"),
    },
    DriftCase {
        name: "volume-directory",
        vector: DriftVector::Volume,
        kind: DriftKind::Binaries,
        description: "on a directory of the host's, as an emptyDir is",
        paths: &["/data/volume-directory"],
        needs: Needs::NOTHING,
        how: How::Shell("cp /payload/drifted /data/volume-directory && /data/volume-directory"),
    },
    DriftCase {
        name: "volume-read-only",
        vector: DriftVector::Volume,
        kind: DriftKind::Binaries,
        description: "on a read-only directory of the host's, where the container wrote nothing",
        paths: &["/payload/drifted"],
        needs: Needs::NOTHING,
        how: How::Shell("/payload/drifted"),
    },
    DriftCase {
        name: "volume-image-copy",
        vector: DriftVector::Volume,
        kind: DriftKind::Binaries,
        description: "an image program copied onto a volume",
        paths: &["/volume/volume-image-copy"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /usr/bin/shipped /volume/volume-image-copy && /volume/volume-image-copy",
        ),
    },
    DriftCase {
        name: "volume-mounted-later",
        vector: DriftVector::Volume,
        kind: DriftKind::Binaries,
        description: "on a tmpfs that the container mounted itself",
        paths: &["/mnt/volume-mounted-later"],
        needs: Needs::admin(&["mount"]),
        how: How::Shell(
            "mount -t tmpfs late /mnt && cp /payload/drifted /mnt/volume-mounted-later && /mnt/volume-mounted-later",
        ),
    },
    DriftCase {
        name: "volume-over-programs",
        vector: DriftVector::Volume,
        kind: DriftKind::Binaries,
        description: "on a tmpfs mounted over a folder of programs",
        paths: &["/usr/local/bin/volume-over-programs"],
        needs: Needs::admin(&["mount", "unshare"]),
        how: How::Shell(
            "unshare -m sh -c 'mount -t tmpfs late /usr/local/bin && cp /payload/drifted /usr/local/bin/volume-over-programs && volume-over-programs'",
        ),
    },
];

pub(super) const SCRIPT: &[DriftCase] = &[
    DriftCase {
        name: "script-shebang",
        vector: DriftVector::Script,
        kind: DriftKind::Scripts,
        description: "a written script run by its first line",
        paths: &["/tmp/script-shebang"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "printf '#!/bin/sh\\necho yagura-rehearsal-ran\\n' > /tmp/script-shebang && chmod +x /tmp/script-shebang && /tmp/script-shebang",
        ),
    },
    DriftCase {
        name: "script-argument",
        vector: DriftVector::Script,
        kind: DriftKind::Scripts,
        description: "a written script given to the shell",
        paths: &["/tmp/script-argument.sh"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "printf '#!/bin/sh\\necho yagura-rehearsal-ran\\n' > /tmp/script-argument.sh && sh /tmp/script-argument.sh",
        ),
    },
    DriftCase {
        name: "script-relative",
        vector: DriftVector::Script,
        kind: DriftKind::Scripts,
        description: "the same by a relative path",
        paths: &["/tmp/script-relative.sh"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "cd /tmp && printf '#!/bin/sh\\necho yagura-rehearsal-ran\\n' > script-relative.sh && sh ./script-relative.sh",
        ),
    },
    DriftCase {
        name: "script-stdin",
        vector: DriftVector::Script,
        kind: DriftKind::Scripts,
        description: "a written script as the shell's standard input",
        paths: &["/tmp/script-stdin"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "printf '#!/bin/sh\\necho yagura-rehearsal-ran\\n' > /tmp/script-stdin && sh < /tmp/script-stdin",
        ),
    },
    DriftCase {
        name: "script-sourced",
        vector: DriftVector::Script,
        kind: DriftKind::Scripts,
        description: "a written script read by a running shell",
        paths: &["/tmp/script-sourced"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "printf '#!/bin/sh\\necho yagura-rehearsal-ran\\n' > /tmp/script-sourced && . /tmp/script-sourced",
        ),
    },
    DriftCase {
        name: "script-env",
        vector: DriftVector::Script,
        kind: DriftKind::Scripts,
        description: "a written script whose first line goes through env",
        paths: &["/tmp/script-env"],
        needs: Needs::NOTHING,
        how: How::Shell(
            "printf '#!/usr/bin/env sh\\necho yagura-rehearsal-ran\\n' > /tmp/script-env && chmod +x /tmp/script-env && /tmp/script-env",
        ),
    },
    DriftCase {
        name: "script-volume",
        vector: DriftVector::Script,
        kind: DriftKind::Scripts,
        description: "a script on a read-only volume",
        paths: &["/payload/drifted.sh"],
        needs: Needs::NOTHING,
        how: How::Shell("sh /payload/drifted.sh"),
    },
    DriftCase {
        name: "script-changed",
        vector: DriftVector::Script,
        kind: DriftKind::Scripts,
        description: "a line appended to a script of the image",
        paths: &["/usr/bin/changed-script"],
        needs: Needs::NOTHING,
        how: How::Shell("echo true >> /usr/bin/changed-script && changed-script"),
    },
    DriftCase {
        name: "script-bash",
        vector: DriftVector::Script,
        kind: DriftKind::Scripts,
        description: "a written script given to bash",
        paths: &["/tmp/script-bash"],
        needs: Needs::programs(&["bash"]),
        how: How::Shell(
            "printf '#!/bin/sh\\necho yagura-rehearsal-ran\\n' > /tmp/script-bash && bash /tmp/script-bash",
        ),
    },
    DriftCase {
        name: "script-busybox",
        vector: DriftVector::Script,
        kind: DriftKind::Scripts,
        description: "a written script given to busybox",
        paths: &["/tmp/script-busybox"],
        needs: Needs::programs(&["busybox"]),
        how: How::Shell(
            "printf '#!/bin/sh\\necho yagura-rehearsal-ran\\n' > /tmp/script-busybox && busybox sh /tmp/script-busybox",
        ),
    },
];

pub(super) const ENTERED: &[DriftCase] = &[
    DriftCase {
        name: "entered-runtime",
        vector: DriftVector::EnteredExec,
        kind: DriftKind::Binaries,
        description: "a written program started by the runtime's exec",
        paths: &["/tmp/entered-runtime"],
        needs: Needs::NOTHING,
        how: How::Exec {
            prepare: "cp /payload/drifted /tmp/entered-runtime",
            argv: &["/tmp/entered-runtime"],
        },
    },
    DriftCase {
        name: "entered-volume",
        vector: DriftVector::EnteredExec,
        kind: DriftKind::Binaries,
        description: "a program on a volume started by the runtime's exec",
        paths: &["/data/entered-volume"],
        needs: Needs::NOTHING,
        how: How::Exec {
            prepare: "cp /payload/drifted /data/entered-volume",
            argv: &["/data/entered-volume"],
        },
    },
    DriftCase {
        name: "entered-script",
        vector: DriftVector::EnteredExec,
        kind: DriftKind::Scripts,
        description: "a written script started by the runtime's exec",
        paths: &["/tmp/entered-script"],
        needs: Needs::NOTHING,
        how: How::Exec {
            prepare: "printf '#!/bin/sh\\necho yagura-rehearsal-ran\\n' > /tmp/entered-script && chmod +x /tmp/entered-script",
            argv: &["/tmp/entered-script"],
        },
    },
    DriftCase {
        name: "entered-env",
        vector: DriftVector::EnteredExec,
        kind: DriftKind::Binaries,
        description: "a written program started by the runtime's exec through env",
        paths: &["/tmp/entered-env"],
        needs: Needs::NOTHING,
        how: How::Exec {
            prepare: "cp /payload/drifted /tmp/entered-env",
            argv: &["/usr/bin/env", "/tmp/entered-env"],
        },
    },
    DriftCase {
        name: "entered-nsenter",
        vector: DriftVector::EnteredExec,
        kind: DriftKind::Binaries,
        description: "a written program started by nsenter, outside the container's cgroup",
        paths: &["/tmp/entered-nsenter"],
        needs: Needs::NOTHING,
        how: How::Enter {
            prepare: "cp /payload/drifted /tmp/entered-nsenter",
            argv: &["/tmp/entered-nsenter"],
        },
    },
];
