//! The image, the containers, and the observer that all tests share.

use crate::observed::Observed;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use yagura_event::{Base, Call, CallEvent, ExecEvent, KernelEvent, ProgramKey};
use yagura_kernel::{CallFilter, Observer, OpenClasses, StartError};
use yagura_rehearsal::{
    ContainerOptions, Output, Privileges, RootKind, RuntimeChoice, RuntimeProgram,
    ThrowAwayContainer, ThrowAwayImage,
};

/// How long one command in a container may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);
/// The program of `tests/act/act.c` in the image.
pub(crate) const ACT: &str = "/usr/bin/act";

static WORLD: OnceLock<World> = OnceLock::new();
static TOKENS: AtomicU32 = AtomicU32::new(0);

pub(crate) struct World {
    pub(crate) image: Arc<ThrowAwayImage>,
    pub(crate) runtime: RuntimeProgram,
    pub(crate) observed: Arc<Observed>,
    /// What began before the observer.
    pub(crate) early: Early,
    overlay: OnceLock<Arc<ThrowAwayContainer>>,
    plain: OnceLock<Arc<ThrowAwayContainer>>,
    calls: OnceLock<Arc<Observed>>,
}

impl World {
    /// Makes everything; tells what is missing for it on this machine, if something is.
    pub(crate) fn begin() -> Result<Option<String>, String> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Some("they need root".to_owned()));
        }
        let runtime = match RuntimeProgram::find(RuntimeChoice::Found) {
            Ok(runtime) => runtime,
            Err(error) => return Ok(Some(error.to_string())),
        };
        // Before any thread begins, so that all of them have it.
        yagura_kernel::ensure_tracefs().map_err(|error| error.to_string())?;
        let base = std::env::temp_dir();
        let image = Arc::new(ThrowAwayImage::build(&base).map_err(|error| error.to_string())?);
        compile(&image.root().join(&ACT[1..]));
        let early = Early::begin(start(&image, &runtime, RootKind::Overlay));
        let observed = match Observed::start() {
            Ok(observed) => observed,
            Err(StartError::Load(error))
                if error.kind() == libbpf_rs::ErrorKind::PermissionDenied =>
            {
                return Ok(Some(format!("this kernel refuses the programs: {error}")));
            }
            Err(error) => return Err(format!("{error}: {:?}", std::error::Error::source(&error))),
        };
        let world = World {
            image,
            runtime,
            observed,
            early,
            overlay: OnceLock::new(),
            plain: OnceLock::new(),
            calls: OnceLock::new(),
        };
        assert!(WORLD.set(world).is_ok(), "begun once");
        Ok(None)
    }

    pub(crate) fn get() -> &'static World {
        WORLD.get().expect("begun before any test")
    }

    /// The container with an overlay that tests share which leave the container as it was.
    pub(crate) fn overlay(&'static self) -> Scene {
        let kind = RootKind::Overlay;
        let begin = || start(&self.image, &self.runtime, kind);
        Scene::of(self.overlay.get_or_init(begin))
    }

    /// The same with a plain root.
    pub(crate) fn plain(&'static self) -> Scene {
        let kind = RootKind::Plain;
        let begin = || start(&self.image, &self.runtime, kind);
        Scene::of(self.plain.get_or_init(begin))
    }

    /// The container with an overlay, seen by an observer to which every call is told.
    pub(crate) fn calls(&'static self) -> Scene {
        let scene = self.overlay();
        scene.seen_by(
            self.calls
                .get_or_init(|| Observed::start_with(want_all).unwrap()),
        )
    }

    /// Starts a container of a test's own.
    pub(crate) fn start(&self, change: impl FnOnce(&mut ContainerOptions)) -> Scene {
        let mark = self.observed.mark();
        let mut options = options(&self.runtime, RootKind::Overlay);
        change(&mut options);
        let container = Arc::new(ThrowAwayContainer::start(&self.image, &options).unwrap());
        Scene {
            mark,
            ..Scene::of(&container)
        }
    }
}

/// Wants every call there is, as it ended.
pub(crate) fn want_all(observer: &Observer) {
    let filters: Vec<_> = Call::ALL
        .iter()
        .map(|&call| (call, CallFilter { failed: true }))
        .collect();
    observer.set_call_filter(&filters).unwrap();
    observer.set_open_classes(OpenClasses::ALL).unwrap();
}

fn options(runtime: &RuntimeProgram, root: RootKind) -> ContainerOptions {
    ContainerOptions {
        root,
        privileges: Privileges::Privileged,
        ..ContainerOptions::new(runtime.clone())
    }
}

fn start(
    image: &Arc<ThrowAwayImage>,
    runtime: &RuntimeProgram,
    root: RootKind,
) -> Arc<ThrowAwayContainer> {
    Arc::new(ThrowAwayContainer::start(image, &options(runtime, root)).unwrap())
}

/// A container that began before the observer, with a program in it that waits.
pub(crate) struct Early {
    pub(crate) container: Arc<ThrowAwayContainer>,
    /// An argument of the program.
    pub(crate) token: String,
    /// The program ends with it.
    _met: fs::File,
}

impl Early {
    fn begin(container: Arc<ThrowAwayContainer>) -> Early {
        let token = token();
        let (pipe, inside) = make_pipe(&container, &token);
        let runner = spawn(&container, &[ACT, "meet", &inside, "exit", "0", &token]);
        Early {
            container,
            token,
            _met: meet(&pipe, &runner),
        }
    }
}

/// A pipe to meet at; returns its paths on the host and in the container.
fn make_pipe(container: &ThrowAwayContainer, name: &str) -> (PathBuf, String) {
    let pipe = container.data_dir().join(name);
    mknodat(CWD, &pipe, FileType::Fifo, Mode::empty(), 0).unwrap();
    // Whoever the acts have become, and whatever the umask is.
    fs::set_permissions(&pipe, fs::Permissions::from_mode(0o666)).unwrap();
    (pipe, format!("/data/{name}"))
}

/// Compiles the acts with the compiler that the BPF programs need anyway.
fn compile(to: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/act/act.c");
    let status = Command::new("clang")
        .args(["-O1", "-Wall", "-Werror", "-static", "-pthread", "-o"])
        .args([to, &source])
        .status()
        .unwrap();
    assert!(status.success(), "clang makes {}", to.display());
}

/// A word that no other test uses: arguments tell by it whose program an event is about.
pub(crate) fn token() -> String {
    let number = TOKENS.fetch_add(1, Ordering::Relaxed);
    format!("token-{}-{number}", std::process::id())
}

/// A container in which a test makes things happen, and the place in the log where its events begin.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) container: Arc<ThrowAwayContainer>,
    pub(crate) observed: &'static Observed,
    pub(crate) mark: usize,
}

impl Scene {
    pub(crate) fn of(container: &Arc<ThrowAwayContainer>) -> Scene {
        let observed = &*World::get().observed;
        Scene {
            container: Arc::clone(container),
            observed,
            mark: observed.mark(),
        }
    }

    /// The same container, seen by another observer.
    pub(crate) fn seen_by(self, observed: &'static Observed) -> Scene {
        Scene {
            mark: observed.mark(),
            observed,
            ..self
        }
    }

    /// Runs acts, which must succeed; returns their program's beginning and the calls of that program.
    pub(crate) fn calls(&self, acts: &str) -> (ExecEvent, Vec<CallEvent>) {
        let exec = self.act(acts);
        let mut calls = self.all(|event| match event {
            KernelEvent::Call(call) if call.base.program == exec.base.program => {
                Some((**call).clone())
            }
            _ => None,
        });
        // They come by more than one ring.
        calls.sort_by_key(|call| call.base.time);
        for call in &calls {
            let time = call.base.time;
            assert!(time > exec.base.time);
            assert_eq!(call.base, Base { time, ..exec.base });
        }
        (exec, calls)
    }

    /// Runs a command in the container, whatever comes of it.
    pub(crate) fn attempt(&self, argv: &[&str]) -> Output {
        self.container.exec(argv, TIMEOUT).unwrap()
    }

    /// Runs a command in the container, which must succeed.
    pub(crate) fn run(&self, argv: &[&str]) -> Output {
        let output = self.attempt(argv);
        assert!(output.succeeded(), "{argv:?}: {output:?}");
        output
    }

    /// Runs a command of words without blanks, which must succeed.
    pub(crate) fn run_words(&self, words: &str) -> Output {
        self.run(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs acts, which must succeed; returns their program's beginning.
    pub(crate) fn act(&self, acts: &str) -> ExecEvent {
        let token = token();
        self.run_words(&format!("{ACT} {acts} exit 0 {token}"));
        self.exec(&token)
    }

    pub(crate) fn shell(&self, script: &str) -> Output {
        self.run(&["/bin/sh", "-c", script])
    }

    /// Waits for the program that has the token as one of its arguments.
    pub(crate) fn exec(&self, token: &str) -> ExecEvent {
        self.observed.wait(self.mark, token, |event| match event {
            KernelEvent::Exec(exec) if has_argument(exec, token) => Some((**exec).clone()),
            _ => None,
        })
    }

    /// Everything reported of the scene's time of which `pick` makes something.
    pub(crate) fn all<T>(&self, pick: impl Fn(&KernelEvent) -> Option<T>) -> Vec<T> {
        self.observed.all(self.mark, pick)
    }

    /// Every program that has the token as one of its arguments, in their order.
    pub(crate) fn programs(&self, token: &str) -> Vec<ExecEvent> {
        self.all(|event| match event {
            KernelEvent::Exec(exec) if has_argument(exec, token) => Some((**exec).clone()),
            _ => None,
        })
    }

    /// The first program that was started from another.
    pub(crate) fn child_of(&self, program: ProgramKey) -> ExecEvent {
        let what = format!("a program started from {program:?}");
        self.observed.wait(self.mark, &what, |event| match event {
            KernelEvent::Exec(exec) if exec.started_from == program => Some((**exec).clone()),
            _ => None,
        })
    }

    /// Runs a command in the container while the test goes on.
    pub(crate) fn spawn(&self, argv: &[&str]) -> JoinHandle<Output> {
        spawn(&self.container, argv)
    }

    /// Makes a pipe to meet at; returns its paths on the host and in the container.
    pub(crate) fn pipe(&self) -> (PathBuf, String) {
        make_pipe(&self.container, &token())
    }

    /// Runs acts that end in a meeting, looks at them while they wait, and lets them go.
    pub(crate) fn meet<T>(&self, acts: &str, look: impl FnOnce(&ExecEvent) -> T) -> T {
        let meeting = self.begin(acts);
        let seen = look(&meeting.exec);
        meeting.end();
        seen
    }

    /// Runs acts that end in a meeting, up to there.
    pub(crate) fn begin(&self, acts: &str) -> Meeting {
        let token = token();
        let (pipe, inside) = self.pipe();
        let words = format!("{ACT} {acts} meet {inside} exit 0 {token}");
        let runner = self.spawn(&words.split_whitespace().collect::<Vec<_>>());
        Meeting {
            met: meet(&pipe, &runner),
            exec: self.exec(&token),
            runner,
        }
    }
}

fn has_argument(exec: &ExecEvent, token: &str) -> bool {
    exec.argv
        .iter()
        .any(|argument| argument.as_bytes() == token.as_bytes())
}

fn spawn(container: &Arc<ThrowAwayContainer>, argv: &[&str]) -> JoinHandle<Output> {
    let container = Arc::clone(container);
    let words: Vec<String> = argv.iter().copied().map(str::to_owned).collect();
    thread::spawn(move || {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        container.exec(&words, TIMEOUT).unwrap()
    })
}

/// Waits until the acts that `runner` runs have come to the pipe; they wait there until the result is dropped.
pub(crate) fn meet(pipe: &Path, runner: &JoinHandle<Output>) -> fs::File {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        // Refused as long as nobody has the other side.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match open(pipe, flags, Mode::empty()) {
            Ok(met) => return met.into(),
            Err(error) => assert_eq!(error, rustix::io::Errno::NXIO),
        }
        let is_coming = !runner.is_finished() && Instant::now() < deadline;
        assert!(is_coming, "nobody came to {}", pipe.display());
        thread::yield_now();
    }
}

/// Acts that wait in the container.
pub(crate) struct Meeting {
    pub(crate) exec: ExecEvent,
    met: fs::File,
    runner: JoinHandle<Output>,
}

impl Meeting {
    /// Lets them go on, and waits for their end.
    pub(crate) fn end(self) {
        drop(self.met);
        let output = self.runner.join().unwrap();
        assert!(output.succeeded(), "{output:?}");
    }
}
