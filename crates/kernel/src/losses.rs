//! Reads the counters of what the kernel side lost.

use libbpf_rs::{MapCore, MapFlags};
use yagura_event::{Drop, DropPlace, DropReason};

/// What was counted since the last call. `map` is a per-CPU array with a counter for each of `places`; `reported` keeps
/// their sums from one call to the next.
pub(crate) fn since<const N: usize>(
    map: &impl MapCore,
    places: [(DropPlace, DropReason); N],
    reported: &mut [u64; N],
) -> Vec<Drop> {
    let mut drops = Vec::new();
    for ((index, (place, reason)), before) in (0u32..).zip(places).zip(reported) {
        let counted = map.lookup_percpu(&index.to_ne_bytes(), MapFlags::ANY);
        let Ok(Some(values)) = counted else {
            continue;
        };
        let values = values.iter().filter_map(|value| value.first_chunk());
        let sum: u64 = values.map(|value| u64::from_ne_bytes(*value)).sum();
        if sum > *before {
            drops.push(Drop {
                place,
                reason,
                count: sum - *before,
            });
            *before = sum;
        }
    }
    drops
}
