//! Time of decoding one record: an exec with a dozen arguments, a mapping, an exit.

#[path = "../tests/encode.rs"]
mod encode;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use yagura_event::{ExecEvent, ExitEvent, FileFacts, KernelEvent, MapEvent, Text};
use yagura_kernel::decode;

fn file(path: &str) -> FileFacts {
    FileFacts {
        path: path.into(),
        ..FileFacts::default()
    }
}

fn exec() -> ExecEvent {
    let words = "/usr/lib/jvm/bin/java -Xmx512m -Dspring.profiles.active=production -cp /app/lib/* \
                 -XX:+UseG1GC -XX:MaxGCPauseMillis=200 com.example.orders.Main --port 8080 --region eu-west-1";
    ExecEvent {
        file: file("/usr/lib/jvm/java-21-openjdk-amd64/bin/java"),
        filename: "/usr/lib/jvm/bin/java".into(),
        interpreter: "/usr/lib/jvm/bin/java".into(),
        argv: words.split_whitespace().map(Text::from).collect(),
        cwd: "/app".into(),
        ..ExecEvent::default()
    }
}

fn benchmark(c: &mut Criterion) {
    let map = MapEvent {
        file: file("/usr/lib/x86_64-linux-gnu/libssl.so.3"),
        ..MapEvent::default()
    };
    let mut group = c.benchmark_group("decode");
    for (name, event) in [
        ("exec", KernelEvent::Exec(Box::new(exec()))),
        ("map", KernelEvent::Map(Box::new(map))),
        ("exit", KernelEvent::Exit(ExitEvent::default())),
    ] {
        let record = encode::encode(&event).unwrap_or_default();
        assert_eq!(decode(&record), Ok(event));
        group.throughput(Throughput::Bytes(record.len().try_into().unwrap_or(0)));
        group.bench_function(name, |b| b.iter(|| decode(black_box(&record))));
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
