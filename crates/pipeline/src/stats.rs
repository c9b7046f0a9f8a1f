//! Counters of the pipeline.

use std::collections::BTreeMap;
use yagura_event::LossCounters;

/// How often a rule decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleStats {
    /// Name of the rule.
    pub name: String,
    /// Findings that were reported.
    pub alerts: u64,
    /// Findings that the rule ignores.
    pub ignored: u64,
    /// Findings on the rule's allow list.
    pub allowed: u64,
}

/// What the pipeline has done since it began, and what it holds now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Programs that began.
    pub execs: u64,
    /// Of those: programs of the image, known without reading anything.
    pub image_execs: u64,
    /// Of those: the container runtime's own stages.
    pub runtime_stages: u64,
    /// Files that had to be read to be judged.
    pub candidates: u64,
    /// Of those: files that turned out to be the image's.
    pub image_candidates: u64,
    /// Of those: mapped or opened files that turned out to be data.
    pub data_candidates: u64,
    /// Findings that were not reported since a package manager of the image was at work.
    pub package_manager_stages: u64,
    /// System calls that rules were asked about.
    pub calls: u64,
    /// Opens that no rule can match: the kernel side was told not to send their like again.
    pub quiet_opens: u64,
    /// Events that were judged before their container was known, since too many waited.
    pub hurried_events: u64,
    /// Files that were written and closed.
    pub written_files: u64,
    /// Files that the scanner was asked to look at.
    pub scans: u64,
    /// Uses of files in which something was found.
    pub scan_findings: u64,
    /// Parts of files, or rules, that were left out of a scan.
    pub scan_gaps: u64,
    /// Files that could not be scanned, by the reason in words.
    pub unscanned: BTreeMap<&'static str, u64>,
    /// What processes were kept from, or would have been.
    pub denials: u64,
    /// Of those: files that turned out to be the image's, or to be allowed. They may run from now on.
    pub denied_image_files: u64,
    /// Alerts.
    pub alerts: u64,
    /// Of those: alerts of detection rules.
    pub detections: u64,
    /// Decisions by position of the rule, since the policy in force arrived.
    pub by_rule: BTreeMap<usize, RuleStats>,
    /// What was lost, here and in the kernel.
    pub losses: LossCounters,
    /// Programs remembered now.
    pub programs: usize,
    /// Containers remembered now.
    pub containers: usize,
    /// Candidates that wait for an answer now.
    pub pending: usize,
    /// Files that wait for the scanner now.
    pub scanning: usize,
    /// Running drifted programs watched for the deletion of their file now.
    pub watched: usize,
}
