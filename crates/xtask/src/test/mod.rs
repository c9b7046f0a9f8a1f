//! `cargo xtask test`: every check; the cheap ones come first, and what only compiles runs beside the virtual machines.

mod programs;
mod summary;

use crate::command::run as run_program;
use crate::workspace::{build_yagura_with_tests, cargo, root};
use crate::{console, format, generate, tidy, vm};
use anyhow::{Context, Result, anyhow};
use std::process::ExitCode;
use std::time::{Duration, Instant};
pub(crate) use summary::AT_SECOND_TRY;
use summary::Summary;

/// How long everything together may take, cold, on two cores.
const TIME_MAX: Duration = Duration::from_secs(80 * 60);

/// A check that passes or says why not.
struct Step {
    name: &'static str,
    run: fn(Instant) -> Result<()>,
}

/// The checks before the tests, in their order.
const STEPS: &[Step] = &[
    Step {
        name: "format of Rust",
        run: format::check_rust,
    },
    Step {
        name: "format of C",
        run: format::check_c,
    },
    Step {
        name: "tidy",
        run: |_| tidy::check(),
    },
    Step {
        name: "console is built",
        run: console::build,
    },
    Step {
        name: "types and style of the console",
        run: console::check,
    },
    Step {
        name: "generated files",
        run: generate::check,
    },
];

/// Checks that compile for themselves what the tests do not share. They run beside the virtual machines, which keep
/// little more than one processor busy and are given time.
const BESIDE_MACHINES: &[Step] = &[
    Step {
        name: "clippy",
        run: clippy,
    },
    Step {
        name: "fuzz targets compile",
        run: fuzz,
    },
];

/// Tests that report line by line, as cargo's do.
type Tests = fn(Instant, &mut dyn FnMut(&str)) -> Result<()>;

/// The console's tests.
const CONSOLE_TESTS: [(&str, Tests); 2] = [
    ("tests of the console's parts", |deadline, each| {
        console::unit_tests(deadline, each)
    }),
    ("tests of the console in a browser", |deadline, each| {
        console::end_to_end(deadline, each)
    }),
];

/// Runs every step and then every test; the last line of a run that reached the tests is their count.
///
/// # Errors
/// A step fails, a test fails, or the time is up.
pub(crate) fn run() -> Result<ExitCode> {
    let deadline = Instant::now() + TIME_MAX;
    for step in STEPS {
        let begun = heading(step.name);
        (step.run)(deadline).with_context(|| format!("step `{}` failed", step.name))?;
        println!("ok ({:.0} s)", begun.elapsed().as_secs_f64());
    }
    let begun = heading("tests");
    let mut summary = programs::run(deadline)?;
    println!("\ntests took {:.0} s", begun.elapsed().as_secs_f64());
    for (name, run) in CONSOLE_TESTS {
        let begun = heading(name);
        let mut part = Summary::default();
        let result = run(deadline, &mut |line| {
            println!("{line}");
            part.read(line);
        });
        if let Err(error) = &result {
            eprintln!("error: {error:#}");
        }
        part.finish(result.is_ok());
        summary.add(part);
        println!("took {:.0} s", begun.elapsed().as_secs_f64());
    }
    let begun = heading("tests in a virtual machine with BPF LSM, and lints beside them");
    let (part, lints) = machines_and_lints(deadline)?;
    summary.add(part);
    println!("took {:.0} s", begun.elapsed().as_secs_f64());
    print!("{summary}");
    lints?;
    Ok(if summary.passed_whole() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn heading(name: &str) -> Instant {
    println!("\n== {name}");
    Instant::now()
}

fn clippy(deadline: Instant) -> Result<()> {
    let mut command = cargo();
    command.args(["clippy", "--workspace", "--all-targets", "--quiet"]);
    command.args(["--", "-D", "warnings"]);
    run_program(&mut command, deadline)
}

fn fuzz(deadline: Instant) -> Result<()> {
    if !root().join("fuzz/Cargo.toml").exists() {
        println!("there are none");
        return Ok(());
    }
    let mut command = cargo();
    command.args(["check", "--quiet", "--manifest-path", "fuzz/Cargo.toml"]);
    // What clippy checked of dependencies serves here, too.
    command.args(["--target-dir", "target"]);
    run_program(&mut command, deadline)
}

/// Runs the product in the kernels that this machine hasn't, and the lints meanwhile: what the machines' tests came to,
/// and the first lint that failed.
fn machines_and_lints(deadline: Instant) -> Result<(Summary, Result<()>)> {
    // The tests before have built it; once the lints compile, cargo would wait for them.
    let built = build_yagura_with_tests(deadline)?;
    let mut summary = Summary::default();
    let (lane, lints) = std::thread::scope(|scope| {
        let lints = scope.spawn(|| lint(deadline));
        let lane = vm::run_lane(&built, None, |line| {
            println!("{line}");
            summary.read(line);
        });
        (lane, lints.join())
    });
    if let Err(error) = &lane {
        eprintln!("error: {error:#}");
    }
    summary.finish(lane.is_ok_and(|passed| passed));
    let lints = lints.unwrap_or_else(|_panic| Err(anyhow!("the lints' thread panicked")));
    Ok((summary, lints))
}

fn lint(deadline: Instant) -> Result<()> {
    for step in BESIDE_MACHINES {
        let begun = Instant::now();
        (step.run)(deadline).with_context(|| format!("step `{}` failed", step.name))?;
        println!("ok: {} ({:.0} s)", step.name, begun.elapsed().as_secs_f64());
    }
    Ok(())
}
