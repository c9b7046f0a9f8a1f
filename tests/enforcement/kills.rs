//! Sensors that are killed at any moment: what they enforced goes on, and their successors take it over.

use super::scene::{Change, DEADLINE_IN_FORCE, Guarded, RULE, Scene, drift_policy};
use crate::harness::{DEADLINE, run, trial, wait_for};
use crate::runc::Spec;
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Says how many sensors are killed on each of the two kinds of root, such as 100 for 200 in all.
const KILLS_VARIABLE: &str = "YAGURA_TEST_KILLS";
/// Sensors that are killed on each kind of root unless the variable says otherwise.
const KILLS: usize = 5;
/// A sensor lives for at most this long: it takes over what is pinned in about half of it.
const LIFE_MAX: Duration = Duration::from_millis(1500);
/// How often the drifted program is tried in the life of one sensor, at least.
const KNOCKS_MIN: u64 = 10;

/// Runs the program in the first argument every two milliseconds from `/tmp/go` on, and keeps in `/tmp/knocks` how often
/// that was refused, how often it was killed, and how often it ran.
const KNOCK: &str = r#"#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
	unsigned long refused = 0, killed = 0, ran = 0;
	char text[64];
	int status, file = open("/tmp/knocks", O_CREAT | O_WRONLY, 0600);
	if (argc != 2 || file < 0)
		return 2;
	for (;; usleep(2000)) {
		if (access("/tmp/go", F_OK) != 0)
			continue;
		pid_t child = vfork();
		if (child == 0) {
			execl(argv[1], argv[1], (char *)0);
			_exit(111);
		}
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 1;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			killed++;
		else if (WIFEXITED(status) && WEXITSTATUS(status) == 111)
			refused++;
		else
			ran++;
		int length = snprintf(text, sizeof(text), "%12lu %12lu %12lu\n", refused, killed, ran);
		if (pwrite(file, text, length, 0) != length)
			return 1;
	}
}
"#;

pub(super) fn trials(needs: &[&'static str]) -> Vec<Trial> {
    vec![
        trial("enforcement::sensors_are_killed_on_overlay", needs, || {
            kills(false)
        }),
        trial(
            "enforcement::sensors_are_killed_on_plain_root",
            needs,
            || kills(true),
        ),
    ]
}

fn kills(plain: bool) -> Result<()> {
    let scene = Scene::new()?;
    scene.add_program("knock", KNOCK)?;
    let (guarded, bystander) = (scene.id("guarded"), scene.id("bystander"));
    let policy = drift_policy(1, Change::Block, &[&guarded]);
    let sensor = scene.sensor(&policy)?;
    let door = Door::of(&scene, &guarded, plain)?;
    let other = Door::of(&scene, &bystander, plain)?;
    scene.wait_in_force(&guarded, "drift-binaries", "deny")?;
    door.container.refused("/tmp/drifted")?;
    let host = Host::start(vec![
        scene.marker(),
        other.container.path("/tmp/drifted"),
        door.container.path("/tmp/drifted"),
    ]);
    door.knock()?;
    other.knock()?;
    sensor.kill()?;
    let number = std::env::var(KILLS_VARIABLE).map_or(Ok(KILLS), |number| number.parse());
    let mut total = Knocks::default();
    for round in 0..number.context(KILLS_VARIABLE)? {
        let sensor = scene.launch(&policy)?;
        let life = any_moment(LIFE_MAX);
        std::thread::sleep(life);
        let checked = door.closed(total).and_then(|now| {
            total = now;
            other.open()
        });
        checked.with_context(|| format!("kill {round}, a sensor of {life:?}"))?;
        sensor.kill()?;
    }
    adopted(&scene, &policy, &door)?;
    let total = door.closed(total)?;
    other.open()?;
    let runs = host.end()?;
    eprintln!("{total:?}; {runs} runs on the host");
    ensure!(total.refused > 0, "nothing was refused: {total:?}");
    Ok(())
}

/// The kernel goes on by itself; the next sensor takes over what is there, and nothing twice.
fn adopted(scene: &Scene, policy: &str, door: &Door) -> Result<()> {
    let cgroup = format!("cgroup-{}", fs::metadata(door.cgroup()?)?.ino());
    let pinned = || {
        let list = scene.list()?;
        ensure!(list["sensor"] == false, "{list}");
        let containers = list["containers"].as_array().into_iter().flatten();
        let own = containers.filter(|container| container["id"] == cgroup.as_str());
        let count = own.count();
        ensure!(count == 1, "{count} rows for {cgroup}: {list}");
        Ok(())
    };
    pinned()?;
    let sensor = scene.sensor(policy)?;
    let item = scene.wait_in_force(&door.container.id, "drift-binaries", "deny")?;
    ensure!(item["rule"] == RULE, "{item}");
    let alert = sensor.alert(&door.container.id, |alert| {
        alert["drift"]["path"] == "/tmp/drifted" && alert["status"] == "auto-blocked"
    })?;
    ensure!(alert["policy"]["rule"] == RULE, "{alert}");
    sensor.end(Some(Signal::TERM))?;
    pinned()
}

/// A moment within that time that nobody chose.
fn any_moment(longest: Duration) -> Duration {
    let random = RandomState::new().hash_one(());
    let nanoseconds = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random % nanoseconds)
}

/// What became of the knocks so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Knocks {
    refused: u64,
    killed: u64,
    ran: u64,
}

impl Knocks {
    fn total(self) -> u64 {
        self.refused + self.killed + self.ran
    }
}

/// A container that tries to run its drifted program all the time.
struct Door {
    container: Guarded,
}

impl Door {
    fn of(scene: &Scene, id: &str, plain: bool) -> Result<Door> {
        let script =
            "cp /payload/marker /tmp/drifted; chmod 755 /tmp/drifted; exec /bin/knock /tmp/drifted";
        let container = scene.container_like(&Spec {
            id: Some(id),
            argv: &["/bin/sh", "-c", script],
            plain,
            ..Spec::default()
        })?;
        wait_for("its first program", DEADLINE, || {
            container.path("/tmp/knocks").exists().then_some(())
        })?;
        Ok(Door { container })
    }

    fn knock(&self) -> Result<()> {
        fs::write(self.container.path("/tmp/go"), "")?;
        Ok(())
    }

    fn knocks(&self) -> Result<Knocks> {
        let text = fs::read_to_string(self.container.path("/tmp/knocks"))?;
        let mut numbers = text.split_whitespace().map(str::parse);
        let mut next = || Ok::<u64, anyhow::Error>(numbers.next().transpose()?.unwrap_or(0));
        Ok(Knocks {
            refused: next()?,
            killed: next()?,
            ran: next()?,
        })
    }

    /// It was tried again and again since then, and never ran.
    fn closed(&self, before: Knocks) -> Result<Knocks> {
        let now = wait_for("further attempts", DEADLINE_IN_FORCE, || {
            let now = self.knocks().ok()?;
            (now.total() >= before.total() + KNOCKS_MIN).then_some(now)
        })?;
        ensure!(
            now.ran == 0 && !self.container.has_marker(),
            "it ran: {now:?}"
        );
        Ok(now)
    }

    /// It always ran.
    fn open(&self) -> Result<()> {
        let now = self.knocks()?;
        ensure!(
            now.ran > 0 && now.refused == 0 && now.killed == 0,
            "the bystander was stopped: {now:?}"
        );
        Ok(())
    }

    /// Directory of its cgroup (v2).
    fn cgroup(&self) -> Result<PathBuf> {
        let hybrid = Path::new("/sys/fs/cgroup/unified");
        let root = match hybrid.exists() {
            true => hybrid,
            false => Path::new("/sys/fs/cgroup"),
        };
        Ok(root.join(&self.container.id))
    }
}

/// Processes of the host that run programs all the time, those of containers among them.
struct Host {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<u64>>,
}

impl Host {
    fn start(programs: Vec<PathBuf>) -> Host {
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut runs = 0;
            while !ends.load(Ordering::Relaxed) {
                for program in &programs {
                    let mut command = Command::new(program);
                    run(command.arg("/dev/null"), DEADLINE)?
                        .expect(0)
                        .with_context(|| format!("on the host: {}", program.display()))?;
                    runs += 1;
                }
            }
            Ok(runs)
        });
        Host { over, thread }
    }

    /// Ends them; how many there were, all unharmed.
    fn end(self) -> Result<u64> {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| anyhow::bail!("the thread panicked"))
    }
}
