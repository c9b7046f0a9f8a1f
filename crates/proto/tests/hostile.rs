//! Peers that lie, stall or send too much.

use crate::support::{Center, Folder, Running, alert, eventually, options, within};
use prost::Message as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;
use yagura_proto::client::{LinkStatus, connect, enrol};
use yagura_proto::document::DocumentKind;
use yagura_proto::refusal::Refusal;
use yagura_proto::wire;
use yagura_proto::wire::link_client::LinkClient;
use yagura_proto::wire::sensor_message::Message as Up;

/// A sensor's connection without the sensor's manners.
async fn raw(center: &Center) -> LinkClient<Channel> {
    let folder = Folder::new("raw");
    let token = center.fleet.token(&center.authority, true);
    let credentials = enrol(&options(&center.address, folder.path(), None), &token)
        .await
        .expect("enrol");
    LinkClient::new(
        connect(&center.address, &credentials)
            .await
            .expect("connect"),
    )
}

fn hello(node: &str) -> wire::SensorMessage {
    let node = wire::Node {
        name: node.to_owned(),
        ..wire::Node::default()
    };
    let hello = wire::Hello {
        node: Some(node),
        ..wire::Hello::default()
    };
    wire::SensorMessage {
        message: Some(Up::Hello(hello)),
    }
}

fn health(node: &str) -> wire::SensorMessage {
    let node = wire::Node {
        name: node.to_owned(),
        ..wire::Node::default()
    };
    let health = wire::Health {
        node: Some(node),
        ..wire::Health::default()
    };
    wire::SensorMessage {
        message: Some(Up::Health(health)),
    }
}

/// How a session ends that sends these messages.
async fn end(calls: &mut LinkClient<Channel>, messages: Vec<wire::SensorMessage>) -> tonic::Status {
    let messages = tokio_stream::iter(messages).chain(tokio_stream::pending());
    let mut down = match calls.session(messages).await {
        Ok(response) => response.into_inner(),
        Err(status) => return status,
    };
    within(async {
        loop {
            match down.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("session ended without a word"),
                Err(status) => return status,
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_that_lies_about_its_node_is_refused() {
    let center = Center::start().await;
    let mut calls = raw(&center).await;
    let wrong = Some(Refusal::WrongIdentity);
    assert_eq!(
        Refusal::of_status(&end(&mut calls, vec![hello("node-2")]).await),
        wrong
    );
    let status = end(&mut calls, vec![hello("node-1"), health("node-2")]).await;
    assert_eq!(Refusal::of_status(&status), wrong);
    assert!(center.fleet.state().health.is_empty());
    // Its alerts for another node are not stored; its own are.
    let documents = vec![alert(1).into(), alert(2).replace("node-1", "node-2").into()];
    let encoded = wire::Alerts { documents }.encode_to_vec();
    let batch = wire::AlertBatch {
        spool: vec![1; 16].into(),
        number: 1,
        content: zstd::bulk::compress(&encoded, 1).expect("zstd").into(),
    };
    let batches = tokio_stream::iter([batch]);
    let mut acks = calls.alerts(batches).await.expect("alerts").into_inner();
    assert_eq!(acks.message().await.expect("ack").expect("ack").number, 1);
    {
        let state = center.fleet.state();
        assert_eq!((state.alerts.len(), state.foreign), (1, 1));
        assert!(
            state.refused.iter().all(
                |refused| refused.refusal == Refusal::WrongIdentity && refused.sensor.is_some()
            )
        );
    }
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_certificate_only_enrolment_is_answered() {
    let center = Center::start().await;
    let tls = support_tls(&center).await;
    let mut calls = LinkClient::new(tls);
    let status = calls
        .renew(wire::RenewRequest::default())
        .await
        .expect_err("refused");
    assert_eq!(Refusal::of_status(&status), Some(Refusal::NoCertificate));
    let status = calls
        .session(tokio_stream::iter([hello("node-1")]))
        .await
        .expect_err("refused");
    assert_eq!(Refusal::of_status(&status), Some(Refusal::NoCertificate));
    let status = calls
        .enrol(wire::EnrolRequest::default())
        .await
        .expect_err("refused");
    assert_eq!(Refusal::of_status(&status), Some(Refusal::Malformed));
    center.stop().await;
}

/// A connection with TLS and no certificate.
async fn support_tls(center: &Center) -> Channel {
    use rustls::pki_types::ServerName;
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(center.authority.certificate().clone())
        .expect("authority");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let socket = center.socket;
    let dial = tower::service_fn(move |_: tonic::transport::Uri| {
        let connector = connector.clone();
        async move {
            let stream = TcpStream::connect(socket).await?;
            let name = ServerName::try_from("center.yagura.internal").expect("name");
            let stream = connector.connect(name, stream).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }
    });
    let endpoint = tonic::transport::Endpoint::from_static("http://center.yagura.internal");
    endpoint
        .connect_with_connector(dial)
        .await
        .expect("connect")
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_and_senseless_messages_end_their_stream_alone() {
    let center = Center::start().await;
    let folder = Folder::new("neighbour");
    let token = center.fleet.token(&center.authority, true);
    let mut link = Running::start(options(&center.address, folder.path(), Some(token)));
    link.until("session", |status| {
        matches!(status, LinkStatus::Connected { .. })
    })
    .await;
    let mut calls = raw(&center).await;
    let batch = wire::AlertBatch {
        spool: vec![1; 16].into(),
        number: 1,
        content: vec![0; 5 << 20].into(),
    };
    let mut acks = calls
        .alerts(tokio_stream::iter([batch]))
        .await
        .expect("alerts")
        .into_inner();
    let status = acks.message().await.expect_err("too large");
    assert_eq!(status.code(), tonic::Code::OutOfRange);
    let batch = wire::AlertBatch {
        spool: vec![1; 3].into(),
        number: 1,
        content: Vec::new().into(),
    };
    let mut acks = calls
        .alerts(tokio_stream::iter([batch]))
        .await
        .expect("alerts")
        .into_inner();
    let status = acks.message().await.expect_err("no spool");
    assert_eq!(Refusal::of_status(&status), Some(Refusal::Malformed));
    let twice = end(&mut calls, vec![hello("node-1"), hello("node-1")]).await;
    assert_eq!(Refusal::of_status(&twice), Some(Refusal::Malformed));
    let gaps = vec![String::new(); 2000];
    let node = Some(wire::Node {
        name: "node-1".to_owned(),
        ..wire::Node::default()
    });
    let many = wire::SensorMessage {
        message: Some(Up::Health(wire::Health {
            node,
            gaps,
            ..wire::Health::default()
        })),
    };
    let many = end(&mut calls, vec![hello("node-1"), many]).await;
    assert_eq!(Refusal::of_status(&many), Some(Refusal::Malformed));
    // Nobody else notices.
    link.alerts.send(alert(9)).expect("send");
    eventually("alert", || center.fleet.state().alerts.len() == 1).await;
    within(link.stop()).await;
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_and_stalled_peers_hold_up_nobody() {
    let center = Center::start().await;
    // Connections that never begin the handshake, and some that begin it with noise.
    let mut silent = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(center.socket).await.expect("connect");
        if number % 4 == 0 {
            stream
                .write_all(b"GET / HTTP/1.1\r\n\r\n")
                .await
                .expect("write");
        }
        silent.push(stream);
    }
    // A session that never reads what it is sent.
    let mut calls = raw(&center).await;
    let messages = tokio_stream::iter([hello("node-1")]).chain(tokio_stream::pending());
    let _unread = calls.session(messages).await.expect("session");
    let folder = Folder::new("reader");
    let token = center.fleet.token(&center.authority, true);
    let link = Running::start(options(&center.address, folder.path(), Some(token)));
    let mut noise = 1u64;
    let mut text = || {
        (0..20_000)
            .map(|_| {
                noise = noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                char::from(b'a' + (noise >> 60) as u8)
            })
            .collect::<String>()
    };
    for version in 1..=100 {
        center.fleet.put(DocumentKind::Policies, version, &text());
        let applied = || {
            link.side
                .applied
                .lock()
                .expect("applied")
                .last()
                .map(|(_, version, _)| *version)
        };
        eventually("version", || applied() == Some(version)).await;
    }
    within(link.stop()).await;
    drop(silent);
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_of_commands_arrives_in_pieces_and_within_bounds() {
    let center = Center::start().await;
    let mut calls = raw(&center).await;
    let piece = |offset, bytes: usize| wire::OutputChunk {
        command_id: "0".repeat(32),
        offset,
        content: vec![7; bytes].into(),
        last: false,
    };
    let receipt = calls
        .output(tokio_stream::iter([piece(0, 1000), piece(1000, 24)]))
        .await
        .expect("output");
    assert_eq!(receipt.into_inner().bytes, 1024);
    assert_eq!(center.fleet.state().output.len(), 2);
    for wrong in [
        piece(u64::MAX, 1),
        piece(0, (1 << 20) + 1),
        wire::OutputChunk {
            command_id: "x".to_owned(),
            ..piece(0, 1)
        },
    ] {
        let status = calls
            .output(tokio_stream::iter([wrong]))
            .await
            .expect_err("refused");
        assert_eq!(Refusal::of_status(&status), Some(Refusal::Malformed));
    }
    center.stop().await;
}
