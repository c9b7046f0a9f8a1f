//! Nothing stays: no mount, process, cgroup or directory, however the owner ended.

use crate::{AnyError, image, options, prefix};
use libtest_mimic::Trial;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_rehearsal::drift::CASES;
use yagura_rehearsal::escapes::{EscapeStage, TECHNIQUES};
use yagura_rehearsal::keys::{REHEARSALS, Stage, perform};
use yagura_rehearsal::{
    ContainerOptions, RootKind, RuntimeChoice, RuntimeProgram, StartError, ThrowAwayContainer,
    ThrowAwayImage, cleanup_all, cleanup_leftovers, rehearse,
};

/// Environment variable that makes this program play an owner of containers instead of running tests.
pub(crate) const ROLE: &str = "YAGURA_REHEARSAL_TEST_ROLE";
/// Leaves two processes in the container, one of them without a parent.
const LEAVE_BEHIND: &str = "exec < /dev/null > /dev/null 2>&1; sleep 600 & (sleep 601 &) ; true";
const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) fn trials(runtime: &RuntimeProgram, root: RootKind) -> Vec<Trial> {
    let prefix = prefix(runtime, root);
    let trial = |name: &str, test: fn(&ContainerOptions) -> Result<(), AnyError>| {
        let options = options(runtime, root);
        Trial::test(format!("{prefix}::{name}"), move || Ok(test(&options)?))
    };
    vec![
        trial("removal_leaves_nothing", removal_leaves_nothing),
        trial("a_dropped_container_leaves_nothing", drop_leaves_nothing),
        trial("a_killed_owner_is_cleaned_up_after", killed_owner),
        trial("an_interrupted_owner_leaves_nothing", interrupted_owner),
        trial("a_killed_owner_of_a_network_leaves_nothing", killed_stage),
        trial("a_killed_owner_of_an_escape_leaves_nothing", killed_escape),
        trial("links_and_strangers_are_left_alone", strangers),
        trial("a_folder_without_execution_will_do", no_execution),
        trial("a_folder_on_an_overlay_will_do", on_overlay),
    ]
}

fn removal_leaves_nothing(options: &ContainerOptions) -> Result<(), AnyError> {
    let container = ThrowAwayContainer::start(&image(), options)?;
    let id = container.id().to_owned();
    let first = container.first_pid();
    assert!(runs(first));
    assert!(!traces(&id, &options.base).is_empty(), "the check is blind");
    let begun = Instant::now();
    let left = container.exec(&["/bin/sh", "-c", LEAVE_BEHIND], TIMEOUT)?;
    assert!(left.succeeded() && begun.elapsed() < TIMEOUT);
    container.remove()?;
    assert_eq!(traces(&id, &options.base), Vec::<String>::new());
    wait_until(|| !runs(first));
    Ok(())
}

fn drop_leaves_nothing(options: &ContainerOptions) -> Result<(), AnyError> {
    let container = ThrowAwayContainer::start(&image(), options)?;
    let id = container.id().to_owned();
    drop(container);
    assert_eq!(traces(&id, &options.base), Vec::<String>::new());
    Ok(())
}

fn killed_owner(options: &ContainerOptions) -> Result<(), AnyError> {
    let base = TestDir::new(options, "killed");
    let mut owner = Owner::start("hold", options, &base.0)?;
    let id = owner.line()?;
    // While the owner lives, nobody takes its containers away.
    assert!(!cleanup_leftovers(&base.0)?.removed.contains(&id));
    let pid: u32 = owner.line()?.parse()?;
    assert!(runs(pid));
    owner.0.kill()?;
    owner.0.wait()?;
    // The container ends by itself: its first process waits for its owner's end.
    wait_until(|| !runs(pid));
    assert!(!traces(&id, &base.0).is_empty(), "the check is blind");
    let leftovers = cleanup_leftovers(&base.0)?;
    assert!(leftovers.removed.contains(&id), "{leftovers:?}");
    // The image's folder goes too.
    assert_eq!(fs::read_dir(&base.0)?.count(), 0, "{leftovers:?}");
    assert_eq!(traces(&id, &base.0), Vec::<String>::new());
    Ok(())
}

fn killed_stage(options: &ContainerOptions) -> Result<(), AnyError> {
    let base = TestDir::new(options, "stage");
    let mut owner = Owner::start("stage", options, &base.0)?;
    let id = owner.line()?;
    let top = base.0.to_string_lossy().into_owned();
    assert!(!running_below(&top).is_empty(), "the check is blind");
    owner.0.kill()?;
    owner.0.wait()?;
    // Container and the network's other end end by themselves: both wait for their owner's end.
    wait_until(|| running_below(&top).is_empty());
    let leftovers = cleanup_leftovers(&base.0)?;
    assert!(leftovers.failed.is_empty(), "{leftovers:?}");
    assert_eq!(fs::read_dir(&base.0)?.count(), 0, "{leftovers:?}");
    assert_eq!(traces(&id, &base.0), Vec::<String>::new());
    Ok(())
}

fn killed_escape(options: &ContainerOptions) -> Result<(), AnyError> {
    let base = TestDir::new(options, "escape");
    let mut owner = Owner::start("escape", options, &base.0)?;
    let id = owner.line()?;
    let top = base.0.to_string_lossy().into_owned();
    if id.is_empty() {
        eprintln!("SKIPPED: {}", owner.line()?);
        return Ok(());
    }
    assert!(!running_below(&top).is_empty() && !disks_below(&top).is_empty());
    owner.0.kill()?;
    owner.0.wait()?;
    // So does what keeps the block device.
    wait_until(|| running_below(&top).is_empty() && disks_below(&top).is_empty());
    let leftovers = cleanup_leftovers(&base.0)?;
    assert!(leftovers.failed.is_empty(), "{leftovers:?}");
    assert_eq!(fs::read_dir(&base.0)?.count(), 0, "{leftovers:?}");
    assert_eq!(traces(&id, &base.0), Vec::<String>::new());
    Ok(())
}

/// Block devices made of files below a directory.
fn disks_below(dir: &str) -> Vec<String> {
    fs::read_dir("/sys/block")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("loop/backing_file")).ok())
        .filter(|file| file.starts_with(dir))
        .collect()
}

/// Processes of the host whose program lies below a directory.
fn running_below(dir: &str) -> Vec<PathBuf> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path().join("exe")).ok())
        .filter(|exe| exe.starts_with(dir))
        .collect()
}

fn interrupted_owner(options: &ContainerOptions) -> Result<(), AnyError> {
    let base = TestDir::new(options, "interrupted");
    let mut owner = Owner::start("clean", options, &base.0)?;
    let id = owner.line()?;
    let _pid = owner.line()?;
    owner.0.stdin.take();
    assert_eq!(owner.line()?, "closed");
    assert!(owner.0.wait()?.success());
    assert_eq!(fs::read_dir(&base.0)?.count(), 0);
    assert_eq!(traces(&id, &base.0), Vec::<String>::new());
    Ok(())
}

fn strangers(options: &ContainerOptions) -> Result<(), AnyError> {
    let base = TestDir::new(options, "strangers");
    let kept = base.0.join("kept");
    fs::create_dir(&kept)?;
    fs::write(kept.join("file"), "precious")?;
    // As a user of a shared /tmp could: a name like ours, whose owner lives no more, that leads elsewhere.
    let namespace = fs::read_link("/proc/self/ns/pid")?;
    let namespace = namespace.to_string_lossy();
    let number: u64 = namespace
        .trim_start_matches("pid:[")
        .trim_end_matches(']')
        .parse()?;
    let name = format!("yagura-rehearsal-1-ffffff-{number:x}-0123456789abcdef");
    std::os::unix::fs::symlink(&kept, base.0.join(&name))?;
    fs::create_dir(base.0.join("yagura-rehearsal-of-mine"))?;
    let leftovers = cleanup_leftovers(&base.0)?;
    assert!(!leftovers.removed.contains(&name), "{leftovers:?}");
    assert_eq!(fs::read(kept.join("file"))?, b"precious");
    assert!(base.0.join("yagura-rehearsal-of-mine").exists());
    // The same name as a folder of this user's is a leftover.
    fs::remove_file(base.0.join(&name))?;
    fs::create_dir(base.0.join(&name))?;
    assert!(cleanup_leftovers(&base.0)?.removed.contains(&name));
    Ok(())
}

fn no_execution(options: &ContainerOptions) -> Result<(), AnyError> {
    let base = TestDir::new(options, "noexec");
    let flags = MountFlags::NOEXEC | MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", &base.0, "tmpfs", flags, None::<&std::ffi::CStr>)?;
    let tried = works_below(&base.0, options);
    unmount(&base.0, UnmountFlags::empty())?;
    tried
}

fn on_overlay(options: &ContainerOptions) -> Result<(), AnyError> {
    let base = TestDir::new(options, "overlay");
    let [lower, upper, work, merged] =
        ["lower", "upper", "work", "merged"].map(|name| base.0.join(name));
    mount(
        "tmpfs",
        &base.0,
        "tmpfs",
        MountFlags::empty(),
        None::<&std::ffi::CStr>,
    )?;
    for dir in [&lower, &upper, &work, &merged] {
        fs::create_dir(dir)?;
    }
    let layers = CString::new(format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    ))?;
    mount(
        "overlay",
        &merged,
        "overlay",
        MountFlags::empty(),
        Some(layers.as_c_str()),
    )?;
    let tried = works_below(&merged, options);
    unmount(&merged, UnmountFlags::empty())?;
    unmount(&base.0, UnmountFlags::empty())?;
    tried
}

/// A whole life below `base`: image, container, a case that writes, one on a volume, removal.
fn works_below(base: &Path, options: &ContainerOptions) -> Result<(), AnyError> {
    let options = ContainerOptions {
        base: base.to_owned(),
        ..options.clone()
    };
    let image = Arc::new(ThrowAwayImage::build(base)?);
    let container = ThrowAwayContainer::start(&image, &options)?;
    for case in [&CASES[0][0], &CASES[3][2]] {
        let told = rehearse(case, &container);
        assert!(told.marker_seen, "{told:?}");
    }
    container.remove()?;
    image.remove()?;
    assert_eq!(fs::read_dir(base)?.count(), 0);
    Ok(())
}

/// Where `name` is still seen on this machine.
pub(crate) fn traces(name: &str, base: &Path) -> Vec<String> {
    let mut traces = Vec::new();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    traces.extend(
        mounts
            .lines()
            .filter(|line| line.contains(name))
            .map(|line| format!("mount {line}")),
    );
    if base.join(name).exists() {
        traces.push(format!("directory {name}"));
    }
    for line in mounts.lines().filter(|line| line.contains(" - cgroup")) {
        let dir = Path::new(line.split(' ').nth(4).unwrap()).join(name);
        if dir.exists() {
            traces.push(format!("cgroup {}", dir.display()));
        }
    }
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().parse().unwrap_or(0);
        let cgroup = fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        if cgroup.contains(name) && runs(pid) {
            traces.push(format!("process {}", entry.path().display()));
        }
    }
    traces
}

/// Whether a process exists and has not ended; the host's first process may take its time to reap the ended.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

fn wait_until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An empty folder of this test's own, removed with it.
struct TestDir(PathBuf);

impl TestDir {
    fn new(options: &ContainerOptions, name: &str) -> TestDir {
        let name = format!(
            "rehearsal-test-{}-{}-{:?}-{name}",
            std::process::id(),
            options.runtime.kind().as_str(),
            options.root
        );
        let dir = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        fs::create_dir(&dir).unwrap();
        TestDir(dir)
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        // Not through a mount that a failed test left.
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        if !mounts.contains(&*self.0.to_string_lossy()) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// This program in a role of its own, ended when dropped.
struct Owner(Child, Option<BufReader<std::process::ChildStdout>>);

impl Owner {
    fn start(role: &str, options: &ContainerOptions, base: &Path) -> Result<Owner, AnyError> {
        let plain = if options.root == RootKind::Plain {
            "plain"
        } else {
            "overlay"
        };
        let runtime = options.runtime.kind().as_str();
        let mut child = Command::new(std::env::current_exe()?)
            .env(ROLE, format!("{role} {runtime} {plain} {}", base.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = child.stdout.take().map(BufReader::new);
        Ok(Owner(child, lines))
    }

    fn line(&mut self) -> Result<String, AnyError> {
        let mut line = String::new();
        self.1.as_mut().ok_or("no output")?.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Plays an owner: starts a container and names it; then waits for the end of standard input, and as `clean` cleans up.
pub(crate) fn play(role: &str) -> ExitCode {
    let words: Vec<&str> = role.splitn(4, ' ').collect();
    let [role, runtime, root, base] = words[..] else {
        return ExitCode::FAILURE;
    };
    let choice = match runtime {
        "crun" => RuntimeChoice::Crun,
        _ => RuntimeChoice::Runc,
    };
    let mut options = ContainerOptions::new(RuntimeProgram::find(choice).unwrap());
    options.base = PathBuf::from(base);
    if root == "plain" {
        options.root = RootKind::Plain;
    }
    let image = Arc::new(ThrowAwayImage::build(&options.base).unwrap());
    let mut out = std::io::stdout();
    if role == "stage" {
        let rehearsal = REHEARSALS
            .iter()
            .find(|rehearsal| rehearsal.name == "outbound-tor")
            .unwrap();
        let mut stage = Stage::new(&image, &options);
        let told = perform(rehearsal, &mut stage);
        assert!(told.ran, "{told:?}");
        writeln!(out, "{}", stage.container_ids()[0]).unwrap();
        std::io::stdin().lines().for_each(drop);
        return ExitCode::SUCCESS;
    }
    if role == "escape" {
        return play_escape(&image, &options);
    }
    let container = ThrowAwayContainer::start(&image, &options).unwrap();
    writeln!(out, "{}\n{}", container.id(), container.first_pid()).unwrap();
    std::io::stdin().lines().for_each(drop);
    if role == "clean" {
        let failed = cleanup_all();
        assert!(failed.is_empty(), "{failed:?}");
        let after = ThrowAwayContainer::start(&image, &options);
        assert!(matches!(after, Err(StartError::Directory(_))), "{after:?}");
        writeln!(out, "closed").unwrap();
    }
    // As a program that a signal ends: nothing is dropped.
    std::process::exit(0)
}

/// Escapes onto a block device, and stays.
fn play_escape(image: &Arc<ThrowAwayImage>, options: &ContainerOptions) -> ExitCode {
    let technique = TECHNIQUES
        .iter()
        .find(|technique| technique.name == "mount-device")
        .unwrap();
    let mut out = std::io::stdout();
    let mut stage = match EscapeStage::set(technique, image, options) {
        Ok(stage) => stage,
        Err(error) => {
            writeln!(out, "\n{error}").unwrap();
            return ExitCode::SUCCESS;
        }
    };
    let attempt = stage.attempt().unwrap();
    assert!(attempt.effect, "{attempt:?}");
    writeln!(out, "{}", stage.container().id()).unwrap();
    std::io::stdin().lines().for_each(drop);
    ExitCode::SUCCESS
}
