//! Routes, each with what it asks of its caller: there is no way to declare one without.

use super::guard;
use crate::auth::Access;
use crate::start::Center;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::{OpenApi, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// Where the API begins.
pub(crate) const API: &str = "/api/v1";

/// An endpoint and what it asks of its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Method, in capitals.
    pub method: &'static str,
    /// Path with its parameters in braces.
    pub path: String,
    /// What it asks of its caller.
    pub access: Access,
}

/// Routes that are gathered.
#[derive(Default)]
pub(super) struct Routes {
    router: OpenApiRouter<Center>,
    endpoints: Vec<Endpoint>,
}

impl Routes {
    /// Starts a document.
    pub(super) fn new(document: OpenApi) -> Routes {
        Routes {
            router: OpenApiRouter::with_openapi(document),
            endpoints: Vec::new(),
        }
    }

    /// Adds routes of one path that ask the same of their callers.
    #[must_use]
    pub(super) fn add(mut self, access: Access, routes: UtoipaMethodRouter<Center>) -> Routes {
        let (schemas, mut paths, handlers) = routes;
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                operation.extensions = Some(
                    ExtensionsBuilder::new()
                        .add("x-access", access.to_string())
                        .build(),
                );
                self.endpoints.push(Endpoint {
                    method,
                    path: format!("{API}{path}"),
                    access,
                });
            }
        }
        let guarded = handlers.layer(from_fn(move |request: Request, next: Next| {
            guard::admit(access, request, next)
        }));
        self.router = self.router.routes((schemas, paths, guarded));
        self
    }

    /// The router, the document and the list of endpoints.
    pub(super) fn finish(self) -> (Router<Center>, OpenApi, Vec<Endpoint>) {
        let (router, document) = OpenApiRouter::new()
            .nest(API, self.router)
            .split_for_parts();
        (router, document, self.endpoints)
    }
}

/// The operations of a path.
pub(super) fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut utoipa::openapi::path::Operation)> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    [
        ("GET", get),
        ("PUT", put),
        ("POST", post),
        ("DELETE", delete),
        ("PATCH", patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}
