//! A fork bomb in which some of the processes drift.

use super::scene::{Change, DEADLINE_IN_FORCE, Scene, drift_policy};
use crate::harness::{DEADLINE, trial, wait_for};
use crate::runc::Spec;
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use std::collections::BTreeMap;
use std::fs;

/// Processes that the container may have.
const PROCESSES_MAX: u32 = 150;
/// Drifted programs that have to be among what the bomb starts, however busy the machine is.
const DRIFTED_MIN: u64 = 20;

/// From `/tmp/go` on it forks, and so does what it forked, for as many seconds as the first argument says. Half of them
/// execute `/tmp/drifted`, a quarter run `/bin/tool` and look at how that ended. What came of it is in `/tmp/bombed` then.
const BOMB: &str = r#"#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static struct { unsigned long forks, full, drifted, refused, images, harmed; } *counts;
static unsigned long add(unsigned long *count) {
	return __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}
static void run_image(void) {
	int status;
	signal(SIGCHLD, SIG_DFL);
	pid_t child = vfork();
	if (child == 0) {
		execl("/bin/tool", "/bin/tool", (char *)0);
		_exit(111);
	}
	if (child > 0 && waitpid(child, &status, 0) == child)
		add(status == 0 ? &counts->images : &counts->harmed);
}
static void breed(time_t end) {
	while (time(0) < end) {
		pid_t child = fork();
		if (child < 0) {
			add(&counts->full);
			usleep(500);
		}
		if (child != 0)
			continue;
		switch (add(&counts->forks) % 4) {
		case 0:
		case 1:
			add(&counts->drifted);
			execl("/tmp/drifted", "/tmp/drifted", (char *)0);
			add(&counts->refused);
			_exit(0);
		case 2:
			run_image();
			_exit(0);
		}
		/* It is one of the bomb's own, which leaves room for others now and then. */
		end = time(0) + 1 < end ? time(0) + 1 : end;
	}
}
int main(int argc, char **argv) {
	int own = getpid();
	counts = mmap(0, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (argc != 2 || own != 1 || counts == MAP_FAILED)
		return 2;
	signal(SIGCHLD, SIG_IGN);
	while (access("/tmp/go", F_OK) != 0)
		usleep(1000);
	breed(time(0) + atoi(argv[1]));
	if (getpid() != own)
		_exit(0);
	/* All but itself. */
	kill(-1, SIGKILL);
	FILE *file = fopen("/tmp/counting", "w");
	fprintf(file, "forks %lu\nfull %lu\ndrifted %lu\nrefused %lu\nimages %lu\nharmed %lu\n", counts->forks,
		counts->full, counts->drifted, counts->refused, counts->images, counts->harmed);
	if (fclose(file) != 0 || rename("/tmp/counting", "/tmp/bombed") != 0)
		return 1;
	for (;;)
		pause();
}
"#;

pub(super) fn trials(needs: &[&'static str]) -> Vec<Trial> {
    vec![trial(
        "enforcement::a_fork_bomb_gets_nothing_through",
        needs,
        bomb,
    )]
}

fn bomb() -> Result<()> {
    let scene = Scene::new()?;
    scene.add_program("bomb", BOMB)?;
    let guarded = scene.id("guarded");
    let sensor = scene.sensor(&drift_policy(1, Change::Block, &[&guarded]))?;
    let script = "cp /payload/marker /tmp/drifted; chmod 755 /tmp/drifted; touch /tmp/made; exec /bin/bomb 4";
    let container = scene.container_like(&Spec {
        id: Some(&guarded),
        argv: &["/bin/sh", "-c", script],
        pids_max: Some(PROCESSES_MAX),
        ..Spec::default()
    })?;
    scene.wait_in_force(&guarded, "drift-binaries", "deny")?;
    wait_for("the drifted program", DEADLINE, || {
        container.path("/tmp/made").exists().then_some(())
    })?;
    container.refused("/tmp/drifted")?;
    fs::write(container.path("/tmp/go"), "")?;
    scene.host_program_runs()?;
    let text = wait_for("the bomb's end", DEADLINE_IN_FORCE, || {
        fs::read_to_string(container.path("/tmp/bombed")).ok()
    })?;
    eprintln!("{}", text.replace('\n', " "));
    let counts: BTreeMap<&str, u64> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(what, count)| Ok((what, count.parse()?)))
        .collect::<Result<_>>()?;
    let count = |what: &str| counts.get(what).copied().context(what.to_owned());
    ensure!(!container.has_marker(), "a drifted program ran: {text}");
    ensure!(count("drifted")? >= DRIFTED_MIN, "{text}");
    ensure!(count("full")? > 0, "it never had all its processes: {text}");
    ensure!(count("images")? > 0 && count("harmed")? == 0, "{text}");
    sensor.alert_about(&guarded, "/tmp/drifted")?;
    container.refused("/tmp/drifted")?;
    sensor.stop().map(drop)
}
