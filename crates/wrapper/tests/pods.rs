//! Pods of a real containerd whose shims call the wrapper.

use crate::world::{alone, compile, places, refusing_agent, settings};
use libtest_mimic::Trial;
use std::path::{Path, PathBuf};
use yagura_testkit::{BindMount, ContainerSpec, Containerd, PodSpec, ScratchDir};
use yagura_wrapper::ScopeRule;

pub(crate) fn trials() -> Vec<Trial> {
    let missing = yagura_testkit::missing(&Containerd::NEEDS);
    if !missing.is_empty() {
        eprintln!(
            "SKIPPED: tests with pods: this machine lacks {}",
            missing.join(", ")
        );
    }
    let pods = Trial::test("pods_in_scope_ask", || {
        let _alone = alone();
        pods_in_scope_ask();
        Ok(())
    });
    vec![pods.with_ignored_flag(!missing.is_empty())]
}

fn pods_in_scope_ask() {
    let mut settings = settings();
    settings.scope = vec![ScopeRule {
        namespaces: vec!["shop*".to_owned()],
        containers: vec!["app".to_owned()],
        ..ScopeRule::default()
    }];
    settings.write(&places()).unwrap();
    let agent = refusing_agent();
    let tools = ScratchDir::new().unwrap();
    compile(&tools.path().join("asks"));
    let containerd = Containerd::start().unwrap();
    let mount = BindMount {
        source: PathBuf::from(tools.path()),
        destination: "/tools".to_owned(),
        read_only: true,
    };
    let results = |namespace: &str, privileged: bool| {
        let pod = PodSpec {
            name: format!("web-{namespace}-{privileged}"),
            namespace: namespace.to_owned(),
            uid: format!("{namespace}-{privileged}"),
            labels: Vec::new(),
            privileged: true,
        };
        let pod = containerd.run_pod(&pod).unwrap();
        let spec = ContainerSpec {
            name: "app".to_owned(),
            command: ["/bin/sleep", "1000"].map(str::to_owned).to_vec(),
            mounts: vec![mount.clone()],
            privileged,
        };
        let container = containerd.run_container(&pod, &spec).unwrap();
        let asks = Path::new("/tools/asks").to_string_lossy();
        let output = containerd.exec(&container.id, &[&asks, "fsopen", "bpf", "clone", "unshare"]);
        let results = crate::world::parse(&output.unwrap().stdout).unwrap();
        (
            results["fsopen"],
            results["bpf"],
            results["clone"],
            results["unshare"],
        )
    };
    assert_eq!(results("shop-1", true), (1, 1, 0, 1));
    assert_eq!(results("shop-1", false), (1, 1, 0, 1));
    assert!(agent.counts().refused >= 6, "{:?}", agent.counts());
    let before = agent.counts().notified;
    assert_eq!(results("bank", true), (0, 22, 0, 0));
    assert_eq!(agent.counts().notified, before);
}
