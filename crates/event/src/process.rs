//! Facts of a process that can change while it lives.

use serde::{Deserialize, Serialize};

/// Who a process acts as, in the initial user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Credentials {
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Login user id; `u32::MAX` if nobody logged in.
    pub login_uid: u32,
    /// Effective capabilities, bit N is capability N (capabilities(7)).
    pub capabilities: u64,
}
