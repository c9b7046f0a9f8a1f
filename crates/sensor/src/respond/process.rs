//! Ending one process.

use super::target::Target;
use super::{Done, Undone};
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::json;
use std::time::Duration;

/// How far apart two ways of telling when a process began may be: the kernel tells it in hundredths of a second, and the
/// wall clock may have been slewed.
const START_DIFFERS_MAX: Duration = Duration::from_secs(1);
/// What the kernel counts starts in: a hundredth of a second (proc(5), USER_HZ).
const TICK_NS: i128 = 10_000_000;
/// How long a process that was ended may take to be gone.
const END_MAX: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// Why a process is not ended.
#[derive(Debug, thiserror::Error)]
enum KillError {
    #[error("start of the process is no time")]
    Time,
    #[error("process has ended, or is another one by now")]
    Gone,
    #[error("process is not in that container")]
    Elsewhere,
    #[error("kernel refuses")]
    Kernel(#[from] rustix::io::Errno),
    #[error("process was told to end and has not yet")]
    Lasting,
}

impl From<KillError> for Undone {
    fn from(error: KillError) -> Undone {
        match error {
            KillError::Time | KillError::Elsewhere => Undone::refused(error),
            KillError::Gone | KillError::Kernel(_) | KillError::Lasting => Undone::failed(error),
        }
    }
}

/// Ends a process of a container if it is the one that is meant.
pub(super) fn kill(target: &Target, pid: u32, start_time: &str) -> Result<Done, Undone> {
    end(pid, start_time, |pid| target.cgroup.has(pid))?;
    Ok(Done::new(format!("process {pid} ended")).with(json!({ "pid": pid })))
}

/// The descriptor is taken before anything is checked, so that what was checked is what is ended.
fn end(pid: u32, start_time: &str, is_its: impl Fn(u32) -> bool) -> Result<(), KillError> {
    let meant: Timestamp = start_time.parse().map_err(|_| KillError::Time)?;
    let raw = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(KillError::Gone)?;
    let process = pidfd_open(raw, PidfdFlags::empty()).map_err(|_| KillError::Gone)?;
    let began = started(pid).ok_or(KillError::Gone)?;
    if began.abs_diff(meant.as_nanosecond()) > START_DIFFERS_MAX.as_nanos() {
        return Err(KillError::Gone);
    }
    if !is_its(pid) {
        return Err(KillError::Elsewhere);
    }
    pidfd_send_signal(&process, Signal::KILL)?;
    match has_ended(process.as_fd())? {
        true => Ok(()),
        false => Err(KillError::Lasting),
    }
}

/// Waits for the end of a process; a descriptor of one that has ended can be read.
fn has_ended(process: impl AsFd) -> Result<bool, KillError> {
    let mut waiting = [PollFd::new(&process, PollFlags::IN)];
    Ok(poll(&mut waiting, Some(&END_MAX))? > 0)
}

/// When a process began, nanoseconds since 1970.
fn started(pid: u32) -> Option<i128> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; the start is the 20th field behind it (proc(5)).
    let (_, behind) = stat.rsplit_once(')')?;
    let ticks: i128 = behind.split_whitespace().nth(19)?.parse().ok()?;
    let since_boot = i128::from(crate::now().0);
    Some(Timestamp::now().as_nanosecond() - since_boot + ticks * TICK_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_process_is_ended_and_only_in_its_container() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep");
        let pid = child.id();
        let now = Timestamp::now();
        let at = |time: Timestamp| time.to_string();
        let earlier = now - jiff::SignedDuration::from_secs(60);
        assert!(matches!(
            end(pid, "yesterday", |_| true),
            Err(KillError::Time)
        ));
        assert!(matches!(
            end(pid, &at(earlier), |_| true),
            Err(KillError::Gone)
        ));
        assert!(matches!(
            end(pid, &at(now), |_| false),
            Err(KillError::Elsewhere)
        ));
        assert!(child.try_wait().expect("wait").is_none());
        end(pid, &at(now), |_| true).expect("ended");
        child.wait().expect("wait");
        assert!(matches!(end(pid, &at(now), |_| true), Err(KillError::Gone)));
        assert!(matches!(end(0, &at(now), |_| true), Err(KillError::Gone)));
    }
}
