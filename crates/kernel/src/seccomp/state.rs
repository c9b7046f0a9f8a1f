//! What a runtime sends with a listener: the container process state of the OCI runtime specification.

use serde::Deserialize;

/// Bytes of a state that are read, against a sender that never ends. Annotations make up most of it: Kubernetes allows
/// 256 KiB of them, and CRI-O passes them on several times.
pub(super) const STATE_BYTES_MAX: usize = 4 << 20;
/// Descriptors that are taken with a state, against a sender that exhausts ours.
pub(super) const DESCRIPTORS_MAX: usize = 4;
/// Bytes of a container's id and of its metadata that are kept, for each listener.
const TEXT_BYTES_MAX: usize = 4096;
/// What the specification calls the descriptor of the filter.
const LISTENER_NAME: &str = "seccompFd";

/// A container whose calls are notified of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeccompContainer {
    /// The id that its runtime knows it by. Not escaped.
    pub id: String,
    /// What the profile's `listenerMetadata` says. Not escaped.
    pub metadata: String,
    /// The process that the filter was loaded into: the container's first one, or one that was started in it later. In
    /// the pid namespace of the runtime; zero if it was not told.
    pub pid: u32,
}

/// Why a state was not understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    /// It is no JSON of that shape.
    #[error("no container process state")]
    Json(#[source] serde_json::Error),
    /// An id or metadata beyond [`TEXT_BYTES_MAX`].
    #[error("{name} of {bytes} bytes, more than {TEXT_BYTES_MAX}")]
    TooLong { name: &'static str, bytes: usize },
    /// None of the descriptors is called as the specification wants it.
    #[error("no descriptor called {LISTENER_NAME}")]
    NoListener,
}

#[derive(Deserialize)]
struct ProcessState {
    #[serde(default)]
    fds: Vec<String>,
    #[serde(default)]
    pid: i64,
    #[serde(default)]
    metadata: String,
    state: State,
}

#[derive(Deserialize)]
struct State {
    id: String,
}

/// Whether nothing is missing at the end of a state, whatever it is.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    // The cheap test first: long states come in pieces.
    bytes.trim_ascii_end().ends_with(b"}") && {
        let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(bytes);
        !parsed.is_err_and(|error| error.is_eof())
    }
}

/// Parses a state: the container, and which of the descriptors that came with it is the listener.
pub(super) fn parse(bytes: &[u8]) -> Result<(SeccompContainer, usize), StateError> {
    let parsed: ProcessState = serde_json::from_slice(bytes).map_err(StateError::Json)?;
    let listener = parsed.fds.iter().position(|name| name == LISTENER_NAME);
    let listener = listener.ok_or(StateError::NoListener)?;
    for (name, text) in [("id", &parsed.state.id), ("metadata", &parsed.metadata)] {
        if text.len() > TEXT_BYTES_MAX {
            let bytes = text.len();
            return Err(StateError::TooLong { name, bytes });
        }
    }
    let container = SeccompContainer {
        id: parsed.state.id,
        metadata: parsed.metadata,
        pid: u32::try_from(parsed.pid).unwrap_or(0),
    };
    Ok((container, listener))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RUNC: &str = r#"{"ociVersion":"0.2.0","fds":["other","seccompFd"],"pid":7,"metadata":"m","state":
        {"ociVersion":"1.0.2","id":"c1","status":"creating","pid":7,"bundle":"/b","annotations":{"a":"b"}}}"#;

    #[test]
    fn the_listener_is_found_by_its_name() {
        let (container, listener) = parse(RUNC.as_bytes()).unwrap();
        assert_eq!(
            (container.id.as_str(), container.metadata.as_str()),
            ("c1", "m")
        );
        assert_eq!((container.pid, listener), (7, 1));
        assert!(is_whole(RUNC.as_bytes()) && !is_whole(&RUNC.as_bytes()[..RUNC.len() - 1]));
    }

    #[test]
    fn what_is_strange_is_told_apart() {
        let other = RUNC.replace("seccompFd", "x");
        assert!(matches!(
            parse(other.as_bytes()),
            Err(StateError::NoListener)
        ));
        let long = RUNC.replace("\"c1\"", &format!("\"{}\"", "x".repeat(TEXT_BYTES_MAX + 1)));
        let answer = parse(long.as_bytes());
        assert!(matches!(
            answer,
            Err(StateError::TooLong { name: "id", .. })
        ));
        let deep = "[".repeat(100_000);
        assert!(matches!(parse(deep.as_bytes()), Err(StateError::Json(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..RUNC.len()) {
            let _ = parse(&bytes);
            prop_assert!(parse(&RUNC.as_bytes()[..cut]).is_err());
        }
    }
}
