//! The detection catalogue over HTTP.

use super::dto::catalogue::{
    CatalogueBody, CheckResult, DetectionRuleBody, RuleFieldList, RuleSwitch, RulesText,
    UserRulesBody,
};
use super::problem::Problem;
use super::reply::{Json, Tagged};
use super::request::{Body, IfMatch, Path};
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Caller, Permission};
use crate::start::Center;
use axum::extract::State;
use utoipa_axum::routes;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(
            Access::Needs(Permission::CatalogueRead),
            routes!(get_catalogue),
        )
        .add(
            Access::Needs(Permission::CatalogueWrite),
            routes!(switch_rule),
        )
        .add(
            Access::Needs(Permission::CatalogueRead),
            routes!(get_user_rules),
        )
        .add(
            Access::Needs(Permission::CatalogueWrite),
            routes!(save_user_rules),
        )
        .add(
            Access::Needs(Permission::CatalogueRead),
            routes!(check_user_rules),
        )
        .add(
            Access::Needs(Permission::CatalogueRead),
            routes!(list_rule_fields),
        )
}

/// Lists what can be detected, by which rules, and what was.
#[utoipa::path(get, path = "/catalogue", tag = "catalogue", responses((status = 200, body = CatalogueBody)))]
async fn get_catalogue(State(center): State<Center>) -> Result<Json<CatalogueBody>, Problem> {
    app::catalogue::catalogue(&center).await.map(Json)
}

/// Switches a rule on or off.
#[utoipa::path(put, path = "/catalogue/rules/{name}/switch", tag = "catalogue", request_body = RuleSwitch, params(("name" = String, Path)), responses((status = 200, body = DetectionRuleBody)))]
async fn switch_rule(
    State(center): State<Center>,
    caller: Caller,
    Path(name): Path<String>,
    Body(body): Body<RuleSwitch>,
) -> Result<Json<DetectionRuleBody>, Problem> {
    app::catalogue::switch(&center, &caller, &name, &body)
        .await
        .map(Json)
}

/// Shows the user's rules.
#[utoipa::path(get, path = "/catalogue/user-rules", tag = "catalogue", responses((status = 200, body = UserRulesBody)))]
async fn get_user_rules(State(center): State<Center>) -> Result<Tagged<UserRulesBody>, Problem> {
    let (version, rules) = app::catalogue::user_rules(&center).await?;
    Ok(Tagged(version.0, rules))
}

/// Saves the user's rules; refuses them if they have errors.
#[utoipa::path(put, path = "/catalogue/user-rules", tag = "catalogue", request_body = RulesText, params(("If-Match" = String, Header)), responses((status = 200, body = UserRulesBody)))]
async fn save_user_rules(
    State(center): State<Center>,
    caller: Caller,
    expected: IfMatch,
    Body(body): Body<RulesText>,
) -> Result<Tagged<UserRulesBody>, Problem> {
    let (version, rules) =
        app::catalogue::save_user_rules(&center, &caller, expected.0, body).await?;
    Ok(Tagged(version.0, rules))
}

/// Says what is wrong with rules.
#[utoipa::path(post, path = "/catalogue/user-rules/check", tag = "catalogue", request_body = RulesText, responses((status = 200, body = CheckResult)))]
async fn check_user_rules(Body(body): Body<RulesText>) -> Result<Json<CheckResult>, Problem> {
    app::catalogue::check_user_rules(&body).await.map(Json)
}

/// Lists the fields that conditions can test.
#[utoipa::path(get, path = "/catalogue/fields", tag = "catalogue", responses((status = 200, body = RuleFieldList)))]
async fn list_rule_fields() -> Result<Json<RuleFieldList>, Problem> {
    Ok(Json(app::catalogue::fields()))
}
