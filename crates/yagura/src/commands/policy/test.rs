//! `yagura policy test`: which rule decides, and why.

use super::facts::{self, ContainerFacts};
use super::test_defence;
use crate::exit::{Failure, Outcome};
use crate::input;
use crate::output::{self, Form};
use anyhow::anyhow;
use serde::Serialize;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::SystemTime;
use yagura_event::{Behaviour, Cloud, DriftKind, Node, Provenance, Sha256, WallTime, escape};
use yagura_policy::Subject;
use yagura_policy::defence::{self, DefenceSubject};
use yagura_policy::drift::{
    Decision, DriftPolicy, Explanation, Outcome as RuleOutcome, RuleAction, Step, Verdict, explain,
};

const AFTER_HELP: &str = "\
What is not said of a container is not there: without `namespace`, `pod` and labels it has no pod. Without --container \
nothing is known of it, and without `cluster` and --cloud nothing of the node: rules that ask for it are then decided \
as a sensor decides them that could not learn it.

Exit codes: 0 answered, whatever the answer; 2 an error in the file, or a file that can't be read.";

/// Tell which rule decides for a file that runs in a container, or for a behaviour, and why the others do not
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Policy file, `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The container: image, container (its name), namespace, pod, cluster, label.KEY; `\,` is a comma in a value
    #[arg(long, value_name = "KEY=VALUE,…", value_parser = ContainerFacts::parse)]
    container: Vec<ContainerFacts>,
    /// The node's cloud: azure, aws, gcp or on-premises, with the account or without
    #[arg(long, value_name = "PROVIDER[/ACCOUNT]", value_parser = facts::cloud)]
    cloud: Option<Cloud>,
    /// The node's name
    #[arg(long, value_name = "NAME", default_value = "")]
    node: String,
    /// Ask the defence rules about this behaviour, such as core-pattern, instead of the drift policy about a file
    #[arg(long, value_name = "NAME", value_parser = facts::behaviour, conflicts_with_all = ["kind", "provenance", "sha256"])]
    behaviour: Option<Behaviour>,
    /// With --behaviour: path of the file that is acted on; unknown if not given
    #[arg(long, value_name = "PATH", requires = "behaviour")]
    target: Option<OsString>,
    /// Path of the drifted file in the container, with --behaviour of the program that acts; for an anonymous memory
    /// file `memfd:` and its name
    #[arg(long, value_name = "PATH")]
    process: OsString,
    /// What kind of file: binary, library or script
    #[arg(long, default_value = "binary", value_parser = facts::kind)]
    kind: DriftKind,
    /// Where the file comes from: copied, modified, package-manager, written, volume, memfd or deleted
    #[arg(long, default_value = "written", value_parser = facts::provenance)]
    provenance: Provenance,
    /// SHA-256 of the file; unknown if not given
    #[arg(long, value_name = "HEX", value_parser = facts::sha256)]
    sha256: Option<Sha256>,
    /// Path of the program that started the process; unknown if not given
    #[arg(long, value_name = "PATH")]
    parent: Option<OsString>,
    /// Path of a program further above, nearest first; may be repeated
    #[arg(long, value_name = "PATH")]
    ancestor: Vec<OsString>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

/// The answer as JSON.
#[derive(Debug, Serialize)]
struct TestJson {
    /// The rule that decides.
    rule: String,
    /// Its position, the first is 0; the default rule stands behind all others.
    index: usize,
    is_default: bool,
    /// What that rule asks for.
    action: &'static str,
    /// What comes of it: the action, or `allowed` by its allow list, or `alert` where it only may apply.
    verdict: &'static str,
    /// Why.
    reason: String,
    /// The first thing that was not known and could have led to another decision.
    gap: Option<GapJson>,
    /// Every rule that was asked, in order; the last is the one that ended the search.
    steps: Vec<StepJson>,
}

#[derive(Debug, Serialize)]
struct GapJson {
    rule: String,
    index: usize,
    missing: &'static str,
    in_allow_list: bool,
}

#[derive(Debug, Serialize)]
struct StepJson {
    rule: String,
    index: usize,
    is_default: bool,
    action: &'static str,
    outcome: &'static str,
    why: String,
}

/// Answers the question.
///
/// # Errors
/// If the file has errors, `--container` names a key twice, or standard output can't be written.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let facts = ContainerFacts::join(&arguments.container)
        .map_err(|error| Failure::BadInput(anyhow!("--container: {error}")))?;
    let policies = input::policy_file(&arguments.file)?;
    let policy = policies.drift();
    let node = Node {
        name: arguments.node.clone(),
        cluster: facts.cluster(),
        cloud: arguments.cloud.clone(),
    };
    let container = facts.container();
    let parent = arguments.parent.as_ref().map(|path| path.as_bytes());
    let above = arguments.ancestor.iter().map(|path| path.as_bytes());
    let ancestors: Vec<&[u8]> = parent.into_iter().chain(above).collect();
    if let Some(behaviour) = arguments.behaviour {
        let explanation = defence::explain(
            policies.defence(),
            &DefenceSubject {
                node: &node,
                container: (!arguments.container.is_empty()).then_some(&container),
                behaviour,
                program: Some(arguments.process.as_bytes()),
                parent,
                ancestors: (!ancestors.is_empty()).then_some(ancestors.as_slice()),
                file: arguments.target.as_ref().map(|path| path.as_bytes()),
                now: now(),
            },
        );
        return test_defence::print(&explanation, arguments.output);
    }
    let explanation = explain(
        policy,
        &Subject {
            node: &node,
            container: (!arguments.container.is_empty()).then_some(&container),
            kind: arguments.kind,
            provenance: arguments.provenance,
            path: arguments.process.as_bytes(),
            sha256: arguments.sha256,
            parent,
            ancestors: (!ancestors.is_empty()).then_some(ancestors.as_slice()),
            now: now(),
        },
    );
    match arguments.output {
        Form::Table => output::print(&explanation.to_string())?,
        Form::Json => output::print_json(&json(policy, &explanation))?,
    }
    Ok(Outcome::Done)
}

/// The time at which expiry is judged.
fn now() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    WallTime(since.map_or(0, |span| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
}

fn json(policy: &DriftPolicy, explanation: &Explanation<'_>) -> TestJson {
    let decision = &explanation.decision;
    TestJson {
        rule: name(decision.rule.name),
        index: decision.rule.index,
        is_default: decision.rule.is_default,
        action: action(policy, decision.rule.index).as_str(),
        verdict: decision.verdict.as_str(),
        reason: reason(policy, explanation),
        gap: decision.gap.map(|gap| GapJson {
            rule: name(gap.rule.name),
            index: gap.rule.index,
            missing: gap.missing.text(),
            in_allow_list: gap.in_allow_list,
        }),
        steps: explanation.steps.iter().map(StepJson::from).collect(),
    }
}

fn action(policy: &DriftPolicy, index: usize) -> RuleAction {
    let rule = policy.rules().get(index);
    rule.map_or(policy.default_action(), |rule| rule.action)
}

fn reason(policy: &DriftPolicy, explanation: &Explanation<'_>) -> String {
    let decision = &explanation.decision;
    let of_rule = |step: &&Step<'_>| step.rule.index == decision.rule.index;
    let why = explanation.steps.iter().find(of_rule);
    let mut reason = match why {
        Some(step) if step.rule.is_default => "no other rule matched".to_owned(),
        Some(step) => step.outcome.to_string(),
        None => String::new(),
    };
    if let Some(entry) = allow_entry(policy, decision) {
        reason.push_str(&format!("; the process is on its allow list: {entry}"));
    }
    if decision.is_possible_only() {
        reason.push_str("; no later rule reports");
    }
    reason
}

/// The entry of the deciding rule's allow list that lets the process run.
fn allow_entry(policy: &DriftPolicy, decision: &Decision<'_>) -> Option<String> {
    if decision.verdict != Verdict::Allowed {
        return None;
    }
    let rule = policy.rules().get(decision.rule.index)?;
    rule.allow
        .get(decision.allowed_by?)
        .map(ToString::to_string)
}

impl From<&Step<'_>> for StepJson {
    fn from(step: &Step<'_>) -> StepJson {
        StepJson {
            rule: name(step.rule.name),
            index: step.rule.index,
            is_default: step.rule.is_default,
            action: step.action.as_str(),
            outcome: word(&step.outcome),
            why: step.outcome.to_string(),
        }
    }
}

fn word(outcome: &RuleOutcome<'_>) -> &'static str {
    match outcome {
        RuleOutcome::Disabled => "disabled",
        RuleOutcome::Expired(_) => "expired",
        RuleOutcome::Kind { .. } => "kind",
        RuleOutcome::Provenance { .. } => "provenance",
        RuleOutcome::Cloud { .. } => "cloud",
        RuleOutcome::Condition { .. } => "condition",
        RuleOutcome::Unknown { .. } => "unknown",
        RuleOutcome::Matched { .. } => "matched",
    }
}

fn name(name: &str) -> String {
    escape(name.as_bytes()).into_owned()
}
