//! One virtual machine: started, listened to, and ended in time.

use super::archive::Archive;
use super::kernel::Kernel;
use crate::command;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Memory of the guest in MiB; the host gives what is used. Half of it can be files in /tmp.
const MEMORY_MIB: u32 = 2048;
/// As many processors as the smallest machine that runs the tests has.
const PROCESSORS: u32 = 2;
/// BPF among the security modules, in Debian's order otherwise. A panic ends the guest at once.
const KERNEL_COMMAND_LINE: &str =
    "console=ttyS0 quiet panic=-1 oops=panic lsm=landlock,lockdown,capability,yama,bpf";

/// How long QEMU outlives its deadline if this tool can't end it any more.
const GRACE: Duration = Duration::from_secs(10);
/// What is read of the guest's last words, in bytes: it may have been told to fill the file.
const STATUS_BYTES_MAX: u64 = 64;
/// Lines of the console that an error shows.
const CONSOLE_LINES_MAX: usize = 12;
/// Marks of the kernel's messages that tell why it stopped.
const CRASHES: &[&str] = &["Kernel panic", "BUG:", "Oops:", "Out of memory"];
/// What is read of the console for that, in bytes.
const CONSOLE_BYTES_MAX: u64 = 1 << 20;

/// The files that a machine is started from, and writes to.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    pub(super) kernel: &'a Kernel,
    /// A folder for its own files.
    pub(super) dir: &'a Path,
    /// Its disk, which it doesn't change.
    pub(super) disk: &'a Path,
    /// A disk with what the product keeps in its cache, not changed either.
    pub(super) cache: Option<&'a Path>,
    /// How its clock goes.
    pub(super) clock: Clock,
}

/// How a guest's clock goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// With the host's.
    Host,
    /// By a nanosecond for each instruction of its only processor, and over the times in which it has nothing to do.
    Instructions,
}

impl Clock {
    /// QEMU's options for it.
    fn options(self) -> Vec<String> {
        // Hardware help is rarely there in CI and differs between machines; this is the same everywhere.
        let words: &[&str] = match self {
            Clock::Host => &["-accel", "tcg,thread=multi", "-smp"],
            Clock::Instructions => &[
                "-accel",
                "tcg,thread=single",
                "-icount",
                "shift=0,sleep=off",
                "-smp",
            ],
        };
        let processors = match self {
            Clock::Host => PROCESSORS,
            Clock::Instructions => 1,
        };
        let words = words.iter().map(|&word| word.to_owned());
        words.chain([processors.to_string()]).collect()
    }
}

/// How a command in the guest ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its exit code, or 128 and the number of the signal that killed it.
    pub(super) code: u8,
}

impl Machine<'_> {
    /// Where the kernel's messages are.
    pub(super) fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    /// Boots, runs the script `command`, copies its output to `out` and `err` as it comes, and tells how it ended.
    ///
    /// # Errors
    /// QEMU can't be started; the machine panics, or takes longer than `timeout`. The console is kept.
    pub(super) fn run(
        &self,
        command: &str,
        timeout: Duration,
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> Result<Ended> {
        let initramfs = self.write_initramfs(command)?;
        let status = self.dir.join("status");
        let mut qemu = self.qemu(timeout, &initramfs, &status);
        let mut child = command::start(qemu.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let copies = [
            child.stdout.take().map(|from| copy(from, out)),
            child.stderr.take().map(|from| copy(from, err)),
        ];
        let waited = self.wait(&mut child, timeout);
        for copy in copies.into_iter().flatten() {
            copy.join().ok().context("copying the output")??;
        }
        waited?;
        let mut last_words = String::new();
        File::open(&status)?
            .take(STATUS_BYTES_MAX)
            .read_to_string(&mut last_words)?;
        match parse_status(&last_words) {
            Some(code) => Ok(Ended { code }),
            None => bail!("{}", self.told("ended before its command did")),
        }
    }

    fn wait(&self, child: &mut Child, timeout: Duration) -> Result<()> {
        let status = command::wait(child, Instant::now() + timeout).map_err(|error| {
            let limit = timeout.as_secs();
            anyhow!(self.told(&format!("was ended, {error} ({limit} s)")))
        })?;
        ensure!(
            status.success(),
            "{}",
            self.told(&format!("could not run, QEMU ended with {status}"))
        );
        Ok(())
    }

    /// What happened to the machine, and what its console says of it.
    fn told(&self, what: &str) -> String {
        let path = self.console();
        // Without a console there is nothing to show.
        let console = read_end(&path, CONSOLE_BYTES_MAX).unwrap_or_default();
        let said = console_digest(&console);
        format!(
            "the virtual machine {what}; its console is kept in {}\n{said}",
            path.display()
        )
    }

    fn qemu(&self, timeout: Duration, initramfs: &Path, status: &Path) -> Command {
        let file = |key: &str, path: &Path| format!("{key}={}", escape(path));
        // Should this tool be killed, nobody else would end it.
        let mut qemu = Command::new("timeout");
        qemu.arg((timeout + GRACE).as_secs().to_string())
            .arg("qemu-system-x86_64")
            .args(self.clock.options())
            .args(["-cpu", "max", "-m", &MEMORY_MIB.to_string()])
            .args([
                "-nodefaults",
                "-no-user-config",
                "-display",
                "none",
                "-no-reboot",
            ])
            .arg("-kernel")
            .arg(self.kernel.image())
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", KERNEL_COMMAND_LINE])
            .arg("-drive")
            // Writes go to a temporary file, so that a disk can be booted again.
            .arg(file("if=virtio,format=raw,snapshot=on,file", self.disk));
        if let Some(cache) = self.cache {
            let disk = file("if=virtio,format=raw,snapshot=on,file", cache);
            qemu.arg("-drive").arg(disk);
        }
        qemu.arg("-chardev")
            .arg(file("file,id=console,path", &self.console()))
            .args(["-serial", "chardev:console"])
            .args(["-device", "virtio-serial-pci,id=ports"]);
        for (number, name, path) in [
            (1, "output", Path::new("/proc/self/fd/1")),
            (2, "errors", Path::new("/proc/self/fd/2")),
            (3, "status", status),
        ] {
            qemu.arg("-chardev")
                .arg(file(&format!("file,id={name},path"), path))
                .arg("-device")
                .arg(format!(
                    "virtserialport,bus=ports.0,nr={number},chardev={name}"
                ));
        }
        qemu.env("TMPDIR", self.dir);
        qemu
    }

    /// Writes the file system that the kernel starts with: busybox, the modules for the disk, and scripts.
    fn write_initramfs(&self, command: &str) -> Result<PathBuf> {
        let read =
            |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
        let mut archive = Archive::default();
        for dir in ["bin", "dev", "root", "modules"] {
            archive.add_dir(dir);
        }
        archive.add_program("bin/busybox", &read(Path::new("/bin/busybox"))?)?;
        archive.add_program("bin/sh", &read(Path::new("/bin/busybox"))?)?;
        archive.add_program("init", include_bytes!("../../programs/vm/initramfs.sh"))?;
        archive.add_program("command", command.as_bytes())?;
        let mut order = String::new();
        for module in self.kernel.boot_modules() {
            let name = module.file_name().unwrap_or_default().to_string_lossy();
            archive.add_program(&format!("modules/{name}"), &read(&module)?)?;
            order.push_str(&name);
            order.push('\n');
        }
        archive.add_program("modules/order", order.as_bytes())?;
        let path = self.dir.join("initramfs.cpio");
        fs::write(&path, archive.finish())?;
        Ok(path)
    }
}

/// Copies bytes as they come, on a thread of its own.
fn copy(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
) -> JoinHandle<io::Result<()>> {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        loop {
            let size = match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(size) => size,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            to.write_all(buffer.get(..size).unwrap_or_default())?;
            to.flush()?;
        }
    })
}

/// In QEMU's options a comma ends a value, and two are one.
fn escape(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// The exit code, if the port for it got exactly one.
fn parse_status(text: &str) -> Option<u8> {
    let code = text.strip_prefix("exit ")?.strip_suffix('\n')?;
    if code.bytes().all(|byte| byte.is_ascii_digit()) {
        code.parse().ok()
    } else {
        None
    }
}

/// The last `size_max` bytes of a file.
fn read_end(path: &Path, size_max: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(size_max)))?;
    let mut bytes = Vec::new();
    file.take(size_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Lines of the console that tell of a crash, and its end; control characters escaped.
fn console_digest(console: &[u8]) -> String {
    let text = String::from_utf8_lossy(console);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.trim_end().escape_debug().to_string())
        .filter(|line| !line.is_empty())
        .collect();
    let (before, end) = lines.split_at(lines.len().saturating_sub(CONSOLE_LINES_MAX));
    let crashes = before
        .iter()
        .filter(|line| CRASHES.iter().any(|mark| line.contains(mark)))
        .take(CONSOLE_LINES_MAX);
    let told: Vec<&str> = crashes.chain(end).map(String::as_str).collect();
    told.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_exit_code_is_one() {
        assert_eq!(parse_status("exit 0\n"), Some(0));
        assert_eq!(parse_status("exit 137\n"), Some(137));
        for text in [
            "",
            "exit 0",
            "exit \n",
            "exit 256\n",
            "exit -1\n",
            "exit +1\n",
            "exit 1\nexit 0\n",
            " exit 0\n",
            "exit 0\n\n",
            "0\n",
        ] {
            assert_eq!(parse_status(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_console_is_shown_from_its_end_and_escaped() {
        let console: String = (0..40).map(|line| format!("line {line}\r\n")).collect();
        let shown = console_digest(format!("{console}\r\n\x1b[2Jend").as_bytes());
        assert_eq!(shown.lines().count(), CONSOLE_LINES_MAX);
        assert!(shown.starts_with("line 29\n"), "{shown}");
        assert!(shown.ends_with("\\u{1b}[2Jend"), "{shown}");
    }

    #[test]
    fn a_crash_is_shown_however_much_follows_it() {
        let rest = "register\n".repeat(100);
        let shown = console_digest(format!("[1] Kernel panic - why\n{rest}").as_bytes());
        assert!(
            shown.starts_with("[1] Kernel panic - why\nregister"),
            "{shown}"
        );
    }

    #[test]
    fn commas_in_paths_end_no_option() {
        assert_eq!(escape(Path::new("/a,b/c")), "/a,,b/c");
    }
}
