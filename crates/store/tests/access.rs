//! Who gets in: users, sessions, API tokens, enrolment, certificates, keys.

use crate::fixture::{Connected, NOW, admin, at, contracts};
use serde_json::json;
use std::time::Duration;
use yagura_store::{
    AuditFilter, Certificate, EnrolmentRefused, NewApiToken, NewEnrolmentToken, NewUser,
    PageRequest, Session, TokenHash, UpdateError, UserChange, Version,
};

contracts![
    users_have_one_name_and_one_subject,
    too_many_failures_lock_a_user,
    sessions_end,
    api_tokens_end,
    a_one_time_token_lets_one_in,
    revoked_certificates_are_known,
    replicas_agree_on_a_secret,
    no_secret_is_in_the_audit_log,
];

fn user(name: &str) -> NewUser {
    NewUser {
        id: format!("id-{name}"),
        name: name.to_owned(),
        display_name: name.to_uppercase(),
        email: format!("{name}@example.org"),
        provider: "local".to_owned(),
        subject: format!("id-{name}"),
        password_hash: Some("$argon2id$secret-hash".to_owned()),
        must_change_password: true,
        roles: json!([{ "role": "admin" }]),
    }
}

async fn users_have_one_name_and_one_subject(fixture: Connected) {
    let users = fixture.store.users();
    let bob = users.create(&user("bob"), &admin(), NOW).await.unwrap();
    assert_eq!(users.by_name("bob").await.unwrap(), Some(bob.clone()));
    assert_eq!(
        users.by_subject("local", "id-bob").await.unwrap(),
        Some(bob.clone())
    );
    let same_name = NewUser {
        id: "x".to_owned(),
        subject: "x".to_owned(),
        ..user("bob")
    };
    let same_subject = NewUser {
        id: "y".to_owned(),
        name: "y".to_owned(),
        ..user("bob")
    };
    for taken in [user("bob"), same_name, same_subject] {
        let refused = users.create(&taken, &admin(), NOW).await;
        assert!(matches!(refused, Err(UpdateError::Exists)));
    }
    let change = UserChange {
        disabled: Some(true),
        roles: Some(json!([])),
        ..UserChange::default()
    };
    let changed = users
        .update(&bob.id, Some(bob.version), &change, &admin(), at(1))
        .await
        .unwrap();
    assert!(changed.disabled && changed.roles == json!([]) && changed.email == bob.email);
    let stale = users
        .update(&bob.id, Some(bob.version), &change, &admin(), at(1))
        .await;
    assert!(matches!(stale, Err(UpdateError::Stale { .. })));
    let set = users
        .set_password(&bob.id, "$argon2id$other", false, &admin(), at(2))
        .await
        .unwrap();
    assert_eq!((set.version, set.must_change_password), (Version(3), false));
    assert!(
        users
            .set_preferences(&bob.id, &json!({ "language": "ja" }))
            .await
            .unwrap()
    );
    for name in ["ann", "cem"] {
        users.create(&user(name), &admin(), NOW).await.unwrap();
    }
    let page = users.list("", &PageRequest::first(2)).await.unwrap();
    let names: Vec<&str> = page.items.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["ann", "bob"]);
    let rest = PageRequest::after(2, page.next.unwrap());
    assert_eq!(users.list("", &rest).await.unwrap().items[0].name, "cem");
    assert_eq!(
        users
            .list("CEM@EX", &PageRequest::first(9))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    assert_eq!(
        users
            .list("%", &PageRequest::first(9))
            .await
            .unwrap()
            .items
            .len(),
        0
    );
    users.delete(&bob.id, None, &admin(), at(3)).await.unwrap();
    assert_eq!(
        (
            users.get(&bob.id).await.unwrap(),
            users.count().await.unwrap()
        ),
        (None, 2)
    );
}

async fn too_many_failures_lock_a_user(fixture: Connected) {
    let users = fixture.store.users();
    let bob = users.create(&user("bob"), &admin(), NOW).await.unwrap();
    let lock_for = Duration::from_secs(60);
    let mut tasks = Vec::new();
    for _ in 0..5 {
        let (store, id) = (fixture.store.clone(), bob.id.clone());
        tasks.push(tokio::spawn(async move {
            store
                .users()
                .login_failed(&id, 5, lock_for, NOW)
                .await
                .unwrap()
                .unwrap()
        }));
    }
    let mut locked = 0;
    for task in tasks {
        locked += usize::from(task.await.unwrap().locked_until == Some(at(60)));
    }
    assert_eq!(locked, 1, "the fifth failure, and no attempt is lost");
    assert!(
        users
            .login_failed("nobody", 5, lock_for, NOW)
            .await
            .unwrap()
            .is_none()
    );
    users.login_succeeded(&bob.id, at(61)).await.unwrap();
    let bob = users.get(&bob.id).await.unwrap().unwrap();
    assert_eq!(
        (bob.failed_logins, bob.locked_until, bob.last_login),
        (0, None, Some(at(61)))
    );
}

async fn sessions_end(fixture: Connected) {
    fixture
        .store
        .users()
        .create(&user("bob"), &admin(), NOW)
        .await
        .unwrap();
    let sessions = fixture.store.sessions();
    let session = |secret: &str| Session {
        hash: TokenHash::of(secret),
        user: "id-bob".to_owned(),
        csrf_hash: TokenHash::of("csrf"),
        created: NOW,
        expires: at(100),
        last_seen: NOW,
        address: "192.0.2.1".to_owned(),
        agent: "x".repeat(5_000),
    };
    for secret in ["a", "b", "c"] {
        sessions.create(&session(secret)).await.unwrap();
    }
    let nobody = Session {
        user: "id-none".to_owned(),
        ..session("d")
    };
    assert!(matches!(
        sessions.create(&nobody).await,
        Err(UpdateError::NotFound)
    ));
    assert!(
        sessions
            .get(&TokenHash::of("a"), at(99))
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        sessions
            .get(&TokenHash::of("a"), at(100))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        sessions
            .get(&TokenHash::of("z"), NOW)
            .await
            .unwrap()
            .is_none()
    );
    sessions
        .touch(&TokenHash::of("a"), at(50), at(150))
        .await
        .unwrap();
    assert!(
        sessions
            .get(&TokenHash::of("a"), at(120))
            .await
            .unwrap()
            .is_some()
    );
    assert!(sessions.end(&TokenHash::of("b")).await.unwrap());
    assert!(!sessions.end(&TokenHash::of("b")).await.unwrap());
    let kept = TokenHash::of("a");
    assert_eq!(sessions.end_all("id-bob", Some(&kept)).await.unwrap(), 1);
    assert_eq!(sessions.list("id-bob", at(60)).await.unwrap().len(), 1);
    fixture
        .store
        .users()
        .delete("id-bob", None, &admin(), at(60))
        .await
        .unwrap();
    assert!(
        sessions.get(&kept, at(60)).await.unwrap().is_none(),
        "with its user"
    );
}

async fn api_tokens_end(fixture: Connected) {
    fixture
        .store
        .users()
        .create(&user("bob"), &admin(), NOW)
        .await
        .unwrap();
    let tokens = fixture.store.api_tokens();
    let token = |name: &str, expires| NewApiToken {
        id: name.to_owned(),
        hash: TokenHash::of(name),
        user: "id-bob".to_owned(),
        name: name.to_owned(),
        scopes: json!(["alerts:read"]),
        expires,
    };
    tokens
        .create(&token("short", Some(at(10))), &admin(), NOW)
        .await
        .unwrap();
    tokens
        .create(&token("long", None), &admin(), NOW)
        .await
        .unwrap();
    let found = tokens
        .find(&TokenHash::of("short"), at(9))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.scopes, json!(["alerts:read"]));
    assert!(
        tokens
            .find(&TokenHash::of("short"), at(10))
            .await
            .unwrap()
            .is_none()
    );
    tokens.used("long", at(5)).await.unwrap();
    let long = tokens
        .find(&TokenHash::of("long"), at(9_999))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(long.last_used, Some(at(5)));
    assert!(tokens.revoke("long", &admin(), at(6)).await.unwrap());
    assert!(!tokens.revoke("long", &admin(), at(6)).await.unwrap());
    assert!(
        tokens
            .find(&TokenHash::of("long"), at(7))
            .await
            .unwrap()
            .is_none()
    );
    let page = tokens
        .list(Some("id-bob"), &PageRequest::first(1))
        .await
        .unwrap();
    let rest = PageRequest::after(1, page.next.unwrap());
    assert_eq!(tokens.list(None, &rest).await.unwrap().items.len(), 1);
}

async fn a_one_time_token_lets_one_in(fixture: Connected) {
    let enrolment = fixture.store.enrolment();
    let token = |id: &str, one_time| NewEnrolmentToken {
        id: id.to_owned(),
        hash: TokenHash::of(id),
        cluster: "tokyo".to_owned(),
        region: "jp".to_owned(),
        one_time,
        expires: at(100),
    };
    enrolment
        .create(&token("once", true), &admin(), NOW)
        .await
        .unwrap();
    enrolment
        .create(&token("many", false), &admin(), NOW)
        .await
        .unwrap();
    let taken = enrolment.create(&token("once", true), &admin(), NOW).await;
    assert!(matches!(taken, Err(UpdateError::Exists)));
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let store = fixture.store.clone();
        tasks.push(tokio::spawn(async move {
            store
                .enrolment()
                .use_token(&TokenHash::of("once"), at(1))
                .await
        }));
    }
    let mut used = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(token) => {
                assert_eq!((token.cluster.as_str(), token.uses), ("tokyo", 1));
                used += 1;
            }
            Err(error) => assert!(matches!(error, EnrolmentRefused::Used)),
        }
    }
    assert_eq!(used, 1);
    let many = TokenHash::of("many");
    for uses in 1..=3 {
        assert_eq!(enrolment.use_token(&many, at(2)).await.unwrap().uses, uses);
    }
    let refused = enrolment.use_token(&many, at(100)).await;
    assert!(matches!(refused, Err(EnrolmentRefused::Expired)));
    assert!(enrolment.revoke("many", &admin(), at(3)).await.unwrap());
    let refused = enrolment.use_token(&many, at(4)).await;
    assert!(matches!(refused, Err(EnrolmentRefused::Revoked)));
    let refused = enrolment.use_token(&TokenHash::of("none"), at(4)).await;
    assert!(matches!(refused, Err(EnrolmentRefused::Unknown)));
    let page = enrolment.list(&PageRequest::first(10)).await.unwrap();
    assert_eq!(page.items.len(), 2);
}

async fn revoked_certificates_are_known(fixture: Connected) {
    let certificates = fixture.store.certificates();
    let certificate = |serial: &str, node: &str| Certificate {
        serial: serial.to_owned(),
        node: node.to_owned(),
        fingerprint: "ab".to_owned(),
        not_before: NOW,
        not_after: at(1_000),
        issued: NOW,
        revoked: None,
        reason: String::new(),
    };
    for (serial, node) in [("01", "n1"), ("02", "n1"), ("03", "n2")] {
        certificates
            .record(&certificate(serial, node), &admin())
            .await
            .unwrap();
    }
    let taken = certificates
        .record(&certificate("01", "n9"), &admin())
        .await;
    assert!(matches!(taken, Err(UpdateError::Exists)));
    assert!(
        certificates
            .revoke("03", "lost", &admin(), at(1))
            .await
            .unwrap()
    );
    assert_eq!(
        certificates
            .revoke_node("n1", "gone", &admin(), at(2))
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        certificates
            .revoke_node("n1", "gone", &admin(), at(3))
            .await
            .unwrap(),
        0
    );
    let mut revoked = certificates.revoked(at(5)).await.unwrap();
    revoked.sort();
    assert_eq!(revoked, ["01", "02", "03"]);
    assert!(
        certificates.revoked(at(1_000)).await.unwrap().is_empty(),
        "run out anyway"
    );
    let lost = certificates.get("03").await.unwrap().unwrap();
    assert_eq!((lost.revoked, lost.reason.as_str()), (Some(at(1)), "lost"));
    let page = certificates
        .list(Some("n1"), &PageRequest::first(1))
        .await
        .unwrap();
    assert!(page.next.is_some());
}

async fn replicas_agree_on_a_secret(fixture: Connected) {
    let mut tasks = Vec::new();
    for number in 0..6_u8 {
        let store = fixture.store.clone();
        tasks.push(tokio::spawn(async move {
            store
                .secrets()
                .get_or_insert("ca-key", &[number, 0, 255], NOW)
                .await
                .unwrap()
        }));
    }
    let mut agreed = Vec::new();
    for task in tasks {
        agreed.push(task.await.unwrap());
    }
    agreed.dedup();
    assert_eq!(agreed.len(), 1);
    let secrets = fixture.store.secrets();
    assert_eq!(secrets.get("ca-key").await.unwrap(), agreed.pop());
    secrets
        .replace("ca-key", b"new", &admin(), at(1))
        .await
        .unwrap();
    assert_eq!(secrets.get("ca-key").await.unwrap().unwrap(), b"new");
    assert_eq!(secrets.get("other").await.unwrap(), None);
}

async fn no_secret_is_in_the_audit_log(fixture: Connected) {
    let users = fixture.store.users();
    let bob = users.create(&user("bob"), &admin(), NOW).await.unwrap();
    users
        .set_password(&bob.id, "$argon2id$secret-hash-2", false, &admin(), at(1))
        .await
        .unwrap();
    fixture
        .store
        .secrets()
        .replace("ca-key", b"secret-key", &admin(), at(2))
        .await
        .unwrap();
    let log = fixture.store.audit_log();
    let page = log
        .list(&AuditFilter::default(), &PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(page.items.len(), 3);
    let text = format!("{:?}", page.items);
    assert!(
        !text.contains("secret-hash") && !text.contains("secret-key"),
        "{text}"
    );
    assert!(!format!("{bob:?}").contains("argon2id"));
}
