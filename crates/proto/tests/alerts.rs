//! Alerts: none lost, none twice, whoever ends when.

use crate::support::{Center, Folder, Running, alert, eventually, options, within};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;
use yagura_proto::client::{CenterAddress, LinkStatus};

fn id(number: usize) -> String {
    format!("{number:032x}")
}

fn assert_once(center: &Center, count: usize) {
    let state = center.fleet.state();
    assert_eq!(state.alerts.len(), count);
    assert!(state.alerts.values().all(|times| *times == 1));
    assert!((0..count).all(|number| state.alerts.contains_key(&id(number))));
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_stored_once_and_in_order() {
    let center = Center::start().await;
    let folder = Folder::new("order");
    let token = center.fleet.token(&center.authority, true);
    let link = Running::start(options(&center.address, folder.path(), Some(token)));
    for number in 0..3000 {
        link.alerts.send(alert(number)).expect("send");
    }
    eventually("alerts", || center.fleet.state().alerts.len() == 3000).await;
    assert_once(&center, 3000);
    let order = center.fleet.state().order.clone();
    assert!(order.is_sorted());
    within(link.stop()).await;
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_center_that_goes_and_comes_back_gets_every_alert_once() {
    let mut center = Center::start().await;
    let folder = Folder::new("gone");
    let token = center.fleet.token(&center.authority, true);
    let mut link = Running::start(options(&center.address, folder.path(), Some(token)));
    link.until("session", |status| {
        matches!(status, LinkStatus::Connected { .. })
    })
    .await;
    for round in 0..5 {
        // The second batch from now is stored, and then the center is gone before it says so.
        center.fleet.fail_after_storing.store(2, Ordering::SeqCst);
        for number in 0..400 {
            link.alerts.send(alert(round * 400 + number)).expect("send");
            if number % 50 == 0 {
                let alerts = link.alerts.clone();
                tokio::task::spawn_blocking(move || alerts.flush())
                    .await
                    .expect("task")
                    .expect("flush");
            }
        }
        eventually("center away", || {
            center.fleet.is_away.load(Ordering::SeqCst)
        })
        .await;
        center = center.restart().await;
        center.fleet.is_away.store(false, Ordering::SeqCst);
        eventually("alerts", || {
            center.fleet.state().alerts.len() == (round + 1) * 400
        })
        .await;
    }
    assert_once(&center, 2000);
    within(link.stop()).await;
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_a_time_without_center_come_later() {
    let center = Center::start().await;
    let folder = Folder::new("later");
    let token = center.fleet.token(&center.authority, true);
    let (fleet, authority, socket) = (
        center.fleet.clone(),
        center.authority.clone(),
        center.socket,
    );
    let mut link = Running::start(options(&center.address, folder.path(), Some(token)));
    link.until("session", |status| {
        matches!(status, LinkStatus::Connected { .. })
    })
    .await;
    center.stop().await;
    link.until("loss", |status| {
        matches!(status, LinkStatus::Disconnected { .. })
    })
    .await;
    for number in 0..500 {
        link.alerts.send(alert(number)).expect("send");
    }
    within(link.stop()).await;
    let center = Center::start_with(fleet, authority, &socket.to_string()).await;
    let link = Running::start(options(&center.address, folder.path(), None));
    eventually("alerts", || center.fleet.state().alerts.len() == 500).await;
    assert_once(&center, 500);
    within(link.stop()).await;
    center.stop().await;
}

/// Set for the process that [`a_killed_sensor_loses_nothing_that_it_accepted`] kills.
const CHILD: &str = "YAGURA_PROTO_TEST_SENSOR";

/// Sends alerts from a number on, and says which were accepted; runs in a process of its own until it is killed.
#[test]
fn sensor_process() {
    let Ok(arguments) = std::env::var(CHILD) else {
        return;
    };
    let mut parts = arguments.split(' ');
    let mut next = || parts.next().expect("argument").to_owned();
    let (port, first, folder) = (
        next().parse().expect("port"),
        next().parse().expect("number"),
        next(),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime");
    let link = {
        let _entered = runtime.enter();
        Running::start(options(
            &CenterAddress::new("127.0.0.1", port),
            folder.as_ref(),
            None,
        ))
    };
    // libtest catches what is printed, but not what is written.
    let mut output = std::io::stderr();
    for number in first.. {
        link.alerts.send(alert(number)).expect("send");
        if number % 7 == 0 {
            link.alerts.flush().expect("flush");
            writeln!(output, "accepted {number}").expect("write");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sensor_loses_nothing_that_it_accepted() {
    let center = Center::start().await;
    let folder = Folder::new("killed");
    let token = center.fleet.token(&center.authority, true);
    let link = Running::start(options(&center.address, folder.path(), Some(token)));
    eventually("enrolment", || !center.fleet.state().issued.is_empty()).await;
    within(link.stop()).await;
    let mut accepted: Vec<usize> = Vec::new();
    let mut first = 0;
    for round in 0u64..6 {
        let arguments = format!(
            "{} {first} {}",
            center.socket.port(),
            folder.path().display()
        );
        let mut child = Command::new(std::env::current_exe().expect("test"))
            .args(["alerts::sensor_process", "--exact", "--nocapture"])
            .env(CHILD, arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("child");
        let lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let reading = tokio::task::spawn_blocking(move || {
            let lines = lines.map_while(Result::ok);
            lines
                .filter_map(|line| line.strip_prefix("accepted ")?.parse().ok())
                .collect::<Vec<usize>>()
        });
        let before = center.fleet.state().alerts.len();
        eventually("alerts of the child", || {
            center.fleet.state().alerts.len() > before + 50 * usize::try_from(round).expect("small")
        })
        .await;
        child.kill().expect("kill");
        child.wait().expect("wait");
        let told = reading.await.expect("lines");
        // Numbers after the last that was told may have been accepted, too.
        first = told.iter().max().map_or(first, |last| last + 1) + 100_000;
        accepted.extend(told);
    }
    let link = Running::start(options(&center.address, folder.path(), None));
    eventually("every accepted alert", || {
        let state = center.fleet.state();
        accepted
            .iter()
            .all(|number| state.alerts.contains_key(&id(*number)))
    })
    .await;
    assert!(accepted.len() > 6);
    assert!(
        center
            .fleet
            .state()
            .alerts
            .values()
            .all(|times| *times == 1)
    );
    within(link.stop()).await;
    tokio::time::timeout(Duration::from_secs(20), center.stop())
        .await
        .expect("stop");
}
