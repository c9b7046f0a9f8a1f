//! Sets of addresses and networks.

use super::MatcherError;
use crate::hash::FixedSet;
use core::net::{IpAddr, Ipv6Addr};

/// Addresses and networks, IPv4 kept as IPv4-mapped IPv6 so that there is one kind of number.
#[derive(Debug, Default)]
pub(crate) struct AddressSet {
    /// Network addresses by the length of their prefix in bits of IPv6; single addresses have 128.
    networks: Vec<(u32, FixedSet<u128>)>,
}

/// Bits that an IPv4 prefix gains when it is mapped into IPv6.
const MAPPED_PREFIX_BITS: u32 = 96;

impl AddressSet {
    pub(crate) fn new(items: &[&str]) -> Result<AddressSet, MatcherError> {
        let mut set = AddressSet::default();
        for item in items {
            let (bits, address) =
                parse(item).ok_or_else(|| MatcherError::Address((*item).to_owned()))?;
            let network = address & mask(bits);
            match set.networks.iter_mut().find(|(length, _)| *length == bits) {
                Some((_, networks)) => {
                    networks.insert(network);
                }
                None => set.networks.push((bits, FixedSet::from_iter([network]))),
            }
        }
        Ok(set)
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = number(address);
        self.networks
            .iter()
            .any(|(bits, networks)| networks.contains(&(address & mask(*bits))))
    }
}

fn mask(bits: u32) -> u128 {
    u128::MAX.checked_shl(128 - bits).unwrap_or(0)
}

fn number(address: IpAddr) -> u128 {
    let mapped: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    mapped.to_bits()
}

/// The prefix length and address of `10.0.0.0/8`, `fe80::/10`, `10.0.0.0/255.0.0.0`, or a single address.
fn parse(item: &str) -> Option<(u32, u128)> {
    let (address, prefix) = match item.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (item, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let (bits_max, gained) = match address {
        IpAddr::V4(_) => (32, MAPPED_PREFIX_BITS),
        IpAddr::V6(_) => (128, 0),
    };
    let bits = match prefix {
        None => bits_max,
        Some(prefix) => match prefix.parse::<u32>() {
            Ok(bits) => bits,
            // A mask in dotted form; only one without holes.
            Err(_) => {
                let IpAddr::V4(mask) = prefix.parse().ok()? else {
                    return None;
                };
                let ones = mask.to_bits().leading_ones();
                (mask.to_bits().count_ones() == ones).then_some(ones)?
            }
        },
    };
    (bits <= bits_max).then_some((bits + gained, number(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_only() {
        let set = AddressSet::new(&[
            "10.0.0.0/8",
            "192.168.1.7",
            "fe80::/10",
            "172.16.0.0/255.240.0.0",
        ])
        .unwrap();
        for (address, inside) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.168.1.7", true),
            ("192.168.1.8", false),
            ("fe80::1", true),
            ("fec0::1", false),
            ("::ffff:10.1.1.1", true),
            ("172.31.255.255", true),
            ("172.32.0.0", false),
        ] {
            assert_eq!(set.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(
            AddressSet::new(&["0.0.0.0/0"])
                .unwrap()
                .contains("1.2.3.4".parse().unwrap())
        );
        assert!(
            !AddressSet::new(&["0.0.0.0/0"])
                .unwrap()
                .contains("2001:db8::1".parse().unwrap())
        );
        for wrong in [
            "10.0.0.0/33",
            "10.0.0",
            "x",
            "10.0.0.0/",
            "10.0.0.0/255.0.255.0",
        ] {
            assert!(AddressSet::new(&[wrong]).is_err(), "{wrong}");
        }
    }
}
