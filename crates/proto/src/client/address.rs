//! Where the center is.

use std::fmt;

/// The link's port if none is given.
const PORT: u16 = 7444;
/// Bytes of a host's name: DNS names have 253.
const HOST_BYTES_MAX: usize = 253;

/// Host and port of a center, or of what stands before several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CenterAddress {
    host: String,
    port: u16,
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the center's address is a host with or without port, such as center.example.com:7444 or https://10.0.0.7"
)]
pub struct InvalidAddress;

impl CenterAddress {
    /// An address of its parts.
    pub fn new(host: impl Into<String>, port: u16) -> CenterAddress {
        CenterAddress {
            host: host.into(),
            port,
        }
    }

    /// Reads `[https://]host[:port][/]`; an IPv6 address with a port stands in brackets.
    ///
    /// # Errors
    /// [`InvalidAddress`].
    pub fn parse(text: &str) -> Result<CenterAddress, InvalidAddress> {
        let text = text.trim();
        let text = text.strip_prefix("https://").unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or(InvalidAddress)?;
            let port = match rest {
                "" => None,
                rest => Some(rest.strip_prefix(':').ok_or(InvalidAddress)?),
            };
            (host, port)
        } else {
            match text.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (text, None),
            }
        };
        let is_host = !host.is_empty()
            && host.len() <= HOST_BYTES_MAX
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._:%".contains(c));
        let port = port
            .map_or(Ok(PORT), str::parse)
            .map_err(|_| InvalidAddress)?;
        match is_host && port != 0 {
            true => Ok(CenterAddress::new(host, port)),
            false => Err(InvalidAddress),
        }
    }

    /// Host and port, to connect to.
    pub(super) fn parts(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

impl fmt::Display for CenterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_may_have_a_port() {
        let parsed = |text| CenterAddress::parse(text).map(|address| address.to_string());
        for (text, shown) in [
            ("center", "center:7444"),
            ("https://center.example.com/", "center.example.com:7444"),
            ("10.0.0.7:99", "10.0.0.7:99"),
            ("[::1]:99", "[::1]:99"),
            ("[::1]", "[::1]:7444"),
            ("fe80::1", "[fe80::1]:7444"),
        ] {
            assert_eq!(parsed(text), Ok(shown.to_owned()), "{text}");
        }
        for wrong in [
            "",
            "http://x/y",
            "a b",
            ":1",
            "x:0",
            "x:99999",
            "[::1",
            "[::1]99",
            "https://",
        ] {
            assert_eq!(parsed(wrong), Err(InvalidAddress), "{wrong}");
        }
    }
}
