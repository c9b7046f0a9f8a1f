//! The console: its files, and its page for every path that is nothing else.

use super::problem::Problem;
use super::request::header_text;
use super::root::CONTENT_SECURITY_POLICY;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{EmbeddedFile, RustEmbed};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

/// Bytes below which packing gains nothing.
const PACKED_BYTES_MIN: usize = 1024;
/// Stands in the console's page wherever the nonce of the answer belongs (`html.cspNonce` in console/vite.config.ts).
const NONCE_PLACE: &str = "YAGURA_CSP_NONCE";
/// Shown where the console was not built.
const NO_CONSOLE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Yagura</title>\
     <h1>Yagura</h1><p>This program was built without its console. The API is at \
     <a href=\"/api/v1/openapi.json\">/api/v1</a>.</p></html>";

/// The console's files.
#[derive(Debug, RustEmbed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Console;

/// The console: its files, and its page for every other path.
pub(super) async fn console(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") || path.starts_with("k8s/") {
        return Problem::not_found("endpoint").into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    if let Some(file) = Console::get(path).filter(|_| !path.is_empty()) {
        return asset(path, file, takes_gzip(&headers)).await;
    }
    if path.starts_with("assets/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    match Console::get("index.html") {
        Some(page) => (headers, with_nonce(&page.data)).into_response(),
        None => (headers, NO_CONSOLE).into_response(),
    }
}

/// A file of the console, packed where that is worth it and the client takes it.
async fn asset(path: &str, file: EmbeddedFile, gzip: bool) -> Response {
    // Built files carry a digest in their names.
    let cache = match path.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let kind = kind_of(path);
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, cache),
        (header::VARY, "accept-encoding"),
    ];
    let worth = packs_well(kind) && file.data.len() >= PACKED_BYTES_MIN;
    if gzip
        && worth
        && let Some(packed) = packed(file.clone()).await
    {
        return (headers, [(header::CONTENT_ENCODING, "gzip")], packed).into_response();
    }
    (headers, file.data.into_owned()).into_response()
}

/// Whether the client takes gzip: it names it, and not with a weight of zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = header_text(headers, header::ACCEPT_ENCODING).unwrap_or_default();
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn packs_well(kind: &str) -> bool {
    kind.starts_with("text/") || kind.starts_with("application/") || kind == "image/svg+xml"
}

/// The file packed. Each is packed once; there are no more of them than were built in.
async fn packed(file: EmbeddedFile) -> Option<Bytes> {
    static PACKED: Mutex<BTreeMap<[u8; 32], Bytes>> = Mutex::new(BTreeMap::new());
    let digest = file.metadata.sha256_hash();
    let kept = || PACKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept().get(&digest) {
        return Some(known.clone());
    }
    // A megabyte takes some tens of milliseconds of processor time.
    let pack = move || {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&file.data)?;
        packer.finish()
    };
    let bytes = Bytes::from(tokio::task::spawn_blocking(pack).await.ok()?.ok()?);
    kept().insert(digest, bytes.clone());
    Some(bytes)
}

/// The page with a nonce of its own, which its policy names. Without randomness the page has none, and its widgets no styles.
fn with_nonce(page: &[u8]) -> Response {
    let page = String::from_utf8_lossy(page);
    let Ok(nonce) = crate::auth::new_id() else {
        return page.into_owned().into_response();
    };
    let allowed = format!("style-src 'self' 'nonce-{nonce}'");
    let policy = CONTENT_SECURITY_POLICY.replace("style-src 'self'", &allowed);
    let mut response = page.replace(NONCE_PLACE, &nonce).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_clients_that_take_it() {
        let takes = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            takes_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]))
        };
        assert!(takes("gzip, deflate, br"));
        assert!(takes("br;q=1.0, GZIP;q=0.5"));
        assert!(!takes("br, gzip;q=0"));
        assert!(!takes("identity"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn every_nonce_of_the_page_is_that_of_its_policy() {
        let page = with_nonce(b"<meta n=YAGURA_CSP_NONCE><style nonce=YAGURA_CSP_NONCE>");
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        let (_, nonce) = policy.split_once("'nonce-").unwrap();
        let (nonce, _) = nonce.split_once('\'').unwrap();
        assert_eq!(nonce.len(), 32, "128 bits");
        let other = with_nonce(b"YAGURA_CSP_NONCE");
        assert_ne!(
            page.headers()[header::CONTENT_SECURITY_POLICY],
            other.headers()[header::CONTENT_SECURITY_POLICY]
        );
    }
}
