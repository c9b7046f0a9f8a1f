//! Defence rules over HTTP.

use super::dto::catalogue::CheckResult;
use super::dto::common::PageQuery;
use super::dto::policy::{
    BehaviourList, DefencePolicyDraft, DefencePolicyVersion, PolicyDiffBody, PolicyRollback,
    PolicyVersionPage,
};
use super::dto::trial::{DefenceSimulate, DefenceTest, SimulationResult, TestResult};
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
use yagura_policy::PolicySet;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(get_defence_rules),
        )
        .add(
            Access::Needs(Permission::PoliciesWrite),
            routes!(save_defence_rules),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(list_behaviours),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(check_defence_rules),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(diff_defence_rules),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(test_defence_rules),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(simulate_defence_rules),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(list_defence_rules_versions),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(get_defence_rules_version),
        )
        .add(
            Access::Needs(Permission::PoliciesWrite),
            routes!(rollback_defence_rules),
        )
}

/// Lists the behaviours that defence rules can name.
#[utoipa::path(get, path = "/defence-rules/behaviours", tag = "defence-rules", responses((status = 200, body = BehaviourList)))]
async fn list_behaviours() -> Result<Json<BehaviourList>, Problem> {
    Ok(Json(app::defence_rules::behaviours()))
}

/// Shows the defence rules in force.
#[utoipa::path(get, path = "/defence-rules", tag = "defence-rules", responses((status = 200, body = DefencePolicyVersion)))]
async fn get_defence_rules(
    State(center): State<Center>,
) -> Result<Tagged<DefencePolicyVersion>, Problem> {
    let (version, policy) = kept::current::<PolicySet>(&center).await?;
    Ok(Tagged(version.0, policy))
}

/// Saves a new version. With warnings that are not accepted it is refused.
#[utoipa::path(put, path = "/defence-rules", tag = "defence-rules", request_body = DefencePolicyDraft, params(("If-Match" = String, Header)), responses((status = 200, body = DefencePolicyVersion)))]
async fn save_defence_rules(
    State(center): State<Center>,
    caller: Caller,
    expected: IfMatch,
    Body(body): Body<DefencePolicyDraft>,
) -> Result<Tagged<DefencePolicyVersion>, Problem> {
    let (version, policy) = kept::save::<PolicySet>(&center, &caller, expected.0, &body).await?;
    Ok(Tagged(version.0, policy))
}

/// Says what is wrong or doubtful.
#[utoipa::path(post, path = "/defence-rules/check", tag = "defence-rules", request_body = DefencePolicyDraft, responses((status = 200, body = CheckResult)))]
async fn check_defence_rules(
    Body(body): Body<DefencePolicyDraft>,
) -> Result<Json<CheckResult>, Problem> {
    Ok(Json(kept::check::<PolicySet>(&body)?))
}

/// Compares with the rules in force.
#[utoipa::path(post, path = "/defence-rules/diff", tag = "defence-rules", request_body = DefencePolicyDraft, responses((status = 200, body = PolicyDiffBody)))]
async fn diff_defence_rules(
    State(center): State<Center>,
    Body(body): Body<DefencePolicyDraft>,
) -> Result<Json<PolicyDiffBody>, Problem> {
    kept::diff::<PolicySet>(&center, &body).await.map(Json)
}

/// Says which rule decides, and why.
#[utoipa::path(post, path = "/defence-rules/test", tag = "defence-rules", request_body = DefenceTest, responses((status = 200, body = TestResult)))]
async fn test_defence_rules(
    State(center): State<Center>,
    Body(body): Body<DefenceTest>,
) -> Result<Json<TestResult>, Problem> {
    app::defence_rules::test(&center, &body).await.map(Json)
}

/// Judges stored history anew.
#[utoipa::path(post, path = "/defence-rules/simulate", tag = "defence-rules", request_body = DefenceSimulate, responses((status = 200, body = SimulationResult)))]
async fn simulate_defence_rules(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<DefenceSimulate>,
) -> Result<Json<SimulationResult>, Problem> {
    app::defence_rules::simulate(&center, &caller, &body)
        .await
        .map(Json)
}

/// Lists versions.
#[utoipa::path(get, path = "/defence-rules/versions", tag = "defence-rules", params(PageQuery), responses((status = 200, body = PolicyVersionPage)))]
async fn list_defence_rules_versions(
    State(center): State<Center>,
    Parameters(page): Parameters<PageQuery>,
) -> Result<Json<PolicyVersionPage>, Problem> {
    kept::versions::<PolicySet>(&center, &page).await.map(Json)
}

/// Shows an earlier version.
#[utoipa::path(get, path = "/defence-rules/versions/{version}", tag = "defence-rules", params(("version" = u64, Path)), responses((status = 200, body = DefencePolicyVersion)))]
async fn get_defence_rules_version(
    State(center): State<Center>,
    Path(version): Path<u64>,
) -> Result<Json<DefencePolicyVersion>, Problem> {
    kept::version::<PolicySet>(&center, version).await.map(Json)
}

/// Makes an earlier version the newest.
#[utoipa::path(post, path = "/defence-rules/rollback", tag = "defence-rules", request_body = PolicyRollback, params(("If-Match" = String, Header)), responses((status = 200, body = DefencePolicyVersion)))]
async fn rollback_defence_rules(
    State(center): State<Center>,
    caller: Caller,
    expected: IfMatch,
    Body(body): Body<PolicyRollback>,
) -> Result<Tagged<DefencePolicyVersion>, Problem> {
    let (version, policy) =
        kept::rollback::<PolicySet>(&center, &caller, expected.0, &body).await?;
    Ok(Tagged(version.0, policy))
}
