//! `yagura quarantine` on the host and in a container.

use crate::harness::{Output, run, trial, yagura};
use crate::runc::{Container, Image, NEEDS, Spec};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;
use yagura_testkit::ScratchDir;

const LONGEST: Duration = Duration::from_secs(60);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("quarantine_takes_and_gives_back", &["root"], there_and_back),
        trial("quarantine_refuses_what_is_unsafe", &["root"], refusals),
        trial(
            "quarantine_names_what_was_tampered_with",
            &["root"],
            tampered,
        ),
        trial("quarantine_reaches_into_a_container", &NEEDS, container),
    ]
}

struct Store {
    dir: ScratchDir,
}

impl Store {
    fn new() -> Result<Store> {
        Ok(Store {
            dir: ScratchDir::new()?,
        })
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.join("store")
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = yagura();
        command
            .arg("quarantine")
            .args(arguments)
            .arg("--store")
            .arg(self.path());
        run(command.current_dir(self.dir.path()), LONGEST)
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let arguments = [arguments, &["--output", "json"]].concat();
        let output = self.run(&arguments)?.expect(0)?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn add(&self, arguments: &[&str]) -> Result<String> {
        let item = self.json(&[&["add"], arguments].concat())?;
        Ok(item["id"].as_str().context("an id")?.to_owned())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

fn there_and_back() -> Result<()> {
    let store = Store::new()?;
    let file = store.dir.join("bad.sh");
    fs::write(&file, "content")?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o4750))?;
    let id = store.add(&["bad.sh", "--reason", "a test\x1b[2J"])?;
    ensure!(!file.exists(), "still there");
    let items = store.json(&["list"])?;
    ensure!(
        items.as_array().is_some_and(|items| items.len() == 1),
        "{items}"
    );
    let item = store.json(&["show", &id])?;
    ensure!(
        item["path"] == text(&file) && item["size"] == 7 && item["mode"] == "4750",
        "{item}"
    );
    ensure!(
        item["container"].is_null() && item["reason"] == "a test\\x1b[2J",
        "{item}"
    );
    let shown = store.run(&["show", &id])?.expect(0)?.text();
    ensure!(
        shown.contains("whole") && !shown.contains('\x1b'),
        "{shown}"
    );
    let listed = store.run(&["list"])?.expect(0)?.text();
    ensure!(listed.contains(&id) && listed.contains("host"), "{listed}");

    let output = store.run(&["restore", &id])?.expect(0)?;
    ensure!(
        output.stderr.contains("--with-privileges"),
        "{}",
        output.stderr
    );
    ensure!(fs::read(&file)? == b"content", "another content");
    ensure!(
        fs::metadata(&file)?.permissions().mode() & 0o7777 == 0o750,
        "the mode"
    );
    let error = store.run(&["restore", &id])?.expect(2)?.stderr;
    ensure!(error.contains("--force"), "{error}");
    store
        .run(&["restore", &id, "--force", "--with-privileges"])?
        .expect(0)?;
    ensure!(
        fs::metadata(&file)?.permissions().mode() & 0o7777 == 0o4750,
        "the mode"
    );
    store.run(&["restore", &id, "--to", "copy"])?.expect(0)?;
    ensure!(store.dir.join("copy").exists(), "no copy");
    store.run(&["remove", &id])?.expect(0)?;
    store.run(&["remove", &id])?.expect(2)?;
    let items = store.json(&["list"])?;
    ensure!(items.as_array().is_some_and(Vec::is_empty), "{items}");
    Ok(())
}

fn refusals() -> Result<()> {
    let store = Store::new()?;
    fs::write(store.dir.join("f"), "x")?;
    symlink("f", store.dir.join("link"))?;
    for arguments in [
        &["add", "none"] as &[&str],
        &["add", "link"],
        &["add", "/dev/null"],
        &["add", "."],
        &["add", "/f", "--pid", "4194304"],
        &["add", "/f", "--container", "0123456789abcdef"],
        &["show", "0000000000000000"],
        &["show", "nonsense"],
        &["restore", "0000000000000000"],
    ] {
        let output = store.run(arguments)?;
        ensure!(
            output.code == Some(2),
            "{arguments:?}: {:?} {}",
            output.code,
            output.stderr
        );
    }
    ensure!(store.dir.join("f").exists(), "the file is gone");
    // Its folder was exchanged for a link to one that its former owner may not write to.
    fs::create_dir(store.dir.join("d"))?;
    fs::create_dir(store.dir.join("cron"))?;
    fs::write(store.dir.join("d/x"), "x")?;
    let id = store.add(&["d/x"])?;
    fs::remove_dir(store.dir.join("d"))?;
    symlink("cron", store.dir.join("d"))?;
    let output = store.run(&["restore", &id])?.expect(2)?;
    ensure!(output.stderr.contains("symbolic link"), "{}", output.stderr);
    ensure!(
        fs::read_dir(store.dir.join("cron"))?.next().is_none(),
        "written over the link"
    );
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o755))?;
    store.run(&["list"])?.expect(3)?;
    Ok(())
}

fn tampered() -> Result<()> {
    let store = Store::new()?;
    fs::write(store.dir.join("f"), vec![b'x'; 100_000])?;
    let id = store.add(&["f"])?;
    let path = store.path().join(format!("{id}.item"));
    let mut bytes = fs::read(&path)?;
    if let Some(byte) = bytes.get_mut(50_000) {
        *byte ^= 1;
    }
    fs::write(&path, &bytes)?;
    store.run(&["list"])?.expect(0)?;
    let error = store.run(&["show", &id])?.expect(1)?.stderr;
    ensure!(error.contains("chunk 0"), "{error}");
    store.run(&["restore", &id])?.expect(1)?;
    ensure!(!store.dir.join("f").exists(), "something came out");
    bytes.truncate(1000);
    fs::write(&path, &bytes)?;
    fs::write(store.path().join("strange"), "x")?;
    let error = store.run(&["list"])?.expect(1)?.stderr;
    ensure!(error.contains(&id) && error.contains("strange"), "{error}");
    Ok(())
}

fn container() -> Result<()> {
    let store = Store::new()?;
    let image = Image::busybox()?;
    let container = Container::start(&image, &Spec::default())?;
    container.shell("echo content > /tmp/dropped")?;
    let pid = container.pid.to_string();
    let inside = Path::new("/proc").join(&pid).join("root/tmp/dropped");
    ensure!(inside.exists(), "nothing was dropped");
    let id = store.add(&["/tmp/dropped", "--pid", &pid, "--container", &container.id])?;
    ensure!(!inside.exists(), "still there");
    let item = store.json(&["show", &id])?;
    ensure!(
        item["container"] == container.id.as_str() && item["path"] == "/tmp/dropped",
        "{item}"
    );
    // A runtime that writes no id into the cgroup's name can't be asked for the container again.
    store.run(&["restore", &id])?.expect(2)?;
    ensure!(!Path::new("/tmp/dropped").exists(), "restored on the host");
    store.run(&["restore", &id, "--pid", &pid])?.expect(0)?;
    ensure!(inside.exists(), "not restored");
    // A link out of the container leads nowhere.
    let link = Path::new("/proc").join(&pid).join("root/tmp/out");
    symlink(store.dir.path(), &link)?;
    store
        .run(&["restore", &id, "--pid", &pid, "--to", "/tmp/out/x"])?
        .expect(2)?;
    ensure!(
        !store.dir.join("x").exists(),
        "restored out of the container"
    );
    store
        .run(&["restore", &id, "--host", "--to", "copy"])?
        .expect(0)?;
    ensure!(store.dir.join("copy").exists(), "not restored on the host");
    Ok(())
}
