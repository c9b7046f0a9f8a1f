//! Containers and images that sensors saw.

use crate::db::{Db, Row, values};
use crate::filter::{Conditions, Scope};
use crate::limits::{BATCH_ITEMS_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX};
use crate::text::{check, check_count, checked_json, cut};
use crate::{Cursor, Page, PageRequest, StoreError};
use serde_json::Value;
use yagura_event::WallTime;

/// Names of the lists in cursors.
const CONTAINERS: &str = "containers";
const IMAGES: &str = "images";

/// Stands between a node's id and a container's in a cursor.
const SEPARATOR: char = '\u{1e}';

/// The inventory of a store.
#[derive(Debug, Clone, Copy)]
pub struct Inventory<'a> {
    pub(crate) db: &'a Db,
}

/// What a sensor says of a container. Names are cut at [`NAME_BYTES_MAX`].
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerReport {
    /// Identity of the node.
    pub node: String,
    /// Id of the container.
    pub id: String,
    /// Name.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Digest of the image; its id where there is no digest; empty if neither is known.
    pub image_digest: String,
    /// Namespace.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Cluster.
    pub cluster: String,
    /// Whether it runs.
    pub running: bool,
    /// The rest, as JSON.
    pub document: Value,
}

/// A container.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// What its sensor said last.
    pub report: ContainerReport,
    /// When it was reported first.
    pub first_seen: WallTime,
    /// When it was reported last.
    pub last_seen: WallTime,
}

/// Which containers are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerFilter {
    /// Identities of nodes.
    pub nodes: Vec<String>,
    /// Clusters.
    pub clusters: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Digests of images.
    pub image_digests: Vec<String>,
    /// Part of the name, the pod's name or the image reference.
    pub text: String,
    /// Whether running.
    pub running: Option<bool>,
    /// What the one who asks may see.
    pub scope: Option<Scope>,
}

/// An image.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Its digest.
    pub digest: String,
    /// How a container's user named it, the last time.
    pub reference: String,
    /// When a container of it was reported first.
    pub first_seen: WallTime,
    /// When a container of it was reported last.
    pub last_seen: WallTime,
    /// How many containers of it are known.
    pub containers: i64,
    /// What was found out about it.
    pub document: Value,
}

impl Inventory<'_> {
    /// Takes over what sensors say.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`BATCH_ITEMS_MAX`].
    pub async fn report(
        &self,
        reports: &[ContainerReport],
        now: WallTime,
    ) -> Result<(), StoreError> {
        check_count("containers", reports.len(), BATCH_ITEMS_MAX)?;
        let mut sorted: Vec<&ContainerReport> = reports.iter().collect();
        sorted.sort_by(|a, b| {
            (&a.image_digest, &a.node, &a.id).cmp(&(&b.image_digest, &b.node, &b.id))
        });
        let mut tx = self.db.begin().await?;
        for report in &sorted {
            if !report.image_digest.is_empty() {
                let sql = "INSERT INTO images AS i (digest, reference, first_seen, last_seen, document) \
                           VALUES ($1, $2, $3, $3, '{}') ON CONFLICT (digest) DO UPDATE SET \
                           reference = excluded.reference, last_seen = excluded.last_seen";
                let digest = cut(&report.image_digest, NAME_BYTES_MAX);
                let values = values![digest, cut(&report.image, NAME_BYTES_MAX), now];
                tx.execute(sql, values).await?;
            }
            let sql = "INSERT INTO containers AS c (node, id, name, image, image_digest, namespace, pod, cluster, \
                       running, first_seen, last_seen, document) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11) ON CONFLICT (node, id) DO UPDATE \
                       SET name = excluded.name, image = excluded.image, image_digest = excluded.image_digest, \
                       namespace = excluded.namespace, pod = excluded.pod, cluster = excluded.cluster, \
                       running = excluded.running, last_seen = excluded.last_seen, document = excluded.document";
            tx.execute(sql, values_of(report, now)?).await?;
        }
        tx.commit().await
    }

    /// The container of that id on that node.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn container(&self, node: &str, id: &str) -> Result<Option<Container>, StoreError> {
        let sql = "SELECT * FROM containers WHERE node = $1 AND id = $2";
        let row = self.db.fetch_optional(sql, values![node, id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Containers, those first that were reported last.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn containers(
        &self,
        filter: &ContainerFilter,
        page: &PageRequest,
    ) -> Result<Page<Container>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        conditions.texts("node", &filter.nodes)?;
        conditions.texts("cluster", &filter.clusters)?;
        conditions.texts("namespace", &filter.namespaces)?;
        conditions.texts("image_digest", &filter.image_digests)?;
        conditions.contains(&["name", "pod", "image"], &filter.text)?;
        if let Some(running) = filter.running {
            conditions.push("running = ", running, "");
        }
        conditions.scope(filter.scope.as_ref(), "cluster", Some("namespace"))?;
        if let Some(cursor) = &page.after {
            let (time, place) = cursor.place(CONTAINERS)?;
            let (node, id) = place
                .split_once(SEPARATOR)
                .ok_or(StoreError::InvalidCursor)?;
            conditions.before_three(("last_seen", "node", "id"), (time, node, id));
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT * FROM containers{clause} ORDER BY last_seen DESC, node DESC, id DESC LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |container| {
            let place = format!(
                "{}{SEPARATOR}{}",
                container.report.node, container.report.id
            );
            Cursor::new(CONTAINERS, container.last_seen.0, &place)
        }))
    }

    /// The image of that digest.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn image(&self, digest: &str) -> Result<Option<Image>, StoreError> {
        let sql = format!("SELECT {IMAGE_COLUMNS} FROM images WHERE digest = $1");
        let row = self.db.fetch_optional(&sql, values![digest]).await?;
        row.as_ref().map(read_image).transpose()
    }

    /// Images whose reference contains a text, those first that were reported last.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn images(&self, text: &str, page: &PageRequest) -> Result<Page<Image>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        conditions.contains(&["reference"], text)?;
        if let Some(cursor) = &page.after {
            conditions.after(("last_seen", "digest"), false, cursor.place(IMAGES)?);
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT {IMAGE_COLUMNS} FROM images{clause} ORDER BY last_seen DESC, digest DESC LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows.iter().map(read_image).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |image| {
            Cursor::new(IMAGES, image.last_seen.0, &image.digest)
        }))
    }

    /// Notes what was found out about an image. Returns whether it is known.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]
    pub async fn set_image_document(
        &self,
        digest: &str,
        document: &Value,
    ) -> Result<bool, StoreError> {
        let document = checked_json("an image's document", document, VALUE_BYTES_MAX)?;
        let sql = "UPDATE images SET document = $2 WHERE digest = $1";
        let rows = self.db.execute(sql, values![digest, document]).await?;
        Ok(rows > 0)
    }
}

const IMAGE_COLUMNS: &str = "digest, reference, first_seen, last_seen, document, \
     (SELECT count(*) FROM containers WHERE containers.image_digest = images.digest) AS containers";

fn values_of(report: &ContainerReport, now: WallTime) -> Result<Vec<crate::db::Value>, StoreError> {
    check("a node's id", &report.node, NAME_BYTES_MAX)?;
    let name = |text: &str| cut(text, NAME_BYTES_MAX);
    Ok(values![
        &report.node,
        name(&report.id),
        name(&report.name),
        name(&report.image),
        name(&report.image_digest),
        name(&report.namespace),
        name(&report.pod),
        name(&report.cluster),
        report.running,
        now,
        checked_json("a container's document", &report.document, VALUE_BYTES_MAX)?,
    ])
}

fn read(row: &Row) -> Result<Container, StoreError> {
    Ok(Container {
        report: ContainerReport {
            node: row.get("node")?,
            id: row.get("id")?,
            name: row.get("name")?,
            image: row.get("image")?,
            image_digest: row.get("image_digest")?,
            namespace: row.get("namespace")?,
            pod: row.get("pod")?,
            cluster: row.get("cluster")?,
            running: row.get("running")?,
            document: row.json("document")?,
        },
        first_seen: row.time("first_seen")?,
        last_seen: row.time("last_seen")?,
    })
}

fn read_image(row: &Row) -> Result<Image, StoreError> {
    Ok(Image {
        digest: row.get("digest")?,
        reference: row.get("reference")?,
        first_seen: row.time("first_seen")?,
        last_seen: row.time("last_seen")?,
        containers: row.get("containers")?,
        document: row.json("document")?,
    })
}
