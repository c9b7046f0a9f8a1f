//! Nodes and what runs on them over HTTP.

use super::dto::common::PageQuery;
use super::dto::fleet::{
    CanaryPage, CloudAccountList, ClusterList, ContainerPage, ContainerQuery, GapPage, GapQuery,
    ImagePage, NodeBody, NodePage, NodeQuery, ProtectionLevelChange, RegionList,
};
use super::problem::Problem;
use super::reply::{Json, NoContent, Tagged};
use super::request::{Body, IfMatch, Parameters, Path};
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Caller, Permission};
use crate::start::Center;
use axum::extract::State;
use utoipa_axum::routes;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Access::Needs(Permission::FleetRead), routes!(list_regions))
        .add(Access::Needs(Permission::FleetRead), routes!(list_clusters))
        .add(
            Access::Needs(Permission::FleetRead),
            routes!(list_cloud_accounts),
        )
        .add(Access::Needs(Permission::FleetRead), routes!(list_nodes))
        .add(Access::Needs(Permission::FleetRead), routes!(get_node))
        .add(
            Access::Needs(Permission::FleetWrite),
            routes!(set_protection_level),
        )
        .add(Access::Needs(Permission::FleetWrite), routes!(remove_node))
        .add(
            Access::Needs(Permission::FleetRead),
            routes!(list_containers),
        )
        .add(Access::Needs(Permission::FleetRead), routes!(list_images))
        .add(Access::Needs(Permission::FleetRead), routes!(list_canaries))
        .add(
            Access::Needs(Permission::FleetRead),
            routes!(list_coverage_gaps),
        )
}

/// Lists regions.
#[utoipa::path(get, path = "/regions", tag = "fleet", responses((status = 200, body = RegionList)))]
async fn list_regions(
    State(center): State<Center>,
    caller: Caller,
) -> Result<Json<RegionList>, Problem> {
    app::fleet::regions(&center, &caller).await.map(Json)
}

/// Lists clusters.
#[utoipa::path(get, path = "/clusters", tag = "fleet", responses((status = 200, body = ClusterList)))]
async fn list_clusters(
    State(center): State<Center>,
    caller: Caller,
) -> Result<Json<ClusterList>, Problem> {
    app::fleet::clusters(&center, &caller).await.map(Json)
}

/// Lists cloud accounts in which nodes are.
#[utoipa::path(get, path = "/cloud-accounts", tag = "fleet", responses((status = 200, body = CloudAccountList)))]
async fn list_cloud_accounts(
    State(center): State<Center>,
    caller: Caller,
) -> Result<Json<CloudAccountList>, Problem> {
    app::fleet::cloud_accounts(&center, &caller).await.map(Json)
}

/// Lists nodes with their sensors.
#[utoipa::path(get, path = "/nodes", tag = "fleet", params(NodeQuery), responses((status = 200, body = NodePage)))]
async fn list_nodes(
    State(center): State<Center>,
    caller: Caller,
    Parameters(query): Parameters<NodeQuery>,
) -> Result<Json<NodePage>, Problem> {
    app::fleet::nodes(&center, &caller, &query).await.map(Json)
}

/// Tells of a node.
#[utoipa::path(get, path = "/nodes/{id}", tag = "fleet", params(("id" = String, Path)), responses((status = 200, body = NodeBody)))]
async fn get_node(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Tagged<NodeBody>, Problem> {
    let (version, node) = app::fleet::node(&center, &caller, &id).await?;
    Ok(Tagged(version.0, node))
}

/// Sets a node's protection level.
#[utoipa::path(put, path = "/nodes/{id}/protection-level", tag = "fleet", request_body = ProtectionLevelChange, params(("id" = String, Path), ("If-Match" = String, Header)), responses((status = 200, body = NodeBody)))]
async fn set_protection_level(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
    expected: IfMatch,
    Body(body): Body<ProtectionLevelChange>,
) -> Result<Tagged<NodeBody>, Problem> {
    let (version, node) =
        app::fleet::set_level(&center, &caller, &id, expected.0, body.level).await?;
    Ok(Tagged(version.0, node))
}

/// Revokes a node's certificates and forgets it.
#[utoipa::path(delete, path = "/nodes/{id}", tag = "fleet", params(("id" = String, Path)), responses((status = 204)))]
async fn remove_node(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<NoContent, Problem> {
    app::fleet::remove(&center, &caller, &id).await?;
    Ok(NoContent)
}

/// Lists containers.
#[utoipa::path(get, path = "/containers", tag = "fleet", params(ContainerQuery), responses((status = 200, body = ContainerPage)))]
async fn list_containers(
    State(center): State<Center>,
    caller: Caller,
    Parameters(query): Parameters<ContainerQuery>,
) -> Result<Json<ContainerPage>, Problem> {
    app::fleet::containers(&center, &caller, &query)
        .await
        .map(Json)
}

/// Lists images.
#[utoipa::path(get, path = "/images", tag = "fleet", params(PageQuery), responses((status = 200, body = ImagePage)))]
async fn list_images(
    State(center): State<Center>,
    caller: Caller,
    Parameters(page): Parameters<PageQuery>,
) -> Result<Json<ImagePage>, Problem> {
    app::fleet::images(&center, &caller, &page).await.map(Json)
}

/// Lists the newest result of the rehearsals on each node.
#[utoipa::path(get, path = "/canaries", tag = "fleet", params(PageQuery), responses((status = 200, body = CanaryPage)))]
async fn list_canaries(
    State(center): State<Center>,
    caller: Caller,
    Parameters(page): Parameters<PageQuery>,
) -> Result<Json<CanaryPage>, Problem> {
    app::fleet::canaries(&center, &caller, &page)
        .await
        .map(Json)
}

/// Lists times in which nodes saw less than they should.
#[utoipa::path(get, path = "/coverage-gaps", tag = "fleet", params(GapQuery), responses((status = 200, body = GapPage)))]
async fn list_coverage_gaps(
    State(center): State<Center>,
    caller: Caller,
    Parameters(query): Parameters<GapQuery>,
) -> Result<Json<GapPage>, Problem> {
    app::fleet::gaps(&center, &caller, &query).await.map(Json)
}
