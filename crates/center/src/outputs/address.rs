//! Where an output may connect: whoever may change outputs chooses addresses that the center then talks to.
//!
//! Receivers stand in private networks, so those are allowed. What no receiver has is refused whatever name leads there:
//! link-local addresses, among them those at which clouds hand out credentials, and addresses of no single machine.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use tokio::net::{TcpStream, lookup_host};

/// AWS' metadata service over IPv6: not link-local there, and no receiver.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Whether nothing is ever sent to an address.
pub(super) fn is_forbidden(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6 == METADATA_V6
        }
    }
}

/// Looks `host:port` up.
///
/// # Errors
/// Those of looking up, and [`ErrorKind::PermissionDenied`] if nothing is left that may be connected to.
pub(super) async fn resolve(address: &str) -> Result<Vec<SocketAddr>, Error> {
    let found: Vec<SocketAddr> = lookup_host(address).await?.collect();
    allowed(found)
}

fn allowed(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Error> {
    let none_found = found.is_empty();
    let kept: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| !is_forbidden(address.ip()))
        .collect();
    match kept.is_empty() && !none_found {
        true => Err(Error::new(
            ErrorKind::PermissionDenied,
            "the name leads to a link-local, unspecified or multicast address, where outputs don't go",
        )),
        false => Ok(kept),
    }
}

/// Connects to `host:port`.
///
/// # Errors
/// Those of [`resolve`] and of connecting.
pub(super) async fn connect(address: &str) -> Result<TcpStream, Error> {
    let found = resolve(address).await?;
    TcpStream::connect(found.as_slice()).await
}

/// [`resolve`] for HTTP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0 stands for the scheme's own.
            let found: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            let addresses: Addrs = Box::new(allowed(found)?.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_are_out_of_reach_and_private_networks_are_not() {
        let forbidden = |text: &str| is_forbidden(text.parse().unwrap());
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(forbidden(address), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.0.0.5",
            "192.168.1.1",
            "fd00::1",
            "203.0.113.9",
        ] {
            assert!(!forbidden(address), "{address}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_forbidden_is_not_connected_to() {
        let error = connect("169.254.169.254:80").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
}
