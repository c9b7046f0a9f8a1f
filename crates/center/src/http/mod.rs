//! HTTP: shapes, routes, and what stands in front of them.
//!
//! Reading order: [`routes`](self) declares endpoints with what they ask of their callers, `guard` is what every request
//! to one passes, then one module for each noun.

pub mod dto;

mod alerts;
mod audit_log;
mod catalogue;
mod commands;
mod console;
mod defence_rules;
mod drift_policy;
mod enrolment;
mod events;
mod fleet;
mod guard;
mod incidents;
mod k8s_audit;
mod me;
mod oidc;
mod outputs;
mod overview;
mod problem;
mod protection;
mod reply;
mod request;
mod root;
mod routes;
mod session;
mod tokens;
mod users;
mod whitelist;

pub use problem::Problem;
pub(crate) use reply::etag;
use request::BODY_BYTES_MAX;
pub(crate) use request::page;
pub use routes::Endpoint;

use crate::start::Center;
use axum::Router;
use routes::Routes;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Ref, RefOr, ResponseBuilder, content::ContentBuilder};

/// What an ETag of this API looks like: a number that fits what stores count with.
const ETAG_PATTERN: &str = "^\"[0-9]{1,18}\"$";

/// The document without its paths.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(
    info(
        title = "Yagura center",
        description = "Policies, alerts, fleet and access of a Yagura center. Callers log in for a session cookie, or send an API token as `Authorization: Bearer`. What changes something in a session carries the header `X-CSRF-Token`. `x-access` of each operation says which permission it asks for.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(dto::common::ProblemBody))
)]
struct Document;

/// The routes of the API, its document, and what each endpoint asks of its caller.
pub(crate) fn api() -> (Router<Center>, OpenApi, Vec<Endpoint>) {
    let routes = Routes::new(Document::openapi());
    let declared = [
        session::routes,
        oidc::routes,
        users::routes,
        tokens::routes,
        me::routes,
        alerts::routes,
        whitelist::routes,
        incidents::routes,
        overview::routes,
        catalogue::routes,
        drift_policy::routes,
        defence_rules::routes,
        protection::routes,
        fleet::routes,
        enrolment::routes,
        commands::routes,
        outputs::routes,
        audit_log::routes,
        events::routes,
        k8s_audit::routes,
    ];
    let routes = declared
        .into_iter()
        .fold(routes, |routes, declare| declare(routes));
    let (router, mut document, endpoints) = routes.finish();
    complete(&mut document);
    (router, document, endpoints)
}

/// All that the center answers.
pub(crate) fn router(center: &Center) -> Router {
    let (api, document, _) = api();
    let document = document.to_json().unwrap_or_default();
    let limit = axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX);
    api.layer(limit)
        .merge(root::routes(document))
        .layer(axum::middleware::from_fn(root::harden))
        .with_state(center.clone())
}

/// Adds what holds for every operation: how callers show who they are, and what problems look like.
fn complete(document: &mut OpenApi) {
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("yagura_session"))),
    );
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    let problem = ResponseBuilder::new()
        .description("What went wrong")
        .content(
            "application/problem+json",
            ContentBuilder::new()
                .schema(Some(RefOr::Ref(Ref::from_schema_name("ProblemBody"))))
                .build(),
        )
        .build();
    for item in document.paths.paths.values_mut() {
        for (_, operation) in routes::operations(item) {
            describe_versions(operation);
            operation
                .responses
                .responses
                .insert("default".to_owned(), RefOr::T(problem.clone()));
            let public = operation
                .extensions
                .as_ref()
                .and_then(|extensions| extensions.get("x-access"))
                .is_some_and(|access| access == "public");
            if !public {
                operation.security = Some(vec![
                    utoipa::openapi::security::SecurityRequirement::new::<_, _, String>(
                        "session",
                        [],
                    ),
                    utoipa::openapi::security::SecurityRequirement::new::<_, _, String>(
                        "token",
                        [],
                    ),
                ]);
            }
        }
    }
}

/// Says what a version looks like that a caller shows.
fn describe_versions(operation: &mut Operation) {
    let parameters = operation.parameters.iter_mut().flatten();
    for parameter in parameters.filter(|parameter| parameter.name == "If-Match") {
        let tag = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(ETAG_PATTERN));
        parameter.description = Some("The ETag that was read.".to_owned());
        parameter.schema = Some(RefOr::T(Schema::Object(tag.build())));
    }
}
