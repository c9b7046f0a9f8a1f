//! Who a caller is, and what callers may do.
//!
//! Reading order: [`Permission`] and roles, [`Caller`] (how a request shows whose it is), `password`, `oidc` (log-in
//! at a provider), `seal`, `secret`, `throttle`.

mod caller;
mod oidc;
mod password;
mod permission;
mod seal;
mod secret;
mod throttle;

pub(crate) use caller::{Caller, Credential};
pub(crate) use caller::{
    LOG_IN_LASTS, Rights, SESSION_IDLE, authenticate, cookie, csrf_of, log_in_cookie,
    pending_log_in,
};
pub(crate) use oidc::{Pending, Provider, Relying, Vouched};
pub(crate) use password::{hash_password, verify_password};
pub use permission::{Access, Permission};
pub(crate) use seal::Seal;
pub(crate) use secret::{SecretKind, hex, new_id, new_secret, same};
pub(crate) use throttle::Throttle;
