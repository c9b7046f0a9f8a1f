//! Recording what happens on the node for a while, for a person to replay.
//!
//! A sensor of its own records everything; of one container alone, what is not of it is then left out.

use super::{Done, Undone};
use crate::config::SensorConfig;
use crate::start::Sensor;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use yagura_event::{ContainerKey, KernelEvent, Node};
use yagura_policy::PolicySet;
use yagura_rules::RuleSet;
use yagura_runtimes::RuntimesConfig;
use yagura_sources::{CaptureError, CaptureReader, CaptureWriter, Recorded};

/// The longest recording: a busy node writes some megabytes a second.
const DURATION_MAX: Duration = Duration::from_secs(600);
/// Bytes of a recording at which it ends early: stops a busy node from filling its disk.
const BYTES_MAX: u64 = 1 << 30;
/// Recordings that are kept; an older one goes when there are more.
const KEPT_MAX: usize = 8;
/// How often the size is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How recordings' names end.
const SUFFIX: &str = "capture";

/// What is to be recorded.
#[derive(Debug)]
pub(super) struct Order<'o> {
    /// Name of the file.
    pub(super) name: &'o str,
    /// The container; empty for the whole node.
    pub(super) container_id: &'o str,
    pub(super) duration_s: u32,
    pub(super) node: &'o Arc<Node>,
    pub(super) runtimes: &'o RuntimesConfig,
    pub(super) folder: &'o Path,
}

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error("folder for recordings cannot be used")]
    Folder(#[source] io::Error),
    #[error("recording sensor cannot run")]
    Sensor(#[from] crate::start::SensorError),
    #[error("recording cannot be written")]
    Capture(#[from] CaptureError),
    #[error("recording cannot be read")]
    Read(#[source] io::Error),
}

/// Records, and says where the recording is. Ends early when the sensor itself does.
pub(super) fn record(order: &Order<'_>, is_over: impl Fn() -> bool) -> Result<Done, Undone> {
    let duration = Duration::from_secs(order.duration_s.into());
    if duration.is_zero() || duration > DURATION_MAX {
        return Err(Undone::Refused(format!(
            "a recording lasts from 1 to {} seconds",
            DURATION_MAX.as_secs()
        )));
    }
    let recorded = record_for(order, duration, is_over).map_err(Undone::failed)?;
    Ok(Done::new(format!(
        "{} bytes were recorded to {} on the node",
        recorded.bytes,
        recorded.file.display()
    ))
    .with(json!({
        "file": recorded.file.to_string_lossy(),
        "bytes": recorded.bytes,
        "sha256": recorded.sha256,
        "records": recorded.records,
        "cut_short": recorded.cut_short,
    })))
}

/// Where the recording of that name is, if it is kept.
pub(super) fn file_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{SUFFIX}"))
}

/// A recording that was made.
#[derive(Debug)]
struct Recording {
    file: PathBuf,
    bytes: u64,
    sha256: String,
    records: u64,
    cut_short: bool,
}

fn record_for(
    order: &Order<'_>,
    duration: Duration,
    is_over: impl Fn() -> bool,
) -> Result<Recording, RecordError> {
    make_room(order.folder).map_err(RecordError::Folder)?;
    let whole = order.folder.join(format!("{}.whole", order.name));
    let file = file_of(order.folder, order.name);
    let cut_short = run(order, &whole, duration, is_over);
    let kept = cut_short.and_then(|cut_short| {
        let records = keep(&whole, &file, order.container_id)?;
        Ok((cut_short, records))
    });
    // Whatever came of it; what can't be removed goes with the next recording.
    let _ = fs::remove_file(&whole);
    let (cut_short, records) = kept?;
    let (bytes, sha256) = measure(&file).map_err(RecordError::Read)?;
    Ok(Recording {
        file,
        bytes,
        sha256,
        records,
        cut_short,
    })
}

/// Has a sensor record everything for that long; says whether it ended early.
fn run(
    order: &Order<'_>,
    file: &Path,
    duration: Duration,
    is_over: impl Fn() -> bool,
) -> Result<bool, RecordError> {
    let sensor = Sensor::start(
        SensorConfig {
            node: Arc::clone(order.node),
            policies: Arc::new(PolicySet::default()),
            policy_version: 0,
            enforce: None,
            rules: Arc::new(RuleSet::empty()),
            send_all: true,
            runtimes: order.runtimes.clone(),
            scan: None,
            record: Some(file.to_owned()),
            canary: None,
        },
        |_alert| {},
    )?;
    let until = Instant::now() + duration;
    let mut cut_short = false;
    while Instant::now() < until && !cut_short {
        std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        let size = fs::metadata(file).map_or(0, |data| data.len());
        cut_short = size > BYTES_MAX || is_over() || sensor.has_ended();
    }
    sensor.stop()?;
    Ok(cut_short)
}

/// Copies what is to be kept; returns how many records that are.
fn keep(from: &Path, to: &Path, container_id: &str) -> Result<u64, RecordError> {
    let wanted = match container_id {
        "" => None,
        id => Some(keys(from, id)?),
    };
    let reader = read(from)?;
    let out = File::create(to).map_err(RecordError::Folder)?;
    let mut writer = CaptureWriter::new(BufWriter::new(out), reader.header())?;
    let mut records = 0;
    for record in reader {
        let record = record?;
        if wanted.as_ref().is_none_or(|keys| is_of(&record, keys)) {
            writer.write(&record)?;
            records += 1;
        }
    }
    let out = writer.finish()?.into_inner();
    out.map_err(|error| RecordError::Folder(error.into_error()))?
        .sync_all()
        .map_err(RecordError::Folder)?;
    Ok(records)
}

fn read(file: &Path) -> Result<CaptureReader<BufReader<File>>, RecordError> {
    let file = File::open(file).map_err(RecordError::Read)?;
    Ok(CaptureReader::new(BufReader::new(file))?)
}

/// What the container was called in the recording.
fn keys(file: &Path, id: &str) -> Result<HashSet<ContainerKey>, RecordError> {
    let mut keys = HashSet::new();
    for record in read(file)? {
        if let Recorded::Container(fact) = record?
            && fact.container.as_ref().is_some_and(|known| known.id == id)
        {
            keys.insert(fact.key);
        }
    }
    Ok(keys)
}

/// Whether a record is of one of these containers, or of none in particular.
fn is_of(record: &Recorded, keys: &HashSet<ContainerKey>) -> bool {
    match record {
        Recorded::Kernel(event) => {
            container_of(event).is_none_or(|container| keys.contains(&container))
        }
        Recorded::Container(fact) => keys.contains(&fact.key),
        Recorded::Flood(container, _) | Recorded::ImageFinding(container, ..) => {
            keys.contains(container)
        }
        Recorded::Denied(event, _) => keys.contains(&event.base.container),
        // Answers carry no container; those to questions that were left out lead nowhere.
        Recorded::Inspection(_) | Recorded::Scanned(_) | Recorded::Clock(_) | Recorded::Tick(_) => {
            true
        }
    }
}

fn container_of(event: &KernelEvent) -> Option<ContainerKey> {
    Some(match event {
        KernelEvent::Exec(event) => event.base.container,
        KernelEvent::Map(event) => event.base.container,
        KernelEvent::Script(event) => event.base.container,
        KernelEvent::Credentials(event) => event.base.container,
        KernelEvent::Namespaces(event) => event.base.container,
        KernelEvent::Call(event) => event.base.container,
        KernelEvent::Exit(event) => event.base.container,
        KernelEvent::Written(event) => event.base.container,
        KernelEvent::Denied(event) => event.base.container,
        KernelEvent::Loss(_) => return None,
    })
}

/// Makes the folder, and removes the oldest recordings.
fn make_room(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut kept: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        match path.extension().and_then(|suffix| suffix.to_str()) {
            Some(SUFFIX) => kept.push((entry.metadata()?.modified()?, path)),
            // A recording that was cut off by the end of the program.
            Some("whole") => fs::remove_file(path)?,
            _ => {}
        }
    }
    kept.sort();
    let too_many = (kept.len() + 1).saturating_sub(KEPT_MAX);
    for (_, path) in kept.into_iter().take(too_many) {
        tracing::info!(file = %path.display(), "an old recording goes");
        fs::remove_file(path)?;
    }
    Ok(())
}

fn measure(file: &Path) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let bytes = io::copy(&mut File::open(file)?, &mut Hashing(&mut hasher))?;
    let digest = yagura_event::Sha256(hasher.finalize().into());
    Ok((bytes, digest.to_string()))
}

struct Hashing<'h>(&'h mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::TestDir;
    use yagura_event::{Base, Container, ContainerFact, ExitEvent};
    use yagura_sources::CaptureHeader;

    fn exit(container: u64) -> Recorded {
        Recorded::Kernel(KernelEvent::Exit(ExitEvent {
            base: Base {
                container: ContainerKey(container),
                ..Base::default()
            },
            ..ExitEvent::default()
        }))
    }

    fn fact(key: u64, id: &str) -> Recorded {
        let container = Container {
            id: id.to_owned(),
            ..Container::default()
        };
        Recorded::Container(Box::new(ContainerFact {
            key: ContainerKey(key),
            cgroup: yagura_event::CgroupId(0),
            container: Some(container),
            layers: None,
            users: Vec::new(),
            runtime_files: Vec::new(),
            complete: true,
        }))
    }

    #[test]
    fn what_other_containers_did_is_left_out_also_what_came_before_they_were_known() {
        let dir = TestDir::new();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let header = CaptureHeader {
            node: Node::default(),
            program_version: String::new(),
            wall_minus_monotonic_ns: 0,
        };
        let records = [
            Recorded::Clock(7),
            exit(1),
            exit(2),
            fact(1, "wanted"),
            fact(2, "other"),
            exit(2),
        ];
        let file = File::create(&from).expect("file");
        let mut writer = CaptureWriter::new(file, &header).expect("recording");
        for record in &records {
            writer.write(record).expect("written");
        }
        writer.finish().expect("finished");
        assert_eq!(keep(&from, &to, "").expect("all"), 6);
        assert_eq!(keep(&from, &to, "nobody").expect("none"), 1);
        assert_eq!(keep(&from, &to, "wanted").expect("some"), 3);
        let kept: Vec<Recorded> = read(&to).expect("read").map(Result::unwrap).collect();
        assert_eq!(kept, [Recorded::Clock(7), exit(1), fact(1, "wanted")]);
        let (bytes, digest) = measure(&to).expect("measured");
        assert!(bytes > 0 && digest.len() == 64);
    }

    #[test]
    fn few_recordings_are_kept() {
        let dir = TestDir::new();
        for number in 0..KEPT_MAX + 2 {
            std::fs::write(dir.path().join(format!("{number}.{SUFFIX}")), "x").expect("file");
        }
        std::fs::write(dir.path().join("cut.whole"), "x").expect("file");
        make_room(dir.path()).expect("room");
        let left = std::fs::read_dir(dir.path()).expect("folder").count();
        assert_eq!(left, KEPT_MAX - 1);
    }
}
