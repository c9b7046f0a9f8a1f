//! What `yagura doctor` shows of runtimes.

use crate::config::{RuntimesConfig, SocketApi};
use crate::mountinfo::below;
use crate::sources;
use std::path::PathBuf;
use yagura_event::Runtime;

/// One socket at which a runtime may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeStatus {
    /// Path on the host.
    pub socket: PathBuf,
    /// What it should speak.
    pub api: SocketApi,
    /// Whether a runtime answered there.
    pub state: SocketState,
}

/// Whether a runtime answers at a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketState {
    /// It does.
    Reachable {
        /// By its own word.
        runtime: Runtime,
        /// Its version, bounded but not escaped.
        version: String,
    },
    /// There is no such socket: the runtime is not installed, not running, or has its socket elsewhere.
    Absent,
    /// The socket is there, but nothing useful came out of it.
    Failed {
        /// Why not, bounded but not escaped.
        reason: String,
    },
}

/// How much longer than the sensor `doctor` waits: a person may look at it, and a service may be started by the
/// first connection.
const PATIENCE: u32 = 5;

/// Asks every configured socket for its version, one after the other, each within five times the configured time.
pub fn probe(config: &RuntimesConfig) -> Vec<RuntimeStatus> {
    let config = &RuntimesConfig {
        timeout: config.timeout.saturating_mul(PATIENCE),
        ..config.clone()
    };
    // A thread of its own: the caller may be in a runtime already, and those don't nest.
    let statuses = std::thread::scope(|scope| scope.spawn(|| probe_all(config)).join());
    statuses.unwrap_or_default()
}

fn probe_all(config: &RuntimesConfig) -> Vec<RuntimeStatus> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let sockets = config.sockets().into_iter();
    sockets
        .map(|socket| {
            let state = if !below(&config.host_root, &socket.path).exists() {
                SocketState::Absent
            } else {
                match &runtime {
                    Ok(runtime) => runtime.block_on(state(config, &socket)),
                    Err(error) => SocketState::Failed {
                        reason: error.to_string(),
                    },
                }
            };
            RuntimeStatus {
                socket: socket.path,
                api: socket.api,
                state,
            }
        })
        .collect()
}

async fn state(config: &RuntimesConfig, socket: &crate::config::Socket) -> SocketState {
    match sources::version(config, socket).await {
        Ok((runtime, version)) => SocketState::Reachable { runtime, version },
        Err(error) => SocketState::Failed {
            reason: error.to_string(),
        },
    }
}
