//! An empty store, and what tests put into it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use yagura_event::{Category, Severity, WallTime};
use yagura_store::{
    Actor, ActorKind, AlertStatus, Feed, FeedPosition, NewAlert, Options, Store, Target,
};
use yagura_testkit::ScratchDir;

/// A test of what both databases must do.
pub(crate) type Contract = fn(Connected) -> Pin<Box<dyn Future<Output = ()>>>;

/// Lists contracts of a module by the names of their functions.
macro_rules! contracts {
    ($($name:ident),* $(,)?) => {
        pub(crate) const CONTRACTS: &[(&str, $crate::fixture::Contract)] = &[
            $((
                concat!(stringify!($name)),
                |fixture| Box::pin($name(fixture)),
            )),*
        ];
    };
}
pub(crate) use contracts;

/// A time in the year 2026 that tests take for now.
pub(crate) const NOW: WallTime = WallTime(1_790_000_000_000_000_000);

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Some seconds after [`NOW`], or before.
pub(crate) fn at(seconds: i64) -> WallTime {
    WallTime(NOW.0 + seconds * SECOND)
}

/// Where a store is to be.
pub(crate) struct Fixture {
    scratch: Arc<ScratchDir>,
    target: Target,
}

/// A store.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) store: Store,
    pub(crate) target: Target,
    pub(crate) scratch: Arc<ScratchDir>,
}

impl Fixture {
    pub(crate) fn sqlite() -> Fixture {
        let scratch = ScratchDir::new().unwrap();
        let target = Target::Sqlite(scratch.join("data"));
        Fixture {
            scratch: Arc::new(scratch),
            target,
        }
    }

    pub(crate) fn postgres(url: &str) -> Fixture {
        Fixture {
            scratch: Arc::new(ScratchDir::new().unwrap()),
            target: Target::parse(url),
        }
    }

    pub(crate) async fn connect(self) -> Connected {
        Connected {
            store: connect(&self.target).await,
            target: self.target,
            scratch: self.scratch,
        }
    }
}

pub(crate) async fn connect(target: &Target) -> Store {
    let options = Options {
        connections_max: 4,
        ..Options::default()
    };
    Store::connect(target, &options).await.unwrap()
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Waits until something holds; fails after half a minute.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{what} did not happen"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Reads the feed until it has as many alerts: other transactions of the server may hold them back for a moment.
pub(crate) async fn feed(store: &Store, after: FeedPosition, limit: u32, alerts: usize) -> Feed {
    until("the feed", async || {
        let feed = store.alerts().feed(after, limit).await.unwrap();
        (feed.alerts.len() == alerts).then_some(feed)
    })
    .await
}

pub(crate) fn admin() -> Actor {
    Actor {
        kind: ActorKind::User,
        name: "alice".to_owned(),
        address: "192.0.2.7".to_owned(),
    }
}

/// An alert number `number`: one second after the one before.
pub(crate) fn alert(number: i64) -> NewAlert {
    let id = format!("{number:032x}");
    NewAlert {
        incident: id.clone(),
        id,
        time: at(number),
        last_time: at(number),
        count: 1,
        status: AlertStatus::Unhandled,
        severity: Severity::Suspicious,
        category: Category::Process,
        rule: "Reverse shell".to_owned(),
        key: "proc.reverse-shell".to_owned(),
        title: "A shell talks to another machine".to_owned(),
        action: "alerted".to_owned(),
        node: "node-1".to_owned(),
        cluster: "tokyo".to_owned(),
        namespace: "shop".to_owned(),
        pod: "web-0".to_owned(),
        container_id: "c0ffee".to_owned(),
        container: "web".to_owned(),
        image: "registry.local/web:1.2".to_owned(),
        search: vec!["/bin/bash -i".to_owned(), "198.51.100.9".to_owned()],
        document: format!("{{\"number\":{number}}}"),
    }
}
