//! One audit event, put together field by field.

use serde_json::{Value, json};

/// The address that attackers come from.
pub(super) const ATTACKER: &str = "203.0.113.9";

/// An audit event in the making.
pub(super) struct Event {
    value: Value,
    resource: String,
    namespace: String,
    name: String,
    sub: String,
    query: String,
}

impl Event {
    pub(super) fn new(verb: &str, resource: &str) -> Event {
        let now = jiff::Timestamp::now();
        let value = json!({
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "RequestResponse",
            "auditID": audit_id(),
            "stage": "ResponseComplete",
            "verb": verb,
            "user": person(),
            "sourceIPs": [ATTACKER],
            "userAgent": "kubectl/v1.31.2 (linux/amd64) kubernetes/5864a46",
            "objectRef": { "resource": resource, "apiVersion": "v1" },
            "responseStatus": { "metadata": {}, "code": if verb == "create" { 201 } else { 200 } },
            "requestReceivedTimestamp": format!("{now:.6}"),
            "stageTimestamp": format!("{now:.6}"),
            "annotations": { "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "" },
        });
        Event {
            value,
            resource: resource.to_owned(),
            namespace: String::new(),
            name: String::new(),
            sub: String::new(),
            query: String::new(),
        }
    }

    pub(super) fn with(mut self, pointer: &str, key: &str, value: Value) -> Event {
        if let Some(object) = self
            .value
            .pointer_mut(pointer)
            .and_then(Value::as_object_mut)
        {
            object.insert(key.to_owned(), value);
        }
        self
    }

    pub(super) fn namespace(mut self, namespace: &str) -> Event {
        self.namespace = namespace.to_owned();
        self.with("/objectRef", "namespace", json!(namespace))
    }

    pub(super) fn name(mut self, name: &str) -> Event {
        self.name = name.to_owned();
        self.with("/objectRef", "name", json!(name))
    }

    pub(super) fn sub(mut self, sub: &str) -> Event {
        self.sub = sub.to_owned();
        self.with("/objectRef", "subresource", json!(sub))
    }

    pub(super) fn group(self, group: &str) -> Event {
        self.with("/objectRef", "apiGroup", json!(group))
    }

    pub(super) fn by(self, user: Value) -> Event {
        self.with("", "user", user)
    }

    pub(super) fn from(self, address: &str) -> Event {
        self.with("", "sourceIPs", json!([address]))
    }

    pub(super) fn agent(self, agent: &str) -> Event {
        self.with("", "userAgent", json!(agent))
    }

    pub(super) fn request(self, object: Value) -> Event {
        self.with("", "requestObject", object)
    }

    pub(super) fn code(self, code: u16) -> Event {
        self.with("/responseStatus", "code", json!(code))
    }

    pub(super) fn query(mut self, query: &str) -> Event {
        self.query = format!("?{query}");
        self
    }

    pub(super) fn build(self) -> Value {
        let part = |prefix: &str, text: &str| {
            if text.is_empty() {
                String::new()
            } else {
                format!("/{prefix}{text}")
            }
        };
        let group = self
            .value
            .pointer("/objectRef/apiGroup")
            .and_then(Value::as_str);
        let top = group.map_or("/api/v1".to_owned(), |group| format!("/apis/{group}/v1"));
        let uri = format!(
            "{top}{}/{}{}{}{}",
            part("namespaces/", &self.namespace),
            self.resource,
            part("", &self.name),
            part("", &self.sub),
            self.query,
        );
        self.with("", "requestURI", json!(uri)).value
    }
}

/// An id that no other event has, in the form of a UUID.
fn audit_id() -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = || {
        // Keyed from the kernel's random numbers by the standard library.
        std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish()
    };
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// A user like many.
pub(super) fn person() -> Value {
    json!({ "username": "dev-user", "groups": ["developers", "system:authenticated"] })
}
