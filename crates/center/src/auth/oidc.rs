//! OpenID Connect: the authorisation code flow with PKCE.
//!
//! Does: find out a provider's addresses and keys, send a browser there, and check what comes back: state, nonce, code
//! verifier, issuer, audience, times, signature, the access token's hash.
//! Never: takes a signature of a shared key or none at all, follows a provider's redirects, or decides who may do what.

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreIdToken,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreTokenResponse,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    ConfigurationError, CsrfToken, DiscoveryError, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardErrorResponse,
    TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// Time for an answer of the provider.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer: a provider that was taken over can't fill memory.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Signatures that are taken: those that a key of the provider alone can make. Source: RFC 8725, section 3.1.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why the provider was not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The connection, or the answer's form.
    #[error("the provider can't be asked")]
    Http(#[from] reqwest::Error),
    /// The answer is too long.
    #[error("the provider's answer has more than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    /// The answer can't be told.
    #[error("the provider's answer is none of HTTP")]
    Answer(#[from] axum::http::Error),
}

/// Why a log-in at a provider failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// An address in the settings.
    #[error("the address can't be used")]
    Address(#[from] openidconnect::url::ParseError),
    /// The certificates in the settings, or those of the machine.
    #[error("the provider's certificates can't be used")]
    Certificates(#[source] reqwest::Error),
    /// What the provider says of itself.
    #[error("the provider can't be discovered")]
    Discovery(#[from] DiscoveryError<FetchError>),
    /// The provider has no address for codes.
    #[error("the provider has no token endpoint")]
    Configuration(#[from] ConfigurationError),
    /// The code was not taken.
    #[error("the provider did not take the code")]
    Exchange(#[from] RequestTokenError<FetchError, StandardErrorResponse<CoreErrorResponseType>>),
    /// The answer names nobody.
    #[error("the provider sent no ID token")]
    NoIdToken,
    /// The ID token is not what it should be.
    #[error("the ID token is not valid")]
    Claims(#[from] ClaimsVerificationError),
    /// The ID token's algorithm or key can't be used for the access token's hash.
    #[error("the ID token's signature can't be used")]
    Signature(#[from] openidconnect::SignatureVerificationError),
    /// The access token's hash can't be made.
    #[error("the access token's hash can't be made")]
    Hash(#[from] openidconnect::SigningError),
    /// The access token is another than the ID token speaks of.
    #[error("the access token is not that of the ID token")]
    ForeignAccessToken,
    /// The details of the user can't be had.
    #[error("the provider's user information can't be read")]
    UserInfo(#[from] FetchError),
}

/// Where and as whom a log-in happens.
#[derive(Debug, Clone)]
pub(crate) struct Relying {
    /// The provider's issuer.
    pub(crate) issuer: String,
    /// Name of the center at the provider.
    pub(crate) client_id: String,
    /// Secret of the center at the provider; `None` for a public client.
    pub(crate) client_secret: Option<String>,
    /// Scopes besides `openid`.
    pub(crate) scopes: Vec<String>,
    /// Certificates to trust in place of the machine's, in PEM; may be empty.
    pub(crate) ca_pem: String,
    /// Where the provider sends browsers back to.
    pub(crate) redirect: String,
}

/// What has to be known again when the browser comes back. The browser carries it, sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// Ties the answer to this browser.
    pub(crate) state: String,
    /// Ties the ID token to this log-in.
    pub(crate) nonce: String,
    /// Shows that who has the code asked for it.
    pub(crate) verifier: String,
}

/// Whom a provider vouches for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vouched {
    /// What the provider calls them, for ever.
    pub(crate) subject: String,
    /// What it says of them.
    pub(crate) claims: Map<String, Value>,
}

/// A provider, found.
#[derive(Debug)]
pub(crate) struct Provider {
    relying: Relying,
    metadata: CoreProviderMetadata,
    http: reqwest::Client,
}

impl Provider {
    /// Asks a provider for its addresses and keys.
    ///
    /// # Errors
    /// [`OidcError`]
    pub(crate) async fn discover(relying: Relying) -> Result<Provider, OidcError> {
        let http = http_client(&relying.ca_pem).map_err(OidcError::Certificates)?;
        let issuer = IssuerUrl::new(relying.issuer.clone())?;
        let fetch = |request: HttpRequest| fetch(http.clone(), request);
        let metadata = CoreProviderMetadata::discover_async(issuer, &fetch).await?;
        Ok(Provider {
            relying,
            metadata,
            http,
        })
    }

    fn client(&self) -> Result<Client, OidcError> {
        let secret = self.relying.client_secret.clone().map(ClientSecret::new);
        let redirect = RedirectUrl::new(self.relying.redirect.clone())?;
        let id = ClientId::new(self.relying.client_id.clone());
        let client = CoreClient::from_provider_metadata(self.metadata.clone(), id, secret);
        Ok(client.set_redirect_uri(redirect))
    }

    /// The address that a browser is sent to, and what to remember meanwhile.
    ///
    /// # Errors
    /// [`OidcError::Address`]
    pub(crate) fn begin(&self) -> Result<(String, Pending), OidcError> {
        let client = self.client()?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        for scope in &self.relying.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.url();
        let pending = Pending {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        };
        Ok((url.into(), pending))
    }

    /// Turns a code into whom the provider vouches for.
    ///
    /// # Errors
    /// [`OidcError`] if anything about the answer is not as it should be.
    pub(crate) async fn finish(
        &self,
        code: String,
        pending: Pending,
        wanted: &[&str],
    ) -> Result<Vouched, OidcError> {
        let client = self.client()?;
        let fetch = |request: HttpRequest| fetch(self.http.clone(), request);
        let tokens: CoreTokenResponse = client
            .exchange_code(AuthorizationCode::new(code))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier))
            .request_async(&fetch)
            .await?;
        let id_token: &CoreIdToken = tokens.id_token().ok_or(OidcError::NoIdToken)?;
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
        let claims = id_token.claims(&verifier, &Nonce::new(pending.nonce))?;
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, key) = (id_token.signing_alg()?, id_token.signing_key(&verifier)?);
            let found = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)?;
            if found != *expected {
                return Err(OidcError::ForeignAccessToken);
            }
        }
        let subject = claims.subject().to_string();
        let mut said = payload(&id_token.to_string());
        if wanted.iter().any(|name| !said.contains_key(*name)) {
            let more = self.user_info(tokens.access_token().secret()).await?;
            // Source: OpenID Connect Core 1.0, section 5.3.2: it counts only for the same subject.
            if more.get("sub").and_then(Value::as_str) == Some(subject.as_str()) {
                for (name, value) in more {
                    said.entry(name).or_insert(value);
                }
            }
        }
        Ok(Vouched {
            subject,
            claims: said,
        })
    }

    /// What the provider says of the user beyond the ID token; nothing if it has no address for that.
    async fn user_info(&self, access_token: &str) -> Result<Map<String, Value>, FetchError> {
        let Some(address) = self.metadata.userinfo_endpoint() else {
            return Ok(Map::new());
        };
        let request = self.http.get(address.url().as_str());
        let request = request.bearer_auth(access_token).build()?;
        let body = bounded(self.http.execute(request).await?.error_for_status()?).await?;
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }
}

/// The claims of an ID token whose signature was checked.
fn payload(id_token: &str) -> Map<String, Value> {
    use base64::Engine as _;
    let part = id_token.split('.').nth(1).unwrap_or_default();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    serde_json::from_slice(&bytes.unwrap_or_default()).unwrap_or_default()
}

fn http_client(ca_pem: &str) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .timeout(ANSWER_MAX)
        .redirect(reqwest::redirect::Policy::none());
    match ca_pem.is_empty() {
        true => builder.build(),
        false => {
            let certificates = reqwest::Certificate::from_pem_bundle(ca_pem.as_bytes())?;
            builder.tls_certs_only(certificates).build()
        }
    }
}

async fn fetch(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, FetchError> {
    let answer = http.execute(request.try_into()?).await?;
    let mut response = axum::http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    Ok(response.body(bounded(answer).await?)?)
}

async fn bounded(mut answer: reqwest::Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
