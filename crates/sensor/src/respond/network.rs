//! Cutting a container off the network, and letting it back.

use super::target::Target;
use super::{Done, Undone};
use serde_json::json;
use std::path::Path;
use yagura_event::{CgroupId, with_causes};
use yagura_kernel::{
    NetworkKind, cut_network, cut_networks, ensure_bpffs, is_cut, refused_packets, rejoin_network,
};

/// Takes away what containers that have ended left, and tells how many are cut off still.
pub(super) fn begin(pins: &Path) {
    match cut_networks(pins) {
        Ok(cut) if cut.is_empty() => {}
        Ok(cut) => tracing::info!(containers = cut.len(), "containers are cut off the network"),
        Err(error) => tracing::warn!(
            error = with_causes(&error),
            "containers that are cut off the network cannot be told"
        ),
    }
}

/// Whether a container is cut off.
pub(super) fn is_cut_off(pins: &Path, cgroup: CgroupId) -> bool {
    is_cut(pins, cgroup)
}

/// Cuts a container off. It stays so until it is let back or ends, also without a sensor.
pub(super) fn cut_off(pins: &Path, target: &Target) -> Result<Done, Undone> {
    ensure_bpffs().map_err(Undone::failed)?;
    let kind = match target.is_in_host_network() {
        true => NetworkKind::Host,
        false => NetworkKind::Own,
    };
    let cgroup = target.container.cgroup;
    cut_network(pins, cgroup, target.cgroup.directory(), kind).map_err(Undone::failed)?;
    if !is_cut(pins, cgroup) {
        return Err(Undone::Failed(
            "the kernel took the programs off again: the container's cgroup has gone".to_owned(),
        ));
    }
    let text = match kind {
        NetworkKind::Own => "container is cut off the network; its loopback works",
        NetworkKind::Host => {
            "container is cut off the network, which is the host's, loopback included"
        }
    };
    Ok(Done::new(text).with(json!({ "loopback": kind == NetworkKind::Own })))
}

/// Lets a container back.
pub(super) fn let_back(pins: &Path, target: &Target) -> Result<Done, Undone> {
    let cgroup = target.container.cgroup;
    let counted = refused_packets(pins, cgroup);
    match rejoin_network(pins, cgroup).map_err(Undone::failed)? {
        Some(refused) => {
            let refused = refused.max(counted);
            Ok(
                Done::new(format!("container is back; {refused} packets were refused"))
                    .with(json!({ "refused_packets": refused })),
            )
        }
        None => Ok(Done::new("container was not cut off").with(json!({ "refused_packets": 0 }))),
    }
}
