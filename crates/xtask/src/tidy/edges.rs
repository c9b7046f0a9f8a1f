//! Which crate may depend on which. The list stands in ARCHITECTURE.md, in a block that begins with ```` ```edges ````;
//! a new arrow means a new word there, in view of a reviewer.
//!
//! `a: b c` allows `a` to use `b` and `c`; `a (tests): d` allows `d` to its tests alone; `*` is every crate. The tests
//! of every crate may use `testkit`, and nothing else may.

use super::{Repository, SourceFile};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Only for tests.
const TEST_CRATE: &str = "testkit";

/// The only crates where async code may live; the rest of the product is plain threads.
const ASYNC_CRATES: &[&str] = &[
    "center", "proto", "runtimes", "sensor", "store", "testkit", "yagura",
];

/// The package whose presence means async.
const ASYNC_PACKAGE: &str = "tokio";

/// What the list allows.
#[derive(Debug, Default, PartialEq)]
struct Allowed {
    product: BTreeMap<String, BTreeSet<String>>,
    tests: BTreeMap<String, BTreeSet<String>>,
}

impl Allowed {
    fn allows(&self, from: &str, to: &str, kind: Kind) -> bool {
        let has = |list: &BTreeMap<String, BTreeSet<String>>| {
            list.get(from)
                .is_some_and(|names| names.contains(to) || names.contains("*"))
        };
        match kind {
            Kind::Tests => to == TEST_CRATE || has(&self.product) || has(&self.tests),
            Kind::Product => to != TEST_CRATE && has(&self.product),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Product,
    Tests,
}

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let text = repository
        .file("ARCHITECTURE.md")
        .map(SourceFile::text)
        .unwrap_or_default();
    let allowed = match parse(text) {
        Ok(allowed) => allowed,
        Err(problem) => return vec![format!("ARCHITECTURE.md: {problem}")],
    };
    let members: BTreeSet<String> = repository.members().map(crate_name).collect();
    let mut problems: Vec<String> = members
        .symmetric_difference(&allowed.product.keys().cloned().collect())
        .map(|name| format!("{name} is a crate or a line of ARCHITECTURE.md's list, not both"))
        .collect();
    for package in repository.members() {
        let from = crate_name(package);
        for (to, kind) in dependencies(package) {
            if members.contains(&to) && !allowed.allows(&from, &to, kind) {
                problems.push(format!(
                    "{from} → {to} is not on ARCHITECTURE.md's list (for {kind:?})"
                ));
            }
        }
    }
    problems
}

fn parse(text: &str) -> Result<Allowed, String> {
    let block = text
        .split_once("\n```edges\n")
        .and_then(|(_, after)| after.split_once("\n```"))
        .map(|(block, _)| block)
        .ok_or("no block ```edges")?;
    let mut allowed = Allowed::default();
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        let (name, targets) = line
            .split_once(':')
            .ok_or_else(|| format!("no colon in the edge `{line}`"))?;
        let targets = targets.split_whitespace().map(str::to_owned).collect();
        let (list, name) = match name.trim().strip_suffix(" (tests)") {
            Some(name) => (&mut allowed.tests, name),
            None => (&mut allowed.product, name.trim()),
        };
        if list.insert(name.to_owned(), targets).is_some() {
            return Err(format!("two lines of edges for {name}"));
        }
    }
    Ok(allowed)
}

/// `yagura-event` is the crate `event`.
fn crate_name(package: &Value) -> String {
    short(package["name"].as_str().unwrap_or_default())
}

fn short(package: &str) -> String {
    package
        .strip_prefix("yagura-")
        .unwrap_or(package)
        .to_owned()
}

fn dependencies(package: &Value) -> impl Iterator<Item = (String, Kind)> + '_ {
    let list = package["dependencies"].as_array().into_iter().flatten();
    list.filter_map(|dependency| {
        let kind = match dependency["kind"].as_str() {
            Some("dev") => Kind::Tests,
            _ => Kind::Product,
        };
        Some((short(dependency["name"].as_str()?), kind))
    })
}

/// Below the async crates nothing reaches an async runtime, by whatever way.
pub(super) fn check_async(repository: &Repository) -> Vec<String> {
    let names: BTreeMap<&str, &str> = repository
        .packages()
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let graph = graph(&repository.metadata);
    repository
        .members()
        .filter(|package| !ASYNC_CRATES.contains(&crate_name(package).as_str()))
        .filter_map(|package| {
            let way = way_to(&graph, package["id"].as_str()?, |id| {
                names.get(id) == Some(&ASYNC_PACKAGE)
            })?;
            let way: Vec<&str> = way.iter().filter_map(|id| names.get(id).copied()).collect();
            Some(way.join(" → "))
        })
        .collect()
}

/// Package ids and what each uses when it is not a test.
fn graph(metadata: &Value) -> BTreeMap<&str, Vec<&str>> {
    let nodes = metadata.pointer("/resolve/nodes").and_then(Value::as_array);
    nodes
        .into_iter()
        .flatten()
        .filter_map(|node| {
            let used = node["deps"].as_array()?.iter().filter(|dependency| {
                dependency["dep_kinds"]
                    .as_array()
                    .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
            });
            Some((
                node["id"].as_str()?,
                used.filter_map(|dependency| dependency["pkg"].as_str())
                    .collect(),
            ))
        })
        .collect()
}

/// The shortest way from `start` to a package that is looked for.
fn way_to<'a>(
    graph: &BTreeMap<&'a str, Vec<&'a str>>,
    start: &'a str,
    is_goal: impl Fn(&str) -> bool,
) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::from([start]);
    let mut queue = std::collections::VecDeque::from([vec![start]]);
    while let Some(way) = queue.pop_front() {
        let last = *way.last()?;
        if is_goal(last) {
            return Some(way);
        }
        for next in graph.get(last).into_iter().flatten() {
            if seen.insert(next) {
                let mut longer = way.clone();
                longer.push(next);
                queue.push_back(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::repository;
    use super::*;
    use serde_json::json;

    const LIST: &str = "# A\n\n```edges\nevent:\npolicy: event\npolicy (tests): rehearsal\nrehearsal: event\ntestkit: *\n```\n";

    fn problems(package: &str, dependencies: &Value) -> Vec<String> {
        let mut repository = repository("ARCHITECTURE.md", LIST);
        let others = [
            "yagura-event",
            "yagura-policy",
            "yagura-rehearsal",
            "yagura-testkit",
        ];
        let packages: Vec<Value> = others
            .iter()
            .map(|name| {
                let own = if *name == package {
                    dependencies.clone()
                } else {
                    json!([])
                };
                json!({ "name": name, "source": null, "dependencies": own })
            })
            .collect();
        repository.metadata = json!({ "packages": packages });
        check(&repository)
    }

    #[test]
    fn listed_edges_pass_and_others_do_not() {
        let normal = |to: &str| json!([{ "name": to, "kind": null }]);
        let dev = |to: &str| json!([{ "name": to, "kind": "dev" }]);
        assert!(problems("yagura-policy", &normal("yagura-event")).is_empty());
        assert!(problems("yagura-policy", &dev("yagura-rehearsal")).is_empty());
        assert!(problems("yagura-policy", &dev("yagura-testkit")).is_empty());
        assert!(problems("yagura-policy", &normal("serde")).is_empty());
        assert!(problems("yagura-testkit", &normal("yagura-policy")).is_empty());
        assert_eq!(problems("yagura-event", &normal("yagura-policy")).len(), 1);
        assert_eq!(
            problems("yagura-policy", &normal("yagura-rehearsal")).len(),
            1
        );
        assert_eq!(
            problems("yagura-policy", &normal("yagura-testkit")).len(),
            1
        );
        assert_eq!(problems("yagura-event", &dev("yagura-policy")).len(), 1);
    }

    #[test]
    fn the_list_must_be_well_formed() {
        assert!(parse("no list").is_err());
        assert!(parse("\n```edges\na b\n```").is_err());
        assert!(parse("\n```edges\na: b\na: c\n```").is_err());
    }

    #[test]
    fn an_async_runtime_is_found_however_far() {
        let mut repository = repository("a", "");
        let normal = json!([{ "kind": null }]);
        repository.metadata = json!({
            "packages": [
                { "id": "1", "name": "yagura-policy", "source": null },
                { "id": "2", "name": "innocent", "source": "registry" },
                { "id": "3", "name": "tokio", "source": "registry" },
            ],
            "resolve": { "nodes": [
                { "id": "1", "deps": [{ "pkg": "2", "dep_kinds": normal }] },
                { "id": "2", "deps": [{ "pkg": "3", "dep_kinds": normal }] },
                { "id": "3", "deps": [] },
            ] },
        });
        assert_eq!(
            check_async(&repository),
            ["yagura-policy → innocent → tokio"]
        );
        repository.metadata["packages"][0]["name"] = json!("yagura-runtimes");
        assert!(check_async(&repository).is_empty());
    }
}
