//! The thread that answers queries.

use crate::config::RuntimesConfig;
use crate::identify::{Local, identify};
use crate::limits::{QUERIES_ACTIVE_MAX, QUERIES_MAX, bound_container};
use crate::proc::{Proc, ReadError};
use crate::{passwd, sources};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet};
use yagura_event::{ContainerFact, ContainerQuery, ProcessKey, Text};

/// Threads that read containers' password files: on a network or user-space file system that may take long.
const PASSWD_THREADS: usize = 2;
/// How long such a thread is waited for at the end.
const STOP_TIMEOUT: Duration = Duration::from_millis(300);

/// Pauses before the files are looked at again, when they tell nothing yet.
const LOOK_DELAYS_MS: [u64; 3] = [20, 50, 150];

/// More questions wait than the bound allows, or the thread that answers them has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{QUERIES_MAX} questions about containers are waiting already")]
pub struct QueueFull;

/// Why answering could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system gave no thread.
    #[error("cannot start the thread that asks container runtimes")]
    Thread(#[source] std::io::Error),
    /// The system gave no event queue.
    #[error("cannot make an event queue for the sockets of container runtimes")]
    EventQueue(#[source] std::io::Error),
}

/// Answers who containers are.
#[derive(Debug)]
pub struct Runtimes;

/// A running thread that answers; dropping it ends the thread within a second.
#[derive(Debug)]
pub struct RuntimesHandle {
    queries: mpsc::Sender<ContainerQuery>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtimes {
    /// Starts the thread. `answers` is called on it, once or twice for each query: what the files say at once, and
    /// when sockets were asked too, a last time with [`ContainerFact::complete`] set. It must not wait.
    ///
    /// # Errors
    /// [`StartError`], all variants.
    pub fn start(
        config: RuntimesConfig,
        answers: impl Fn(ContainerFact) + Send + 'static,
    ) -> Result<RuntimesHandle, StartError> {
        let (queries, receiver) = mpsc::channel(QUERIES_MAX);
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(PASSWD_THREADS)
            .build()
            .map_err(StartError::EventQueue)?;
        let thread = std::thread::Builder::new()
            .name("yagura-runtimes".to_owned())
            .spawn(move || {
                let local = LocalSet::new();
                let worker = work(Rc::new(config), Rc::new(answers), receiver, stopped);
                runtime.block_on(local.run_until(worker));
                drop(local);
                runtime.shutdown_timeout(STOP_TIMEOUT);
            })
            .map_err(StartError::Thread)?;
        Ok(RuntimesHandle {
            queries,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl RuntimesHandle {
    /// Asks about a container; never waits.
    ///
    /// # Errors
    /// [`QueueFull`]: the question is lost, the caller counts it.
    pub fn ask(&self, query: ContainerQuery) -> Result<(), QueueFull> {
        self.queries.try_send(query).map_err(|_| QueueFull)
    }
}

impl Drop for RuntimesHandle {
    fn drop(&mut self) {
        // Dropping the sender is the signal.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that asks container runtimes panicked");
        }
    }
}

type Answers = Rc<dyn Fn(ContainerFact)>;

async fn work(
    config: Rc<RuntimesConfig>,
    answers: Answers,
    mut queries: mpsc::Receiver<ContainerQuery>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut active = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => return,
            Some(ended) = active.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a question about a container was given up");
                }
            }
            query = queries.recv(), if active.len() < QUERIES_ACTIVE_MAX => match query {
                Some(query) => {
                    active.spawn_local(answer(config.clone(), answers.clone(), query));
                }
                None => return,
            },
        }
    }
}

async fn answer(config: Rc<RuntimesConfig>, answers: Answers, query: ContainerQuery) {
    let mut local = identify(&config, &query);
    if !local.is_settled() && local.layers.is_some() {
        // Files are compared with the image's layers, and may be gone by the time that all else is known.
        answers(fact(&query, &local, Vec::new(), Progress::Asking));
    }
    let mut delays = LOOK_DELAYS_MS.iter();
    while !local.is_settled()
        && let Some(delay_ms) = delays.next()
    {
        tokio::time::sleep(Duration::from_millis(*delay_ms)).await;
        local = identify(&config, &query);
    }
    let users = local
        .root_process
        .map(|process| tokio::spawn(read_users(config.as_ref().clone(), process)));
    let sources = sources::plan(&config, &local);
    if !sources.is_empty() {
        answers(fact(&query, &local, Vec::new(), Progress::Asking));
        sources::ask(&config, sources, &mut local).await;
    } else if let Some(container) = &mut local.container
        && let Some(gap) = sources::nobody_to_ask(container)
    {
        container.gaps.push(gap);
    }
    let users = match users {
        Some(task) => task.await.unwrap_or(Err(UsersError::Slow)),
        None => Ok(Vec::new()),
    };
    let users = users.unwrap_or_else(|error| {
        let container = local.container.iter_mut();
        container.for_each(|container| container.gaps.push(error.to_string()));
        Vec::new()
    });
    answers(fact(&query, &local, users, Progress::Complete));
}

/// Why a container's users are unknown.
#[derive(Debug, thiserror::Error)]
enum UsersError {
    /// Opening or reading it takes too long.
    #[error("user names are unknown: the container's password file was not read in time")]
    Slow,
    /// It was refused.
    #[error("user names are unknown: the container's password file: {0}")]
    Read(#[from] ReadError),
}

async fn read_users(
    config: RuntimesConfig,
    process: ProcessKey,
) -> Result<Vec<(u32, Text)>, UsersError> {
    let reading = tokio::task::spawn_blocking(move || {
        let proc = Proc::new(&config.proc_root);
        let users = passwd::read(&proc.path(process.pid, "root"));
        // Another process may have got the pid meanwhile; its users are not the container's.
        if proc.is_alive(process) {
            users
        } else {
            Ok(Vec::new())
        }
    });
    let users = tokio::time::timeout(config.timeout, reading)
        .await
        .map_err(|_| UsersError::Slow)?
        .map_err(|_| UsersError::Slow)?;
    match users {
        // Many images have none.
        Err(ReadError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        users => Ok(users?),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Asking,
    Complete,
}

/// What a first word lacks.
const NOT_ANSWERED: &str = "the container runtime's socket had not answered yet";

fn fact(
    query: &ContainerQuery,
    local: &Local,
    users: Vec<(u32, Text)>,
    progress: Progress,
) -> ContainerFact {
    let mut container = local.container.clone();
    if progress == Progress::Asking
        && let Some(container) = &mut container
    {
        // Whoever can't wait for the last word must not take what is missing for absent.
        container.gaps.push(NOT_ANSWERED.to_owned());
    }
    ContainerFact {
        key: query.key,
        cgroup: query.cgroup,
        container: container.map(bound_container),
        layers: local.layers.clone(),
        users,
        runtime_files: local.runtime_files.clone(),
        complete: progress == Progress::Complete,
    }
}
