//! Builders of inputs, and a world that plays kernel, inspector and runtimes to a pipeline.

use std::collections::BTreeMap;
use std::sync::Arc;
use yagura_event::*;
use yagura_pipeline::{Enforced, Input, Pipeline, PipelineConfig, Sink};
use yagura_policy::drift::{DriftPolicy, parse};

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const BOX: ContainerKey = ContainerKey(7);
pub(crate) const ROOT_DEV: u32 = 50;
pub(crate) const VOLUME_DEV: u32 = 60;
pub(crate) const MEMORY_DEV: u32 = 1;
pub(crate) const INIT_PID: u32 = 100;
/// Wall time minus monotonic time.
pub(crate) const OFFSET: i64 = 1_700_000_000_000_000_000;

pub(crate) const ALERT_ALL: &str =
    "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  default: { action: alert }\n";

/// What came out of a pipeline.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Recorder {
    pub(crate) alerts: Vec<Alert>,
    pub(crate) requests: Vec<InspectionRequest>,
    pub(crate) queries: Vec<ContainerQuery>,
    pub(crate) image_files: Vec<Text>,
    pub(crate) drops: Vec<Drop>,
    pub(crate) quiet: Vec<OpenKey>,
    pub(crate) scans: Vec<ScanRequest>,
    pub(crate) let_run: Vec<Text>,
    pub(crate) containers: Vec<(Membership, Option<String>)>,
}

impl Sink for Recorder {
    fn alert(&mut self, alert: Alert) {
        self.alerts.push(alert);
    }
    fn inspect(&mut self, request: InspectionRequest) {
        self.requests.push(request);
    }
    fn scan(&mut self, request: ScanRequest) {
        self.scans.push(request);
    }
    fn query(&mut self, query: ContainerQuery) {
        self.queries.push(query);
    }
    fn image_file(&mut self, _: ContainerKey, file: &FileFacts, _: MonotonicNs) {
        self.image_files.push(file.path.clone());
    }
    fn let_run(&mut self, _: ContainerKey, file: &FileFacts) {
        self.let_run.push(file.path.clone());
    }
    fn container(&mut self, container: Enforced<'_>) {
        let name = container.container.map(|container| container.name.clone());
        self.containers.push((container.membership, name));
    }
    fn quiet_open(&mut self, key: &OpenKey) {
        self.quiet.push(*key);
    }
    fn dropped(&mut self, drop: Drop) {
        self.drops.push(drop);
    }
}

pub(crate) fn policy(yaml: &str) -> Arc<DriftPolicy> {
    let parsed = parse("test.yaml", yaml.as_bytes());
    Arc::new(
        parsed
            .policy
            .unwrap_or_else(|| panic!("{:?}", parsed.diagnostics)),
    )
}

/// A pipeline with everything around it. Time goes on by itself.
pub(crate) struct World {
    pub(crate) pipeline: Pipeline,
    pub(crate) out: Recorder,
    pub(crate) now: u64,
    next_ino: u64,
    overlay: bool,
    programs: BTreeMap<u32, ProgramKey>,
}

impl World {
    /// One container on an overlay, its first program running, its metadata known.
    pub(crate) fn new() -> World {
        let mut world = World::empty(ALERT_ALL);
        world.start_box();
        world
    }

    /// The same, with a plain directory as root.
    pub(crate) fn plain() -> World {
        let mut world = World::empty(ALERT_ALL);
        world.overlay = false;
        world.start_box();
        world
    }

    /// No container yet.
    pub(crate) fn empty(yaml: &str) -> World {
        World::with(yaml, false)
    }

    /// No container yet; files are handed to a scanner or not.
    pub(crate) fn with(yaml: &str, scans: bool) -> World {
        let node = Arc::new(Node {
            name: "node-1".to_owned(),
            ..Node::default()
        });
        let mut world = World {
            pipeline: Pipeline::new(PipelineConfig {
                scans,
                ..PipelineConfig::new(
                    node,
                    policy(yaml),
                    3,
                    Arc::new(yagura_rules::RuleSet::empty()),
                )
            }),
            out: Recorder::default(),
            now: 1000 * SECOND,
            next_ino: 1000,
            overlay: true,
            programs: BTreeMap::new(),
        };
        world.give(Input::Clock {
            wall_minus_monotonic_ns: OFFSET,
        });
        world.tick(0);
        world
    }

    pub(crate) fn start_box(&mut self) {
        self.start_init();
        self.give(Input::Container(self.fact()));
        self.tick(1_000_000);
    }

    /// Puts detection rules in force.
    pub(crate) fn set_rules(&mut self, yaml: &str) {
        let source = yagura_rules::Source {
            name: "test.yaml",
            bytes: yaml.as_bytes(),
            own: true,
        };
        let loaded = yagura_rules::load(&[source], &yagura_rules::LoadOptions::default());
        assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
        let rules = yagura_rules::RuleSet::compile(loaded.rules);
        let rules = rules.unwrap_or_else(|errors| panic!("{errors:?}"));
        self.give(Input::Rules(Arc::new(rules)));
    }

    /// The container's first program.
    pub(crate) fn start_init(&mut self) {
        let sh = self.image_file("/bin/sh");
        let mut exec = self.exec(INIT_PID, "/bin/sh", &["sh"], sh);
        exec.base.flags = BaseFlags(BaseFlags::INIT | BaseFlags::ENTERED);
        exec.started_from = ProgramKey::default();
        self.run(exec);
    }

    pub(crate) fn fact(&self) -> ContainerFact {
        ContainerFact {
            key: BOX,
            cgroup: CgroupId(9),
            container: Some(Container {
                id: "c".repeat(64),
                name: "web".to_owned(),
                image: "nginx:1.27".to_owned(),
                runtime: Runtime::Containerd,
                ..Container::default()
            }),
            layers: self.overlay.then(|| LayerDirs {
                lower: vec!["/l".into()],
                upper: "/u".into(),
            }),
            users: vec![(0, Text::from("root")), (33, Text::from("www-data"))],
            runtime_files: vec![Text::from("/sbin/docker-init")],
            complete: true,
        }
    }

    pub(crate) fn give(&mut self, input: Input) {
        self.pipeline.step(input, &mut self.out);
    }

    pub(crate) fn kernel(&mut self, event: KernelEvent) {
        self.give(Input::Kernel(event));
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, ns: u64) {
        self.now += ns;
        self.give(Input::Tick(MonotonicNs(self.now)));
    }

    pub(crate) fn wall(&self, monotonic: u64) -> i64 {
        monotonic as i64 + OFFSET
    }

    /// A file with an inode of its own.
    fn file(&mut self, path: &str, dev: u32, magic: u32, flags: u32, changed: u64) -> FileFacts {
        self.next_ino += 1;
        FileFacts {
            key: FileKey {
                id: FileId {
                    dev,
                    ino: self.next_ino,
                },
                ctime_ns: self.wall(changed),
                size: 4096,
                ..FileKey::default()
            },
            mtime_ns: self.wall(changed),
            mode: 0o100_755,
            links: 1,
            magic,
            flags: FileFlags(flags),
            path: Text::from(path),
            ..FileFacts::default()
        }
    }

    /// A file of the image, older than the container.
    pub(crate) fn image_file(&mut self, path: &str) -> FileFacts {
        match self.overlay {
            true => self.file(
                path,
                ROOT_DEV,
                FileFacts::OVERLAY_MAGIC,
                FileFlags::OVERLAY,
                5,
            ),
            false => self.file(path, ROOT_DEV, 0xef53, FileFlags::BELOW_ROOT, 5),
        }
    }

    /// A file in the container's own layer, written now.
    pub(crate) fn written_file(&mut self, path: &str) -> FileFacts {
        let now = self.now;
        match self.overlay {
            true => self.file(
                path,
                ROOT_DEV,
                FileFacts::OVERLAY_MAGIC,
                FileFlags::OVERLAY | FileFlags::UPPER,
                now,
            ),
            false => self.file(path, ROOT_DEV, 0xef53, FileFlags::BELOW_ROOT, now),
        }
    }

    pub(crate) fn volume_file(&mut self, path: &str) -> FileFacts {
        let now = self.now;
        self.file(
            path,
            VOLUME_DEV,
            FileFacts::TMPFS_MAGIC,
            FileFlags::OTHER_MOUNT,
            now,
        )
    }

    pub(crate) fn memfd(&mut self, name: &str) -> FileFacts {
        let now = self.now;
        let flags = FileFlags::MEMFD | FileFlags::DELETED | FileFlags::UNREACHABLE;
        self.file(name, MEMORY_DEV, FileFacts::TMPFS_MAGIC, flags, now)
    }

    pub(crate) fn base(&mut self, pid: u32) -> Base {
        self.now += 1_000_000;
        Base {
            time: MonotonicNs(self.now),
            container: BOX,
            cgroup: CgroupId(9),
            process: ProcessKey {
                pid,
                start_ns: u64::from(pid) * 1_000,
            },
            program: ProgramKey {
                pid,
                exec_ns: self.now,
            },
            flags: BaseFlags::default(),
        }
    }

    pub(crate) fn root(&self) -> RootId {
        RootId {
            dev: ROOT_DEV,
            ino: 2,
            magic: if self.overlay {
                FileFacts::OVERLAY_MAGIC
            } else {
                0xef53
            },
        }
    }

    /// An exec in a child of the container's first program.
    pub(crate) fn exec(
        &mut self,
        pid: u32,
        filename: &str,
        argv: &[&str],
        file: FileFacts,
    ) -> ExecEvent {
        let base = self.base(pid);
        ExecEvent {
            base,
            started_from: self.last_program(INIT_PID),
            mount_namespace: 4_026_531_900,
            root: self.root(),
            file,
            filename: Text::from(filename),
            interpreter: Text::from(filename),
            argv: argv.iter().map(|arg| Text::from(*arg)).collect(),
            cwd: Text::from("/work"),
            ..ExecEvent::default()
        }
    }

    /// The program that a pid was last seen to begin.
    pub(crate) fn last_program(&self, pid: u32) -> ProgramKey {
        self.programs.get(&pid).copied().unwrap_or_default()
    }

    /// Hands in an exec and returns its program.
    pub(crate) fn run(&mut self, exec: ExecEvent) -> ProgramKey {
        let program = exec.base.program;
        self.programs.insert(program.pid, program);
        self.kernel(KernelEvent::Exec(Box::new(exec)));
        program
    }

    /// Runs a program of the image.
    pub(crate) fn run_image(&mut self, pid: u32, path: &str, argv: &[&str]) -> ProgramKey {
        let file = self.image_file(path);
        let exec = self.exec(pid, path, argv, file);
        self.run(exec)
    }

    /// Runs a program of the image from another program.
    pub(crate) fn run_image_from(
        &mut self,
        parent: ProgramKey,
        pid: u32,
        path: &str,
        argv: &[&str],
    ) -> ProgramKey {
        let file = self.image_file(path);
        let mut exec = self.exec(pid, path, argv, file);
        exec.started_from = parent;
        self.run(exec)
    }

    /// An interpreter that runs as `program` opens a file.
    pub(crate) fn open(&mut self, program: ProgramKey, file: FileFacts) {
        let event = self.script_event(program, file);
        self.kernel(KernelEvent::Script(Box::new(event)));
    }

    pub(crate) fn script_event(&mut self, program: ProgramKey, file: FileFacts) -> ScriptEvent {
        let mut base = self.base(program.pid);
        base.program = program;
        ScriptEvent {
            base,
            root: self.root(),
            file,
        }
    }

    /// A program maps a file executable.
    pub(crate) fn map(&mut self, program: ProgramKey, file: FileFacts) {
        let mut base = self.base(program.pid);
        base.program = program;
        let root = self.root();
        self.kernel(KernelEvent::Map(Box::new(MapEvent { base, root, file })));
    }

    /// Answers the latest request.
    pub(crate) fn answer(&mut self, change: impl FnOnce(&mut Inspection)) {
        let token = self.out.requests.last().expect("a request").token;
        self.answer_token(token, change);
    }

    pub(crate) fn answer_token(&mut self, token: u64, change: impl FnOnce(&mut Inspection)) {
        let mut inspection = Inspection {
            token,
            sha256: Some(Sha256([7; 32])),
            head: b"\x7fELF\x02\x01\x01".to_vec(),
            is_program: true,
            twin: Twin::Absent,
            copy_of: None,
            named_by_argument: false,
            deleted: false,
            error: None,
        };
        change(&mut inspection);
        self.give(Input::Inspection(inspection));
    }

    /// The only alert so far.
    pub(crate) fn alert(&self) -> &Alert {
        assert_eq!(self.out.alerts.len(), 1, "{:#?}", self.out.alerts);
        &self.out.alerts[0]
    }

    pub(crate) fn exit(&mut self, pid: u32) {
        let base = self.base(pid);
        self.kernel(KernelEvent::Exit(ExitEvent { base, status: 0 }));
    }
}

/// The answer for a script.
pub(crate) fn shell_script(inspection: &mut Inspection) {
    inspection.head = b"#!/bin/sh\necho".to_vec();
    inspection.is_program = false;
}

/// The answer for text without a first line.
pub(crate) fn text(inspection: &mut Inspection) {
    inspection.head = b"a,b,c\n1,2,3\n".to_vec();
    inspection.is_program = false;
}

pub(crate) fn written_by(mut file: FileFacts, program: ProgramKey, time: u64) -> FileFacts {
    file.writer = Some(Writer {
        program,
        time: MonotonicNs(time),
    });
    file
}
