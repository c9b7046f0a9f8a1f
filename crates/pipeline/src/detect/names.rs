//! Names by which addresses were looked up: what `fd.sip.name` knows.

use core::net::IpAddr;
use std::collections::{HashMap, VecDeque};
use yagura_event::{ContainerKey, Text};

/// Answers remembered. Stops a container from filling memory by looking up names in a loop.
const NAMES_MAX: usize = 8192;

/// The last name that led to an address, per container: one container's answers say nothing of another's connections.
#[derive(Debug, Default)]
pub(crate) struct AddressNames {
    names: HashMap<(ContainerKey, IpAddr), Text>,
    order: VecDeque<(ContainerKey, IpAddr)>,
}

impl AddressNames {
    /// Notes an answer; the oldest is forgotten when there are too many.
    pub(crate) fn insert(&mut self, container: ContainerKey, address: IpAddr, name: &Text) {
        let key = (container, address);
        if self.names.insert(key, name.clone()).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > NAMES_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.names.remove(&oldest);
            }
        }
    }

    /// The name that led to an address.
    pub(crate) fn get(&self, container: ContainerKey, address: IpAddr) -> Option<&Text> {
        self.names.get(&(container, address))
    }
}
