//! On which nodes a rule that is being rolled out blocks already, and hashes that are the same in every build.

/// The share of nodes that is all of them, in percent.
pub(crate) const PERCENT_MAX: u8 = 100;

/// Whether a node belongs to the share of nodes on which a rule blocks. The same node and rule always give the same
/// answer, a larger share holds the smaller one, and two rules choose nodes independently.
pub fn node_blocks(nodes_percent: u8, node: &str, rule: &str) -> bool {
    // NUL stands in neither name, so that no two pairs give the same bytes.
    let hash = mixed(fnv(&[node.as_bytes(), b"\0", rule.as_bytes()]));
    hash % u64::from(PERCENT_MAX) < u64::from(nodes_percent)
}

/// FNV-1a with 64 bits.
pub(crate) fn fnv(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Lets every bit of a hash depend on all of them: names of nodes often differ in the last byte alone.
/// Source: the finaliser of `MurmurHash3`.
pub(crate) fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_grows_and_is_about_as_large_as_it_says() {
        let nodes: Vec<String> = (0..1_000).map(|n| format!("node-{n}")).collect();
        let blocking = |percent| {
            let chosen = nodes
                .iter()
                .filter(move |node| node_blocks(percent, node, "r"));
            chosen.collect::<Vec<_>>()
        };
        assert!((70..130).contains(&blocking(10).len()));
        assert!(blocking(10).iter().all(|node| blocking(40).contains(node)));
        assert_eq!(blocking(100).len(), nodes.len());
        let others = nodes.iter().filter(|node| node_blocks(10, node, "s"));
        assert_ne!(others.collect::<Vec<_>>(), blocking(10));
    }
}
