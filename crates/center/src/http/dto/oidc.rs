//! Log-in at an identity provider.

use super::common::AccessScope;
use super::words::Role;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// By what means people log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogInMeans {
    /// Whether name and password are taken.
    pub password: bool,
    /// The identity provider, if there is one.
    pub oidc: Option<OidcMeans>,
}

/// Log-in at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OidcMeans {
    /// What the button says, such as `Example Corp`.
    pub label: String,
    /// Path that the browser goes to.
    pub path: String,
}

/// Where a log-in at the provider begins.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OidcBegin {
    /// Path of the console to return to; its first page if left out.
    pub return_to: Option<String>,
}

/// What the provider says when it sends the browser back. Providers add more, which is passed over.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OidcAnswer {
    /// The code, if the log-in succeeded.
    pub code: Option<String>,
    /// What the center gave along.
    pub state: Option<String>,
    /// Why the log-in did not succeed.
    pub error: Option<String>,
    /// The provider that answers (RFC 9207).
    pub iss: Option<String>,
}

/// Who gets which role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcRole {
    /// Value of the claim, such as the name of a group.
    #[schema(min_length = 1, max_length = 256)]
    pub value: String,
    /// The role.
    pub role: Role,
    /// What the role is limited to.
    #[serde(default)]
    pub scope: AccessScope,
}

/// An identity provider to log in at.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcDraft {
    /// Whether people may log in there.
    pub enabled: bool,
    /// What the button says, 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub label: String,
    /// The issuer: an https address; http on loopback alone.
    #[schema(min_length = 1, max_length = 2048)]
    pub issuer: String,
    /// Name of the center at the provider.
    #[schema(min_length = 1, max_length = 256)]
    pub client_id: String,
    /// Secret of the center at the provider. Left out, it stays; empty, it is removed.
    #[serde(default, skip_serializing_if = "is_secret")]
    #[schema(max_length = 4096, format = Password, write_only)]
    pub client_secret: Option<String>,
    /// Scopes to ask for besides `openid`, at most 20.
    #[serde(default = "usual_scopes")]
    #[schema(max_items = 20)]
    pub scopes: Vec<String>,
    /// Claim that names people; where it is missing, `email`, then `sub`.
    #[serde(default = "usual_name_claim")]
    #[schema(min_length = 1, max_length = 256)]
    pub name_claim: String,
    /// Claim that roles follow from: a word or a list of words.
    #[serde(default = "usual_roles_claim")]
    #[schema(min_length = 1, max_length = 256)]
    pub roles_claim: String,
    /// Roles by value of that claim, at most 100: the first that fits counts.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub roles: Vec<OidcRole>,
    /// Role of those whom no entry fits; null: they are refused.
    #[serde(default)]
    pub default_role: Option<Role>,
    /// Certificates to trust in place of the machine's, in PEM; may be empty.
    #[serde(default)]
    #[schema(max_length = 65536)]
    pub ca_pem: String,
}

/// What is taken and never shown, nor stored beside the rest. `skip_serializing` would keep it out of the API's document.
fn is_secret(_: &Option<String>) -> bool {
    true
}

fn usual_scopes() -> Vec<String> {
    vec!["profile".to_owned(), "email".to_owned()]
}

fn usual_name_claim() -> String {
    "preferred_username".to_owned()
}

fn usual_roles_claim() -> String {
    "groups".to_owned()
}

/// The secret is not shown.
impl std::fmt::Debug for OidcDraft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcDraft")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// The identity provider that people log in at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OidcBody {
    /// For `If-Match`.
    pub etag: String,
    /// The settings; null if there are none.
    pub settings: Option<OidcDraft>,
    /// Whether there is a secret.
    pub has_client_secret: bool,
    /// Address that has to be registered at the provider.
    pub redirect_uri: String,
}
