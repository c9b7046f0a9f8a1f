//! Decoding over many records: what the kernel side writes comes back whole, what it does not is an error at worst.

use crate::encode::{VERSION, encode};
use libtest_mimic::Trial;
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv6Addr};
use yagura_event::{
    Base, BaseFlags, Call, CallEvent, CgroupId, ContainerKey, Credentials, CredentialsEvent,
    Endpoint, ExecEvent, ExitEvent, FileFacts, FileFlags, FileId, FileKey, KernelEvent, MapEvent,
    MonotonicNs, NamespacesEvent, OpenClass, OpenKey, ProcessKey, ProgramKey, RootId, ScriptEvent,
    SocketFacts, Stream, StreamKind, TargetFacts, Text, Writer, WrittenEvent,
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
    fn records_come_back_whole(mut event in event()) {
        let record = encode(&event).unwrap();
        // What ran already is dated by its start.
        if let KernelEvent::Exec(exec) = &mut event
            && exec.base.flags.has(BaseFlags::EXISTING)
            && exec.base.process.start_ns > 0
        {
            exec.base.time = MonotonicNs(exec.base.process.start_ns);
        }
        prop_assert_eq!(decode(&record), Ok(event));
    }

    fn any_bytes_are_taken_calmly(bytes in vec(any::<u8>(), 0..1024)) {
        // Without a right header nothing else is looked at, and a random one is not right.
        prop_assert!(decode(&bytes).is_err());
    }

    fn headers_alone_promise_nothing(kind in 0u16..10, rest in vec(prop_oneof![Just(0u8), any::<u8>()], 0..1024)) {
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
        let variables: usize = exec.environment.iter().map(|v| v.as_bytes().len()).sum();
        prop_assert!(variables <= bytes && exec.environment.len() <= 256);
    }
    if let KernelEvent::Call(call) = event {
        let texts = [&call.path, &call.directory, &call.new_path, &call.data];
        let texts: usize = texts.iter().map(|text| text.as_bytes().len()).sum();
        prop_assert!(texts <= 2 * bytes);
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
        (base(), root(), file()).prop_map(|(base, root, file)| {
            KernelEvent::Written(Box::new(WrittenEvent { base, root, file }))
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
        call().prop_map(|call| KernelEvent::Call(Box::new(call))),
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

fn endpoint() -> impl Strategy<Value = Option<Endpoint>> {
    let address = prop_oneof![
        any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).to_canonical()),
        any::<[u8; 4]>().prop_map(IpAddr::from),
    ];
    let endpoint = (address, any::<u16>());
    proptest::option::of(endpoint.prop_map(|(address, port)| Endpoint { address, port }))
}

fn stream() -> impl Strategy<Value = Stream> {
    let kinds = prop::sample::select(vec![
        StreamKind::None,
        StreamKind::File,
        StreamKind::Pipe,
        StreamKind::Socket,
        StreamKind::Terminal,
        StreamKind::Other,
    ]);
    (kinds, any::<u64>(), endpoint()).prop_map(|(kind, ino, remote)| Stream { kind, ino, remote })
}

fn environment() -> impl Strategy<Value = Vec<Text>> {
    let name = "[A-KM-Z_]{1,8}[0-9]".prop_map(|name| Text::from(name.as_str()));
    let kept = vec(1u8.., 0..32).prop_map(|value| Text([b"LD_PRELOAD=", &value[..]].concat()));
    vec(prop_oneof![name, kept], 0..20)
}

fn socket() -> impl Strategy<Value = SocketFacts> {
    let numbers = any::<(u16, u16, u16, u64, bool)>();
    (numbers, endpoint(), endpoint(), path()).prop_map(|(numbers, local, remote, unix_path)| {
        let (family, kind, protocol, ino, is_server) = numbers;
        SocketFacts {
            family,
            kind,
            protocol,
            local,
            remote,
            unix_path,
            ino,
            is_server,
        }
    })
}

fn target() -> impl Strategy<Value = TargetFacts> {
    any::<(u32, u64, u64)>().prop_map(|(pid, start_ns, container)| TargetFacts {
        pid,
        start_ns,
        container,
    })
}

/// The part of a key that is not the container's or the file's.
fn key() -> impl Strategy<Value = Option<OpenKey>> {
    let classes = [OpenClass::Read, OpenClass::Write, OpenClass::Create];
    let key = (any::<[u64; 2]>(), prop::sample::select(classes.to_vec()));
    proptest::option::of(key.prop_map(|([path, epoch], class)| OpenKey {
        container: ContainerKey(0),
        file: FileId::default(),
        path,
        class,
        epoch,
    }))
}

fn call() -> impl Strategy<Value = CallEvent> {
    let parts = (
        proptest::option::of(file()),
        proptest::option::of(socket()),
        proptest::option::of(target()),
        key(),
    );
    let numbers = any::<(u32, i64, [u64; 6], i32)>();
    let texts = vec(path(), 5);
    let call = prop::sample::select(Call::ALL.to_vec());
    (base(), call, numbers, parts, texts).prop_map(|(base, call, numbers, parts, texts)| {
        let (thread, result, arguments, fd) = numbers;
        let (file, socket, target, key) = parts;
        let [path, directory, new_path, new_directory, data] = texts.try_into().unwrap();
        let mut event = CallEvent {
            base,
            call,
            thread,
            result,
            arguments,
            fd,
            path,
            directory,
            new_path,
            new_directory,
            file,
            socket,
            target,
            data,
            open_key: None,
        };
        if let Some(file) = &event.file {
            // Where both are said, the file's path is the path.
            if call == Call::Fsetxattr && !event.path.is_empty() {
                event.new_path = file.path.clone();
            } else {
                event.path = file.path.clone();
            }
            event.open_key = key.map(|key| OpenKey {
                container: base.container,
                file: file.key.id,
                ..key
            });
        }
        event
    })
}

fn exec() -> impl Strategy<Value = ExecEvent> {
    let argument = vec(1u8.., 0..32).prop_map(Text);
    let name = vec(1u8.., 0..16).prop_map(Text);
    let streams = [stream(), stream(), stream()];
    (
        (base(), process(), program(), credentials(), root()),
        (any::<[u32; 7]>(), any::<[bool; 2]>()),
        (file(), proptest::option::of(file())),
        (path(), path(), path()),
        vec(argument, 0..20),
        (name, streams, environment()),
    )
        .prop_map(|(who, numbers, files, paths, argv, begun_with)| {
            let (base, parent, started_from, credentials, root) = who;
            let (numbers, [environment_truncated, argv_truncated]) = numbers;
            let [inner_pid, mount, pid, user, session, process_group, tty] = numbers;
            let (name, streams, environment) = begun_with;
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
                process_group,
                tty,
                name,
                streams,
                environment,
                environment_truncated,
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
