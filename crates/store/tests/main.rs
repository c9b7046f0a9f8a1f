//! What both databases must do, run on real ones: SQLite in a folder, and a PostgreSQL server that the tests start.
//!
//! Without PostgreSQL's Debian package its half is ignored, loudly.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test without libtest's harness is not seen as one by these lints"
)]
#![expect(
    clippy::too_many_lines,
    reason = "a contract is a story, and reads best in one piece"
)]

mod access;
mod alerts;
mod audit_log;
mod backup;
mod documents;
mod finding;
mod fixture;
mod fleet;
mod handling;
mod notices;
mod outage;
mod state;
mod upgrade;

use fixture::{Contract, Fixture};
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use yagura_store::Dialect;
use yagura_testkit::{Durability, PostgresServer};

/// The server that all tests of PostgreSQL share, each with a database of its own; started by the first.
type Shared = Arc<Mutex<Option<PostgresServer>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let shared: Shared = Arc::default();
    let has_postgres = PostgresServer::installed().is_some();
    let mut trials = Vec::new();
    for (name, contract) in contracts() {
        trials.push(Trial::test(format!("sqlite::{name}"), move || {
            run(contract, Fixture::sqlite())
        }));
        let shared = shared.clone();
        let trial = Trial::test(format!("postgres::{name}"), move || {
            run(contract, Fixture::postgres(&database(&shared, name)))
        });
        trials.push(trial.with_ignored_flag(!has_postgres));
    }
    let outages = outage::TESTS.iter().map(|test| ("outage", test));
    let upgrades = upgrade::TESTS.iter().map(|test| ("upgrade", test));
    for (module, (name, test)) in outages.chain(upgrades) {
        let needs_postgres = name.starts_with("postgres");
        let trial = Trial::test(format!("{module}::{name}"), move || {
            test();
            Ok(())
        });
        trials.push(trial.with_ignored_flag(needs_postgres && !has_postgres));
    }
    if !has_postgres {
        eprintln!("SKIPPED: half of the tests, they need Debian's package postgresql");
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The server ends with the tests.
    shared.lock().unwrap().take();
    conclusion.exit_code()
}

fn contracts() -> Vec<(&'static str, Contract)> {
    [
        access::CONTRACTS,
        alerts::CONTRACTS,
        audit_log::CONTRACTS,
        backup::CONTRACTS,
        documents::CONTRACTS,
        finding::CONTRACTS,
        fleet::CONTRACTS,
        handling::CONTRACTS,
        notices::CONTRACTS,
        state::CONTRACTS,
    ]
    .concat()
}

/// A new database of the shared server.
fn database(shared: &Shared, name: &str) -> String {
    let mut server = shared.lock().unwrap();
    let server = server.get_or_insert_with(|| PostgresServer::start(Durability::Unsynced).unwrap());
    server.create_database(&name.replace("::", "_")).unwrap()
}

fn run(contract: Contract, fixture: Fixture) -> Result<(), Failed> {
    let runtime = fixture::runtime();
    runtime.block_on(async {
        let fixture = fixture.connect().await;
        assert!(matches!(
            fixture.store.dialect(),
            Dialect::Sqlite | Dialect::Postgres
        ));
        contract(fixture.clone()).await;
        fixture.store.close().await;
    });
    Ok(())
}
