//! What people keep for themselves.

use crate::support::Site;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn preferences_are_each_persons_own() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let rita = site
        .user(
            &admin,
            "rita",
            "security-reader",
            json!({ "clusters": ["a"] }),
        )
        .await;
    assert_eq!(rita.get("/me/preferences").await.1, json!({ "values": {} }));
    let dark = json!({ "values": { "theme": "dark", "language": "ja" } });
    assert_eq!(
        rita.put("/me/preferences", &dark).await,
        (200, dark.clone())
    );
    assert_eq!(rita.get("/me/preferences").await.1, dark);
    assert_eq!(
        admin.get("/me/preferences").await.1,
        json!({ "values": {} })
    );
    let long = json!({ "values": { "theme": "x".repeat(4097) } });
    assert_eq!(rita.put("/me/preferences", &long).await.0, 422);
    let unnamed = json!({ "values": { "": "x" } });
    assert_eq!(rita.put("/me/preferences", &unnamed).await.0, 422);
    assert_eq!(
        rita.get("/me/preferences").await.1,
        dark,
        "nothing was lost"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_changed_by_their_owner_and_seen_by_others_if_shared() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let rita = site
        .user(&admin, "rita", "security-reader", json!({}))
        .await;
    let view = |shared: bool| json!({ "name": "mine", "page": "alerts", "query": "status=unhandled", "shared": shared });
    let (status, made) = rita.post("/me/views", &view(false)).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("/me/views/{}", made["id"].as_str().unwrap());
    let none = json!({ "items": [] });
    assert_eq!(admin.get("/me/views").await.1, none, "it is hers");
    let first = |caller: &crate::support::Caller| caller.with("if-match", "\"1\"");
    assert_eq!(first(&admin).put(&path, &view(true)).await.0, 404);
    assert_eq!(admin.send("DELETE", &path, None).await.0, 404);
    assert_eq!(rita.put(&path, &view(true)).await.0, 428);
    assert_eq!(first(&rita).put(&path, &view(true)).await.0, 200);
    let (status, stale) = first(&rita).put(&path, &view(false)).await;
    assert_eq!((status, &stale["current"]["shared"]), (412, &json!(true)));
    let seen = admin.get("/me/views").await.1;
    assert_eq!(seen["items"][0]["owner"], "rita");
    assert_eq!(seen["items"][0]["own"], false);
    assert_eq!(
        first(&admin).put(&path, &view(true)).await.0,
        404,
        "seen, not theirs"
    );
    assert_eq!(rita.send("DELETE", &path, None).await.0, 204);
    assert_eq!(admin.get("/me/views").await.1, none);
    let page = json!({ "name": "x", "page": "../etc", "query": "" });
    assert_eq!(rita.post("/me/views", &page).await.0, 422);
}
