//! Documents, commands and health.

use crate::support::{Center, Folder, Running, eventually, options, within};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use yagura_proto::UnixMs;
use yagura_proto::client::{Link, LinkStatus};
use yagura_proto::command::{Command, CommandAction, CommandId};
use yagura_proto::document::DocumentKind::{Policies, Rules};
use yagura_proto::identity::SensorId;
use yagura_proto::limits::OUTPUT_BYTES_MAX;
use yagura_proto::server::Push;
use yagura_proto::wire::CommandOutcome;

async fn session(center: &Center, folder: &Folder) -> Running {
    let token = center.fleet.token(&center.authority, true);
    let mut link = Running::start(options(&center.address, folder.path(), Some(token)));
    link.until("session", |status| {
        matches!(status, LinkStatus::Connected { .. })
    })
    .await;
    link
}

fn sensor(center: &Center) -> SensorId {
    center.fleet.state().issued[0].identity.id.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_arrive_are_acknowledged_and_survive_a_restart() {
    let center = Center::start().await;
    center.fleet.put(Policies, 1, "first");
    let folder = Folder::new("documents");
    let link = session(&center, &folder).await;
    let last = |center: &Center| {
        center
            .fleet
            .state()
            .document_states
            .last()
            .map(|(_, state)| state.clone())
    };
    eventually("first version", || {
        last(&center).is_some_and(|state| state.version == 1)
    })
    .await;
    center.fleet.put(Policies, 2, "second");
    center.fleet.put(Rules, 7, "rules");
    eventually("both", || {
        let state = center.fleet.state();
        let has = |kind: i32, version| {
            state
                .document_states
                .iter()
                .any(|(_, state)| state.kind == kind && state.version == version)
        };
        has(Policies.to_wire(), 2) && has(Rules.to_wire(), 7)
    })
    .await;
    let applied = link.side.applied.lock().expect("applied").clone();
    assert!(applied.contains(&(Policies, 2, "second".to_owned())));
    within(link.stop()).await;
    // While the center is away, what was in force is there.
    let (fleet, authority, socket) = (
        center.fleet.clone(),
        center.authority.clone(),
        center.socket,
    );
    center.stop().await;
    let address = yagura_proto::client::CenterAddress::new("127.0.0.1", socket.port());
    let opened = Link::open(options(&address, folder.path(), None)).expect("link");
    let versions: Vec<u64> = opened
        .documents()
        .iter()
        .map(|document| document.version)
        .collect();
    assert_eq!(versions, [2, 7]);
    drop(opened);
    // And what it has is not sent again.
    fleet.put(Policies, 3, "third");
    let center = Center::start_with(fleet, authority, &socket.to_string()).await;
    let link = Running::start(options(&address, folder.path(), None));
    eventually("third version", || {
        !link.side.applied.lock().expect("applied").is_empty()
    })
    .await;
    let applied = link.side.applied.lock().expect("applied").clone();
    assert_eq!(applied, [(Policies, 3, "third".to_owned())]);
    within(link.stop()).await;
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_document_leaves_the_former_in_force_and_is_told() {
    let center = Center::start().await;
    center.fleet.put(Policies, 1, "good");
    let folder = Folder::new("broken");
    let link = session(&center, &folder).await;
    eventually("good", || center.fleet.state().document_states.len() == 1).await;
    center.fleet.put(Policies, 2, "broken");
    eventually("refusal", || {
        center.fleet.state().document_states.len() == 2
    })
    .await;
    let state = center.fleet.state().document_states[1].1.clone();
    assert_eq!((state.version, state.refused_version), (1, 2));
    assert_eq!(state.problems, ["line 1: broken"]);
    center.fleet.put(Policies, 3, "better");
    eventually("better", || center.fleet.state().document_states.len() == 3).await;
    let state = center.fleet.state().document_states[2].1.clone();
    assert_eq!(
        (state.version, state.refused_version, state.problems.len()),
        (3, 0, 0)
    );
    within(link.stop()).await;
    center.stop().await;
}

fn command(sensor: SensorId, expires: UnixMs) -> Command {
    Command {
        id: CommandId::generate().expect("random"),
        sensor,
        issued: UnixMs::now(),
        expires,
        issuer: "alice".to_owned(),
        action: CommandAction::PauseContainer {
            container_id: "c1".to_owned(),
        },
    }
}

async fn push(center: &Center, sensor: &SensorId, command: &Command) {
    let sender = center.fleet.state().pushes[sensor].clone();
    sender
        .send(Push::Command(command.clone()))
        .await
        .expect("push");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_done_once_however_often_it_comes() {
    let center = Center::start().await;
    let folder = Folder::new("command");
    let link = session(&center, &folder).await;
    let sensor = sensor(&center);
    let late = UnixMs::now().plus(Duration::from_secs(60));
    let wanted = command(sensor.clone(), late);
    push(&center, &sensor, &wanted).await;
    eventually("answer", || center.fleet.state().answers.len() == 1).await;
    push(&center, &sensor, &wanted).await;
    let expired = command(sensor.clone(), UnixMs(UnixMs::now().0 - 60_000));
    push(&center, &sensor, &expired).await;
    eventually("answer of the expired one", || {
        center
            .fleet
            .state()
            .answers
            .iter()
            .any(|answer| answer.command_id == expired.id.as_str())
    })
    .await;
    // For another sensor: signed all the same, and not answered.
    push(
        &center,
        &sensor,
        &command(SensorId::generate().expect("random"), late),
    )
    .await;
    // The answer gets lost on the way: it comes again with the next session.
    center.fleet.is_away.store(true, Ordering::SeqCst);
    let third = command(sensor.clone(), late);
    push(&center, &sensor, &third).await;
    eventually("third", || {
        link.side.executed.lock().expect("executed").len() == 2
    })
    .await;
    let executed = link.side.executed.lock().expect("executed").clone();
    assert_eq!(executed, [wanted, third.clone()]);
    within(link.stop()).await;
    center.fleet.is_away.store(false, Ordering::SeqCst);
    let link = Running::start(options(&center.address, folder.path(), None));
    eventually("third answer", || {
        center
            .fleet
            .state()
            .answers
            .iter()
            .any(|answer| answer.command_id == third.id.as_str())
    })
    .await;
    {
        let state = center.fleet.state();
        let outcome = |id: &CommandId| {
            state
                .answers
                .iter()
                .find(|answer| answer.command_id == id.as_str())
                .map(|answer| answer.outcome())
        };
        assert_eq!(outcome(&third.id), Some(CommandOutcome::Done));
        assert_eq!(outcome(&expired.id), Some(CommandOutcome::Expired));
    }
    assert!(link.side.executed.lock().expect("executed").is_empty());
    within(link.stop()).await;
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_brought_goes_to_the_center_once() {
    let center = Center::start().await;
    let folder = Folder::new("output");
    let file = folder.path().join("recording");
    let content: Vec<u8> = (0..700_000_u32)
        .flat_map(|number| number.to_le_bytes())
        .collect();
    std::fs::write(&file, &content).expect("write");
    let link = session(&center, &folder).await;
    let put = |path: &Path| *link.side.output.lock().expect("output") = Some(path.to_owned());
    put(&file);
    let sensor = sensor(&center);
    let late = UnixMs::now().plus(Duration::from_secs(60));
    push(&center, &sensor, &command(sensor.clone(), late)).await;
    let has = |length: usize| {
        let state = center.fleet.state();
        state.output.values().map(Vec::len).sum::<usize>() >= length
    };
    eventually("output", || has(content.len())).await;
    let came = center
        .fleet
        .state()
        .output
        .values()
        .flatten()
        .copied()
        .collect::<Vec<u8>>();
    assert!(came == content, "{} bytes of {}", came.len(), content.len());
    // One that is too long stays where it is, and keeps no other one back.
    center.fleet.state().output.clear();
    let long = folder.path().join("long");
    let sparse = File::create(&long).expect("create");
    sparse.set_len(OUTPUT_BYTES_MAX + 1).expect("length");
    put(&long);
    push(&center, &sensor, &command(sensor.clone(), late)).await;
    eventually("second answer", || center.fleet.state().answers.len() == 2).await;
    std::fs::write(&file, b"short").expect("write");
    put(&file);
    push(&center, &sensor, &command(sensor.clone(), late)).await;
    eventually("third output", || has(5)).await;
    assert_eq!(
        center.fleet.state().output.values().collect::<Vec<_>>(),
        [b"short"]
    );
    within(link.stop()).await;
    // None of them goes again.
    center.fleet.state().output.clear();
    let link = session(&center, &folder).await;
    *link.side.output.lock().expect("output") = Some(file.clone());
    push(&center, &sensor, &command(sensor.clone(), late)).await;
    eventually("fourth output", || has(5)).await;
    assert_eq!(center.fleet.state().output.len(), 1);
    within(link.stop()).await;
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_was_begun_when_the_sensor_ended_is_not_begun_again() {
    let center = Center::start().await;
    let folder = Folder::new("begun");
    let link = session(&center, &folder).await;
    within(link.stop()).await;
    let sensor = sensor(&center);
    let begun = command(sensor.clone(), UnixMs::now().plus(Duration::from_secs(60)));
    let line = format!(
        "{{\"id\":\"{}\",\"expires_ms\":{}}}\n{{\"id\":\"half wri",
        begun.id, begun.expires.0
    );
    std::fs::write(folder.path().join("commands.jsonl"), line).expect("write");
    let mut link = Running::start(options(&center.address, folder.path(), None));
    link.until("session", |status| {
        matches!(status, LinkStatus::Connected { .. })
    })
    .await;
    push(&center, &sensor, &begun).await;
    eventually("answer", || !center.fleet.state().answers.is_empty()).await;
    assert_eq!(
        center.fleet.state().answers[0].outcome(),
        CommandOutcome::Unknown
    );
    assert!(link.side.executed.lock().expect("executed").is_empty());
    within(link.stop()).await;
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_reported_and_an_unchanged_inventory_goes_out_once() {
    let center = Center::start().await;
    let folder = Folder::new("health");
    let link = session(&center, &folder).await;
    let sensor = sensor(&center);
    let reports = |center: &Center| center.fleet.state().health.get(&sensor).cloned();
    eventually("report", || {
        reports(&center).is_some_and(|health| health.inventory.is_none())
    })
    .await;
    let health = reports(&center).expect("health");
    assert_eq!(
        (health.version.as_str(), health.backend.as_str()),
        ("1.2.3", "bpf-lsm")
    );
    assert!(
        health.spool.is_some()
            && health.documents.len() == 3
            && health.clock_skew_ms.abs() < 60_000
    );
    assert_eq!(center.fleet.state().inventories, 1);
    link.side
        .containers
        .lock()
        .expect("containers")
        .push("c9".to_owned());
    eventually("inventory", || center.fleet.state().inventories == 2).await;
    within(link.stop()).await;
    center.stop().await;
}
