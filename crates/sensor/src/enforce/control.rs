//! The sensor's door for commands on the same node: a socket that only root may open.
//!
//! One line of JSON asks, one line answers. Whoever asks is root already; bounds and time limits are there so that a
//! broken asker can't hold up the sensor.

use super::status::EnforcementStatus;
use crossbeam_channel::{Receiver, Sender, bounded};
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the socket in the sensor's state directory.
const SOCKET: &str = "sensor.sock";
/// Bytes of a question: an id and two words.
const QUESTION_BYTES_MAX: u64 = 4096;
/// Bytes of an answer: thousands of containers with all that is enforced on them.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// How long an asker may take to ask and to read.
const TALK_MAX: Duration = Duration::from_secs(5);
/// How long the sensor may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Bytes that a socket's path may have (sun_path, unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// What a command asks of a running sensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Question {
    /// What is enforced on which container.
    Status,
    /// Enforce nothing any more: on the container of that id or name, or at all.
    Release {
        /// Id, beginning of an id, or name; `None` for everything.
        container: Option<String>,
    },
    /// Enforce again.
    Resume {
        /// Id, beginning of an id, or name; `None` for everything.
        container: Option<String>,
    },
}

/// What the sensor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// What is enforced.
    Status(Box<EnforcementStatus>),
    /// So many containers were released or are enforced on again.
    Done(usize),
    /// It can't be done.
    Refused(String),
}

/// A question with the way back.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) answer: Sender<Answer>,
}

/// Why the door cannot be opened, or nobody answers.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The directory for the sensor's state cannot be made.
    #[error("state directory {path} cannot be made")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A socket's path has a bound.
    #[error("state directory {0} has a path too long for a socket")]
    TooLong(PathBuf),
    /// Another sensor has the same state directory.
    #[error("a sensor is running already with state directory {0}")]
    InUse(PathBuf),
    /// The socket cannot be made or spoken to.
    #[error("socket {path} cannot be used")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No sensor runs there.
    #[error("no sensor is running with state directory {0}")]
    Nobody(PathBuf),
    /// What came back is no answer.
    #[error("sensor's answer cannot be read")]
    Answer(#[source] serde_json::Error),
}

/// The door. Dropping it takes the socket away; its thread ends with the next asker or the process.
#[derive(Debug)]
pub(crate) struct Door {
    path: PathBuf,
}

impl Door {
    /// Opens the door; what is asked comes out of `asked`.
    ///
    /// # Errors
    /// [`ControlError`] if the socket cannot be made, or another sensor has it.
    pub(crate) fn open(state: &Path) -> Result<(Door, Receiver<Asked>), ControlError> {
        let path = socket_path(state)?;
        let socket_error = |source| ControlError::Socket {
            path: path.clone(),
            source,
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state)
            .map_err(|source| ControlError::Directory {
                path: state.to_owned(),
                source,
            })?;
        if UnixStream::connect(&path).is_ok() {
            return Err(ControlError::InUse(state.to_owned()));
        }
        // Left behind by a sensor that was killed.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(socket_error(error));
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(socket_error)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .map_err(socket_error)?;
        // One at a time: whoever asks waits for those before.
        let (sender, asked) = bounded(1);
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || serve(&listener, &sender))
            .map_err(socket_error)?;
        Ok((Door { path }, asked))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "control socket is left behind");
        }
        // Only if nothing else is in it.
        if let Some(state) = self.path.parent() {
            let _ = std::fs::remove_dir(state);
        }
    }
}

fn serve(listener: &UnixListener, asked: &Sender<Asked>) {
    for stream in listener.incoming() {
        let result = stream.and_then(|stream| answer_one(&stream, asked));
        match result {
            Ok(true) => {}
            // The sensor has stopped.
            Ok(false) => return,
            Err(error) => tracing::debug!(%error, "a command did not get its answer"),
        }
    }
}

/// Answers one asker; `false` if nobody is there to answer any more.
fn answer_one(stream: &UnixStream, asked: &Sender<Asked>) -> std::io::Result<bool> {
    stream.set_read_timeout(Some(TALK_MAX))?;
    stream.set_write_timeout(Some(TALK_MAX))?;
    let mut line = String::new();
    BufReader::new(stream.take(QUESTION_BYTES_MAX)).read_line(&mut line)?;
    let answer = match serde_json::from_str(&line) {
        Ok(question) => {
            let (sender, receiver) = bounded(1);
            let question = Asked {
                question,
                answer: sender,
            };
            if asked.send(question).is_err() {
                return Ok(false);
            }
            receiver
                .recv_timeout(ANSWER_MAX)
                .unwrap_or_else(|_| Answer::Refused("sensor did not answer in time".to_owned()))
        }
        Err(error) => Answer::Refused(format!("question cannot be read: {error}")),
    };
    let mut text = serde_json::to_string(&answer).map_err(std::io::Error::other)?;
    text.push('\n');
    let mut stream = stream;
    stream.write_all(text.as_bytes())?;
    Ok(true)
}

/// Asks the sensor whose state directory that is.
///
/// # Errors
/// [`ControlError::Nobody`] if no sensor runs there; otherwise what went wrong on the way.
pub fn ask(state: &Path, question: &Question) -> Result<Answer, ControlError> {
    let path = socket_path(state)?;
    let socket_error = |source| ControlError::Socket {
        path: path.clone(),
        source,
    };
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Err(ControlError::Nobody(state.to_owned()));
        }
        Err(error) => return Err(socket_error(error)),
    };
    let longest = Some(ANSWER_MAX + TALK_MAX);
    stream.set_read_timeout(longest).map_err(socket_error)?;
    stream.set_write_timeout(longest).map_err(socket_error)?;
    let mut text = serde_json::to_string(question).map_err(ControlError::Answer)?;
    text.push('\n');
    stream.write_all(text.as_bytes()).map_err(socket_error)?;
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX))
        .read_line(&mut line)
        .map_err(socket_error)?;
    serde_json::from_str(&line).map_err(ControlError::Answer)
}

fn socket_path(state: &Path) -> Result<PathBuf, ControlError> {
    let path = state.join(SOCKET);
    match path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        true => Ok(path),
        false => Err(ControlError::TooLong(state.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::TestDir;

    #[test]
    fn a_command_gets_its_answer_and_no_second_sensor_takes_the_door() {
        let dir = TestDir::new();
        let state = dir.join("state");
        assert!(matches!(
            ask(&state, &Question::Status),
            Err(ControlError::Nobody(_))
        ));
        let (door, asked) = Door::open(&state).expect("door");
        assert!(matches!(Door::open(&state), Err(ControlError::InUse(_))));
        let answering = std::thread::spawn(move || {
            // The second sensor knocked; its question never came.
            let asked: Asked = asked.recv().expect("question");
            asked.answer.send(Answer::Done(3)).expect("asker");
            asked.question
        });
        let question = Question::Release {
            container: Some("web".to_owned()),
        };
        assert_eq!(ask(&state, &question).expect("answer"), Answer::Done(3));
        assert_eq!(answering.join().expect("thread"), question);
        drop(door);
        assert!(!state.join(SOCKET).exists());
    }

    #[test]
    fn what_is_no_question_is_refused() {
        let dir = TestDir::new();
        let (_door, _asked) = Door::open(dir.path()).expect("door");
        let mut stream = UnixStream::connect(dir.join(SOCKET)).expect("connect");
        stream.write_all(b"{\"do\":\"reboot\"}\n").expect("write");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("answer");
        assert!(line.starts_with("{\"refused\":"), "{line}");
    }
}
