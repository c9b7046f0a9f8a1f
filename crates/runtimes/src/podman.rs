//! Podman's records on disk: it has no daemon, and its API socket is rarely served.

use crate::limits::{STORAGE_BYTES_MAX, bounded_string};
use crate::mountinfo::below;
use crate::proc::read_whole;
use crate::time::wall_time;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use yagura_event::{Container, Runtime};

/// Where root's containers are kept if nothing else says so.
const DEFAULT_CONTAINERS: [&str; 2] = [
    "/var/lib/containers/storage/overlay-containers",
    "/var/lib/containers/storage/vfs-containers",
];

/// One entry of `<driver>-containers/containers.json`.
///
/// Source: containers.go and images.go, containers/storage 1.43.
#[derive(Debug, Deserialize)]
struct StoredContainer {
    id: String,
    names: Option<Vec<String>>,
    image: Option<String>,
    metadata: Option<String>,
    created: Option<String>,
}

/// What Podman keeps in an entry's `metadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct StoredMetadata {
    name: String,
    image_name: String,
}

#[derive(Debug, Deserialize)]
struct StoredImage {
    id: String,
    digest: Option<String>,
}

/// Looks a container up in the storage that its bundle lies in, or in root's default storage.
pub(crate) fn read_record(host_root: &Path, bundle: Option<&Path>, id: &str) -> Option<Container> {
    let from_bundle = bundle.and_then(|bundle| containers_directory(bundle, id));
    from_bundle
        .into_iter()
        .chain(DEFAULT_CONTAINERS.map(PathBuf::from))
        .find_map(|directory| read_from(&below(host_root, &directory), id))
}

/// A bundle is `<storage>/<driver>-containers/<id>/userdata`.
fn containers_directory(bundle: &Path, id: &str) -> Option<PathBuf> {
    let own = bundle
        .ancestors()
        .find(|path| path.file_name().is_some_and(|name| name == id))?;
    own.parent().map(Path::to_owned)
}

fn read_from(directory: &Path, id: &str) -> Option<Container> {
    let bytes = read_whole(&directory.join("containers.json"), STORAGE_BYTES_MAX).ok()?;
    let (mut container, image) = parse_containers(&bytes, id)?;
    container.image_digest = image
        .and_then(|image| image_digest(directory, &image))
        .unwrap_or_default();
    Some(container)
}

/// The container and the id of its image.
fn parse_containers(bytes: &[u8], id: &str) -> Option<(Container, Option<String>)> {
    let stored: Vec<StoredContainer> = serde_json::from_slice(bytes).ok()?;
    let stored = stored.into_iter().find(|stored| stored.id == id)?;
    let metadata: StoredMetadata = stored
        .metadata
        .and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default();
    let name = stored.names.into_iter().flatten().next();
    let image = stored.image.filter(|image| !image.is_empty());
    let container = Container {
        name: bounded_string(&name.unwrap_or(metadata.name)),
        image: bounded_string(&metadata.image_name),
        // The same form as Podman's API gives.
        image_id: image
            .as_deref()
            .map(|image| bounded_string(&format!("sha256:{image}")))
            .unwrap_or_default(),
        runtime: Runtime::Podman,
        created: stored.created.as_deref().and_then(wall_time),
        ..Container::default()
    };
    Some((container, image))
}

/// `<driver>-images/images.json` stands beside `<driver>-containers`.
fn image_digest(containers: &Path, image: &str) -> Option<String> {
    let name = containers.file_name()?.to_str()?;
    let driver = name.strip_suffix("-containers")?;
    let path = containers
        .parent()?
        .join(format!("{driver}-images"))
        .join("images.json");
    let bytes = read_whole(&path, STORAGE_BYTES_MAX).ok()?;
    parse_images(&bytes, image)
}

fn parse_images(bytes: &[u8], id: &str) -> Option<String> {
    let images: Vec<StoredImage> = serde_json::from_slice(bytes).ok()?;
    let image = images.into_iter().find(|image| image.id == id)?;
    image.digest.as_deref().map(bounded_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::WallTime;

    const CONTAINERS: &str = r#"[{"id":"33ea","names":["web"],"image":"ed36","layer":"7e61",
        "metadata":"{\"image-name\":\"localhost/busy:1\",\"image-id\":\"ed36\",\"name\":\"web\",\"created-at\":1}",
        "created":"1970-01-01T00:00:04Z","flags":{"MountLabel":""}}]"#;
    const IMAGES: &str =
        r#"[{"id":"ed36","digest":"sha256:9e93","names":["localhost/busy:1"],"layer":"0d6c"}]"#;

    #[test]
    fn a_container_is_found_by_its_bundle_with_the_images_digest() {
        let dir = crate::test_dir::TestDir::new("podman");
        let bundle = dir.path().join("overlay-containers/33ea/userdata");
        std::fs::create_dir_all(&bundle).expect("bundle");
        std::fs::create_dir(dir.path().join("overlay-images")).expect("images");
        std::fs::write(
            dir.path().join("overlay-containers/containers.json"),
            CONTAINERS,
        )
        .expect("write");
        std::fs::write(dir.path().join("overlay-images/images.json"), IMAGES).expect("write");
        let session = bundle.join("5e55");
        for bundle in [&bundle, &session] {
            let container = read_record(Path::new("/"), Some(bundle), "33ea").expect("a container");
            assert_eq!(container.name, "web");
            assert_eq!(container.image, "localhost/busy:1");
            assert_eq!(container.image_id, "sha256:ed36");
            assert_eq!(container.image_digest, "sha256:9e93");
            assert_eq!(container.created, Some(WallTime(4_000_000_000)));
        }
        assert!(read_record(Path::new("/"), Some(&bundle), "44ea").is_none());
    }

    #[test]
    fn broken_records_are_none() {
        assert!(parse_containers(b"{", "x").is_none());
        assert!(parse_containers(br#"[{"id":"x","metadata":"{"}]"#, "x").is_some());
        assert!(parse_images(b"[]", "x").is_none());
    }
}
