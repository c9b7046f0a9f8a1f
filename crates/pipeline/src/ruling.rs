//! What was decided about a container as a whole, made into an alert.

use crate::alert::describe;
use crate::container_table::{unnamed, wall};
use crate::denial;
use crate::detect::FoldKey;
use crate::explain::shown;
use crate::pipeline::Pipeline;
use crate::sink::Sink;
use std::sync::Arc;
use yagura_event::{
    Action, Alert, AlertStatus, Category, Container, ContainerRuling, ContainerVerdict,
    MonotonicNs, Severity, WallTime,
};

/// The words and the weight of a verdict.
struct Words {
    key: &'static str,
    category: Category,
    severity: Severity,
    status: AlertStatus,
    action: Action,
    title: &'static str,
    remedy: &'static str,
    techniques: &'static [&'static str],
}

/// Of images at risk.
const IMAGE: Words = Words {
    key: "k8s.malicious_image_pod",
    category: Category::K8s,
    severity: Severity::Urgent,
    status: AlertStatus::Unhandled,
    action: Action::Alerted,
    title: "Container started from an image at risk",
    remedy: "Find out who deployed the image and why. Deploy one that is scanned and not on the list, or, if this one is fine, take it off \
the rule or let a rule allow it.",
    techniques: &["T1610", "T1204.003"],
};

impl Words {
    fn of(verdict: ContainerVerdict) -> Words {
        match verdict {
            ContainerVerdict::ImageAtRisk => Words {
                severity: Severity::Suspicious,
                ..IMAGE
            },
            ContainerVerdict::ImageStopped => Words {
                status: AlertStatus::AutoBlocked,
                action: Action::Killed,
                title: "Container stopped: its image is at risk",
                ..IMAGE
            },
            ContainerVerdict::ImageNotStopped => IMAGE,
            ContainerVerdict::FuseBlown => Words {
                key: "escape.privilege_escalation",
                category: Category::Escape,
                severity: Severity::Suspicious,
                title: "Blocking ended for a workload that crashes over and over",
                remedy: "Look at what the rule denied to the workload before it crashed. If the workload needs it, put it on the allow list of the \
rule; saving the policies anew makes the rule block again.",
                techniques: &[],
                ..IMAGE
            },
        }
    }
}

impl Pipeline {
    /// Tells of what was decided about a container.
    pub(crate) fn ruled(&mut self, ruling: &ContainerRuling, sink: &mut impl Sink) {
        let mut alert = self.ruling_alert(ruling);
        let incidents = &mut self.detector.incidents;
        incidents.assign(&mut alert, ruling.container, ruling.process, None);
        self.stats.alerts += 1;
        sink.alert(alert);
    }

    fn ruling_alert(&self, ruling: &ContainerRuling) -> Alert {
        let wall_of = |time: MonotonicNs| WallTime(wall(time, self.wall_minus_monotonic_ns));
        let entry = self.containers.get(ruling.container);
        let container = entry.and_then(|entry| entry.container.clone());
        let container = container.unwrap_or_else(|| {
            let home = entry.and_then(|entry| entry.home.as_ref());
            Arc::new(unnamed(home, yagura_event::CgroupId::default()))
        });
        let identity: [&[u8]; 4] = [
            self.config.node.name.as_bytes(),
            container.id.as_bytes(),
            ruling.rule.name.as_bytes(),
            &ruling.time.0.to_le_bytes(),
        ];
        let id = FoldKey::new(identity).digits();
        let words = Words::of(ruling.verdict);
        let gaps = Some(&ruling.gap).filter(|gap| !gap.is_empty());
        Alert {
            incident: id.clone(),
            id,
            time: wall_of(ruling.time),
            monotonic: ruling.time,
            rule: ruling.rule.name.clone().into(),
            key: words.key.into(),
            category: words.category,
            severity: words.severity,
            status: words.status,
            title: words.title.into(),
            explanation: explanation(ruling, &container),
            remedy: words.remedy.to_owned(),
            techniques: words.techniques.iter().map(|t| (*t).to_owned()).collect(),
            action: words.action,
            count: 1,
            last_time: wall_of(ruling.time),
            node: Arc::clone(&self.config.node),
            process: Some(describe(ruling.process, None, entry, wall_of)),
            ancestors: Vec::new(),
            drift: None,
            policy: Some(denial::policy(&ruling.rule)),
            detection: None,
            scan: None,
            denial: None,
            gaps: gaps.map(|gap| shown(gap.as_bytes())).into_iter().collect(),
            container: Some(container),
        }
    }
}

fn explanation(ruling: &ContainerRuling, container: &Container) -> String {
    let rule = format!(
        "rule \"{}\" (policy version {})",
        shown(ruling.rule.name.as_bytes()),
        ruling.rule.version
    );
    let image = match container.image.as_str() {
        "" => "an image of unknown name".to_owned(),
        image => format!("the image {}", shown(image.as_bytes())),
    };
    let name = shown(container.name.as_bytes());
    match ruling.verdict {
        ContainerVerdict::ImageAtRisk => {
            format!("Container \"{name}\" was started from {image}, which is at risk under {rule}.")
        }
        ContainerVerdict::ImageStopped => format!(
            "Container \"{name}\" was started from {image}, which is at risk under {rule}. All its processes were ended at once."
        ),
        ContainerVerdict::ImageNotStopped => format!(
            "Container \"{name}\" was started from {image}, which is at risk under {rule}. The rule asks for blocking, but the \
             container goes on."
        ),
        ContainerVerdict::FuseBlown => format!(
            "The workload of container \"{name}\" ({image}) was started again and again after {rule} had denied something to it. The \
             rule's fuse has blown: for this workload it only tells from now on."
        ),
    }
}
