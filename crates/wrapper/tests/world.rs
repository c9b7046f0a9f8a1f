//! The wrapper's folder, the program in front of it, and containers that are made through both.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use yagura_kernel::{AgentConfig, Fallback, SeccompAgent, SeccompAnswer, SeccompQuestion};
use yagura_rehearsal::{
    ContainerOptions, Privileges, RuntimeChoice, RuntimeProgram, ThrowAwayContainer, ThrowAwayImage,
};
use yagura_wrapper::{InstallOptions, Manager, ManagerFiles, Places, ScopeRule, Settings};

/// How long a command in a container may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
/// The program of `tests/asks.c` in the image.
pub(crate) const ASKS: &str = "/usr/bin/asks";
/// Annotation by which a container is in scope.
const SCOPE: &str = "yagura.test/asked";
/// Annotation that says which profile the manager is to give a container.
const PROFILE: &str = "yagura.test/profile";
const STATE: &str = "YAGURA_WRAPPER_TEST_STATE";

/// Whether this process was started by [`enter`].
pub(crate) fn is_entered() -> bool {
    std::env::var_os(STATE).is_some()
}

/// The folder with everything in it.
pub(crate) fn state() -> PathBuf {
    std::env::var_os(STATE)
        .map(PathBuf::from)
        .expect("entered before")
}

pub(crate) fn places() -> Places {
    Places::new(state())
}

/// Installs the wrapper for a containerd that nobody runs; the command that goes on with the tests.
pub(crate) fn enter() -> Command {
    let state = std::env::temp_dir().join(format!("yagura-wrapper-test-{}", std::process::id()));
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(state.join("etc")).unwrap();
    let executable = std::env::current_exe().unwrap();
    let options = InstallOptions {
        root: "/".into(),
        places: Places::new(&state),
        files: ManagerFiles {
            containerd: state.join("etc/config.toml"),
            ..ManagerFiles::default()
        },
        managers: vec![Manager::Containerd],
        executable: executable.clone(),
        try_out: true,
    };
    let installed = yagura_wrapper::install(&options).unwrap();
    assert_eq!(installed.changed.len(), 1);
    fs::create_dir(state.join("bin")).unwrap();
    symlink(&executable, state.join("bin/runc")).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(executable);
    command.args(std::env::args_os().skip(1));
    command.env("PATH", format!("{}:{path}", state.join("bin").display()));
    command.env(STATE, state);
    command
}

pub(crate) fn leave() {
    if is_entered() {
        let _ = fs::remove_dir_all(state());
    }
}

/// What a manager does: gives the container the profile that it is to have, and calls what its configuration names.
pub(crate) fn stand_before_wrapper(arguments: &[OsString]) -> ExitCode {
    let folder = Path::new(&arguments[0]).parent().and_then(Path::parent);
    // Found by way of PATH, the name has no folder.
    let state = std::env::var_os(STATE).map(PathBuf::from);
    let state = state
        .or(folder.map(Path::to_owned))
        .expect("a state folder");
    let bundle = arguments.windows(2).find(|pair| pair[0] == "--bundle");
    if let Some(bundle) = bundle {
        let path = Path::new(&bundle[1]).join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let profile = config["annotations"][PROFILE].as_str().map(str::to_owned);
        if let Some(profile) = profile {
            config["linux"]["seccomp"] = serde_json::from_str(&profile).unwrap();
            fs::write(&path, config.to_string()).unwrap();
        }
    }
    let wrapper = Places::new(state).program("runc");
    let error = Command::new(wrapper).args(&arguments[1..]).exec();
    eprintln!("{error}");
    ExitCode::FAILURE
}

/// One test at a time: they share the settings and the agent's socket.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn socket() -> PathBuf {
    state().join("agent/seccomp.sock")
}

/// Settings by which containers with the annotation are in scope.
pub(crate) fn settings() -> Settings {
    let rule = ScopeRule {
        annotations: BTreeMap::from([(SCOPE.to_owned(), "yes".to_owned())]),
        ..ScopeRule::default()
    };
    let mut settings = Settings::new(socket());
    settings.scope.push(rule);
    settings
}

pub(crate) fn agent(
    deadline: Duration,
    fallback: Fallback,
    answer: impl Fn(&SeccompQuestion) -> SeccompAnswer + Send + Sync + 'static,
) -> SeccompAgent {
    let config = AgentConfig {
        deadline,
        fallback,
        ..AgentConfig::new(socket())
    };
    SeccompAgent::start(&config, answer).unwrap()
}

/// An agent that refuses whatever rules could speak of, and notes who asked.
pub(crate) fn refusing_agent() -> SeccompAgent {
    agent(TIMEOUT, Fallback::Open, |question| {
        match question.behaviour() {
            Some(_) => SeccompAnswer::REFUSED,
            None => SeccompAnswer::Continue,
        }
    })
}

pub(crate) fn runtime() -> RuntimeProgram {
    RuntimeProgram::find(RuntimeChoice::Runc).unwrap()
}

pub(crate) fn image() -> &'static Arc<ThrowAwayImage> {
    static IMAGE: OnceLock<Arc<ThrowAwayImage>> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let image = Arc::new(ThrowAwayImage::build(&std::env::temp_dir()).unwrap());
        compile(&image.root().join(&ASKS[1..]));
        image
    })
}

/// Compiles `asks.c`, static, so that it runs in any image.
pub(crate) fn compile(target: &Path) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/asks.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-static", "-Wall", "-Wextra", "-Werror", "-o"]);
    let status = compiler.arg(target).arg(source).status().unwrap();
    assert!(status.success());
}

pub(crate) fn options(privileges: Privileges, profile: Option<&Value>) -> ContainerOptions {
    let mut options = ContainerOptions::new(runtime());
    options.privileges = privileges;
    options
        .annotations
        .insert(SCOPE.to_owned(), "yes".to_owned());
    if let Some(profile) = profile {
        options
            .annotations
            .insert(PROFILE.to_owned(), profile.to_string());
    }
    options
}

pub(crate) fn start(options: &ContainerOptions) -> ThrowAwayContainer {
    ThrowAwayContainer::start(image(), options).unwrap()
}

/// How calls end in a container, by name.
pub(crate) fn asks(container: &ThrowAwayContainer, calls: &[&str]) -> BTreeMap<String, i32> {
    let argv: Vec<&str> = std::iter::once(ASKS).chain(calls.iter().copied()).collect();
    let output = container.exec(&argv, TIMEOUT).unwrap();
    parse(&output.stdout).unwrap_or_else(|| panic!("{output:?}"))
}

pub(crate) fn parse(output: &[u8]) -> Option<BTreeMap<String, i32>> {
    let text = std::str::from_utf8(output).ok()?;
    let results = text.lines().map(|line| {
        let (name, errno) = line.split_once('=')?;
        Some((name.to_owned(), errno.parse().ok()?))
    });
    results
        .collect::<Option<_>>()
        .filter(|all: &BTreeMap<_, _>| !all.is_empty())
}

pub(crate) fn log() -> String {
    fs::read_to_string(places().log()).unwrap_or_default()
}

/// What the kernel says of a process's filters: 0 for none, 2 for some.
pub(crate) fn seccomp_mode(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mode = status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"));
    mode.unwrap().trim().parse().unwrap()
}
