//! What callers may do.

use crate::http::dto::words::Role;
use std::fmt;

/// Something that a role allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// See alerts, incidents, whitelist rules, the overview.
    AlertsRead,
    /// Handle alerts.
    AlertsHandle,
    /// Write whitelist rules.
    WhitelistWrite,
    /// See policies and try drafts.
    PoliciesRead,
    /// Save policies.
    PoliciesWrite,
    /// See the catalogue.
    CatalogueRead,
    /// Switch rules and write own ones.
    CatalogueWrite,
    /// See nodes and what runs on them.
    FleetRead,
    /// Enrol, remove, set protection levels.
    FleetWrite,
    /// Ask sensors to do something.
    CommandsSend,
    /// See the protection settings.
    SettingsRead,
    /// Change them.
    SettingsWrite,
    /// See outputs.
    OutputsRead,
    /// Write outputs.
    OutputsWrite,
    /// Manage users.
    UsersManage,
    /// Manage one's own API tokens.
    TokensManage,
    /// See the audit log.
    AuditRead,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Permission; 17] = [
        Permission::AlertsRead,
        Permission::AlertsHandle,
        Permission::WhitelistWrite,
        Permission::PoliciesRead,
        Permission::PoliciesWrite,
        Permission::CatalogueRead,
        Permission::CatalogueWrite,
        Permission::FleetRead,
        Permission::FleetWrite,
        Permission::CommandsSend,
        Permission::SettingsRead,
        Permission::SettingsWrite,
        Permission::OutputsRead,
        Permission::OutputsWrite,
        Permission::UsersManage,
        Permission::TokensManage,
        Permission::AuditRead,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::AlertsRead => "alerts:read",
            Permission::AlertsHandle => "alerts:handle",
            Permission::WhitelistWrite => "whitelist:write",
            Permission::PoliciesRead => "policies:read",
            Permission::PoliciesWrite => "policies:write",
            Permission::CatalogueRead => "catalogue:read",
            Permission::CatalogueWrite => "catalogue:write",
            Permission::FleetRead => "fleet:read",
            Permission::FleetWrite => "fleet:write",
            Permission::CommandsSend => "commands:send",
            Permission::SettingsRead => "settings:read",
            Permission::SettingsWrite => "settings:write",
            Permission::OutputsRead => "outputs:read",
            Permission::OutputsWrite => "outputs:write",
            Permission::UsersManage => "users:manage",
            Permission::TokensManage => "tokens:manage",
            Permission::AuditRead => "audit:read",
        }
    }

    /// Whether somebody may have it who is limited to clusters or namespaces: what it gives is then cut to these.
    /// What concerns the whole center is for those who are not limited.
    pub fn can_be_limited(self) -> bool {
        matches!(
            self,
            Permission::AlertsRead
                | Permission::AlertsHandle
                | Permission::PoliciesRead
                | Permission::CatalogueRead
                | Permission::FleetRead
                | Permission::CommandsSend
                | Permission::SettingsRead
                | Permission::TokensManage
        )
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Role {
    /// Whether the role allows it.
    pub fn allows(self, permission: Permission) -> bool {
        match self {
            Role::Admin => true,
            Role::Operator => {
                Role::Reader.allows(permission)
                    || matches!(
                        permission,
                        Permission::AlertsHandle
                            | Permission::WhitelistWrite
                            | Permission::CommandsSend
                    )
            }
            Role::Reader => matches!(
                permission,
                Permission::AlertsRead
                    | Permission::PoliciesRead
                    | Permission::CatalogueRead
                    | Permission::FleetRead
                    | Permission::SettingsRead
                    | Permission::OutputsRead
                    | Permission::TokensManage
            ),
        }
    }

    /// Whether it allows all that the other does.
    pub fn covers(self, other: Role) -> bool {
        Permission::ALL
            .into_iter()
            .all(|permission| self.allows(permission) || !other.allows(permission))
    }
}

/// What an endpoint asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// To be somebody, even somebody who has yet to set a password.
    LoggedIn,
    /// A permission.
    Needs(Permission),
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Access::Public => f.write_str("public"),
            Access::LoggedIn => f.write_str("logged-in"),
            Access::Needs(permission) => permission.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_a_ladder() {
        for (above, below) in [
            (Role::Admin, Role::Operator),
            (Role::Operator, Role::Reader),
        ] {
            assert!(above.covers(below));
            assert!(!below.covers(above));
        }
    }

    #[test]
    fn readers_change_nothing() {
        let changing = ["write", "handle", "send"];
        for permission in Permission::ALL {
            let name = permission.as_str();
            if changing.iter().any(|word| name.ends_with(word)) {
                assert!(!Role::Reader.allows(permission), "{name}");
            }
        }
    }
}
