//! Kubernetes audit events of one cluster, sent to two replicas of a center.

use super::center_cli::send;
use super::center_replicas::{DATABASE, Site, eventually, has_postgres};
use serde_json::{Value, json};

/// Pods whose tokens are used from two addresses.
const PODS: usize = 40;

/// A batch of one event: a pod's token, used from an address.
fn batch(pod: usize, address: &str) -> Value {
    let now = jiff::Timestamp::now().to_string();
    json!({ "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": [{
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": format!("{pod}-{address}"),
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/pods", "verb": "list",
        "user": {
            "username": format!("system:serviceaccount:shop:web-{pod}"), "groups": ["system:serviceaccounts"],
            "extra": { "authentication.kubernetes.io/pod-uid": [format!("pod-uid-{pod}.")] },
        },
        "sourceIPs": [address], "userAgent": format!("web/{pod}"),
        "objectRef": { "resource": "pods", "namespace": "shop", "apiVersion": "v1" },
        "responseStatus": { "code": 200 }, "requestReceivedTimestamp": now, "stageTimestamp": now, "annotations": {},
    }] })
}

/// How many alerts there are of one rule, and of how many pods.
fn told(site: &Site) -> String {
    let sql = "SELECT count(*), count(DISTINCT substring(document FROM 'pod-uid-[0-9]+[.]')) FROM alerts \
               WHERE rule = 'Token of a pod used from elsewhere'";
    site.postgres
        .query(DATABASE, sql)
        .unwrap()
        .trim()
        .to_owned()
}

#[test]
fn replicas_know_what_the_other_one_was_told() {
    if !has_postgres("audit events and two replicas") {
        return;
    }
    let mut site = Site::start(2);
    let folder = site.scratch.path("audit");
    std::fs::create_dir(&folder).unwrap();
    site.run(0, &["k8s", "audit-config", "prod", "--folder", &folder])
        .expect(0);
    let kubeconfig = std::fs::read(format!("{folder}/yagura-audit-webhook.yaml")).unwrap();
    let kubeconfig: Value = serde_json::from_slice(&kubeconfig).unwrap();
    let to = |replica: usize, site: &Site| {
        let mut kubeconfig = kubeconfig.clone();
        let server = format!("{}/k8s/audit/prod", site.replicas[replica].url);
        kubeconfig["clusters"][0]["cluster"]["server"] = server.into();
        kubeconfig
    };
    // At the same time, each pod from one address here and from another there: an API server sends again what is put off.
    let address = ["10.1.0.5", "203.0.113.9"];
    std::thread::scope(|scope| {
        for (replica, address) in address.into_iter().enumerate() {
            let kubeconfig = to(replica, &site);
            scope.spawn(move || {
                for pod in 0..PODS {
                    let batch = batch(pod, address);
                    eventually("an answer", || match send(&kubeconfig, &batch) {
                        200 => Some(()),
                        429 => None,
                        other => panic!("{other}"),
                    });
                }
            });
        }
    });
    assert_eq!(told(&site), format!("{PODS}|{PODS}"));
    // What one was told is not lost with it.
    assert_eq!(send(&to(0, &site), &batch(PODS, address[0])), 200);
    site.replicas[0].kill();
    assert_eq!(send(&to(1, &site), &batch(PODS, address[1])), 200);
    assert_eq!(told(&site), format!("{0}|{0}", PODS + 1));
}
