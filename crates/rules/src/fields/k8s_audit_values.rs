//! Values of `ka.*`, `jevt.*` and `json.*`.
//!
//! The fields that Falco's plugin has answer as it does: what is missing is absent, numbers and flags are texts, objects are
//! JSON. Fields of `ka.workload.*` look at every pod specification of the request, whichever kind of object holds it.

mod pods;

use crate::fields::{Argument, Field};
use crate::subject::Value;
use serde_json::Value as Json;
use std::borrow::Cow;

/// Entries of a list. Real objects have some dozens; more would only make rules slow.
pub(super) const ENTRIES_MAX: usize = 1024;
/// Parameters of a request's URI that are looked at.
const PARAMETERS_MAX: usize = 256;
/// What the names of service accounts' users begin with.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// The value of a field of an audit event, or of any document for `jevt.*` and `json.*`.
///
/// The times of a document (`jevt.rawtime` and its like) are those of the event that holds it: whoever has it answers them.
pub fn value<'a>(field: Field, argument: &Argument, document: &'a Json) -> Value<'a> {
    if let Some(path) = plain_path(field) {
        return at(document, path);
    }
    match field {
        Field::KaUserGroups
        | Field::KaReqBindingSubjects
        | Field::KaReqRoleRules
        | Field::KaReqPodSupplementalGroups
        | Field::KaSourceIps => list_at(document, list_path(field)),
        Field::KaUriParam => key(argument).map_or(Value::Absent, |key| parameter(document, key)),
        Field::KaTargetPodName => target_pod(document),
        Field::JevtValue | Field::JsonValue => pointer(document, argument),
        Field::JevtObj | Field::JsonObj => Value::owned(document.to_string()),
        Field::KaReqRoleRulesApiGroups => role_rules(document, argument, "apiGroups"),
        Field::KaReqRoleRulesNonResourceUrls => role_rules(document, argument, "nonResourceURLs"),
        Field::KaReqRoleRulesVerbs => role_rules(document, argument, "verbs"),
        Field::KaReqRoleRulesResources => role_rules(document, argument, "resources"),
        Field::KaReqServicePorts => {
            let ports = document.pointer("/requestObject/spec/ports");
            entries(ports, argument, Some)
        }
        Field::KaUserNamespace => user_namespace(document),
        Field::KaTargetServiceAccount => target_service_account(document),
        Field::KaExecCommand => exec_command(document),
        Field::KaBindingSubjects => binding_subjects(document),
        _ => pods::value(field, argument, document),
    }
}

/// Where fields stand that are one value at one place.
fn plain_path(field: Field) -> Option<&'static str> {
    Some(match field {
        Field::KaAuditId => "/auditID",
        Field::KaStage => "/stage",
        Field::KaAuthDecision => "/annotations/authorization.k8s.io~1decision",
        Field::KaAuthReason => "/annotations/authorization.k8s.io~1reason",
        Field::KaAuthOpenshiftDecision => "/annotations/authentication.openshift.io~1decision",
        Field::KaAuthOpenshiftUsername => "/annotations/authentication.openshift.io~1username",
        Field::KaUserName => "/user/username",
        Field::KaImpuserName => "/impersonatedUser/username",
        Field::KaVerb => "/verb",
        Field::KaUri => "/requestURI",
        Field::KaTargetName | Field::KaReqConfigmapName => "/objectRef/name",
        Field::KaTargetNamespace => "/objectRef/namespace",
        Field::KaTargetResource => "/objectRef/resource",
        Field::KaTargetSubresource => "/objectRef/subresource",
        Field::KaReqBindingRole => "/requestObject/roleRef/name",
        Field::KaReqConfigmapObj => "/requestObject/data",
        Field::KaReqPodHostIpc => "/requestObject/spec/hostIPC",
        Field::KaReqPodHostNetwork | Field::KaReqContainerHostNetwork => {
            "/requestObject/spec/hostNetwork"
        }
        Field::KaReqPodHostPid => "/requestObject/spec/hostPID",
        Field::KaReqPodRunAsUser => "/requestObject/spec/securityContext/runAsUser",
        Field::KaReqPodRunAsGroup => "/requestObject/spec/securityContext/runAsGroup",
        Field::KaReqPodFsGroup => "/requestObject/spec/securityContext/fsGroup",
        Field::KaReqServiceType => "/requestObject/spec/type",
        Field::KaRespName => "/responseObject/metadata/name",
        Field::KaResponseCode => "/responseStatus/code",
        Field::KaResponseReason => "/responseStatus/reason",
        Field::KaUseragent => "/userAgent",
        _ => return None,
    })
}

/// Where fields stand that are one list at one place.
fn list_path(field: Field) -> &'static str {
    match field {
        Field::KaUserGroups => "/user/groups",
        Field::KaReqBindingSubjects => "/requestObject/subjects",
        Field::KaReqRoleRules => "/requestObject/rules",
        Field::KaReqPodSupplementalGroups => {
            "/requestObject/spec/securityContext/supplementalGroups"
        }
        _ => "/sourceIPs",
    }
}

/// A value as text: JSON for what has parts.
pub(super) fn text(value: &Json) -> Value<'_> {
    match value {
        Json::String(text) => Value::text(text),
        Json::Null => Value::text("null"),
        Json::Bool(true) => Value::text("true"),
        Json::Bool(false) => Value::text("false"),
        other => Value::owned(other.to_string()),
    }
}

fn at<'a>(document: &'a Json, path: &str) -> Value<'a> {
    document.pointer(path).map_or(Value::Absent, text)
}

fn list_at<'a>(document: &'a Json, path: &str) -> Value<'a> {
    match document.pointer(path).and_then(Json::as_array) {
        Some(items) => Value::List(items.iter().take(ENTRIES_MAX).map(text).collect()),
        None => Value::Absent,
    }
}

fn text_at<'a>(document: &'a Json, path: &str) -> Option<&'a str> {
    document.pointer(path)?.as_str()
}

fn key(argument: &Argument) -> Option<&str> {
    match argument {
        Argument::Key(key) => Some(key),
        Argument::None | Argument::Index(_) => None,
    }
}

/// The members of an array that an index leaves: all without one. `None` if the array isn't there or is too short.
pub(super) fn members<'a>(array: Option<&'a Json>, argument: &Argument) -> Option<&'a [Json]> {
    let array = array?.as_array()?;
    match argument {
        Argument::Index(index) => {
            let index = usize::try_from(*index).ok()?;
            array.get(index..index.checked_add(1)?)
        }
        Argument::None | Argument::Key(_) => array.get(..array.len().min(ENTRIES_MAX)),
    }
}

/// One text for each member of an array that has what is asked for.
pub(super) fn entries<'a>(
    array: Option<&'a Json>,
    argument: &Argument,
    part: impl Fn(&'a Json) -> Option<&'a Json>,
) -> Value<'a> {
    match members(array, argument) {
        Some(items) => Value::List(items.iter().filter_map(part).map(text).collect()),
        None => Value::Absent,
    }
}

fn role_rules<'a>(document: &'a Json, argument: &Argument, part: &str) -> Value<'a> {
    let Some(rules) = members(document.pointer("/requestObject/rules"), argument) else {
        return Value::Absent;
    };
    let values = rules
        .iter()
        .filter_map(|rule| rule.get(part)?.as_array())
        .flatten()
        .take(ENTRIES_MAX);
    Value::List(values.map(text).collect())
}

/// A value by JSON pointer; a first slash that was left out is put in.
fn pointer<'a>(document: &'a Json, argument: &Argument) -> Value<'a> {
    let path = match argument {
        Argument::Key(path) => Cow::Borrowed(path.as_ref()),
        Argument::Index(index) => Cow::Owned(index.to_string()),
        Argument::None => return Value::Absent,
    };
    if path.starts_with('/') {
        at(document, &path)
    } else {
        at(document, &format!("/{path}"))
    }
}

/// The first value of a parameter of the request's URI.
fn parameter<'a>(document: &'a Json, name: &str) -> Value<'a> {
    parameters(document)
        .find(|(key, _)| key == name.as_bytes())
        .map_or(Value::Absent, |(_, value)| Value::owned(value))
}

/// The parameters of the request's URI, decoded.
fn parameters(document: &Json) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let query = text_at(document, "/requestURI")
        .and_then(|uri| uri.split_once('?'))
        .map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .take(PARAMETERS_MAX)
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(key), percent_decoded(value))
        })
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes().iter();
    while let Some(&byte) = bytes.next() {
        let decoded = match byte {
            b'+' => b' ',
            b'%' => {
                let rest = bytes.as_slice();
                let digits = rest
                    .get(..2)
                    .and_then(|pair| std::str::from_utf8(pair).ok());
                match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    Some(value) => {
                        bytes.nth(1);
                        value
                    }
                    None => byte,
                }
            }
            byte => byte,
        };
        out.push(decoded);
    }
    out
}

/// All words of the command that an `exec` asks for.
fn exec_command(document: &Json) -> Value<'_> {
    let words: Vec<Vec<u8>> = parameters(document)
        .filter(|(key, _)| key == b"command")
        .map(|(_, value)| value)
        .collect();
    if words.is_empty() {
        Value::Absent
    } else {
        Value::owned(words.join(&b' '))
    }
}

/// The name of the pod that a request on pods is for; in a creation the response alone may have it.
fn target_pod(document: &Json) -> Value<'_> {
    if text_at(document, "/objectRef/resource") != Some("pods") {
        return Value::Absent;
    }
    match at(document, "/objectRef/name") {
        Value::Absent => at(document, "/responseObject/metadata/name"),
        name => name,
    }
}

/// The namespace that the asking service account belongs to.
fn user_namespace(document: &Json) -> Value<'_> {
    text_at(document, "/user/username")
        .and_then(|user| user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':'))
        .map_or(Value::Absent, |(namespace, _)| Value::text(namespace))
}

/// The service account that a request is for: the object itself, or whose token a secret holds.
fn target_service_account(document: &Json) -> Value<'_> {
    let namespace = text_at(document, "/objectRef/namespace");
    let name = match text_at(document, "/objectRef/resource") {
        Some("serviceaccounts") => text_at(document, "/objectRef/name"),
        Some("secrets") => ["requestObject", "responseObject"]
            .iter()
            .find_map(|object| {
                let annotations = document.get(object)?.pointer("/metadata/annotations")?;
                annotations
                    .get("kubernetes.io/service-account.name")?
                    .as_str()
            }),
        _ => None,
    };
    match (namespace, name) {
        (Some(namespace), Some(name)) => {
            Value::owned(format!("{SERVICE_ACCOUNT}{namespace}:{name}"))
        }
        _ => Value::Absent,
    }
}

/// Whom a binding gives its role, as the names that they ask with.
fn binding_subjects(document: &Json) -> Value<'_> {
    let subjects = document.pointer("/requestObject/subjects");
    let Some(subjects) = members(subjects, &Argument::None) else {
        return Value::Absent;
    };
    let own_namespace = text_at(document, "/objectRef/namespace");
    let names = subjects.iter().filter_map(|subject| {
        let name = subject.get("name")?.as_str()?;
        if subject.get("kind").and_then(Json::as_str) != Some("ServiceAccount") {
            return Some(Value::text(name));
        }
        let namespace = subject.get("namespace").and_then(Json::as_str);
        let namespace = namespace.or(own_namespace).unwrap_or_default();
        Some(Value::owned(format!("{SERVICE_ACCOUNT}{namespace}:{name}")))
    });
    Value::List(names.collect())
}

#[cfg(test)]
mod tests;
