//! The drift policy over HTTP.

use super::dto::catalogue::CheckResult;
use super::dto::common::PageQuery;
use super::dto::policy::{
    DriftPolicyDraft, DriftPolicyVersion, PolicyDiffBody, PolicyRollback, PolicyVersionPage,
};
use super::dto::trial::{DriftSimulate, DriftTest, SimulationResult, TestResult};
use super::problem::Problem;
use super::reply::{Json, Tagged};
use super::request::{Body, IfMatch, Parameters, Path};
use super::routes::Routes;
use crate::app;
use crate::app::policy::kept;
use crate::auth::{Access, Caller, Permission};
use crate::start::Center;
use axum::extract::State;
use utoipa_axum::routes;
use yagura_policy::drift::DriftPolicy;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(get_drift_policy),
        )
        .add(
            Access::Needs(Permission::PoliciesWrite),
            routes!(save_drift_policy),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(check_drift_policy),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(diff_drift_policy),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(test_drift_policy),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(simulate_drift_policy),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(list_drift_policy_versions),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(get_drift_policy_version),
        )
        .add(
            Access::Needs(Permission::PoliciesWrite),
            routes!(rollback_drift_policy),
        )
}

/// Shows the drift policy in force.
#[utoipa::path(get, path = "/drift-policy", tag = "drift-policy", responses((status = 200, body = DriftPolicyVersion)))]
async fn get_drift_policy(
    State(center): State<Center>,
) -> Result<Tagged<DriftPolicyVersion>, Problem> {
    let (version, policy) = kept::current::<DriftPolicy>(&center).await?;
    Ok(Tagged(version.0, policy))
}

/// Saves a new version. With warnings that are not accepted it is refused.
#[utoipa::path(put, path = "/drift-policy", tag = "drift-policy", request_body = DriftPolicyDraft, params(("If-Match" = String, Header)), responses((status = 200, body = DriftPolicyVersion)))]
async fn save_drift_policy(
    State(center): State<Center>,
    caller: Caller,
    expected: IfMatch,
    Body(body): Body<DriftPolicyDraft>,
) -> Result<Tagged<DriftPolicyVersion>, Problem> {
    let (version, policy) = kept::save::<DriftPolicy>(&center, &caller, expected.0, &body).await?;
    Ok(Tagged(version.0, policy))
}

/// Says what is wrong or doubtful.
#[utoipa::path(post, path = "/drift-policy/check", tag = "drift-policy", request_body = DriftPolicyDraft, responses((status = 200, body = CheckResult)))]
async fn check_drift_policy(
    Body(body): Body<DriftPolicyDraft>,
) -> Result<Json<CheckResult>, Problem> {
    Ok(Json(kept::check::<DriftPolicy>(&body)?))
}

/// Compares with the policy in force.
#[utoipa::path(post, path = "/drift-policy/diff", tag = "drift-policy", request_body = DriftPolicyDraft, responses((status = 200, body = PolicyDiffBody)))]
async fn diff_drift_policy(
    State(center): State<Center>,
    Body(body): Body<DriftPolicyDraft>,
) -> Result<Json<PolicyDiffBody>, Problem> {
    kept::diff::<DriftPolicy>(&center, &body).await.map(Json)
}

/// Says which rule decides, and why.
#[utoipa::path(post, path = "/drift-policy/test", tag = "drift-policy", request_body = DriftTest, responses((status = 200, body = TestResult)))]
async fn test_drift_policy(
    State(center): State<Center>,
    Body(body): Body<DriftTest>,
) -> Result<Json<TestResult>, Problem> {
    app::drift_policy::test(&center, &body).await.map(Json)
}

/// Judges stored history anew: what would appear, what would vanish.
#[utoipa::path(post, path = "/drift-policy/simulate", tag = "drift-policy", request_body = DriftSimulate, responses((status = 200, body = SimulationResult)))]
async fn simulate_drift_policy(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<DriftSimulate>,
) -> Result<Json<SimulationResult>, Problem> {
    app::drift_policy::simulate(&center, &caller, &body)
        .await
        .map(Json)
}

/// Lists versions.
#[utoipa::path(get, path = "/drift-policy/versions", tag = "drift-policy", params(PageQuery), responses((status = 200, body = PolicyVersionPage)))]
async fn list_drift_policy_versions(
    State(center): State<Center>,
    Parameters(page): Parameters<PageQuery>,
) -> Result<Json<PolicyVersionPage>, Problem> {
    kept::versions::<DriftPolicy>(&center, &page)
        .await
        .map(Json)
}

/// Shows an earlier version.
#[utoipa::path(get, path = "/drift-policy/versions/{version}", tag = "drift-policy", params(("version" = u64, Path)), responses((status = 200, body = DriftPolicyVersion)))]
async fn get_drift_policy_version(
    State(center): State<Center>,
    Path(version): Path<u64>,
) -> Result<Json<DriftPolicyVersion>, Problem> {
    kept::version::<DriftPolicy>(&center, version)
        .await
        .map(Json)
}

/// Makes an earlier version the newest.
#[utoipa::path(post, path = "/drift-policy/rollback", tag = "drift-policy", request_body = PolicyRollback, params(("If-Match" = String, Header)), responses((status = 200, body = DriftPolicyVersion)))]
async fn rollback_drift_policy(
    State(center): State<Center>,
    caller: Caller,
    expected: IfMatch,
    Body(body): Body<PolicyRollback>,
) -> Result<Tagged<DriftPolicyVersion>, Problem> {
    let (version, policy) =
        kept::rollback::<DriftPolicy>(&center, &caller, expected.0, &body).await?;
    Ok(Tagged(version.0, policy))
}
