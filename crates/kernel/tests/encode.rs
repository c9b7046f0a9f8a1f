//! Events to records, as the kernel side writes them: decoding must take back what this gives.

use std::net::IpAddr;
use yagura_event::{
    Base, Call, CallEvent, Credentials, Endpoint, ExecEvent, FileFacts, KernelEvent,
    NamespacesEvent, OpenClass, OpenKey, ProgramKey, RootId, SocketFacts, Stream, StreamKind,
    TargetFacts, Text,
};

/// `RECORD_VERSION` of bpf/records.h.
pub(crate) const VERSION: u16 = 2;
/// `FILE_PRESENT` and `FILE_WRITER_KNOWN` of bpf/records.h.
const PRESENT: u32 = 1 << 30;
const WRITER_KNOWN: u32 = 1 << 31;

/// One record. `None` for an event that the kernel side has no record of.
pub(crate) fn encode(event: &KernelEvent) -> Option<Vec<u8>> {
    let mut record = Record::default();
    match event {
        KernelEvent::Exec(exec) => {
            record.header(1, &exec.base);
            record.exec(exec);
        }
        KernelEvent::Map(map) => {
            record.header(2, &map.base);
            record.file_event(map.root, &map.file);
        }
        KernelEvent::Script(script) => {
            record.header(3, &script.base);
            record.file_event(script.root, &script.file);
        }
        KernelEvent::Credentials(event) => {
            record.header(4, &event.base);
            record.credentials(&event.credentials);
        }
        KernelEvent::Namespaces(event) => {
            record.header(5, &event.base);
            record.namespaces_event(event);
        }
        KernelEvent::Exit(exit) => {
            record.header(6, &exit.base);
            record.u32(exit.status.cast_unsigned());
            record.u32(0);
        }
        KernelEvent::Written(written) => {
            record.header(8, &written.base);
            record.file_event(written.root, &written.file);
        }
        KernelEvent::Call(call) => {
            record.header(7, &call.base);
            record.call(call);
        }
        KernelEvent::Loss(_) | KernelEvent::Denied(_) => return None,
    }
    Some(record.finish())
}

#[derive(Default)]
struct Record {
    fixed: Vec<u8>,
    tail: Vec<u8>,
}

impl Record {
    fn u16(&mut self, value: u16) {
        self.fixed.extend(value.to_ne_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.fixed.extend(value.to_ne_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.fixed.extend(value.to_ne_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.fixed.extend(value.to_ne_bytes());
    }

    /// The length here, the bytes behind the fixed part.
    fn string(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.tail.extend(bytes);
    }

    fn header(&mut self, kind: u16, base: &Base) {
        self.u16(kind);
        self.u16(VERSION);
        // The size, when it is known.
        self.u32(0);
        self.u64(base.time.0);
        self.u64(base.container.0);
        self.u64(base.cgroup.0);
        self.u64(base.process.start_ns);
        self.program(base.program);
        self.u32(base.process.pid);
        self.u32(base.flags.0);
    }

    fn program(&mut self, program: ProgramKey) {
        self.u32(program.pid);
        self.u32(0);
        self.u64(program.exec_ns);
    }

    fn root(&mut self, root: RootId) {
        self.u64(root.ino);
        self.u32(root.dev);
        self.u32(root.magic);
    }

    fn credentials(&mut self, credentials: &Credentials) {
        self.u32(credentials.uid);
        self.u32(credentials.gid);
        self.u32(credentials.euid);
        self.u32(credentials.egid);
        self.u32(credentials.login_uid);
        self.u32(0);
        self.u64(credentials.capabilities);
    }

    fn namespaces(&mut self, numbers: [u32; 3]) {
        for number in numbers {
            self.u32(number);
        }
        self.u32(0);
    }

    fn namespaces_event(&mut self, event: &NamespacesEvent) {
        self.namespaces([
            event.mount_namespace,
            event.pid_namespace,
            event.user_namespace,
        ]);
        self.root(event.root);
    }

    fn file(&mut self, file: Option<&FileFacts>) {
        let absent = FileFacts::default();
        let present = if file.is_some() { PRESENT } else { 0 };
        let file = file.unwrap_or(&absent);
        self.u64(file.key.id.ino);
        self.u32(file.key.id.dev);
        self.u32(file.key.generation);
        self.i64(file.key.ctime_ns);
        self.i64(file.mtime_ns);
        self.u64(file.key.size);
        self.u32(file.mode);
        self.u32(file.links);
        self.u32(file.uid);
        self.u32(file.magic);
        let known = if file.writer.is_some() {
            WRITER_KNOWN
        } else {
            0
        };
        self.u32(file.flags.0 | present | known);
        self.string(file.path.as_bytes());
        self.program(file.writer.map(|writer| writer.program).unwrap_or_default());
        self.u64(file.writer.map_or(0, |writer| writer.time.0));
    }

    fn file_event(&mut self, root: RootId, file: &FileFacts) {
        self.root(root);
        self.file(Some(file));
    }

    fn exec(&mut self, exec: &ExecEvent) {
        self.program(exec.started_from);
        self.u64(exec.parent.start_ns);
        self.u32(exec.parent.pid);
        self.u32(exec.inner_pid);
        self.u32(exec.session);
        self.u32(exec.tty);
        self.u32(exec.process_group);
        self.u32(0);
        let mut name = exec.name.as_bytes().to_vec();
        name.resize(16, 0);
        self.fixed.extend(name);
        for stream in &exec.streams {
            self.stream(stream);
        }
        self.credentials(&exec.credentials);
        self.namespaces([
            exec.mount_namespace,
            exec.pid_namespace,
            exec.user_namespace,
        ]);
        self.root(exec.root);
        self.file(Some(&exec.file));
        self.file(exec.stdin.as_ref());
        self.string(exec.filename.as_bytes());
        self.string(exec.interpreter.as_bytes());
        self.string(exec.cwd.as_bytes());
        self.words(&exec.argv);
        self.u32(u32::from(exec.argv_truncated));
        self.words(&exec.environment);
        self.u32(u32::from(exec.environment_truncated));
        self.u32(0);
    }

    fn words(&mut self, words: &[Text]) {
        let mut bytes = Vec::new();
        for word in words {
            bytes.extend(word.as_bytes());
            bytes.push(0);
        }
        self.string(&bytes);
    }

    fn stream(&mut self, stream: &Stream) {
        self.u64(stream.ino);
        self.address(stream.remote);
        self.u16(stream.remote.map_or(0, |remote| remote.port));
        self.u16(u16::from(stream.remote.is_some()));
        self.u32(match stream.kind {
            StreamKind::None => 0,
            StreamKind::File => 1,
            StreamKind::Pipe => 2,
            StreamKind::Socket => 3,
            StreamKind::Terminal => 4,
            StreamKind::Other => 5,
        });
    }

    fn address(&mut self, endpoint: Option<Endpoint>) {
        let octets = match endpoint.map(|endpoint| endpoint.address) {
            Some(IpAddr::V4(address)) => address.to_ipv6_mapped().octets(),
            Some(IpAddr::V6(address)) => address.octets(),
            None => [0; 16],
        };
        self.fixed.extend(octets);
    }

    fn call(&mut self, call: &CallEvent) {
        self.u32(call.thread);
        self.u16(call.call as u16);
        let parts = [
            call.socket.is_some(),
            call.target.is_some(),
            call.open_key.is_some(),
        ];
        let flags = parts.iter().rev();
        self.u16(flags.fold(0, |flags, &is_there| flags << 1 | u16::from(is_there)));
        self.i64(call.result);
        for argument in call.arguments {
            self.u64(argument);
        }
        self.u32(call.fd.cast_unsigned());
        self.u32(0);
        self.file(call.file.as_ref());
        self.socket(call.socket.as_ref());
        self.target(call.target.unwrap_or_default());
        self.key(call.open_key.as_ref());
        // What the file's path says already is not written twice.
        let file_path = call.file.as_ref().map(|file| &file.path);
        let is_path = file_path == Some(&call.path);
        let is_new_path = call.call == Call::Fsetxattr && file_path == Some(&call.new_path);
        self.string(if is_path { b"" } else { call.path.as_bytes() });
        self.string(call.directory.as_bytes());
        self.string(if is_new_path {
            b""
        } else {
            call.new_path.as_bytes()
        });
        self.string(call.new_directory.as_bytes());
        let socket = call.socket.as_ref();
        self.string(socket.map_or(&[], |socket| socket.unix_path.as_bytes()));
        self.string(call.data.as_bytes());
    }

    fn socket(&mut self, socket: Option<&SocketFacts>) {
        let absent = SocketFacts::default();
        let socket = socket.unwrap_or(&absent);
        self.u64(socket.ino);
        self.u16(socket.family);
        self.u16(socket.kind);
        self.u16(socket.protocol);
        let parts = [
            socket.is_server,
            socket.local.is_some(),
            socket.remote.is_some(),
        ];
        let flags = parts.iter().rev();
        self.u16(flags.fold(0, |flags, &is_there| flags << 1 | u16::from(is_there)));
        self.address(socket.local);
        self.address(socket.remote);
        self.u16(socket.local.map_or(0, |local| local.port));
        self.u16(socket.remote.map_or(0, |remote| remote.port));
        self.u32(0);
    }

    fn target(&mut self, target: TargetFacts) {
        self.u32(target.pid);
        self.u32(0);
        self.u64(target.start_ns);
        self.u64(target.container);
    }

    fn key(&mut self, key: Option<&OpenKey>) {
        self.u64(key.map_or(0, |key| key.path));
        self.u64(key.map_or(0, |key| key.epoch));
        self.u32(match key.map(|key| key.class) {
            None | Some(OpenClass::Read) => 0,
            Some(OpenClass::Write) => 1,
            Some(OpenClass::Create) => 2,
        });
        self.u32(0);
    }

    fn finish(self) -> Vec<u8> {
        let mut bytes = self.fixed;
        bytes.extend(self.tail);
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        for (to, from) in bytes.iter_mut().skip(4).zip(size.to_ne_bytes()) {
            *to = from;
        }
        bytes
    }
}
