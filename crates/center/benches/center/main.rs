//! What a center bears: `cargo xtask bench center` starts this.
//!
//! Does: run the real program on loopback with TLS and enrolment, on a PostgreSQL server of its own, and measure how fast
//! a policy reaches thousands of simulated sensors, how many alerts a second are stored, how fast lists over millions of
//! alerts answer, and how much memory all that takes.
//! Never: fails for a figure. It fails where an alert is lost or stored twice, or a sensor is not reached.
//!
//! Each simulated sensor is a real client of the link with a certificate and a connection of its own, which reports its
//! health as sensors do; it has no disk and enforces nothing. Everything shares this machine's processors.
#![expect(
    clippy::print_stdout,
    reason = "a program that only measures: standard output is its result"
)]

mod api;
mod flood;
mod lists;
mod policies;
mod report;
mod scene;
mod sensors;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use report::Report;
use scene::Scene;
use sensors::Sensors;
use std::path::PathBuf;
use std::sync::Arc;

/// What a center bears, measured on this machine.
#[derive(Debug, clap::Parser)]
#[command(name = "cargo xtask bench center --")]
struct Arguments {
    /// Simulated sensors, each with a connection of its own.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    sensors: u32,
    /// Changes of the drift policy. None leaves them out.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000))]
    changes: u32,
    /// Rules of that policy.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    rules: u32,
    /// Replicas of the center on the one database; sensors are spread over them.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4))]
    replicas: u32,
    /// Alerts that are sent. None leaves the flood out.
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    flood: u32,
    /// Sensors that send them at the same time.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    senders: u32,
    /// Alerts of a batch.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    batch: u32,
    /// Alerts that lists are asked of. None leaves the lists out.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    alerts: u64,
    /// How often each list is asked for, another one each time.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    asked: u32,
    /// The yagura that is measured.
    #[arg(long, value_name = "PATH")]
    binary: PathBuf,
    /// Form of the result.
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
    /// Cargo gives this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Table,
    Json,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // Every sensor has a connection here and one in the center, which inherits the bound.
    raise_descriptors()?;
    // Fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let report = runtime.block_on(measure(&arguments))?;
    match arguments.output {
        Form::Table => println!("{}", report.table()),
        Form::Json => println!("{}", report.json()),
    }
    Ok(())
}

/// Everything that is asked for, one after the other.
async fn measure(arguments: &Arguments) -> Result<Report> {
    let scene = Scene::start(&arguments.binary, arguments.replicas).await?;
    let mut report = Report::new();
    report.memory("idle", scene.resident_kib()?);
    if arguments.changes > 0 {
        eprintln!("enrolling {} sensors", arguments.sensors);
        let sensors = Arc::new(Sensors::open(&scene, arguments.sensors).await?);
        report.connected(sensors.took());
        report.memory("with all sensors connected", scene.resident_kib()?);
        let changes = policies::measure(&scene, &sensors, arguments.changes, arguments.rules);
        report.changes(
            arguments.rules,
            &changes.await.context("changing the policy")?,
        );
        report.memory("after the changes of policy", scene.resident_kib()?);
    }
    if arguments.flood > 0 {
        eprintln!("making {} alerts", arguments.flood);
        let flood = flood::measure(&scene, arguments.flood, arguments.senders, arguments.batch);
        report.flood(&flood.await.context("sending alerts")?);
        report.memory("after the flood", scene.resident_kib()?);
    }
    if arguments.alerts > 0 {
        eprintln!("filling the database with {} alerts", arguments.alerts);
        let lists = lists::measure(&scene, arguments.alerts, arguments.asked);
        report.lists(arguments.alerts, &lists.await.context("asking for lists")?);
        report.memory("after the lists", scene.resident_kib()?);
    }
    Ok(report)
}

fn raise_descriptors() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the number of descriptors")
}
