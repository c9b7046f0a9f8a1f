//! Kernel events made into what rules are asked about: paths resolved, messages decoded.

use super::names::AddressNames;
use super::observed::{Observed, SeenCall, SeenDns, What};
use super::paths;
use crate::dns;
use yagura_event::{Base, Call, CallEvent, CallGroup, Text};

/// `SOCK_STREAM`: include/linux/net.h.
const STREAM: u16 = 1;
/// Ports of name servers: unicast and multicast.
const DNS_PORTS: [u16; 2] = [53, 5353];

/// An event of that process.
pub(crate) fn observed(base: &Base, what: What) -> Observed {
    Observed {
        time: base.time,
        container: base.container,
        cgroup: base.cgroup,
        process: base.process,
        program: base.program,
        flags: base.flags,
        what,
    }
}

/// A call with its paths resolved.
pub(crate) fn seen(event: CallEvent) -> SeenCall {
    let is_path = matches!(
        event.call.group(),
        CallGroup::Open | CallGroup::Path | CallGroup::TwoPaths
    );
    // The first string of these is a name, not a path: a link's text, a device, an attribute, a file system.
    let first_is_name = matches!(
        event.call,
        Call::Symlink
            | Call::Symlinkat
            | Call::Setxattr
            | Call::Lsetxattr
            | Call::Fsetxattr
            | Call::Fsopen
    ) || (event.call == Call::Mount
        && !event.path.as_bytes().starts_with(b"/"));
    let path = (is_path && !first_is_name)
        .then(|| paths::absolute(&event.directory, &event.path))
        .flatten();
    let new_path = is_path
        .then(|| paths::absolute(&event.new_directory, &event.new_path))
        .flatten();
    SeenCall {
        event,
        path,
        new_path,
        by_package_manager: None,
    }
}

/// What a call with data says beyond itself: a name look-up, or the beginning of a connection.
pub(crate) fn derived(base: &Base, call: &SeenCall, names: &mut AddressNames) -> Option<Observed> {
    let event = &call.event;
    let socket = event.socket.as_ref()?;
    if event.data.is_empty() {
        return None;
    }
    let ends = [socket.remote, socket.local];
    let is_dns_port = ends
        .iter()
        .flatten()
        .any(|end| DNS_PORTS.contains(&end.port));
    // A stream to that port that begins with something else is told as the beginning of a connection.
    if is_dns_port
        && let Some(message) = dns::parse(event.data.as_bytes())
        && (message.is_dns || socket.kind != STREAM)
    {
        let question = message.question.as_deref().map(Text::from);
        if message.is_dns
            && message.is_answer
            && let Some(name) = &question
        {
            for address in &message.answers {
                names.insert(base.container, *address, name);
            }
        }
        let dns = SeenDns {
            call: call.clone(),
            question,
            addresses: message.answers,
            names: message
                .names
                .iter()
                .map(|name| Text::from(name.as_str()))
                .collect(),
            is_answer: message.is_answer,
            is_dns: message.is_dns,
        };
        return Some(observed(base, What::Dns(Box::new(dns))));
    }
    (is_first_data(event) || (is_dns_port && is_send(event)))
        .then(|| observed(base, What::FirstData(Box::new(call.clone()))))
}

/// Whether the data is the beginning of what an outbound connection sends: the kernel side marks it by the number of calls
/// that the event stands for.
fn is_first_data(event: &CallEvent) -> bool {
    is_send(event) && event.arguments.last() == Some(&u64::MAX)
}

fn is_send(event: &CallEvent) -> bool {
    matches!(event.call, Call::Sendto | Call::Sendmsg)
}
