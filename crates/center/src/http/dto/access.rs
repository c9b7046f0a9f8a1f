//! Sessions, users, tokens.

use super::common::AccessScope;
use super::words::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Name and password.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// Name of the user.
    #[schema(max_length = 128)]
    pub name: String,
    /// The password, or the one-time password.
    #[schema(max_length = 1024, format = Password)]
    pub password: String,
}

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionBody {
    /// The user.
    pub user: UserBody,
    /// What the user may do: names as in `Role.permissions`.
    pub permissions: Vec<String>,
    /// To be sent as `X-CSRF-Token` with everything that changes something. Empty for a caller with an API token.
    pub csrf_token: String,
    /// When the session ends.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Whether a password must be set before anything else is allowed.
    pub must_change_password: bool,
    /// Version of the center.
    pub center_version: String,
}

/// A new password.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password so far.
    #[schema(max_length = 1024, format = Password)]
    pub current: String,
    /// The new one, 12 to 1,024 characters.
    #[schema(min_length = 12, max_length = 1024, format = Password)]
    pub new: String,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserBody {
    /// Id.
    pub id: String,
    /// Name to log in with.
    pub name: String,
    /// `local`, or the identity provider that vouches for the user.
    pub provider: String,
    /// Role.
    pub role: Role,
    /// What the role is limited to.
    pub scope: AccessScope,
    /// Whether the user may log in.
    pub enabled: bool,
    /// Whether a password must be set at the next log-in.
    pub must_change_password: bool,
    /// Until when log-in is refused after wrong passwords.
    #[schema(format = DateTime)]
    pub locked_until: Option<String>,
    /// When the user was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When the user last logged in.
    #[schema(format = DateTime)]
    pub last_login_at: Option<String>,
}

/// Users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserList {
    /// The users, by name.
    pub items: Vec<UserBody>,
}

/// A user to be made.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserCreate {
    /// Name: 1 to 64 of letters, digits, `.`, `_`, `-`, `@`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._@-]+$")]
    pub name: String,
    /// Role.
    pub role: Role,
    /// What the role is limited to.
    #[serde(default)]
    pub scope: AccessScope,
}

/// A user that was made, or whose password was reset.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct UserSecret {
    /// The user.
    pub user: UserBody,
    /// The one-time password. It is not shown again.
    pub one_time_password: String,
}

/// What of a user changes. What is left out stays.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserUpdate {
    /// Role.
    pub role: Option<Role>,
    /// What the role is limited to.
    pub scope: Option<AccessScope>,
    /// Whether the user may log in.
    pub enabled: Option<bool>,
}

/// A role and what it allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleBody {
    /// The role.
    pub role: Role,
    /// What it allows, such as `alerts:handle`.
    pub permissions: Vec<String>,
}

/// Roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleList {
    /// The roles, the mightiest first.
    pub items: Vec<RoleBody>,
}

/// An API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenBody {
    /// Id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Name of the user who made it.
    pub owner: String,
    /// Role. Never more than its owner has.
    pub role: Role,
    /// What the role is limited to.
    pub scope: AccessScope,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// When it was last used.
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
}

/// API tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The tokens, the newest first.
    pub items: Vec<TokenBody>,
}

/// A token to be made.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenCreate {
    /// What it is for.
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    /// Role: at most the caller's.
    pub role: Role,
    /// What the role is limited to: at most as wide as the caller's.
    #[serde(default)]
    pub scope: AccessScope,
    /// Days until it ends, 1 to 365.
    #[schema(minimum = 1, maximum = 365)]
    pub days: u32,
}

/// A token that was made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenSecret {
    /// The token.
    pub token: TokenBody,
    /// To be sent as `Authorization: Bearer …`. It is not shown again.
    pub secret: String,
}

impl std::fmt::Debug for LogIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogIn(…)")
    }
}

impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordChange(…)")
    }
}

impl std::fmt::Debug for UserSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserSecret(…)")
    }
}

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSecret(…)")
    }
}
