//! Events per second: the image exec path, which nearly every event takes, and the drift path up to the alert.

#![allow(
    missing_docs,
    reason = "criterion's macros make items without documentation"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use yagura_event::*;
use yagura_pipeline::{Input, Pipeline, PipelineConfig, Sink};
use yagura_policy::drift::DriftPolicy;

#[derive(Default)]
struct Count {
    alerts: u64,
    latest: u64,
}

impl Sink for Count {
    fn alert(&mut self, alert: Alert) {
        black_box(alert);
        self.alerts += 1;
    }
    fn inspect(&mut self, request: InspectionRequest) {
        self.latest = request.token;
    }
    fn scan(&mut self, _: ScanRequest) {}
    fn query(&mut self, _: ContainerQuery) {}
    fn image_file(&mut self, _: ContainerKey, _: &FileFacts, _: MonotonicNs) {}
    fn quiet_open(&mut self, _: &yagura_event::OpenKey) {}
    fn dropped(&mut self, _: Drop) {}
}

fn exec(number: u64, upper: bool) -> Box<ExecEvent> {
    let pid = 100 + u32::try_from(number % 30_000).unwrap_or(0);
    let flags = FileFlags::OVERLAY | if upper { FileFlags::UPPER } else { 0 };
    let path = if upper { "/tmp/x" } else { "/bin/true" };
    Box::new(ExecEvent {
        base: Base {
            time: MonotonicNs(number),
            container: ContainerKey(1),
            process: ProcessKey {
                pid,
                start_ns: number,
            },
            program: ProgramKey {
                pid,
                exec_ns: number,
            },
            ..Base::default()
        },
        root: RootId {
            dev: 5,
            ino: 1,
            magic: FileFacts::OVERLAY_MAGIC,
        },
        file: FileFacts {
            key: FileKey {
                id: FileId { dev: 5, ino: 9 },
                ..FileKey::default()
            },
            flags: FileFlags(flags),
            magic: FileFacts::OVERLAY_MAGIC,
            path: Text::from(path),
            ..FileFacts::default()
        },
        filename: Text::from(path),
        interpreter: Text::from(path),
        argv: vec![Text::from(path), Text::from("--one"), Text::from("two")],
        cwd: Text::from("/"),
        ..ExecEvent::default()
    })
}

fn exit(event: &ExecEvent) -> Input {
    let base = event.base;
    Input::Kernel(KernelEvent::Exit(ExitEvent { base, status: 0 }))
}

fn pipeline(sink: &mut Count) -> Pipeline {
    let text =
        b"apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  default: { action: alert }\n";
    let policy = yagura_policy::drift::parse("bench", text)
        .policy
        .unwrap_or_else(DriftPolicy::built_in);
    let mut pipeline = Pipeline::new(PipelineConfig::new(
        Arc::default(),
        Arc::new(policy),
        1,
        Arc::new(yagura_rules::RuleSet::empty()),
    ));
    let fact = ContainerFact {
        key: ContainerKey(1),
        cgroup: CgroupId(0),
        container: Some(Container::default()),
        layers: None,
        users: Vec::new(),
        runtime_files: Vec::new(),
        complete: true,
    };
    pipeline.step(Input::Container(fact), sink);
    pipeline
}

fn step(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    group.throughput(Throughput::Elements(1));
    let mut number = 1;
    let mut sink = Count::default();
    let mut image = pipeline(&mut sink);
    group.bench_function("image_exec_and_exit", |b| {
        b.iter(|| {
            number += 1;
            let event = exec(number, false);
            let exit = exit(&event);
            image.step(Input::Kernel(KernelEvent::Exec(event)), &mut sink);
            image.step(exit, &mut sink);
        });
    });
    let mut drift = pipeline(&mut sink);
    group.bench_function("drift_exec_to_alert", |b| {
        b.iter(|| {
            number += 1;
            let event = exec(number, true);
            let exit = exit(&event);
            drift.step(Input::Kernel(KernelEvent::Exec(event)), &mut sink);
            drift.step(exit, &mut sink);
            let inspection = Inspection {
                token: sink.latest,
                sha256: Some(Sha256([1; 32])),
                head: Vec::new(),
                is_program: true,
                twin: Twin::Absent,
                copy_of: None,
                named_by_argument: false,
                deleted: false,
                error: None,
            };
            drift.step(Input::Inspection(inspection), &mut sink);
        });
    });
    group.finish();
    assert!(sink.alerts > 0, "the drift path must end in alerts");
}

criterion_group!(benches, step);
criterion_main!(benches);
