//! How many events a second one core evaluates: the catalogue and rules in the manner of Falco's, 250 at least, against a
//! mixed stream of what ordinary containers do. Nothing in the stream is an attack, so that nearly nothing matches: as it is.
//!
//! Time is the thread's own on a processor, so that figures of a busy machine are those of one core.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first surprise"
)]

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use yagura_event::{Call, MonotonicNs};
use yagura_rules::fields::{Argument, Field};
use yagura_rules::rule::Rule;
use yagura_rules::{
    EventKind, LoadOptions, PathOpen, RuleSet, RuleState, Source, Subject, Value, catalogue, load,
};

/// Time of this thread on a processor.
struct ProcessorTime;

fn processor_time() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap())
}

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        processor_time()
    }

    fn end(&self, start: Duration) -> Duration {
        processor_time().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// Rules that are measured at least.
const RULES_MIN: usize = 250;
/// Events of the stream.
const EVENTS: usize = 4096;

/// An event with what a sensor knows of its process.
struct Event {
    kind: EventKind,
    path: String,
    write: bool,
    name: &'static str,
    exe: &'static str,
    cmdline: String,
    ancestors: [&'static str; 4],
    server: (Ipv4Addr, u16),
}

impl Subject for Event {
    fn kind(&self) -> EventKind {
        self.kind
    }

    fn time(&self) -> MonotonicNs {
        MonotonicNs(1)
    }

    fn value(&self, field: Field, argument: &Argument) -> Value<'_> {
        let is_connect = self.kind == EventKind::Call(Call::Connect);
        let ancestor = |index: u32| {
            let ancestor = self.ancestors.get(index as usize);
            ancestor.map_or(Value::Absent, Value::text)
        };
        match (field, argument) {
            (Field::EvtType, _) => Value::text(self.kind.as_str()),
            (Field::FdName | Field::FsPathName, _) if !is_connect => Value::text(&self.path),
            (Field::FdDirectory, _) if !is_connect => Value::text(
                self.path
                    .rsplit_once('/')
                    .map_or("/", |(directory, _)| directory),
            ),
            (Field::FdFilename, _) if !is_connect => {
                Value::text(self.path.rsplit_once('/').map_or("", |(_, name)| name))
            }
            (Field::FdSip | Field::FdSnet | Field::FdRip | Field::FdRnet, _) if is_connect => {
                Value::Address(IpAddr::V4(self.server.0))
            }
            (Field::FdSport | Field::FdRport, _) if is_connect => {
                Value::Number(i64::from(self.server.1))
            }
            (Field::FdL4proto, _) if is_connect => Value::text("tcp"),
            (Field::FdType, _) => Value::text(if is_connect { "ipv4" } else { "file" }),
            (Field::FdTypechar, _) => Value::text(if is_connect { "4" } else { "f" }),
            (Field::FdNum | Field::EvtRawRes, _) => Value::Number(7),
            (Field::EvtIsOpenWrite, _) => Value::Boolean(self.write),
            (Field::EvtIsOpenRead, _) => Value::Boolean(!self.write),
            (Field::EvtFailed | Field::EvtIsOpenCreate | Field::FdIsServer, _) => {
                Value::Boolean(false)
            }
            (Field::EvtRes, _) => Value::text("SUCCESS"),
            (Field::ProcName, _) => Value::text(self.name),
            (Field::ProcExe | Field::ProcExepath, _) => Value::text(self.exe),
            (Field::ProcCmdline | Field::ProcExeline | Field::ProcArgs, _) => {
                Value::text(&self.cmdline)
            }
            (Field::ProcPname, _) => ancestor(0),
            (Field::ProcPcmdline, _) => ancestor(0),
            (Field::ProcAname, Argument::Index(index)) => match index.checked_sub(1) {
                None => Value::text(self.name),
                Some(index) => ancestor(index),
            },
            (Field::ProcAname | Field::ProcImageLineage, _) => {
                Value::List(self.ancestors.iter().map(Value::text).collect())
            }
            (Field::ProcTty | Field::UserUid, _) => Value::Number(0),
            (Field::ProcPid | Field::ProcVpid, _) => Value::Number(4711),
            (Field::ProcIsDrifted | Field::ProcIsExeUpperLayer | Field::ContainerPrivileged, _) => {
                Value::Boolean(false)
            }
            (Field::UserName, _) => Value::text("root"),
            (Field::UserLoginuid, _) => Value::Number(-1),
            (Field::ContainerId, _) => Value::text("0123456789ab"),
            (Field::ContainerName, _) => Value::text("web"),
            (Field::ContainerImageRepository, _) => Value::text("registry.example/shop/web"),
            (Field::K8sNsName, _) => Value::text("shop"),
            (Field::K8sPodName, _) => Value::text("web-5d4f"),
            _ => Value::Absent,
        }
    }
}

/// Processes: name, executable, ancestors.
const PROCESSES: [(&str, &str, [&str; 4]); 6] = [
    (
        "nginx",
        "/usr/sbin/nginx",
        ["nginx", "tini", "containerd-shim", "systemd"],
    ),
    (
        "java",
        "/usr/lib/jvm/bin/java",
        ["sh", "tini", "containerd-shim", "systemd"],
    ),
    (
        "postgres",
        "/usr/lib/postgresql/15/bin/postgres",
        ["postgres", "sh", "containerd-shim", "systemd"],
    ),
    (
        "python3",
        "/usr/bin/python3.11",
        ["gunicorn", "sh", "containerd-shim", "systemd"],
    ),
    (
        "sh",
        "/usr/bin/dash",
        ["cron", "sh", "containerd-shim", "systemd"],
    ),
    (
        "node",
        "/usr/local/bin/node",
        ["npm", "sh", "containerd-shim", "systemd"],
    ),
];

/// Files that ordinary programs open.
const FILES: [&str; 12] = [
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/etc/ld.so.cache",
    "/proc/self/status",
    "/sys/fs/cgroup/memory.max",
    "/var/lib/postgresql/15/main/base/16384/2619",
    "/app/node_modules/express/lib/router/index.js",
    "/etc/resolv.conf",
    "/usr/share/zoneinfo/UTC",
    "/tmp/hsperfdata_app/1",
    "/var/log/nginx/access.log",
    "/dev/null",
    "/opt/app/lib/python3.11/site-packages/flask/app.py",
];

/// The stream: of ten events seven opens, one exec, one connection, one other call; in an order that is the same every time.
fn stream() -> Vec<Event> {
    let others = [
        Call::Unlink,
        Call::Rename,
        Call::Chmod,
        Call::Mkdir,
        Call::Dup2,
        Call::Kill,
    ];
    let pick = |at: usize, salt: usize, count: usize| {
        at.wrapping_mul(0x9e37_79b9)
            .wrapping_add(salt * 0x85eb_ca6b)
            / 7
            % count
    };
    (0..EVENTS)
        .map(|at| {
            let (name, exe, ancestors) = PROCESSES[pick(at, 1, PROCESSES.len())];
            let kind = match at % 10 {
                7 => EventKind::Exec,
                8 => EventKind::Call(Call::Connect),
                9 => EventKind::Call(others[pick(at, 2, others.len())]),
                _ => EventKind::Call(Call::Openat),
            };
            let octet = u8::try_from(pick(at, 3, 250)).unwrap();
            Event {
                kind,
                path: FILES[pick(at, 4, FILES.len())].to_owned(),
                write: at % 13 == 0,
                name,
                exe,
                cmdline: format!("{name} --config /etc/app/{at}.conf --workers 4"),
                ancestors,
                server: (
                    Ipv4Addr::new(10, 0, 3, octet),
                    [5432, 443, 8080, 53][at % 4],
                ),
            }
        })
        .collect()
}

/// Rules in the manner of Falco's: macros for kinds, sets of names and paths, exclusions by parents and images.
fn synthetic() -> String {
    let mut yaml = String::from(
        "
- macro: opened
  condition: (evt.type in (open, openat, openat2) and fd.typechar = f and fd.num >= 0)
- macro: spawned
  condition: (evt.type in (execve, execveat) and evt.dir = <)
- macro: outbound
  condition: (evt.type in (connect, sendto) and fd.typechar in (4, 6) and fd.sip != \"0.0.0.0\")
- macro: contained
  condition: (container.id != host)
- macro: trusted
  condition: (container.image.repository in (falco, sysdig/agent, registry.example/infra/agent))
- list: shells
  items: [ash, bash, csh, ksh, sh, tcsh, zsh, dash]
",
    );
    for number in 0..RULES_MIN {
        let condition = match number % 8 {
            0 => format!(
                "opened and evt.is_open_read = true and fd.name in (/etc/shadow{number}, /etc/sudoers{number}, /root/.ssh/id_{number}) and not proc.name in (sshd, sudo, vault{number}) and not trusted"
            ),
            1 => format!(
                "opened and evt.is_open_write = true and fd.name startswith /etc/conf{number} and not proc.aname in (dpkg, apt, rpm) and contained"
            ),
            2 => format!(
                "spawned and contained and proc.name in (shells) and proc.pname in (server{number}, worker{number}) and not proc.cmdline contains healthcheck{number}"
            ),
            3 => format!(
                "spawned and proc.name = tool{number} and (proc.args contains \"-e\" or proc.args contains \"--exec{number}\") and not trusted"
            ),
            4 => format!(
                "outbound and contained and fd.sport in ({}, {}, 6{number}) and not fd.snet in (\"10.{number}.0.0/16\", \"192.168.0.0/16\")",
                4000 + number,
                9000 + number
            ),
            5 => format!(
                "opened and evt.is_open_write = true and (fd.name pmatch (/usr/bin{number}, /sbin{number}, /lib{number}) or fd.name glob \"/home/*/.config{number}/*\") and not proc.pname exists"
            ),
            6 => format!(
                "evt.type in (rename, unlink, chmod, kill) and contained and proc.name in (wiper{number}, cleaner{number}) and not proc.aname[2] = cron"
            ),
            _ => format!(
                "spawned and proc.exepath endswith /miner{number} or (spawned and proc.cmdline icontains \"stratum{number}\" and contained)"
            ),
        };
        let _ = write!(
            yaml,
            "- rule: Synthetic {number}\n  desc: d\n  priority: INFO\n  output: '%proc.name'\n  condition: >\n    {condition}\n"
        );
    }
    yaml
}

/// The rules: the catalogue's, and synthetic ones until there are enough.
fn rules() -> Vec<Rule> {
    let options = LoadOptions {
        lint: false,
        unused: false,
    };
    let sources: Vec<_> = catalogue::sources().collect();
    let mut rules = load(&sources, &options).rules;
    let yaml = synthetic();
    let source = Source {
        name: "synthetic.yaml",
        bytes: yaml.as_bytes(),
        own: true,
    };
    let loaded = load(&[source], &options);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let missing = RULES_MIN.saturating_sub(rules.len()).max(150);
    rules.extend(loaded.rules.into_iter().take(missing));
    rules
}

fn evaluate(criterion: &mut Criterion<ProcessorTime>) {
    let rules = rules();
    let count = rules.len();
    let set = RuleSet::compile(rules.clone()).unwrap();
    let events = stream();
    let mut group = criterion.benchmark_group(format!("{count} rules"));
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (name, part) in [
        ("mixed", None),
        ("opens", Some(EventKind::Call(Call::Openat))),
        ("execs", Some(EventKind::Exec)),
        ("connections", Some(EventKind::Call(Call::Connect))),
    ] {
        let events: Vec<&Event> = events
            .iter()
            .filter(|event| part.is_none_or(|kind| event.kind == kind))
            .cycle()
            .take(EVENTS)
            .collect();
        let mut state = RuleState::new(&set);
        let mut matches = 0_u64;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for event in &events {
                    set.evaluate(*event, &mut state, &mut |_| matches += 1);
                }
            });
        });
        black_box(matches);
    }
    group.bench_function("prefilter", |bencher| {
        let mut prefilter = set.prefilter();
        bencher.iter(|| {
            let could = events.iter().filter(|event| {
                prefilter.could_match(&PathOpen {
                    call: Call::Openat,
                    path: event.path.as_bytes(),
                    flags: u32::from(event.write),
                })
            });
            black_box(could.count())
        });
    });
    group.finish();
    criterion.bench_function("compile", |bencher| {
        bencher.iter_batched(
            || rules.clone(),
            RuleSet::compile,
            criterion::BatchSize::LargeInput,
        );
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = evaluate
}
criterion_main!(benches);
