//! Programs that no image has.

use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use yagura_testkit::ScratchDir;

/// Says that it ran; with an argument it stays.
const HELLO: &str = r#"#include <unistd.h>
int main(int argc, char **argv) {
	(void)argv;
	if (write(1, "ran\n", 4) != 4)
		return 1;
	while (argc > 1)
		pause();
	return 0;
}
"#;

/// Runs the program in the first argument as many times as the second says, each time by fork and exec; after every
/// as many as the third says, one of the drifted programs `/tmp/drifted-0`, `-1` and so on.
const STORM: &str = r#"#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void start(const char *path) {
	int status;
	pid_t child = vfork();
	if (child == 0) {
		execl(path, path, (char *)0);
		_exit(111);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		exit(1);
}
int main(int argc, char **argv) {
	char drifted[64];
	if (argc != 4)
		return 2;
	int count = atoi(argv[2]), every = atoi(argv[3]);
	for (int i = 0; i < count; i++) {
		start(argv[1]);
		if ((i + 1) % every == 0) {
			snprintf(drifted, sizeof(drifted), "/tmp/drifted-%d", i / every);
			start(drifted);
		}
	}
	return 0;
}
"#;

/// A folder with programs to be given to containers.
#[derive(Debug)]
pub(crate) struct Payload {
    dir: ScratchDir,
}

impl Payload {
    /// Programs that making it needs.
    pub(crate) const NEEDS: [&str; 1] = ["cc"];

    /// Compiles `hello` and `storm`, each static.
    pub(crate) fn build() -> Result<Payload> {
        let payload = Payload {
            dir: ScratchDir::new()?,
        };
        compile(&payload.dir, "hello", HELLO, &["-static"])?;
        compile(&payload.dir, "storm", STORM, &["-static"])?;
        Ok(payload)
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// `hello` with other content: bytes behind its end, where no loader looks.
    pub(crate) fn variant(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        let content = [fs::read(self.dir.join("hello"))?, name.as_bytes().to_vec()].concat();
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }
}

/// Compiles one C file to a program or library called `name`.
pub(crate) fn compile(
    dir: &ScratchDir,
    name: &str,
    source: &str,
    options: &[&str],
) -> Result<PathBuf> {
    let file = dir.join(&format!("{name}.c"));
    fs::write(&file, source)?;
    let path = dir.join(name);
    let mut compiler = Command::new("cc");
    compiler
        .args(["-O1", "-Wall", "-o"])
        .arg(&path)
        .arg(&file)
        .args(options);
    let output = compiler.stdin(Stdio::null()).output().context("cc")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(path)
}

/// SHA-256 of a file as `sha256sum` tells it.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let output = Command::new("sha256sum").arg(path).output()?;
    let text = String::from_utf8(output.stdout)?;
    let digest = text.split(' ').next().unwrap_or_default();
    ensure!(digest.len() == 64, "sha256sum says {text:?}");
    Ok(digest.to_owned())
}
