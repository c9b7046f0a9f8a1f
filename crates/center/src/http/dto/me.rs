//! What people keep for themselves: preferences and views.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A user's preferences, such as language, theme and columns of tables. The center keeps them and reads none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Preferences {
    /// Values by name: at most 100, names of 1 to 64 characters, values of at most 4,096.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

/// A view to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewDraft {
    /// Name, 1 to 128 characters.
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    /// Page that it is a view of, such as `alerts`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9-]+$")]
    pub page: String,
    /// The page's query, as in its address, at most 4,096 characters.
    #[schema(max_length = 4096)]
    pub query: String,
    /// Whether everybody sees it; otherwise its owner alone.
    #[serde(default)]
    pub shared: bool,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ViewBody {
    /// Id.
    pub id: String,
    /// For `If-Match`.
    pub etag: String,
    /// Name.
    pub name: String,
    /// Page that it is a view of.
    pub page: String,
    /// The page's query.
    pub query: String,
    /// Whether everybody sees it.
    pub shared: bool,
    /// Name of the owner, who alone changes it.
    pub owner: String,
    /// Whether the caller is the owner.
    pub own: bool,
}

/// Views.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ViewList {
    /// The caller's own and the shared ones, by name.
    pub items: Vec<ViewBody>,
}
