use super::*;
use crate::fields;
use serde_json::json;

/// The value of a field as it is written in a rule, for reading.
fn check(field: &str, document: &Json) -> String {
    let (name, argument) = match field.split_once('[') {
        Some((name, rest)) => (name, Some(rest.trim_end_matches(']'))),
        None => (field, None),
    };
    let row = fields::find(name).expect(name);
    let argument = match argument {
        None => Argument::None,
        Some(text) => match text.parse() {
            Ok(index) => Argument::Index(index),
            Err(_) => Argument::Key(text.into()),
        },
    };
    shown(&value(row.field, &argument, document))
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Absent => "<NA>".into(),
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Boolean(flag) => flag.to_string(),
        Value::List(values) => {
            let texts: Vec<String> = values.iter().map(shown).collect();
            format!("({})", texts.join(","))
        }
        other => format!("{other:?}"),
    }
}

fn pod_request() -> Json {
    json!({
        "auditID": "1", "stage": "ResponseComplete", "verb": "create",
        "requestURI": "/api/v1/namespaces/default/pods?fieldManager=kubectl%20x&dryRun=",
        "user": {"username": "alice", "groups": ["system:masters", "system:authenticated"]},
        "sourceIPs": ["10.0.0.1", "10.0.0.2"],
        "objectRef": {"resource": "pods", "namespace": "default", "name": "web", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 201},
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
        "requestObject": {"spec": {
            "hostPID": true, "serviceAccountName": "admin", "securityContext": {"runAsUser": 5},
            "containers": [
                {"image": "reg:5000/a/b:1.2@sha256:00", "securityContext": {"privileged": true, "capabilities": {"add": ["cap_sys_admin"]}},
                 "ports": [{"hostPort": 80}, {"containerPort": 81}], "command": ["sh", "-c"], "args": ["id"],
                 "volumeMounts": [{"name": "root", "mountPath": "/host", "readOnly": true}]},
                {"image": "busybox", "securityContext": {"runAsUser": 7}}
            ],
            "volumes": [{"name": "root", "hostPath": {"path": "/"}}, {"name": "x", "emptyDir": {}}, {"name": "y", "hostPath": {"path": "/var//run/../run/docker.sock"}}]
        }}
    })
}

#[test]
fn fields_that_falco_has_too() {
    let event = pod_request();
    for (field, expected) in [
        ("ka.auditid", "1"),
        ("ka.user.name", "alice"),
        ("ka.user.groups", "(system:masters,system:authenticated)"),
        ("ka.response.code", "201"),
        ("ka.response.reason", "<NA>"),
        ("ka.auth.decision", "allow"),
        ("ka.auth.reason", ""),
        ("ka.sourceips", "(10.0.0.1,10.0.0.2)"),
        ("ka.target.pod.name", "web"),
        ("ka.target.subresource", "<NA>"),
        ("ka.uri.param[fieldManager]", "kubectl x"),
        ("ka.uri.param[dryRun]", ""),
        ("ka.uri.param[none]", "<NA>"),
        (
            "ka.req.pod.containers.image",
            "(reg:5000/a/b:1.2@sha256:00,busybox)",
        ),
        ("ka.req.pod.containers.image[1]", "(busybox)"),
        ("ka.req.pod.containers.image[2]", "<NA>"),
        ("ka.req.container.image", "reg:5000/a/b:1.2@sha256:00"),
        (
            "ka.req.pod.containers.image.repository",
            "(reg:5000/a/b,busybox)",
        ),
        ("ka.req.container.image.repository", "reg:5000/a/b"),
        ("ka.req.pod.host_pid", "true"),
        ("ka.req.pod.host_ipc", "<NA>"),
        ("ka.req.pod.containers.privileged", "(true)"),
        ("ka.req.container.privileged", "true"),
        ("ka.req.pod.containers.host_port", "(80,81)"),
        ("ka.req.pod.run_as_user", "5"),
        ("ka.req.pod.containers.run_as_user", "(7)"),
        ("ka.req.pod.containers.eff_run_as_user", "(5,7)"),
        ("ka.req.pod.containers.eff_run_as_group", "(0,0)"),
        ("ka.req.pod.containers.add_capabilities", "(cap_sys_admin)"),
        (
            "ka.req.pod.volumes.hostpath",
            "(/,/var//run/../run/docker.sock)",
        ),
        ("ka.req.pod.volumes.hostpath[0]", "(/)"),
        (
            "ka.req.pod.volumes.volume_type",
            "(hostPath,emptyDir,hostPath)",
        ),
        ("ka.req.volume.hostpath[/]", "true"),
        ("ka.req.volume.hostpath[/var*]", "true"),
        ("ka.req.volume.hostpath[/etc]", "false"),
        ("jevt.value[/user/groups/0]", "system:masters"),
        (
            "jevt.value[/requestObject/spec/containers/0/ports]",
            "[{\"hostPort\":80},{\"containerPort\":81}]",
        ),
        ("jevt.value[/none]", "<NA>"),
        ("ka.req.role.rules", "<NA>"),
        ("ka.req.configmap.obj", "<NA>"),
    ] {
        assert_eq!(check(field, &event), expected, "{field}");
    }
}

#[test]
fn roles_and_bindings() {
    let role = json!({"requestObject": {"rules": [
        {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}, {"verbs": ["*"], "nonResourceURLs": ["*"]}]}});
    assert_eq!(check("ka.req.role.rules.verbs", &role), "(get,list,*)");
    assert_eq!(check("ka.req.role.rules.verbs[1]", &role), "(*)");
    assert_eq!(check("ka.req.role.rules.resources", &role), "(pods)");
    assert_eq!(check("ka.req.role.rules.nonResourceURLs", &role), "(*)");
    assert_eq!(
        check("ka.req.role.rules[0]", &role).len(),
        check("ka.req.role.rules", &role).len()
    );
    let binding = json!({"objectRef": {"namespace": "dev", "resource": "rolebindings"}, "requestObject": {
        "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "User", "name": "system:anonymous"}, {"kind": "ServiceAccount", "name": "default"}, {"kind": "ServiceAccount", "name": "a", "namespace": "b"}]}});
    assert_eq!(check("ka.req.binding.role", &binding), "cluster-admin");
    assert_eq!(
        check("ka.binding.subjects", &binding),
        "(system:anonymous,system:serviceaccount:dev:default,system:serviceaccount:b:a)"
    );
    assert!(check("ka.req.binding.subjects", &binding).starts_with("({\"kind\":\"User\","));
}

#[test]
fn every_kind_of_workload_is_looked_into() {
    let event = pod_request();
    for (field, expected) in [
        ("ka.workload.hostpaths", "(/,/var/run/docker.sock)"),
        ("ka.workload.hostpaths.writable", "(/var/run/docker.sock)"),
        ("ka.workload.images.repository", "(reg:5000/a/b,busybox)"),
        ("ka.workload.images.digest", "(sha256:00)"),
        ("ka.workload.commands", "(sh -c id)"),
        ("ka.workload.privileged", "true"),
        ("ka.workload.capabilities", "(SYS_ADMIN)"),
        ("ka.workload.host_namespaces", "(pid)"),
        (
            "ka.workload.service_account",
            "system:serviceaccount:default:admin",
        ),
    ] {
        assert_eq!(check(field, &event), expected, "{field}");
    }
    let spec = event["requestObject"]["spec"].clone();
    for request in [
        json!({"spec": {"template": {"spec": spec}}}),
        json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}}),
        json!([{"op": "replace", "path": "/spec/template/spec", "value": spec}]),
        json!({"items": [{"spec": {"template": {"spec": spec}}}]}),
    ] {
        let event = json!({"objectRef": {"resource": "x"}, "requestObject": request});
        assert_eq!(
            check("ka.workload.hostpaths", &event),
            "(/,/var/run/docker.sock)"
        );
        assert_eq!(check("ka.workload.privileged", &event), "true");
    }
}

#[test]
fn patches_and_volumes_are_looked_into() {
    let patch = json!({"requestObject": [
        {"op": "add", "path": "/spec/template/spec/volumes/-", "value": {"name": "h", "hostPath": {"path": "/etc/"}}},
        {"op": "add", "path": "/spec/template/spec/containers/0/securityContext", "value": {"privileged": true}},
        {"op": "add", "path": "/spec/template/spec/hostIPC", "value": true}]});
    assert_eq!(check("ka.workload.hostpaths", &patch), "(/etc)");
    assert_eq!(check("ka.workload.privileged", &patch), "true");
    assert_eq!(check("ka.workload.host_namespaces", &patch), "(ipc)");
    let volume = json!({"objectRef": {"resource": "persistentvolumes"},
        "requestObject": {"spec": {"capacity": {"storage": "1Gi"}, "hostPath": {"path": "/root"}}}});
    assert_eq!(check("ka.workload.hostpaths.writable", &volume), "(/root)");
    let local = json!({"objectRef": {"resource": "persistentvolumes"}, "requestObject": {"spec": {"local": {"path": "/etc"}}}});
    assert_eq!(check("ka.workload.hostpaths", &local), "(/etc)");
    assert_eq!(
        check(
            "ka.workload.images",
            &json!({"requestObject": {"data": {}}})
        ),
        "<NA>"
    );
    let mut deep = json!({"hostPath": {"path": "/"}});
    for _ in 0..90 {
        deep = json!([deep]);
    }
    assert_eq!(
        check("ka.workload.hostpaths", &json!({"requestObject": deep})),
        "<NA>"
    );
}

#[test]
fn who_and_whose() {
    let event = json!({
        "requestURI": "/api/v1/namespaces/x/pods/p/exec?command=sh&command=-c&command=cat+%2Fetc%2Fshadow&container=c",
        "user": {"username": "system:serviceaccount:prod:web"},
        "objectRef": {"resource": "serviceaccounts", "subresource": "token", "namespace": "kube-system", "name": "admin"}
    });
    assert_eq!(check("ka.exec.command", &event), "sh -c cat /etc/shadow");
    assert_eq!(check("ka.user.namespace", &event), "prod");
    assert_eq!(
        check("ka.target.service_account", &event),
        "system:serviceaccount:kube-system:admin"
    );
    assert_eq!(
        check("ka.user.namespace", &json!({"user": {"username": "bob"}})),
        "<NA>"
    );
    let token = json!({"objectRef": {"resource": "secrets", "namespace": "n"},
        "responseObject": {"metadata": {"annotations": {"kubernetes.io/service-account.name": "s"}}}});
    assert_eq!(
        check("ka.target.service_account", &token),
        "system:serviceaccount:n:s"
    );
}
