//! Nodes, containers, images, canaries, gaps, commands.

use crate::fixture::{Connected, NOW, admin, at, contracts};
use serde_json::{Value, json};
use std::time::Duration;
use yagura_store::{
    COMMAND_OUTPUT_PART_BYTES_MAX, COMMANDS_PENDING_MAX, CanaryResult, ChangeKind, CommandFilter,
    CommandStatus, ContainerFilter, ContainerReport, GapChange, GapFilter, NewCommand, NodeFilter,
    NodeReport, Notice, OutputPart, PageRequest, Retention, Scope, StoreError, UpdateError,
    Version,
};

contracts![
    nodes_come_go_and_are_found,
    many_nodes_report_at_once,
    containers_and_images_are_listed,
    canaries_and_gaps_are_kept,
    gaps_of_many_nodes_are_noted_at_once,
    commands_are_answered_once,
    commands_run_out,
    what_commands_bring_is_kept_in_parts,
];

fn report(number: u32) -> NodeReport {
    NodeReport {
        id: format!("id-{number}"),
        name: format!("node-{number:02}"),
        cluster: format!("cluster-{}", number % 2),
        region: "jp".to_owned(),
        provider: "aws".to_owned(),
        account: "1".to_owned(),
        labels: json!({}),
        sensor_version: "0.1.0".to_owned(),
        backend: "bpf-lsm".to_owned(),
        kernel: "6.1".to_owned(),
        policy_versions: json!({ "drift-policy": 1 }),
        health: json!({ "drops": 0 }),
        replica: "replica-1".to_owned(),
    }
}

async fn nodes_come_go_and_are_found(fixture: Connected) {
    let nodes = fixture.store.nodes();
    for number in 0..12 {
        nodes.report(&report(number), NOW).await.unwrap();
    }
    let filter = NodeFilter::default();
    let first = nodes.list(&filter, &PageRequest::first(5)).await.unwrap();
    let rest = PageRequest::after(50, first.next.unwrap());
    let rest = nodes.list(&filter, &rest).await.unwrap();
    assert_eq!((first.items.len(), rest.items.len()), (5, 7));
    assert_eq!(rest.items[0].report.name, "node-05");

    let level = nodes
        .set_protection_level("id-3", Some(Version(1)), "host", &admin(), at(1))
        .await
        .unwrap();
    assert_eq!(level.version, Version(2));
    let stale = nodes
        .set_protection_level("id-3", Some(Version(1)), "none", &admin(), at(1))
        .await;
    assert!(matches!(stale, Err(UpdateError::Stale { .. })));
    let other = NodeReport {
        replica: "replica-2".to_owned(),
        health: json!({ "drops": 3 }),
        ..report(3)
    };
    nodes.report(&other, at(5)).await.unwrap();
    // The end of a connection that was replaced is no news.
    let replaced = ["id-3".to_owned()];
    nodes
        .disconnected(&replaced, "replica-1", Some("offline"), at(6))
        .await
        .unwrap();
    let node = nodes.get("id-3").await.unwrap().unwrap();
    assert!(node.connected);
    assert_eq!(
        (node.protection_level.as_str(), node.version),
        ("host", Version(2))
    );
    assert_eq!((node.first_seen, node.last_seen), (NOW, at(5)));
    assert_eq!(node.report.health, json!({ "drops": 3 }));
    let open = || GapFilter {
        open: Some(true),
        ..GapFilter::default()
    };
    let page = PageRequest::first(10);
    let gaps = fixture.store.coverage().gaps(&open(), &page).await.unwrap();
    assert_eq!(gaps.items, []);
    let ended = ["id-4", "id-3", "no-node"].map(str::to_owned);
    nodes
        .disconnected(&ended, "replica-1", Some("offline"), at(7))
        .await
        .unwrap();
    let gaps = fixture
        .store
        .coverage()
        .gaps(&open(), &page)
        .await
        .unwrap()
        .items;
    let told: Vec<_> = gaps.iter().map(|gap| (&*gap.node, &*gap.kind)).collect();
    assert_eq!(told, [("id-4", "offline")]);
    // Who is silent is gone, unless this replica itself would know.
    let since = at(1);
    assert_eq!(nodes.silent("replica-1", since).await.unwrap(), [""; 0]);
    nodes.seen(&[("id-5".to_owned(), since)]).await.unwrap();
    let mut gone = nodes.silent("replica-3", since).await.unwrap();
    gone.sort();
    let ids = [0, 1, 10, 11, 2, 6, 7, 8, 9].map(|number| format!("id-{number}"));
    assert_eq!(gone, ids);
    for number in [0, 1, 2, 6, 7, 8, 9, 10, 11] {
        nodes.report(&report(number), NOW).await.unwrap();
    }
    assert_eq!(nodes.replica_gone("replica-1").await.unwrap(), 10);
    nodes
        .seen(&[("id-5".to_owned(), at(9)), ("none".to_owned(), at(9))])
        .await
        .unwrap();
    assert_eq!(nodes.get("id-5").await.unwrap().unwrap().last_seen, at(9));

    let of = |filter: NodeFilter| async move {
        let page = nodes.list(&filter, &PageRequest::first(50)).await.unwrap();
        page.items.len()
    };
    let all = NodeFilter::default;
    assert_eq!(
        of(NodeFilter {
            connected: Some(true),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        of(NodeFilter {
            text: "NODE-1".to_owned(),
            ..all()
        })
        .await,
        2
    );
    assert_eq!(
        of(NodeFilter {
            clusters: vec!["cluster-1".to_owned()],
            ..all()
        })
        .await,
        6
    );
    let scope = Scope {
        clusters: vec!["cluster-0".to_owned()],
        namespaces: vec!["x".to_owned()],
    };
    assert_eq!(
        of(NodeFilter {
            scope: Some(scope.clone()),
            ..all()
        })
        .await,
        6
    );
    let summary = nodes.summary(Some(&scope)).await.unwrap();
    assert_eq!(
        (summary.len(), summary[0].nodes, summary[0].connected),
        (1, 6, 0)
    );
    nodes.remove("id-3", &admin(), at(10)).await.unwrap();
    assert!(matches!(
        nodes.remove("id-3", &admin(), at(10)).await,
        Err(UpdateError::NotFound)
    ));
}

async fn many_nodes_report_at_once(fixture: Connected) {
    let nodes = fixture.store.nodes();
    nodes.report_all(&[], NOW).await.unwrap();
    let known: Vec<NodeReport> = (0..300).map(report).collect();
    nodes.report_all(&known, NOW).await.unwrap();
    nodes
        .set_protection_level("id-7", Some(Version(1)), "host", &admin(), at(1))
        .await
        .unwrap();
    let mut news = fixture.store.subscribe();
    let later: Vec<NodeReport> = (200..400)
        .chain([7])
        .map(|number| NodeReport {
            health: json!({ "drops": number }),
            ..report(number)
        })
        .collect();
    nodes.report_all(&later, at(5)).await.unwrap();
    let summary = nodes.summary(None).await.unwrap();
    assert_eq!(
        summary.iter().map(|cluster| cluster.nodes).sum::<i64>(),
        400
    );
    for (number, drops, first, last) in [
        (3, 0, NOW, NOW),
        (7, 7, NOW, at(5)),
        (299, 299, NOW, at(5)),
        (399, 399, at(5), at(5)),
    ] {
        let node = nodes.get(&format!("id-{number}")).await.unwrap().unwrap();
        assert_eq!(node.report.health, json!({ "drops": drops }));
        assert_eq!((node.first_seen, node.last_seen), (first, last));
    }
    let kept = nodes.get("id-7").await.unwrap().unwrap();
    assert_eq!(kept.protection_level, "host");
    // Of many, subscribers are told once, without a name. What was changed before they came may be on its way still.
    loop {
        match news.next().await {
            Some(Notice::Change(change)) => {
                assert_eq!(change.kind, ChangeKind::Node);
                if change.id.is_empty() {
                    break;
                }
                assert_eq!(change.id, "id-7");
            }
            other => panic!("no change: {other:?}"),
        }
    }
    let huge = NodeReport {
        health: json!("x".repeat(300_000)),
        ..report(1)
    };
    let refused = nodes.report_all(&[report(500), huge], NOW).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
    assert!(
        nodes.get("id-500").await.unwrap().is_none(),
        "all or nothing"
    );
}

async fn containers_and_images_are_listed(fixture: Connected) {
    let inventory = fixture.store.inventory();
    let container = |number: u32, running| ContainerReport {
        node: format!("id-{}", number % 3),
        id: format!("c{number}"),
        name: format!("web-{number}"),
        image: "registry.local/web:1".to_owned(),
        image_digest: format!("sha256:{}", number % 2),
        namespace: "shop".to_owned(),
        pod: "web".to_owned(),
        cluster: "tokyo".to_owned(),
        running,
        document: json!({ "privileged": false }),
    };
    let batch: Vec<ContainerReport> = (0..10).map(|number| container(number, true)).collect();
    inventory.report(&batch, NOW).await.unwrap();
    inventory
        .report(&[container(4, false)], at(5))
        .await
        .unwrap();
    let filter = ContainerFilter::default();
    let first = inventory
        .containers(&filter, &PageRequest::first(4))
        .await
        .unwrap();
    assert_eq!(
        first.items[0].report.id, "c4",
        "what was reported last comes first"
    );
    assert_eq!(first.items[0].first_seen, NOW);
    let rest = PageRequest::after(50, first.next.unwrap());
    let rest = inventory.containers(&filter, &rest).await.unwrap();
    assert_eq!(rest.items.len(), 6);
    let running = ContainerFilter {
        running: Some(true),
        text: "WEB-".to_owned(),
        ..ContainerFilter::default()
    };
    assert_eq!(
        inventory
            .containers(&running, &PageRequest::first(50))
            .await
            .unwrap()
            .items
            .len(),
        9
    );
    let found = inventory.container("id-1", "c4").await.unwrap().unwrap();
    assert!(!found.report.running);
    let images = inventory
        .images("local/web", &PageRequest::first(1))
        .await
        .unwrap();
    assert_eq!(
        (images.items[0].digest.as_str(), images.items[0].containers),
        ("sha256:0", 5)
    );
    assert!(images.next.is_some());
    assert!(
        inventory
            .set_image_document("sha256:1", &json!({ "findings": 2 }))
            .await
            .unwrap()
    );
    assert!(
        !inventory
            .set_image_document("sha256:9", &json!({}))
            .await
            .unwrap()
    );
    let image = inventory.image("sha256:1").await.unwrap().unwrap();
    assert_eq!(image.document["findings"], 2);
}

async fn canaries_and_gaps_are_kept(fixture: Connected) {
    let coverage = fixture.store.coverage();
    let canary = |kind: &str, seconds: i64, blocked| CanaryResult {
        node: "id-1".to_owned(),
        kind: kind.to_owned(),
        time: at(seconds),
        seen: true,
        blocked,
        latency_ns: 1_500,
        detail: json!({}),
    };
    for (seconds, blocked) in [(1, false), (3, true), (2, false)] {
        coverage
            .record_canary(&canary("drift", seconds, blocked))
            .await
            .unwrap();
    }
    coverage
        .record_canary(&canary("escape", 1, true))
        .await
        .unwrap();
    let latest = coverage
        .latest_canaries(Some("id-1"), &PageRequest::first(1))
        .await
        .unwrap();
    assert_eq!(
        (latest.items[0].time, latest.items[0].blocked),
        (at(3), true)
    );
    let rest = PageRequest::after(9, latest.next.unwrap());
    assert_eq!(
        coverage.latest_canaries(None, &rest).await.unwrap().items[0].kind,
        "escape"
    );
    let all = coverage
        .canaries("id-1", &PageRequest::first(2))
        .await
        .unwrap();
    let rest = PageRequest::after(9, all.next.unwrap());
    assert_eq!(
        coverage.canaries("id-1", &rest).await.unwrap().items.len(),
        2
    );

    let one = coverage
        .open_gap("id-1", "drops", &json!({ "count": 1 }), at(1))
        .await
        .unwrap();
    let same = coverage
        .open_gap("id-1", "drops", &json!({ "count": 9 }), at(2))
        .await
        .unwrap();
    assert_eq!(one, same);
    assert!(coverage.close_gap("id-1", "drops", at(8)).await.unwrap());
    assert!(!coverage.close_gap("id-1", "drops", at(9)).await.unwrap());
    let two = coverage
        .open_gap("id-1", "drops", &Value::Null, at(10))
        .await
        .unwrap();
    assert_ne!(one, two);
    let open = GapFilter {
        open: Some(true),
        ..GapFilter::default()
    };
    assert_eq!(
        coverage
            .gaps(&open, &PageRequest::first(9))
            .await
            .unwrap()
            .items[0]
            .id,
        two
    );
    let page = coverage
        .gaps(&GapFilter::default(), &PageRequest::first(1))
        .await
        .unwrap();
    let rest = PageRequest::after(9, page.next.unwrap());
    let closed = coverage
        .gaps(&GapFilter::default(), &rest)
        .await
        .unwrap()
        .items;
    assert_eq!((closed.len(), closed[0].ended), (1, Some(at(8))));
    assert_eq!(
        (closed[0].started, &closed[0].detail),
        (at(1), &json!({ "count": 9 }))
    );
}

async fn gaps_of_many_nodes_are_noted_at_once(fixture: Connected) {
    let coverage = fixture.store.coverage();
    let change = |node: &str, kind: &str, detail: Option<Value>| GapChange {
        node: node.to_owned(),
        kind: kind.to_owned(),
        detail,
    };
    let opened = [
        change("id-2", "late", Some(json!({ "count": 2 }))),
        change("id-2", "early", Some(json!({}))),
    ];
    coverage.note_gaps(&opened, at(3)).await.unwrap();
    let closed = [
        change("id-2", "late", None),
        change("id-2", "early", None),
        change("id-9", "late", None),
    ];
    coverage.note_gaps(&closed, at(4)).await.unwrap();
    let of_two = GapFilter {
        nodes: vec!["id-2".to_owned()],
        ..GapFilter::default()
    };
    let gaps = coverage.gaps(&of_two, &PageRequest::first(10)).await;
    let ended: Vec<_> = gaps.unwrap().items.iter().map(|gap| gap.ended).collect();
    assert_eq!(ended, [Some(at(4)), Some(at(4))]);
}

fn command(number: u32) -> NewCommand {
    NewCommand {
        id: format!("cmd-{number}"),
        node: "id-1".to_owned(),
        kind: "kill-process".to_owned(),
        body: json!({ "pid": 7 }),
        signature: "sig".to_owned(),
        alert: "a1".to_owned(),
        expires: at(100),
    }
}

async fn commands_are_answered_once(fixture: Connected) {
    let commands = fixture.store.commands();
    let queued = commands.queue(&command(1), &admin(), NOW).await.unwrap();
    assert_eq!(
        (queued.status, queued.actor.as_str()),
        (CommandStatus::Queued, "alice")
    );
    assert!(matches!(
        commands.queue(&command(1), &admin(), NOW).await,
        Err(UpdateError::Exists)
    ));
    assert_eq!(commands.pending("id-1", at(1)).await.unwrap().len(), 1);
    assert_eq!(commands.waiting_nodes(at(1)).await.unwrap(), ["id-1"]);
    assert!(commands.sent("cmd-1", at(1)).await.unwrap());
    assert_eq!(
        commands.pending("id-1", at(2)).await.unwrap().len(),
        1,
        "until it is answered"
    );
    assert_eq!(
        commands.waiting_nodes(at(2)).await.unwrap(),
        [""; 0],
        "it was sent"
    );
    let answer = json!({ "killed": true });
    // Only the node that it was for can answer.
    assert!(
        !commands
            .answered("cmd-1", "id-2", true, &answer, at(3))
            .await
            .unwrap()
    );
    assert!(
        commands
            .answered("cmd-1", "id-1", true, &answer, at(3))
            .await
            .unwrap()
    );
    assert!(
        !commands
            .answered("cmd-1", "id-1", false, &answer, at(4))
            .await
            .unwrap()
    );
    assert!(commands.pending("id-1", at(5)).await.unwrap().is_empty());
    let done = commands.get("cmd-1").await.unwrap().unwrap();
    assert_eq!(
        (done.status, done.answered, &done.answer),
        (CommandStatus::Answered, Some(at(3)), &answer)
    );
    let filter = CommandFilter {
        alerts: vec!["a1".to_owned()],
        ..CommandFilter::default()
    };
    assert_eq!(
        commands
            .list(&filter, &PageRequest::first(9))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

async fn what_commands_bring_is_kept_in_parts(fixture: Connected) {
    let commands = fixture.store.commands();
    commands.queue(&command(1), &admin(), NOW).await.unwrap();
    let part = |start, content, is_last| OutputPart {
        start,
        content,
        is_last,
    };
    let put = async |id: &str, part| commands.put_output(id, part, at(1)).await.unwrap();
    assert!(!put("no-command", part(0, b"abc", true)).await);
    assert!(!put("cmd-1", part(3, b"def", true)).await, "begins nowhere");
    assert!(put("cmd-1", part(0, b"xyz", false)).await);
    // It was cut off, and comes anew.
    assert!(put("cmd-1", part(0, b"abc", false)).await);
    assert!(!put("cmd-1", part(4, b"ef", true)).await, "leaves a gap");
    let bytes = async || commands.get("cmd-1").await.unwrap().unwrap().output_bytes;
    assert_eq!(bytes().await, None);
    assert!(put("cmd-1", part(3, b"de", true)).await);
    assert_eq!(bytes().await, Some(5));
    let stored = async |start| commands.output_part("cmd-1", start).await.unwrap();
    assert_eq!(stored(0).await.unwrap(), b"abc");
    assert_eq!(stored(3).await.unwrap(), b"de");
    assert_eq!(stored(5).await, None);
    let long = vec![0; COMMAND_OUTPUT_PART_BYTES_MAX + 1];
    let refused = commands
        .put_output("cmd-1", part(0, &long, true), at(1))
        .await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
    assert_eq!(bytes().await, Some(5));
    // It goes before the command does.
    let retention = Retention {
        command_outputs: Duration::from_secs(1),
        ..Retention::default()
    };
    fixture.store.maintain(&retention, at(9)).await.unwrap();
    assert_eq!((bytes().await, stored(0).await), (None, None));
}

async fn commands_run_out(fixture: Connected) {
    let commands = fixture.store.commands();
    for number in 0..COMMANDS_PENDING_MAX {
        commands
            .queue(&command(number), &admin(), NOW)
            .await
            .unwrap();
    }
    let more = commands.queue(&command(9_999), &admin(), NOW).await;
    assert!(matches!(
        more,
        Err(UpdateError::Store(StoreError::TooMany { .. }))
    ));
    assert!(commands.pending("id-1", at(100)).await.unwrap().is_empty());
    assert_eq!(
        commands.expire(at(100)).await.unwrap(),
        u64::from(COMMANDS_PENDING_MAX)
    );
    let filter = CommandFilter {
        statuses: vec![CommandStatus::Expired],
        ..CommandFilter::default()
    };
    let page = commands
        .list(&filter, &PageRequest::first(60))
        .await
        .unwrap();
    let rest = PageRequest::after(60, page.next.unwrap());
    assert_eq!(commands.list(&filter, &rest).await.unwrap().items.len(), 40);
    // Too late is still what happened.
    assert!(
        commands
            .answered("cmd-1", "id-1", true, &json!({}), at(101))
            .await
            .unwrap()
    );
}
