//! A PostgreSQL server of a test's own, of Debian's package, reachable by a unix socket alone.

use crate::{FixtureError, ScratchDir};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where Debian keeps the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The user that Debian's package makes; the server refuses to run as root.
const USER: &str = "postgres";

/// How long the server may take to answer, in seconds.
const READY_SECONDS: u64 = 60;

/// Files of 16 MB that the server keeps at least, if it is [`Durability::Synced`].
const LOG_FILES: u32 = 256;

/// Runs the server until a word comes, or standard input ends with the test's own process. `kill` stops it as if the machine
/// had lost power.
const KEEPER: &str = r#"
"$1" -D "$2" -k "$3" -c listen_addresses= -c unix_socket_permissions=0777 -c fsync="$4" \
    -c max_connections=60 -c shared_buffers="$5" -c max_wal_size="$6" \
    -c min_wal_size="$7" -c checkpoint_timeout=15min \
    </dev/null >"$3/log" 2>&1 &
server=$!
read -r word || word=gone
if [ "$word" = kill ]; then
    # So that it starts no others in place of those.
    kill -STOP "$server"
    for child in $(cat "/proc/$server/task/$server/children"); do kill -9 "$child"; done
    kill -9 "$server"
else
    kill -QUIT "$server"
fi
wait "$server"
# A test that died takes nothing away itself.
[ "$word" != gone ] || rm -rf "$2" "$3"
"#;

/// Whether what was written survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As in production: for benchmarks.
    Synced,
    /// Faster: for tests, which outlive no power cut themselves.
    Unsynced,
}

/// A server with data of its own; both go on drop.
#[derive(Debug)]
pub struct PostgresServer {
    scratch: ScratchDir,
    programs: PathBuf,
    durability: Durability,
    keeper: Option<Child>,
}

impl PostgresServer {
    /// The folder of the newest version's programs, if any is installed.
    pub fn installed() -> Option<PathBuf> {
        let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(VERSIONS)
            .ok()?
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let version = path.file_name()?.to_str()?.parse().ok()?;
                Some((version, path.join("bin")))
            })
            .filter(|(_, programs)| programs.join("postgres").exists())
            .collect();
        versions.sort();
        versions.pop().map(|(_, programs)| programs)
    }

    /// Makes the data and starts the server.
    ///
    /// # Errors
    /// [`FixtureError`]
    pub fn start(durability: Durability) -> Result<PostgresServer, FixtureError> {
        let programs = PostgresServer::installed().ok_or_else(|| FixtureError::Start {
            program: "postgres".to_owned(),
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        let scratch = ScratchDir::new()?;
        // The server's user must get through to the data, which are its own.
        open_to_all(scratch.path())?;
        for name in ["data", "run"] {
            let folder = scratch.directory(name)?;
            if let Some((user, group)) = server_user() {
                chown(&folder, Some(user), Some(group)).map_err(FixtureError::file(&folder))?;
            }
        }
        let mut server = PostgresServer {
            scratch,
            programs,
            durability,
            keeper: None,
        };
        server.initialise()?;
        server.start_again()?;
        Ok(server)
    }

    /// Starts the server with the data that it had.
    ///
    /// # Errors
    /// [`FixtureError::NotReady`] with the end of its log.
    pub fn start_again(&mut self) -> Result<(), FixtureError> {
        let [fsync, buffers, log_max, log_min] = match self.durability {
            Durability::Synced => ["on", "2GB", "8GB", "4GB"],
            Durability::Unsynced => ["off", "64MB", "1GB", "80MB"],
        };
        let mut command = as_server_user("sh");
        command
            .args(["-c", KEEPER, "sh"])
            .arg(self.programs.join("postgres"))
            .arg(self.scratch.join("data"))
            .arg(self.socket_folder())
            .args([fsync, buffers, log_max, log_min])
            .current_dir(self.scratch.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let keeper = command.spawn().map_err(|source| FixtureError::Start {
            program: "sh".to_owned(),
            source,
        })?;
        self.keeper = Some(keeper);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(READY_SECONDS) {
            if self
                .run("psql", &["-d", "postgres", "-qc", "SELECT 1"])
                .is_ok()
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(FixtureError::NotReady {
            what: "postgres".to_owned(),
            seconds: READY_SECONDS,
            log: self.log(),
        })
    }

    /// Makes the files of its write-ahead log beforehand, as one has them that has run for a while: to zero a new file
    /// costs what writing it costs.
    ///
    /// # Errors
    /// [`FixtureError`]
    pub fn make_log(&self) -> Result<(), FixtureError> {
        let fill = format!(
            "DO $$ BEGIN FOR file IN 1..{LOG_FILES} LOOP \
             PERFORM pg_logical_emit_message(false, '', ''); PERFORM pg_switch_wal(); END LOOP; END $$"
        );
        self.query("postgres", &fill)?;
        // What is behind a checkpoint is used again.
        self.query("postgres", "CHECKPOINT").map(drop)
    }

    /// Ends all its processes at once, with no chance to tidy up.
    pub fn kill(&mut self) {
        self.end(b"kill\n");
    }

    /// Makes an empty database and gives its URL.
    ///
    /// # Errors
    /// [`FixtureError::Failed`]
    pub fn create_database(&self, name: &str) -> Result<String, FixtureError> {
        self.run("createdb", &[name])?;
        Ok(format!(
            "postgres://{USER}@localhost/{name}?host={}",
            self.socket_folder().display()
        ))
    }

    /// Asks a database, past whatever else uses it: rows as lines, their columns divided by `|`.
    ///
    /// # Errors
    /// [`FixtureError::Failed`]
    pub fn query(&self, database: &str, sql: &str) -> Result<String, FixtureError> {
        self.run("psql", &["-d", database, "-qtAc", sql])
    }

    /// What the server has to say.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.socket_folder().join("log")).unwrap_or_default()
    }

    fn socket_folder(&self) -> PathBuf {
        self.scratch.join("run")
    }

    fn initialise(&self) -> Result<(), FixtureError> {
        let mut command = as_server_user(self.programs.join("initdb"));
        command
            .arg("-D")
            .arg(self.scratch.join("data"))
            .args(["-U", USER, "--auth=trust", "--encoding=UTF8", "--no-sync"])
            .args(["--locale=C.UTF-8", "--no-instructions"])
            .current_dir(self.scratch.path());
        finish(command).map(drop)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, FixtureError> {
        let mut command = Command::new(self.programs.join(program));
        command
            .arg("-h")
            .arg(self.socket_folder())
            .args(["-U", USER])
            .args(arguments);
        finish(command)
    }

    fn end(&mut self, word: &[u8]) {
        use std::io::Write;
        if let Some(mut keeper) = self.keeper.take() {
            if let Some(mut input) = keeper.stdin.take() {
                let _ = input.write_all(word);
            }
            let _ = keeper.wait();
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.end(b"stop\n");
    }
}

fn open_to_all(path: &Path) -> Result<(), FixtureError> {
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).map_err(FixtureError::file(path))
}

/// User and group of the server; `None` for who is not root, and runs it as itself.
fn server_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd
        .lines()
        .find(|line| line.split(':').next() == Some(USER))?;
    let mut numbers = line.split(':').skip(2);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn as_server_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = server_user() {
        command.uid(user).gid(group);
    }
    command
}

/// Runs a command to its end; what it printed.
fn finish(mut command: Command) -> Result<String, FixtureError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| FixtureError::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(FixtureError::Failed {
        command: format!("{command:?}"),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
