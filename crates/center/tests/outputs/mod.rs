//! Outputs as receivers meet them: real sockets, and servers of Debian's packages.

mod delivery;
mod kinds;
mod receivers;
mod settings;

use crate::support::{Caller, Site, alerts_day, drift_alert, store};
use serde_json::{Value, json};

/// Makes an output; it has to be accepted.
async fn create(admin: &Caller, kind: &str, settings: Value, more: Value) -> String {
    let mut draft = json!({ "name": kind, "kind": kind, "enabled": true, "settings": settings });
    for (name, value) in more.as_object().unwrap() {
        draft[name] = value.clone();
    }
    let (status, output) = admin.post("/outputs", &draft).await;
    assert_eq!(status, 201, "{output}");
    output["id"].as_str().unwrap().to_owned()
}

/// How an output fares.
async fn delivery(admin: &Caller, id: &str) -> Value {
    let (status, output) = admin.get(&format!("/outputs/{id}")).await;
    assert_eq!(status, 200, "{output}");
    output["delivery"].clone()
}

/// Alerts with these numbers.
fn numbered(numbers: std::ops::Range<u32>) -> Vec<Value> {
    numbers.map(|number| drift_alert(number, "shop")).collect()
}

/// Ids of alerts with these numbers.
fn ids(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("{number:032x}")).collect()
}

/// An alert whose texts try to break out of every format.
fn hostile() -> Value {
    let mut alert = drift_alert(66, "shop");
    alert["title"] = "x\r\n<13>1 forged\r\nBcc: eve@example.org\r\n\r\n\"]}\\".into();
    alert["rule"] = "rule\"] \\ \u{202e}\n[forged@1 a=\"b\"".into();
    alert["explanation"] = "\u{1b}[2J\u{0}\"}, \"severity\": \"reminder\"".into();
    alert
}
