//! Enforcement on this node: what policies ask for is handed to the kernel, container by container.
//!
//! Does: compile rows, keep up the means that need somebody in user space, count, answer commands.
//! Never: decides in the kernel's stead where it can decide itself, or touches a process outside a container in scope.
//!
//! Reading order: [`settings`], [`enforcer`] (the thread), [`means`] (how it is done here), [`gate`] (what is asked
//! before a file runs), [`calls`] (what is asked before a system call), [`images`] (containers
//! that may not start), [`fuse`], [`control`] and [`status`] (commands).

mod asking;
mod calls;
mod control;
mod enforcer;
mod fuse;
mod gate;
mod images;
mod means;
mod process;
mod settings;
mod spared;
mod status;

pub use control::{Answer, ControlError, Question, ask};
pub use settings::EnforceSettings;
pub use status::{DenialCount, EnforcedContainer, EnforcedItem, EnforcementStatus, Shortfall};

pub(crate) use enforcer::{News, Task};

use crate::inspect::Asker;
use crate::start::Wakes;
use control::Door;
use crossbeam_channel::{Sender, bounded};
use enforcer::Enforcer;
use means::Means;
use spared::Spared;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use yagura_event::Node;
use yagura_policy::PolicySet;
use yagura_policy::drift::RuleAction;

/// Tasks that may wait for the thread: news of containers come a few at a time.
const TASKS_MAX: usize = 8192;

/// Why policies can't be enforced.
#[derive(Debug, thiserror::Error)]
pub enum EnforceError {
    /// Commands can't be answered, or another sensor enforces here.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The thread could not be started.
    #[error("thread for enforcement cannot be started")]
    Thread(#[from] std::io::Error),
}

/// What the thread is started with.
#[derive(Debug)]
pub(crate) struct EnforcementStart {
    pub(crate) settings: EnforceSettings,
    pub(crate) cgroup_root: PathBuf,
    pub(crate) policies: Arc<PolicySet>,
    pub(crate) version: u64,
    pub(crate) node: Arc<Node>,
    pub(crate) asker: Asker,
    pub(crate) wakes: Wakes,
}

/// The handle to the thread that enforces. Dropping it ends the thread; what the kernel enforces by itself goes on if the
/// settings say so.
#[derive(Debug)]
pub(crate) struct Enforcement {
    tasks: Sender<Task>,
    spared: Arc<Spared>,
    thread: Option<JoinHandle<()>>,
    door: Option<Door>,
}

impl Enforcement {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`EnforceError`], another sensor with the same state directory among them if there is anything to enforce.
    pub(crate) fn start(start: EnforcementStart) -> Result<Enforcement, EnforceError> {
        let (door, asked) = match Door::open(&start.settings.state) {
            Ok((door, asked)) => (Some(door), Some(asked)),
            // Several sensors may watch a node; only one may enforce there.
            Err(error) if !is_asked_for(&start.policies) => {
                tracing::info!(%error, "commands on enforcement are not answered");
                (None, None)
            }
            Err(error) => return Err(error.into()),
        };
        let (tasks, queue) = bounded(TASKS_MAX);
        let means = Means::new(
            start.settings,
            start.cgroup_root,
            start.asker,
            start.wakes.clone(),
        );
        let spared = Arc::new(Spared::default());
        let enforcer = Enforcer::new(
            means,
            start.policies,
            start.version,
            start.node,
            start.wakes,
            Arc::clone(&spared),
        );
        let thread = std::thread::Builder::new()
            .name("enforcer".to_owned())
            .spawn(move || enforcer.run(&queue, asked.as_ref()))?;
        Ok(Enforcement {
            tasks,
            spared,
            thread: Some(thread),
            door,
        })
    }

    /// Whether this sensor is the one that enforces on this node; another one may.
    pub(crate) fn owns_node(&self) -> bool {
        self.door.is_some()
    }

    /// What is not blocked although rules ask for it.
    pub(crate) fn spared(&self) -> &Spared {
        &self.spared
    }

    /// Queues a task without waiting; `false` if it was lost.
    pub(crate) fn tell(&self, task: Task) -> bool {
        self.tasks.try_send(task).is_ok()
    }
}

impl Drop for Enforcement {
    fn drop(&mut self) {
        // Waits for room: the end must come through.
        let _ = self.tasks.send(Task::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("thread for enforcement ended unexpectedly");
        }
    }
}

/// Whether policies ask for anything that this thread would do.
fn is_asked_for(policies: &PolicySet) -> bool {
    let drift = policies.drift();
    policies.defence().iter().any(|rule| rule.enabled)
        || policies.images().iter().any(|rule| rule.enabled)
        || drift.default_action() == RuleAction::Block
        || drift
            .rules()
            .iter()
            .any(|rule| rule.enabled && rule.action == RuleAction::Block)
}
