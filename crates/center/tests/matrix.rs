//! Every endpoint with every role and with none.

use crate::support::{Caller, Site};
use serde_json::json;
use yagura_center::{Access, endpoints};

/// What each endpoint asks of its caller, as people decided: an endpoint that is not listed, or asks for something else,
/// fails. A line is an access, a method, and a path below `/api/v1`.
const DECIDED: &str = include_str!("access.txt");

#[test]
fn every_endpoint_asks_what_was_decided() {
    let line = |endpoint: yagura_center::Endpoint| {
        let path = endpoint.path.strip_prefix("/api/v1").unwrap();
        format!("{} {} {path}", endpoint.access, endpoint.method)
    };
    let mut found: Vec<String> = endpoints().into_iter().map(line).collect();
    found.sort();
    let mut decided: Vec<&str> = DECIDED.lines().collect();
    decided.sort_unstable();
    assert_eq!(found, decided);
    // What is served and what is written down is the same.
    let document = serde_json::to_value(yagura_center::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations: usize = paths.map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(operations, decided.len());
}

/// A request whose parameters are none of anything: what counts is whether the guard lets it through.
async fn try_it(caller: &Caller, method: &str, path: &str) -> u16 {
    let path: String = path
        .split('/')
        .map(|part| match part.starts_with('{') {
            true => "0",
            false => part,
        })
        .collect::<Vec<_>>()
        .join("/");
    let body = (method != "GET" && method != "DELETE").then(|| json!({ "no such field": 1 }));
    caller.send(method, &path, body.as_ref()).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_keeps_its_permission() {
    use yagura_center::http::dto::words::Role;
    let site = Site::start().await;
    let admin = site.admin().await;
    let scope = json!({ "clusters": ["a"] });
    let namespaces = json!({ "namespaces": ["x"] });
    let callers = [
        (Some((Role::Admin, true)), admin.clone()),
        (
            Some((Role::Operator, true)),
            site.user(&admin, "o", "security-operator", json!({})).await,
        ),
        (
            Some((Role::Reader, true)),
            site.user(&admin, "r", "security-reader", json!({})).await,
        ),
        (
            Some((Role::Admin, false)),
            site.user(&admin, "la", "security-admin", scope.clone())
                .await,
        ),
        (
            Some((Role::Reader, false)),
            site.user(&admin, "lr", "security-reader", scope).await,
        ),
        (
            Some((Role::Operator, false)),
            site.user(&admin, "lo", "security-operator", namespaces)
                .await,
        ),
        (None, site.anonymous()),
    ];
    let mut tried = 0;
    for endpoint in endpoints() {
        // The one ends the session, the other never ends.
        if endpoint.method == "DELETE" && endpoint.path.ends_with("/session")
            || endpoint.path.ends_with("/events")
        {
            continue;
        }
        for (who, caller) in &callers {
            let status = try_it(caller, endpoint.method, &endpoint.path).await;
            let refused = status == 401 || status == 403;
            let expected = match (endpoint.access, who) {
                (Access::Public, _) => continue,
                (_, None) => true,
                (Access::LoggedIn, Some(_)) => false,
                (Access::Needs(permission), Some((role, unlimited))) => {
                    !role.allows(permission) || (!unlimited && !permission.can_be_limited())
                }
            };
            assert_eq!(
                refused, expected,
                "{} {} by {who:?}: {status}",
                endpoint.method, endpoint.path
            );
            assert!(
                status < 500,
                "{} {}: {status}",
                endpoint.method,
                endpoint.path
            );
            tried += 1;
        }
    }
    assert!(tried > 400, "{tried}");
}

#[test]
fn the_committed_document_is_that_of_the_handlers() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/openapi.json"
    );
    let made = yagura_center::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == made, "run this test with UPDATE_EXPECT=1");
}
