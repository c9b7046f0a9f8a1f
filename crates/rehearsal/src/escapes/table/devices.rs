//! Devices and memory.

use super::way;
use crate::escapes::{Effect, EscapeNeeds, EscapeTechnique};
use yagura_event::Behaviour::*;

pub(super) const DEVICES: &[EscapeTechnique] = &[
    way(
        "mount-device",
        "a node of a block device of the host, a stand-in, is made, and what is on it mounted and read",
        &[Mount, DeviceNode],
        EscapeNeeds::BLOCK_DEVICE,
        "mknod block /tmp/disk 7 {loop}; mkdir /tmp/mounted; mount-read-only ext2 /tmp/disk /tmp/mounted; \
         open r /tmp/mounted/kubelet.conf; tell",
        Effect::Mounted("/tmp/mounted"),
    ),
    way(
        "mount-given-device",
        "the same with a node that the container is given",
        &[Mount],
        EscapeNeeds::BLOCK_DEVICE,
        "mkdir /tmp/mounted; mount-read-only ext2 /host-disk /tmp/mounted; open r /tmp/mounted/kubelet.conf; tell",
        Effect::Mounted("/tmp/mounted"),
    )
    .form_of("mount-device"),
    way(
        "mount-device-unattached",
        "the same, set up step by step, attached nowhere and read",
        &[FilesystemContext],
        EscapeNeeds::BLOCK_DEVICE,
        "fsopen ext2; fsconfig source /host-disk; fsconfig-flag ro; fscreate; fsmount; open-under r kubelet.conf; tell",
        Effect::Told,
    )
    .form_of("mount-device"),
    way(
        "mknod-device",
        "a node of a block device of the host, a stand-in, is made and read",
        &[DeviceNode, BlockDevice],
        EscapeNeeds::BLOCK_DEVICE,
        "mknod block /tmp/disk 7 {loop}; open r /tmp/disk; tell",
        Effect::Told,
    ),
    way(
        "debugfs-device",
        "a block device of the host, a stand-in that the container is given, is read past its file system",
        &[BlockDevice],
        EscapeNeeds::BLOCK_DEVICE,
        "open r /host-disk; tell",
        Effect::Told,
    ),
    way(
        "dev-mem",
        "the machine's memory is opened for reading",
        &[DeviceNode, KernelMemory],
        EscapeNeeds::PRIVILEGED,
        "mknod character /tmp/mem 1 1; open r /tmp/mem; used",
        Effect::Used,
    ),
    way(
        "dev-port",
        "the machine's ports are opened for reading",
        &[DeviceNode, KernelMemory],
        EscapeNeeds::PRIVILEGED,
        "mknod character /tmp/port 1 4; open r /tmp/port; used",
        Effect::Used,
    )
    .form_of("dev-mem"),
    way(
        "kcore",
        "the kernel's memory is opened for reading, and its first bytes are read",
        &[KernelMemory],
        EscapeNeeds::PRIVILEGED,
        "open r /proc/kcore; read; used",
        Effect::Used,
    ),
    way(
        "port-access",
        "access to an I/O port is asked for",
        &[PortAccess],
        EscapeNeeds::PRIVILEGED,
        "port-access; used",
        Effect::Used,
    ),
];
