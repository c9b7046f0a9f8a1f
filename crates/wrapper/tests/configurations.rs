//! Installation into managers' configurations below a root of the test's own, and out of them again.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use yagura_testkit::ScratchDir;
use yagura_wrapper::{
    InstallError, InstallOptions, Manager, ManagerFiles, ManagerState, Places, Programs, install,
    remove, status,
};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &'static str, run: fn()| {
        Trial::test(name, move || {
            run();
            Ok(())
        })
    };
    vec![
        trial("containerd_comes_back_byte_by_byte", containerd_comes_back),
        trial(
            "containerd_of_version_3_and_without_a_file",
            containerd_versions,
        ),
        trial("containerd_imports_are_followed", containerd_imports),
        trial(
            "containerd_changed_since_is_edited",
            containerd_changed_since,
        ),
        trial("containerd_accepts_what_is_written", containerd_accepts),
        trial("other_runtimes_are_refused", other_runtimes),
        trial("crio_gets_a_file_of_its_own", crio),
        trial("docker_gets_a_default_runtime", docker),
        trial(
            "a_program_that_does_not_answer_is_not_installed",
            tried_in_vain,
        ),
        trial("removal_leaves_links_or_nothing", programs),
    ]
}

const PROGRAM: &str = "/var/lib/yagura/runtime-wrapper/runc-yagura-runtime-wrapper";

const CONTAINERD: &str = r#"version = 2 # of the format
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "pause"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes]
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
        runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
          SystemdCgroup = true
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.small]
        runtime_type = "io.containerd.runc.v2"
        options = { BinaryName = "/opt/bin/crun" } # quick
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.gvisor]
        runtime_type = "io.containerd.runsc.v1"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia]
        runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia.options]
          BinaryName = "/usr/bin/nvidia-container-runtime"
"#;

struct Host {
    dir: ScratchDir,
    options: InstallOptions,
}

impl Host {
    fn new(managers: &[Manager]) -> Host {
        let dir = ScratchDir::new().unwrap();
        let host = Host {
            options: InstallOptions {
                root: dir.path().to_owned(),
                places: Places::new("/var/lib/yagura"),
                files: ManagerFiles::default(),
                managers: managers.to_vec(),
                executable: PathBuf::from("/bin/true"),
                try_out: false,
            },
            dir,
        };
        host.write("/usr/sbin/runc", "");
        host
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    fn state(&self) -> ManagerState {
        status(&self.options).unwrap()[0].state
    }

    fn record(&self) -> Value {
        serde_json::from_str(&self.read("/var/lib/yagura/runtime-wrapper/installed.json")).unwrap()
    }
}

const TOML: &str = "/etc/containerd/config.toml";

fn containerd_comes_back() {
    let host = Host::new(&[Manager::Containerd]);
    assert_eq!(host.state(), ManagerState::Absent);
    host.write(TOML, CONTAINERD);
    assert_eq!(host.state(), ManagerState::NotInstalled);
    let installed = install(&host.options).unwrap();
    assert_eq!(
        installed.changed,
        [(Manager::Containerd, PathBuf::from(TOML))]
    );
    // gVisor and NVIDIA's stay.
    assert_eq!(installed.left.len(), 2, "{installed:?}");
    let text = host.read(TOML);
    assert!(
        text.contains(&format!("BinaryName = \"{PROGRAM}\"")),
        "{text}"
    );
    assert!(
        text.contains("crun-yagura-runtime-wrapper\" } # quick")
            && text.contains("SystemdCgroup = true")
    );
    assert!(
        text.contains("version = 2 # of the format") && text.contains("nvidia-container-runtime")
    );
    let programs = &host.record()["programs"];
    assert_eq!(programs["runc-yagura-runtime-wrapper"], "/usr/sbin/runc");
    assert_eq!(programs["crun-yagura-runtime-wrapper"], "/opt/bin/crun");
    assert_eq!(host.state(), ManagerState::Installed);
    let again = install(&host.options).unwrap();
    assert_eq!(
        (again.changed.len(), again.already.as_slice()),
        (0, &[Manager::Containerd][..])
    );
    let removed = remove(&host.options, Programs::Keep).unwrap();
    assert_eq!(removed.restored.len(), 1);
    assert_eq!(host.read(TOML), CONTAINERD);
    assert_eq!(host.state(), ManagerState::NotInstalled);
    assert_eq!(
        remove(&host.options, Programs::Keep).unwrap(),
        Default::default()
    );
}

fn containerd_versions() {
    let host = Host::new(&[Manager::Containerd]);
    host.write(TOML, "version = 3\n");
    install(&host.options).unwrap();
    let text = host.read(TOML);
    let table = r#"[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc"#;
    assert!(text.contains(table) && text.contains(PROGRAM), "{text}");
    remove(&host.options, Programs::Keep).unwrap();
    assert_eq!(host.read(TOML), "version = 3\n");
    fs::remove_file(host.at(TOML)).unwrap();
    install(&host.options).unwrap();
    assert!(host.read(TOML).starts_with("version = 2\n"));
    remove(&host.options, Programs::Keep).unwrap();
    assert!(!host.at(TOML).exists());
    for text in [
        "version = 1\n[plugins]\n",
        "[debug]\nlevel = \"info\"\n",
        "version = 2\n[",
        "version = 4\n",
    ] {
        host.write(TOML, text);
        assert!(
            matches!(install(&host.options), Err(InstallError::Nothing { .. })),
            "{text}"
        );
        assert_eq!(host.read(TOML), text);
    }
}

fn containerd_imports() {
    let host = Host::new(&[Manager::Containerd]);
    let main = "version = 2\nimports = [\"conf.d/*.toml\", \"/etc/containerd/config.toml\"]\n";
    host.write(TOML, main);
    host.write(
        "/etc/containerd/conf.d/10-a.toml",
        "version = 2\n[debug]\nlevel = \"info\"\n",
    );
    host.write("/etc/containerd/conf.d/20-cri.toml", CONTAINERD);
    host.write("/etc/containerd/conf.d/note.txt", "no TOML [");
    let installed = install(&host.options).unwrap();
    let file = PathBuf::from("/etc/containerd/conf.d/20-cri.toml");
    assert_eq!(installed.changed, [(Manager::Containerd, file)]);
    assert_eq!(host.read(TOML), main);
    remove(&host.options, Programs::Keep).unwrap();
    assert_eq!(host.read("/etc/containerd/conf.d/20-cri.toml"), CONTAINERD);
}

fn containerd_changed_since() {
    let host = Host::new(&[Manager::Containerd]);
    host.write(TOML, CONTAINERD);
    install(&host.options).unwrap();
    let text = host.read(TOML).replace("\"pause\"", "\"pause:2\"");
    host.write(TOML, &text);
    assert_eq!(host.state(), ManagerState::Changed);
    let removed = remove(&host.options, Programs::Keep).unwrap();
    assert_eq!(removed.edited.len(), 1);
    let text = host.read(TOML);
    assert!(
        !text.contains("yagura") && text.contains("pause:2") && text.contains("/opt/bin/crun"),
        "{text}"
    );
    // A package put its own file in place: nothing to take out, and a new installation begins anew.
    install(&host.options).unwrap();
    host.write(TOML, "version = 2\n");
    assert_eq!(host.state(), ManagerState::Lost);
    install(&host.options).unwrap();
    assert_eq!(host.state(), ManagerState::Installed);
    remove(&host.options, Programs::Keep).unwrap();
    assert_eq!(host.read(TOML), "version = 2\n");
    // Somebody broke it: removal says so and can be tried again.
    install(&host.options).unwrap();
    host.write(TOML, "version = 2\n[");
    assert!(remove(&host.options, Programs::Keep).is_err());
    host.write(TOML, "version = 2\n");
    remove(&host.options, Programs::Keep).unwrap();
    assert_eq!(host.state(), ManagerState::NotInstalled);
}

/// containerd itself reads what was written as it is meant.
fn containerd_accepts() {
    if !yagura_testkit::missing(&["containerd"]).is_empty() {
        eprintln!("SKIPPED: this machine lacks containerd");
        return;
    }
    for text in [CONTAINERD, "version = 2\n"] {
        let host = Host::new(&[Manager::Containerd]);
        host.write(TOML, text);
        install(&host.options).unwrap();
        let mut dump = Command::new("containerd");
        let output = dump
            .arg("--config")
            .arg(host.at(TOML))
            .args(["config", "dump"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let merged: toml_edit::DocumentMut =
            String::from_utf8(output.stdout).unwrap().parse().unwrap();
        let runc =
            &merged["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["runtimes"]["runc"];
        assert_eq!(runc["runtime_type"].as_str(), Some("io.containerd.runc.v2"));
        assert_eq!(runc["options"]["BinaryName"].as_str(), Some(PROGRAM));
        let systemd = runc["options"]
            .get("SystemdCgroup")
            .and_then(|item| item.as_bool());
        assert_eq!(systemd, (text == CONTAINERD).then_some(true));
    }
}

fn other_runtimes() {
    let host = Host::new(&[Manager::Containerd, Manager::CriO, Manager::Docker]);
    let toml = CONTAINERD.replace(
        "default_runtime_name = \"runc\"",
        "default_runtime_name = \"gvisor\"",
    );
    host.write(TOML, &toml);
    host.write("/etc/crio/crio.conf.d/10.conf", "[crio.runtime]\ndefault_runtime = \"kata\"\n[crio.runtime.runtimes.kata]\nruntime_path = \"/usr/bin/kata\"\nruntime_type = \"vm\"\n");
    let docker = r#"{"default-runtime":"x","runtimes":{"x":{"path":"/usr/bin/youki"}}}"#;
    host.write("/etc/docker/daemon.json", docker);
    let Err(InstallError::Nothing { left }) = install(&host.options) else {
        panic!("installed");
    };
    for manager in Manager::ALL {
        assert!(left.iter().any(|(left, _)| *left == manager), "{left:?}");
    }
    assert_eq!(host.read(TOML), toml);
    assert_eq!(host.read("/etc/docker/daemon.json"), docker);
}

fn crio() {
    let host = Host::new(&[Manager::CriO]);
    host.write(
        "/etc/crio/crio.conf",
        "[crio.runtime]\ndefault_runtime = \"runc\"\n",
    );
    host.write(
        "/etc/crio/crio.conf.d/10-crun.conf",
        "[crio.runtime]\ndefault_runtime = \"crun\"\n[crio.runtime.runtimes.crun]\nruntime_path = \"/usr/bin/crun\"\nmonitor_path = \"/usr/bin/conmon\"\nallowed_annotations = [\n  \"a\",\n]\n",
    );
    install(&host.options).unwrap();
    let own = "/etc/crio/crio.conf.d/99-yagura-runtime-wrapper.conf";
    let document: toml_edit::DocumentMut = host.read(own).parse().unwrap();
    let crun = &document["crio"]["runtime"]["runtimes"]["crun"];
    let program = PROGRAM.replace("runc-", "crun-");
    assert_eq!(crun["runtime_path"].as_str(), Some(program.as_str()));
    assert_eq!(crun["monitor_path"].as_str(), Some("/usr/bin/conmon"));
    assert_eq!(crun["allowed_annotations"][0].as_str(), Some("a"));
    assert_eq!(host.state(), ManagerState::Installed);
    remove(&host.options, Programs::Keep).unwrap();
    assert!(!host.at(own).exists());
    // CRI-O's own table for runc, which it need not spell out.
    fs::remove_file(host.at("/etc/crio/crio.conf.d/10-crun.conf")).unwrap();
    install(&host.options).unwrap();
    let text = host.read(own);
    assert!(
        text.contains("[crio.runtime.runtimes.runc]") && text.contains("runtime_type = \"oci\""),
        "{text}"
    );
}

fn docker() {
    let host = Host::new(&[Manager::Docker]);
    let path = "/etc/docker/daemon.json";
    let text = "{ \"log-level\" : \"warn\",\n\"runtimes\": {} }";
    host.write(path, text);
    install(&host.options).unwrap();
    let config: Value = serde_json::from_str(&host.read(path)).unwrap();
    assert_eq!(
        config,
        json!({ "default-runtime": "yagura", "log-level": "warn", "runtimes": { "yagura": { "path": PROGRAM } } })
    );
    let mut changed = config;
    changed["log-level"] = "info".into();
    host.write(path, &changed.to_string());
    assert_eq!(host.state(), ManagerState::Changed);
    remove(&host.options, Programs::Keep).unwrap();
    let config: Value = serde_json::from_str(&host.read(path)).unwrap();
    assert_eq!(config, json!({ "log-level": "info", "runtimes": {} }));
    host.write(path, text);
    install(&host.options).unwrap();
    remove(&host.options, Programs::Keep).unwrap();
    assert_eq!(host.read(path), text);
}

fn tried_in_vain() {
    let mut host = Host::new(&[Manager::Containerd]);
    host.write(
        TOML,
        &CONTAINERD.replace("/opt/bin/crun", "/bin/crun-not-here/crun"),
    );
    host.options.try_out = true;
    let root = host.dir.path().to_owned();
    let files = &mut host.options.files;
    files.containerd = root.join(TOML.trim_start_matches('/'));
    host.options.places = Places::new(root.join("state"));
    host.options.root = "/".into();
    let before = host.read(TOML);
    assert!(matches!(
        install(&host.options),
        Err(InstallError::TriedInVain { .. })
    ));
    assert_eq!(host.read(TOML), before);
}

fn programs() {
    let host = Host::new(&[Manager::Containerd]);
    host.write(TOML, "version = 2\n");
    install(&host.options).unwrap();
    let program = host.at(PROGRAM);
    assert!(program.is_file() && !program.is_symlink());
    remove(&host.options, Programs::Keep).unwrap();
    assert_eq!(
        fs::read_link(&program).unwrap(),
        Path::new("/usr/sbin/runc")
    );
    install(&host.options).unwrap();
    assert!(!program.is_symlink());
    remove(&host.options, Programs::Delete).unwrap();
    assert!(!program.parent().unwrap().exists());
    assert_eq!(host.read(TOML), "version = 2\n");
}
