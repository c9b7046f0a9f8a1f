//! The socket of the seccomp agent, as runtimes and strangers use it. What it does with real filters of real containers
//! is tested with the runtime wrapper.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are not seen as tests by this lint"
)]

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::fs::{self, File, Permissions};
use std::io::{IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use yagura_kernel::{
    AGENT_PING, AGENT_PONG, AgentConfig, AgentCounts, AgentError, SeccompAgent, SeccompAnswer,
};

const DEADLINE: Duration = Duration::from_secs(20);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("yagura-seccomp-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        Folder(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("run/agent.sock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(socket: &Path) -> Result<SeccompAgent, AgentError> {
    let config = AgentConfig::new(socket.to_owned());
    SeccompAgent::start(&config, |_| SeccompAnswer::Continue)
}

fn ping(socket: &Path) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(AGENT_PING).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn wait_for(agent: &SeccompAgent, holds: impl Fn(&AgentCounts) -> bool) {
    let until = Instant::now() + DEADLINE;
    while !holds(&agent.counts()) {
        assert!(Instant::now() < until, "{:?}", agent.counts());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn whoever_asks_is_told_that_it_is_there() {
    let folder = Folder::new("ping");
    let agent = start(&folder.socket()).unwrap();
    assert_eq!(ping(&folder.socket()), AGENT_PONG);
    let mode = fs::metadata(folder.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(agent);
    assert!(UnixStream::connect(folder.socket()).is_err());
}

#[test]
fn a_socket_that_was_left_is_replaced() {
    let folder = Folder::new("left");
    fs::create_dir(folder.0.join("run")).unwrap();
    drop(UnixListener::bind(folder.socket()).unwrap());
    let _first = start(&folder.socket()).unwrap();
    let _second = start(&folder.socket()).unwrap();
    assert_eq!(ping(&folder.socket()), AGENT_PONG);
}

#[test]
fn a_folder_for_everybody_is_refused() {
    let folder = Folder::new("open");
    fs::create_dir(folder.0.join("run")).unwrap();
    fs::set_permissions(folder.0.join("run"), Permissions::from_mode(0o777)).unwrap();
    let refused = start(&folder.socket());
    assert!(matches!(refused, Err(AgentError::Folder { .. })));
}

#[test]
fn what_brings_no_listener_is_counted_and_harms_nobody() {
    let folder = Folder::new("strange");
    let agent = start(&folder.socket()).unwrap();
    let state = br#"{"fds":["seccompFd"],"state":{"id":"c1"}}"#;
    let connect = || UnixStream::connect(folder.socket()).unwrap();
    drop(connect());
    connect().write_all(b"{\"fds\":").unwrap();
    connect().write_all(state).unwrap();
    // A descriptor that is none of a filter.
    let file = File::open("/dev/null").unwrap();
    let descriptors = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let stream = connect();
    let data = [IoSlice::new(state)];
    sendmsg(&stream, &data, &mut control, SendFlags::empty()).unwrap();
    drop(stream);
    wait_for(&agent, |counts| counts.rejected == 4);
    // One that never ends, and one that says nothing until its time is up.
    let silent = connect();
    let mut endless = connect();
    while endless.write_all(&[b' '; 65536]).is_ok() {}
    wait_for(&agent, |counts| counts.rejected == 6);
    drop(silent);
    assert_eq!(ping(&folder.socket()), AGENT_PONG);
    assert_eq!(agent.counts().listeners, 0);
}

#[test]
fn many_silent_connections_do_not_keep_others_out() {
    let folder = Folder::new("many");
    let agent = start(&folder.socket()).unwrap();
    let silent: Vec<UnixStream> = (0..400)
        .map(|_| UnixStream::connect(folder.socket()).unwrap())
        .collect();
    assert_eq!(ping(&folder.socket()), AGENT_PONG);
    wait_for(&agent, |counts| counts.rejected >= 144);
    drop(silent);
}
