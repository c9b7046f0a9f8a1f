//! Names of images on disk, for lists of malicious ones: `index.json` of an OCI layout, `manifest.json` of a saved image.
//!
//! Source: OCI image-spec 1.1, image-layout.md and annotations.md; `docker save` of Docker 28.

use serde::Deserialize;
use std::collections::BTreeMap;
use yagura_event::{Finding, ScanEngine, escape};
use yagura_scan::ScanRules;

/// Bytes of such a file. Real ones have a few kilobytes.
pub(super) const INDEX_BYTES_MAX: u64 = 1 << 20;
/// Images of one such file that are looked up.
const IMAGES_MAX: usize = 1000;

/// Annotations that name an image.
const NAMES: [&str; 2] = [
    "io.containerd.image.name",
    "org.opencontainers.image.ref.name",
];

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Saved {
    #[serde(rename = "RepoTags")]
    tags: Option<Vec<String>>,
}

/// Whether a file of that name may say which images there are.
pub(super) fn is_index(name: &[u8]) -> bool {
    let base = name.rsplit(|byte| *byte == b'/').next();
    matches!(base, Some(b"index.json" | b"manifest.json"))
}

/// What lists say of the images that such a file names.
pub(super) fn findings(rules: &ScanRules, content: &[u8]) -> Vec<Finding> {
    images(content)
        .into_iter()
        .filter_map(|(name, digest)| {
            let threat = rules.image_threat(&name, digest.as_deref())?;
            let image = if name.is_empty() {
                digest.unwrap_or_default()
            } else {
                name
            };
            let mut reasons = vec![format!(
                "the image {} is listed as {}",
                escape(image.as_bytes()),
                escape(threat.entry.as_bytes()),
            )];
            if !threat.reason.is_empty() {
                reasons.push(threat.reason);
            }
            // As the sensor tells of a container with such an image.
            Some(Finding {
                key: "malware.malicious_program".to_owned(),
                family: "listed image".to_owned(),
                score: 100,
                engine: ScanEngine::Image,
                rule: threat.list,
                reasons,
                matches: Vec::new(),
            })
        })
        .collect()
}

/// Names, which may be empty, and digests of manifests.
fn images(content: &[u8]) -> Vec<(String, Option<String>)> {
    if let Ok(saved) = serde_json::from_slice::<Vec<Saved>>(content) {
        let tags = saved.into_iter().filter_map(|image| image.tags).flatten();
        return tags.take(IMAGES_MAX).map(|tag| (tag, None)).collect();
    }
    let Ok(index) = serde_json::from_slice::<Index>(content) else {
        return Vec::new();
    };
    let name = |descriptor: &Descriptor| {
        let found = NAMES
            .iter()
            .find_map(|name| descriptor.annotations.get(*name));
        found.cloned().unwrap_or_default()
    };
    let manifests = index.manifests.into_iter().take(IMAGES_MAX);
    manifests
        .map(|descriptor| (name(&descriptor), Some(descriptor.digest)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_digests_are_read() {
        let saved = br#"[{"Config":"x","RepoTags":["a:1","b"],"Layers":[]},{"RepoTags":null}]"#;
        assert_eq!(
            images(saved),
            [("a:1".to_owned(), None), ("b".to_owned(), None)]
        );
        let index = br#"{"schemaVersion":2,"manifests":[
            {"digest":"sha256:1","annotations":{"org.opencontainers.image.ref.name":"latest","io.containerd.image.name":"docker.io/x:latest"}},
            {"digest":"sha256:2"}]}"#;
        let digest = |number| Some(format!("sha256:{number}"));
        assert_eq!(
            images(index),
            [
                ("docker.io/x:latest".to_owned(), digest(1)),
                (String::new(), digest(2))
            ]
        );
    }

    #[test]
    fn other_files_name_none() {
        for content in [
            b"".as_slice(),
            b"{}",
            b"[1]",
            b"{\"manifests\":{}}",
            &[b'['; 100_000],
        ] {
            assert!(images(content).is_empty());
        }
        assert!(
            is_index(b"index.json") && is_index(b"/x/manifest.json") && !is_index(b"xindex.json")
        );
    }
}
