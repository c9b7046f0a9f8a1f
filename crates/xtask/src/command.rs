//! Running other programs, within a time.

use anyhow::{Context, Result, bail, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How long the reader of an ended program's output may take to get to its end, on a busy machine.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a program may take to end after it was asked to, before it is killed.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// Runs a short program and returns its standard output.
///
/// # Errors
/// It can't be started, fails, or prints something that is not UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting `{shown}`"))?;
    ensure!(
        output.status.success(),
        "`{shown}` failed: {}",
        output.status
    );
    String::from_utf8(output.stdout).with_context(|| format!("the output of `{shown}`"))
}

/// Runs a program to its end in front of the user.
///
/// # Errors
/// It can't be started, fails, or is still running at the deadline and was ended.
pub(crate) fn run(command: &mut Command, deadline: Instant) -> Result<()> {
    let shown = show(command);
    let mut child = start(command)?;
    let status = wait(&mut child, deadline).with_context(|| format!("`{shown}`"))?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    Ok(())
}

/// Runs a program and hands over each line of its standard output as it comes.
///
/// # Errors
/// It can't be started, or is still running at the deadline and was ended.
pub(crate) fn run_lines(
    command: &mut Command,
    deadline: Instant,
    mut each: impl FnMut(&str),
) -> Result<ExitStatus> {
    let shown = show(command);
    let mut child = start(command.stdout(Stdio::piped()))?;
    let lines = lines(child.stdout.take().context("no standard output")?);
    loop {
        match lines.recv_timeout(POLL) {
            Ok(line) => each(&line),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if child.try_wait()?.is_some() {
                    // A process that it left behind may hold the pipe open; what was printed is here already.
                    while let Ok(line) = lines.recv_timeout(DRAIN_TIME_MAX) {
                        each(&line);
                    }
                    break;
                }
                check_time(&mut child, deadline).with_context(|| format!("`{shown}`"))?;
            }
        }
    }
    wait(&mut child, deadline).with_context(|| format!("`{shown}`"))
}

/// Reads lines on a thread of its own, so that the reader can wait with a deadline. Ends with the stream.
pub(crate) fn lines(stream: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|size| size > 0)
        {
            let text = String::from_utf8_lossy(&line);
            if sender.send(text.trim_end().to_owned()).is_err() {
                break;
            }
            line.clear();
        }
    });
    receiver
}

/// Waits for the end of a program; ends it at the deadline.
///
/// # Errors
/// It was still running at the deadline, or the user interrupted this tool; it is ended then.
pub(crate) fn wait(child: &mut Child, deadline: Instant) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        check_time(child, deadline)?;
        std::thread::sleep(POLL);
    }
}

fn check_time(child: &mut Child, deadline: Instant) -> Result<()> {
    if let Err(error) = check_interrupt() {
        stop(child);
        return Err(error);
    }
    if Instant::now() >= deadline {
        stop(child);
        bail!("took longer than it may");
    }
    Ok(())
}

/// Fails once SIGINT or SIGTERM came, so that every owner on the way out cleans up.
///
/// # Errors
/// The user interrupted this tool.
pub(crate) fn check_interrupt() -> Result<()> {
    ensure!(!INTERRUPTED.get_or_init(flag).load(Relaxed), "interrupted");
    Ok(())
}

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Without the handler the signal ends this tool at once, which is acceptable.
        let _kept = signal_hook::flag::register(signal, Arc::clone(&flag));
    }
    flag
}

/// Asks a program and the rest of its process group to end, then insists.
pub(crate) fn stop(child: &mut Child) {
    use rustix::process::Signal;
    signal_group(child, Signal::TERM);
    let deadline = Instant::now() + STOP_TIME_MAX;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            break;
        }
        std::thread::sleep(POLL);
    }
    // Its own children may outlive it.
    signal_group(child, Signal::KILL);
    if let Err(error) = child.wait() {
        eprintln!("waiting for process {}: {error}", child.id());
    }
}

fn signal_group(child: &Child, signal: rustix::process::Signal) {
    let group = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // Failing means that nothing of the group is left.
        let _gone = rustix::process::kill_process_group(group, signal);
    }
}

/// Starts a program in a process group of its own, so that all of it can be ended.
///
/// # Errors
/// It can't be started.
pub(crate) fn start(command: &mut Command) -> Result<Child> {
    // From here on this tool is in charge of ending it.
    check_interrupt()?;
    command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting `{}`", show(command)))
}

/// The command as one would type it, near enough.
pub(crate) fn show(command: &Command) -> String {
    let mut words = vec![command.get_program()];
    words.extend(command.get_args());
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_ended_at_its_deadline() {
        let begun = Instant::now();
        let deadline = begun + Duration::from_millis(50);
        let error = run(Command::new("sleep").arg("60"), deadline).unwrap_err();
        assert!(format!("{error:#}").contains("took longer"), "{error:#}");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn lines_come_in_order_and_the_status_with_them() {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut seen = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two; exit 3"]);
        let status = run_lines(&mut command, deadline, |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen, ["one", "two"]);
        assert_eq!(status.code(), Some(3));
    }
}
