//! Decoding over many records: what the kernel side writes comes back whole, what it does not is an error at worst.

use crate::encode::{VERSION, encode};
use libtest_mimic::Trial;
use proptest::collection::vec;
use proptest::prelude::*;
use yagura_event::{
    Base, BaseFlags, CgroupId, ContainerKey, Credentials, CredentialsEvent, ExecEvent, ExitEvent,
    FileFacts, FileFlags, FileId, FileKey, KernelEvent, MapEvent, MonotonicNs, NamespacesEvent,
    ProcessKey, ProgramKey, RootId, ScriptEvent, Text, Writer,
};
use yagura_kernel::decode;

/// Tests that need neither root nor a kernel.
pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, fn()); 4] = [
        ("records_come_back_whole", records_come_back_whole),
        ("any_bytes_are_taken_calmly", any_bytes_are_taken_calmly),
        (
            "headers_alone_promise_nothing",
            headers_alone_promise_nothing,
        ),
        (
            "damaged_records_are_taken_calmly",
            damaged_records_are_taken_calmly,
        ),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(format!("decode::{name}"), move || {
            test();
            Ok(())
        })
    };
    cases.map(trial).into()
}

proptest! {
    fn records_come_back_whole(event in event()) {
        let record = encode(&event).unwrap();
        prop_assert_eq!(decode(&record), Ok(event));
    }

    fn any_bytes_are_taken_calmly(bytes in vec(any::<u8>(), 0..1024)) {
        // Without a right header nothing else is looked at, and a random one is not right.
        prop_assert!(decode(&bytes).is_err());
    }

    fn headers_alone_promise_nothing(kind in 0u16..8, rest in vec(prop_oneof![Just(0u8), any::<u8>()], 0..1024)) {
        let size = u32::try_from(8 + rest.len()).unwrap();
        let head = [&kind.to_ne_bytes()[..], &VERSION.to_ne_bytes(), &size.to_ne_bytes()];
        let record = [&head.concat()[..], &rest].concat();
        if let Ok(event) = decode(&record) {
            is_bounded(&event, record.len())?;
        }
    }

    fn damaged_records_are_taken_calmly(
        event in event(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut record = encode(&event).unwrap();
        if is_cut {
            record.truncate(cut.index(record.len()).max(8));
            let size = u32::try_from(record.len()).unwrap();
            record[4..8].copy_from_slice(&size.to_ne_bytes());
        }
        for (place, byte) in damage {
            // The size stays right: the rest is looked at.
            let place = 8 + place.index(record.len() - 7);
            if let Some(damaged) = record.get_mut(place) {
                *damaged = byte;
            }
        }
        if let Ok(event) = decode(&record) {
            is_bounded(&event, record.len())?;
        }
    }
}

/// Whatever a record says, what comes of it is not larger than it.
fn is_bounded(event: &KernelEvent, bytes: usize) -> Result<(), TestCaseError> {
    if let KernelEvent::Exec(exec) = event {
        let arguments: usize = exec.argv.iter().map(|word| word.as_bytes().len()).sum();
        prop_assert!(arguments + exec.file.path.as_bytes().len() <= bytes);
        prop_assert!(exec.argv.len() <= 512);
    }
    Ok(())
}

fn event() -> impl Strategy<Value = KernelEvent> {
    prop_oneof![
        exec().prop_map(|exec| KernelEvent::Exec(Box::new(exec))),
        (base(), root(), file()).prop_map(|(base, root, file)| KernelEvent::Map(Box::new(
            MapEvent { base, root, file }
        ))),
        (base(), root(), file()).prop_map(|(base, root, file)| {
            KernelEvent::Script(Box::new(ScriptEvent { base, root, file }))
        }),
        (base(), credentials()).prop_map(|(base, credentials)| {
            KernelEvent::Credentials(CredentialsEvent { base, credentials })
        }),
        (base(), any::<[u32; 3]>(), root()).prop_map(|(base, numbers, root)| {
            KernelEvent::Namespaces(NamespacesEvent {
                base,
                mount_namespace: numbers[0],
                pid_namespace: numbers[1],
                user_namespace: numbers[2],
                root,
            })
        }),
        (base(), any::<i32>())
            .prop_map(|(base, status)| KernelEvent::Exit(ExitEvent { base, status })),
    ]
}

fn program() -> impl Strategy<Value = ProgramKey> {
    any::<(u32, u64)>().prop_map(|(pid, exec_ns)| ProgramKey { pid, exec_ns })
}

fn process() -> impl Strategy<Value = ProcessKey> {
    any::<(u32, u64)>().prop_map(|(pid, start_ns)| ProcessKey { pid, start_ns })
}

fn base() -> impl Strategy<Value = Base> {
    let numbers = any::<(u64, u64, u64, u32)>();
    (numbers, process(), program()).prop_map(
        |((time, container, cgroup, flags), process, program)| Base {
            time: MonotonicNs(time),
            container: ContainerKey(container),
            cgroup: CgroupId(cgroup),
            process,
            program,
            flags: BaseFlags(flags),
        },
    )
}

fn root() -> impl Strategy<Value = RootId> {
    any::<(u32, u64, u32)>().prop_map(|(dev, ino, magic)| RootId { dev, ino, magic })
}

fn credentials() -> impl Strategy<Value = Credentials> {
    any::<([u32; 5], u64)>().prop_map(|([uid, gid, euid, egid, login_uid], capabilities)| {
        Credentials {
            uid,
            gid,
            euid,
            egid,
            login_uid,
            capabilities,
        }
    })
}

fn path() -> impl Strategy<Value = Text> {
    vec(any::<u8>(), 0..=64).prop_map(Text)
}

fn file() -> impl Strategy<Value = FileFacts> {
    let key = any::<(u32, u64, u32, i64, u64)>();
    let writer = proptest::option::of((program(), any::<u64>()));
    (key, any::<(i64, [u32; 5])>(), path(), writer).prop_map(|(key, rest, path, writer)| {
        let (dev, ino, generation, ctime_ns, size) = key;
        let (mtime_ns, [mode, links, uid, magic, flags]) = rest;
        // Bits of the record alone are no flags, and a memory file's prefix goes.
        let flags = flags & !(3 << 30 | FileFlags::MEMFD);
        FileFacts {
            key: FileKey {
                id: FileId { dev, ino },
                generation,
                ctime_ns,
                size,
            },
            mtime_ns,
            mode,
            links,
            uid,
            magic,
            flags: FileFlags(flags),
            path,
            writer: writer.map(|(program, time)| Writer {
                program,
                time: MonotonicNs(time),
            }),
        }
    })
}

fn exec() -> impl Strategy<Value = ExecEvent> {
    let argument = vec(1u8.., 0..32).prop_map(Text);
    (
        (base(), process(), program(), credentials(), root()),
        (any::<[u32; 5]>(), any::<[bool; 2]>()),
        (file(), proptest::option::of(file())),
        (path(), path(), path()),
        vec(argument, 0..20),
    )
        .prop_map(|(who, numbers, files, paths, argv)| {
            let (base, parent, started_from, credentials, root) = who;
            let ([inner_pid, mount, pid, user, session], [has_tty, argv_truncated]) = numbers;
            ExecEvent {
                base,
                parent,
                started_from,
                inner_pid,
                credentials,
                mount_namespace: mount,
                pid_namespace: pid,
                user_namespace: user,
                session,
                has_tty,
                root,
                file: files.0,
                filename: paths.0,
                interpreter: paths.1,
                argv,
                argv_truncated,
                cwd: paths.2,
                stdin: files.1,
            }
        })
}
