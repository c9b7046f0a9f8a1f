//! `yagura schema`.

use super::yagura;

#[test]
fn the_schema_of_alerts_is_one() {
    let schema = yagura(&["schema", "alert"]).expect(0).json();
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let required = schema["required"].as_array().unwrap();
    for field in [
        "id",
        "time",
        "rule",
        "key",
        "category",
        "severity",
        "status",
        "title",
        "explanation",
        "action",
        "node",
        "cluster",
        "container",
        "pod",
        "process",
        "drift",
        "policy",
    ] {
        assert!(required.iter().any(|name| name == field), "{field}");
        let described = &schema["properties"][field];
        assert!(described["description"].is_string(), "{field}: {described}");
    }
}
