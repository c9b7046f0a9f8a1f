//! What only looks like drift: whoever reports one of these would be switched off before long.

use super::{BenignCase, How, Needs};

/// Every benign case.
pub const BENIGN: &[BenignCase] = &[
    BenignCase {
        name: "benign-image-program",
        why: "a program of the image at its own path",
        needs: Needs::NOTHING,
        how: How::Shell("/usr/bin/shipped"),
    },
    BenignCase {
        name: "benign-symlink",
        why: "a symbolic link made in the container leads to a program of the image: what runs is the image's",
        needs: Needs::NOTHING,
        how: How::Shell("ln -s /usr/bin/shipped /tmp/benign-symlink && /tmp/benign-symlink"),
    },
    BenignCase {
        name: "benign-applet",
        why: "a name of busybox made in the image leads to busybox",
        needs: Needs::programs(&["busybox"]),
        how: How::Shell("/opt/applets/echo yagura-rehearsal-ran"),
    },
    BenignCase {
        name: "benign-applet-link",
        why: "busybox's own way to install an applet is a symbolic link to itself",
        needs: Needs::programs(&["busybox"]),
        how: How::Shell("ln -s /usr/bin/busybox /tmp/echo && /tmp/echo yagura-rehearsal-ran"),
    },
    BenignCase {
        name: "benign-self",
        why: "a program of the image that starts itself again through /proc/self/exe",
        needs: Needs::programs(&["bash"]),
        how: How::Shell("bash -c '/proc/self/exe -c \"echo yagura-rehearsal-ran\"'"),
    },
    BenignCase {
        name: "benign-descriptor",
        why: "a program of the image executed by descriptor",
        needs: Needs::NOTHING,
        how: How::Shell("run-descriptor proc /usr/bin/shipped"),
    },
    BenignCase {
        name: "benign-fexecve",
        why: "a program of the image executed by descriptor alone",
        needs: Needs::NOTHING,
        how: How::Shell("run-descriptor fexecve /usr/bin/shipped"),
    },
    BenignCase {
        name: "benign-chmod",
        why: "a change of mode brings the file into the upper layer; path and content stay the image's",
        needs: Needs::NOTHING,
        how: How::Shell(
            "chmod 700 /usr/bin/shipped-touched && /usr/bin/shipped-touched && chmod 755 /usr/bin/shipped-touched",
        ),
    },
    BenignCase {
        name: "benign-chown",
        why: "the same by a change of owner",
        needs: Needs::programs(&["chown"]),
        how: How::Shell(
            "chown 0:0 /usr/bin/shipped-touched && chown 1:1 /usr/bin/shipped-touched && /usr/bin/shipped-touched",
        ),
    },
    BenignCase {
        name: "benign-touch",
        why: "the same by new times",
        needs: Needs::NOTHING,
        how: How::Shell("touch /usr/bin/shipped-touched && /usr/bin/shipped-touched"),
    },
    BenignCase {
        name: "benign-hard-link",
        why: "a second name for a program of the image brings it into the upper layer; run under its own",
        needs: Needs::NOTHING,
        how: How::Shell("ln /usr/bin/shipped /tmp/benign-hard-link && /usr/bin/shipped"),
    },
    BenignCase {
        name: "benign-copied-back",
        why: "a program of the image copied out and back over itself: its content at its path",
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /usr/bin/shipped-returned /tmp/benign-copied-back && cp /tmp/benign-copied-back /usr/bin/shipped-returned && /usr/bin/shipped-returned",
        ),
    },
    BenignCase {
        name: "benign-rewritten",
        why: "a program of the image replaced by an equal file, as a reinstallation does",
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp -p /usr/bin/shipped-restored /usr/bin/.new && mv -f /usr/bin/.new /usr/bin/shipped-restored && /usr/bin/shipped-restored",
        ),
    },
    BenignCase {
        name: "benign-renamed-back",
        why: "a program of the image renamed away and back",
        needs: Needs::NOTHING,
        how: How::Shell(
            "mv /usr/bin/shipped /usr/bin/shipped.away && mv /usr/bin/shipped.away /usr/bin/shipped && /usr/bin/shipped",
        ),
    },
    BenignCase {
        name: "benign-neighbour",
        why: "a file next to it changes, the program does not",
        needs: Needs::NOTHING,
        how: How::Shell("echo note > /usr/bin/note && /usr/bin/shipped"),
    },
    BenignCase {
        name: "benign-script",
        why: "a script of the image run by its first line",
        needs: Needs::NOTHING,
        how: How::Shell("/usr/bin/shipped-script"),
    },
    BenignCase {
        name: "benign-script-argument",
        why: "a script of the image given to the shell",
        needs: Needs::NOTHING,
        how: How::Shell("sh /usr/bin/shipped-script"),
    },
    BenignCase {
        name: "benign-script-stdin",
        why: "a script of the image as standard input",
        needs: Needs::NOTHING,
        how: How::Shell("sh < /usr/bin/shipped-script"),
    },
    BenignCase {
        name: "benign-script-touched",
        why: "a script of the image with new times and mode",
        needs: Needs::NOTHING,
        how: How::Shell(
            "chmod 744 /etc/init.d/shipped && touch /etc/init.d/shipped && /etc/init.d/shipped",
        ),
    },
    BenignCase {
        name: "benign-script-bash",
        why: "a script of the image given to bash",
        needs: Needs::programs(&["bash"]),
        how: How::Shell("bash /usr/bin/shipped-script"),
    },
    BenignCase {
        name: "benign-sourced",
        why: "a settings file of the image read by a shell",
        needs: Needs::NOTHING,
        how: How::Shell(". /usr/lib/shipped/settings.sh"),
    },
    BenignCase {
        name: "benign-init",
        why: "an init script of the image started from outside",
        needs: Needs::NOTHING,
        how: How::Exec {
            prepare: "",
            argv: &["/etc/init.d/shipped"],
        },
    },
    BenignCase {
        name: "benign-inline",
        why: "a script in an argument is no file",
        needs: Needs::NOTHING,
        how: How::Shell("sh -c 'echo yagura-rehearsal-ran'"),
    },
    BenignCase {
        name: "benign-piped",
        why: "a script in a pipe is no file",
        needs: Needs::NOTHING,
        how: How::Shell("echo 'echo yagura-rehearsal-ran' | sh"),
    },
    BenignCase {
        name: "benign-loader",
        why: "the image's loader given a program of the image",
        needs: Needs::LOADER,
        how: How::Shell("$LOADER /usr/bin/shipped-dynamic"),
    },
    BenignCase {
        name: "benign-preload",
        why: "a library of the image preloaded",
        needs: Needs::LOADER,
        how: How::Shell("LD_PRELOAD=/usr/lib/shipped/shipped.so cat /dev/null"),
    },
    BenignCase {
        name: "benign-mapped",
        why: "a library of the image mapped by hand",
        needs: Needs::NOTHING,
        how: How::Shell("map-library /usr/lib/shipped/shipped.so"),
    },
    BenignCase {
        name: "benign-unshare",
        why: "a program of the image in a mount namespace of its own",
        needs: Needs::admin(&["unshare"]),
        how: How::Shell("unshare -m /usr/bin/shipped"),
    },
    BenignCase {
        name: "benign-chroot",
        why: "a program of the image after a chroot into the same tree",
        needs: Needs::programs(&["chroot"]),
        how: How::Shell("chroot / /usr/bin/shipped"),
    },
    BenignCase {
        name: "benign-bind",
        why: "the container's own root mounted elsewhere: the files are the image's still",
        needs: Needs::admin(&["mount", "unshare", "chroot"]),
        how: How::Shell(
            "mkdir /tmp/benign-bind && unshare -m sh -c 'mount --bind / /tmp/benign-bind && chroot /tmp/benign-bind /usr/bin/shipped'",
        ),
    },
    BenignCase {
        name: "benign-bind-path",
        why: "the same, run by the path below the mount",
        needs: Needs::admin(&["mount", "unshare"]),
        how: How::Shell(
            "mkdir /tmp/benign-bind-path && unshare -m sh -c 'mount --bind / /tmp/benign-bind-path && /tmp/benign-bind-path/usr/bin/shipped'",
        ),
    },
    BenignCase {
        name: "benign-entered",
        why: "a program of the image started by the runtime's exec",
        needs: Needs::NOTHING,
        how: How::Exec {
            prepare: "",
            argv: &["/usr/bin/shipped"],
        },
    },
    BenignCase {
        name: "benign-nsenter",
        why: "a program of the image started by nsenter",
        needs: Needs::NOTHING,
        how: How::Enter {
            prepare: "",
            argv: &["/usr/bin/shipped"],
        },
    },
    BenignCase {
        name: "benign-root",
        why: "a program of the image through the first process's root",
        needs: Needs::NOTHING,
        how: How::Shell("/proc/1/root/usr/bin/shipped"),
    },
    BenignCase {
        name: "benign-data",
        why: "data on a volume read by a program: nothing of it runs",
        needs: Needs::NOTHING,
        how: How::Shell(
            "cat /payload/notes.txt; echo; cp /payload/drifted /volume/benign-data && cat /volume/benign-data > /dev/null",
        ),
    },
    BenignCase {
        name: "benign-read",
        why: "a foreign program copied and deleted, never run",
        needs: Needs::NOTHING,
        how: How::Shell(
            "cp /payload/drifted /tmp/benign-read && wc -c /tmp/benign-read && rm /tmp/benign-read && echo yagura-rehearsal-ran",
        ),
    },
    BenignCase {
        name: "benign-shell-data",
        why: "a shell reads lines from a volume as data",
        needs: Needs::NOTHING,
        how: How::Shell(
            "while read -r line || [ -n \"$line\" ]; do echo \"$line\"; done < /payload/notes.txt",
        ),
    },
];
