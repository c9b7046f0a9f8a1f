//! How a sensor gets its certificates.

use super::LinkOptions;
use super::connect::{self, ConnectError};
use super::credentials::{Credentials, NewKey};
use crate::token::{EnrolmentToken, sha256};
use crate::{UnixMs, tls, wire};
use bytes::Bytes;
use tonic::transport::Channel;

/// Gets the first certificate. The center has to show the authority that the token names before it sees the secret.
/// [`super::Link::run`] does this by itself.
///
/// # Errors
/// [`ConnectError`].
pub async fn enrol(
    options: &LinkOptions,
    token: &EnrolmentToken,
) -> Result<Credentials, ConnectError> {
    let key = NewKey::for_enrolment(&options.state)?;
    let channel = connect::open(&options.center, tls::enrolment_config(token.authority())?).await?;
    let request = wire::EnrolRequest {
        token: Bytes::copy_from_slice(&token.secret()),
        signing_request: key.signing_request()?.into(),
        node: Some(options.node.clone()),
        version: options.version.clone(),
        time_ms: UnixMs::now().0,
    };
    let response = connect::answer(connect::calls(channel).enrol(request)).await?;
    let answer = response
        .credentials
        .ok_or(ConnectError::Malformed("credentials"))?;
    if sha256(&answer.authority) != token.authority() {
        return Err(ConnectError::Malformed("authority"));
    }
    let credentials = key.keep(&answer, &options.state)?;
    let skew_ms = UnixMs(response.time_ms).ahead_of(UnixMs::now());
    tracing::info!(sensor = %credentials.identity().id, center = %options.center, skew_ms, "enrolled");
    Ok(credentials)
}

/// Gets the next certificate and keeps it.
pub(super) async fn renew(
    options: &LinkOptions,
    credentials: &Credentials,
    channel: Channel,
) -> Result<(), ConnectError> {
    let key = NewKey::generate()?;
    let request = wire::RenewRequest {
        signing_request: key.signing_request()?.into(),
        time_ms: UnixMs::now().0,
    };
    let response = connect::answer(connect::calls(channel).renew(request)).await?;
    let answer = response
        .credentials
        .ok_or(ConnectError::Malformed("credentials"))?;
    if *answer.authority != *credentials.authority() {
        return Err(ConnectError::Malformed("authority"));
    }
    key.keep(&answer, &options.state)?;
    Ok(())
}
