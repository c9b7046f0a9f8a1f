//! What the center's settings ask of this node: its protection level, and the switches.
//!
//! On a node with the level `none` no rule is in force and nothing is enforced; with `host` threats are detected, and what
//! holds for containers alone (drift, defence rules) is left out; with `host-and-container` all is in force. Defence rules
//! are in force while container escape prevention is on.

use super::documents;
use crate::start::Sensor;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use yagura_policy::PolicySet;
use yagura_policy::drift::DriftPolicy;
use yagura_proto::wire;
use yagura_rules::RuleSet;

/// A drift policy that says nothing of anything.
const NO_DRIFT: &str = "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  rules: []\n  default: { action: ignore }\n";

/// How far a node is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Level {
    None,
    Host,
    #[default]
    HostAndContainer,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::None => "none",
            Level::Host => "host",
            Level::HostAndContainer => "host-and-container",
        }
    }
}

/// The center's settings, as far as sensors need them. What is newer than this program is left alone.
#[derive(Debug, Default, Deserialize)]
struct Settings {
    #[serde(default)]
    protection: Switches,
    /// Levels of the nodes that have another than the usual one, by the ids of their sensors.
    #[serde(default)]
    levels: HashMap<String, Level>,
}

/// The switches. One that is not told is on: the center leaves out what it does not want in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Switches {
    container_escape_prevention: bool,
    k8s_threat_detection: bool,
}

impl Default for Switches {
    fn default() -> Switches {
        Switches {
            container_escape_prevention: true,
            k8s_threat_detection: true,
        }
    }
}

/// What the center sent last, and what of it is in force.
#[derive(Debug, Default)]
struct State {
    level: Level,
    switches: Switches,
    policies: Option<(Arc<PolicySet>, u64)>,
    rules: Option<Arc<RuleSet>>,
}

/// Puts in force on a sensor what its center sends, as far as the protection level lets it.
#[derive(Debug)]
pub(super) struct Protection {
    sensor_id: String,
    state: Mutex<State>,
    /// The sensor, once there is one.
    sensor: Option<Arc<Sensor>>,
}

impl Protection {
    /// With what the center sent before.
    pub(super) fn new(
        sensor_id: &str,
        in_force: &documents::InForce,
        settings: &[u8],
    ) -> Protection {
        let protection = Protection {
            sensor_id: sensor_id.to_owned(),
            state: Mutex::new(State {
                policies: in_force.policies.clone(),
                rules: in_force.rules.clone(),
                ..State::default()
            }),
            sensor: None,
        };
        if !settings.is_empty()
            && let Err(problems) = protection.take_settings(settings)
        {
            let problem = problems.first().map(String::as_str).unwrap_or_default();
            tracing::error!(problem, "settings of the center cannot be read");
        }
        protection
    }

    /// From now on what comes is put in force on that sensor, which began with what was in force until here.
    pub(super) fn govern(mut self, sensor: Arc<Sensor>) -> Protection {
        self.sensor = Some(sensor);
        self
    }

    /// The policies to be in force, with their version; `None` if the center never sent any.
    pub(super) fn policies(&self) -> Option<(Arc<PolicySet>, u64)> {
        let state = self.state();
        let (policies, version) = state.policies.as_ref()?;
        Some((effective(&state, policies), *version))
    }

    /// The rules to be in force; `None` if the center never sent any and nothing else keeps the usual ones out.
    pub(super) fn rules(&self) -> Option<Arc<RuleSet>> {
        let state = self.state();
        match state.level {
            Level::None => Some(Arc::new(RuleSet::empty())),
            Level::Host | Level::HostAndContainer => state.rules.clone(),
        }
    }

    /// Takes new policies.
    pub(super) fn take_policies(&self, policies: Arc<PolicySet>, version: u64) {
        self.state().policies = Some((policies, version));
        self.put_policies();
    }

    /// Takes new rules.
    pub(super) fn take_rules(&self, rules: Arc<RuleSet>) {
        self.state().rules = Some(rules);
        self.put_rules();
    }

    /// Takes new settings.
    ///
    /// # Errors
    /// What is wrong with them; then the former ones stay.
    pub(super) fn take_settings(&self, content: &[u8]) -> Result<(), Vec<String>> {
        let problem = |error: serde_json::Error| vec![error.to_string()];
        // An object: serde would take an array for one whose fields are all left out.
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(content).map_err(problem)?;
        let settings: Settings =
            serde_json::from_value(serde_json::Value::Object(object)).map_err(problem)?;
        let level = settings
            .levels
            .get(&self.sensor_id)
            .copied()
            .unwrap_or_default();
        let mut state = self.state();
        let is_news = (state.level, state.switches) != (level, settings.protection);
        let is_other_level = state.level != level;
        (state.level, state.switches) = (level, settings.protection);
        drop(state);
        if is_news {
            tracing::info!(
                level = level.as_str(),
                container_escape_prevention = settings.protection.container_escape_prevention,
                k8s_threat_detection = settings.protection.k8s_threat_detection,
                "protection settings in force"
            );
            self.put_policies();
        }
        if is_other_level {
            self.put_rules();
        }
        Ok(())
    }

    /// What is in force, for the center.
    pub(super) fn told(&self) -> wire::Protection {
        let state = self.state();
        wire::Protection {
            level: state.level.as_str().to_owned(),
            container_escape_prevention: state.level == Level::HostAndContainer
                && state.switches.container_escape_prevention,
            k8s_threat_detection: state.switches.k8s_threat_detection,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_policies(&self) {
        if let (Some(sensor), Some((policies, version))) = (&self.sensor, self.policies()) {
            sensor.set_policies(policies, version);
        }
    }

    fn put_rules(&self) {
        let Some(sensor) = &self.sensor else {
            return;
        };
        // Without any from the center the catalogue's are the usual ones.
        match self.rules().map_or_else(documents::catalogue, Ok) {
            Ok(rules) => sensor.set_rules(rules),
            Err(problems) => {
                tracing::error!(problems = problems.len(), "catalogue cannot be read");
            }
        }
    }
}

/// What of the policies the level and the switches let be in force.
fn effective(state: &State, policies: &Arc<PolicySet>) -> Arc<PolicySet> {
    match (state.level, state.switches.container_escape_prevention) {
        (Level::HostAndContainer, true) => Arc::clone(policies),
        (Level::HostAndContainer, false) => {
            Arc::new(PolicySet::default().with_drift(policies.drift().clone()))
        }
        (Level::None | Level::Host, _) => Arc::new(PolicySet::default().with_drift(no_drift())),
    }
}

fn no_drift() -> DriftPolicy {
    // A test holds that it has no errors.
    let parsed = yagura_policy::drift::parse("none", NO_DRIFT.as_bytes());
    parsed.policy.unwrap_or_else(DriftPolicy::built_in)
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_policy::drift::RuleAction;

    const POLICIES: &str = "apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - { name: All, action: block }
  default: { action: alert }
---
apiVersion: yagura.dev/v1
kind: DefenceRule
metadata: { name: Escapes }
spec:
  action: block
  behaviours: { process: all, file: all, syscall: all }
";

    fn protection(settings: &str) -> Protection {
        let parsed = yagura_policy::set::parse("test", POLICIES.as_bytes());
        let in_force = documents::InForce {
            policies: Some((Arc::new(parsed.set.expect("policies")), 7)),
            rules: documents::catalogue().ok(),
        };
        Protection::new("me", &in_force, settings.as_bytes())
    }

    /// Drift rules, defence rules, the default's action, and whether any rule detects threats.
    fn in_force(protection: &Protection) -> (usize, usize, RuleAction, bool) {
        let (policies, version) = protection.policies().expect("policies");
        assert_eq!(version, 7);
        (
            policies.drift().rules().len(),
            policies.defence().len(),
            policies.drift().default_action(),
            protection.rules().expect("rules").rules().count() > 0,
        )
    }

    #[test]
    fn a_level_lets_so_much_be_in_force() {
        let whole = (1, 1, RuleAction::Alert, true);
        assert_eq!(in_force(&protection("")), whole);
        assert_eq!(in_force(&protection("{}")), whole);
        let of_others = r#"{ "levels": { "somebody": "none" }, "newer": 1 }"#;
        assert_eq!(in_force(&protection(of_others)), whole);
        let host = protection(r#"{ "levels": { "me": "host" } }"#);
        assert_eq!(in_force(&host), (0, 0, RuleAction::Ignore, true));
        let none = protection(r#"{ "levels": { "me": "none" } }"#);
        assert_eq!(in_force(&none), (0, 0, RuleAction::Ignore, false));
        // And back.
        none.take_settings(b"{}").expect("settings");
        assert_eq!(in_force(&none), whole);
    }

    #[test]
    fn defence_rules_are_in_force_while_the_switch_is_on() {
        let switched = |on: bool| {
            format!(
                r#"{{ "protection": {{ "container_escape_prevention": {on}, "k8s_threat_detection": false, "website_backdoor": true }} }}"#
            )
        };
        let off = protection(&switched(false));
        assert_eq!(in_force(&off), (1, 0, RuleAction::Alert, true));
        assert!(!off.told().container_escape_prevention && !off.told().k8s_threat_detection);
        off.take_settings(switched(true).as_bytes())
            .expect("settings");
        assert_eq!(in_force(&off), (1, 1, RuleAction::Alert, true));
        assert!(off.told().container_escape_prevention);
        assert_eq!(off.told().level, "host-and-container");
    }

    #[test]
    fn settings_that_cannot_be_read_change_nothing() {
        let protection = protection(r#"{ "levels": { "me": "host" } }"#);
        for bad in ["{", "[]", r#"{ "levels": { "me": "everything" } }"#] {
            assert!(protection.take_settings(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(protection.told().level, "host");
    }
}
