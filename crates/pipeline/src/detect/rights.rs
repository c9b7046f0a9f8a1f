//! Rights that no legal way led to: what is left to see of a kernel exploit, whatever it was.

use crate::container_table::ContainerEntry;
use crate::process_table::{ProcessTable, Program};
use yagura_event::{BaseFlags, Credentials, CredentialsEvent, ExecEvent};

/// `CAP_SETUID`: include/uapi/linux/capability.h.
const CAP_SETUID: u64 = 1 << 7;
/// `S_ISUID`: include/uapi/linux/stat.h.
const SET_USER_ID: u32 = 0o4000;

/// Who a program ran as before it became root without a right to: neither by a set-user-ID file, nor by a capability, nor
/// since it had been root before. Only gains are looked for that can be told for certain: file capabilities are not known here.
pub(crate) fn gained_by_exec(event: &ExecEvent, programs: &ProcessTable) -> Option<Credentials> {
    let flags = event.base.flags;
    let comes_from_outside = flags.has(BaseFlags::ENTERED)
        || flags.has(BaseFlags::EXISTING)
        || flags.has(BaseFlags::RUNTIME_STAGE)
        || flags.has(BaseFlags::INIT);
    if comes_from_outside || event.credentials.euid != 0 || event.file.mode & SET_USER_ID != 0 {
        return None;
    }
    let before = programs.program(event.started_from)?;
    (before.container == event.base.container && is_without_root(before))
        .then_some(before.credentials)
}

/// What a program may at most have in its container, if it has more: capabilities outside of the set that the container was
/// given, in the container's own user namespace.
pub(crate) fn beyond_container(
    event: &ExecEvent,
    entry: Option<&ContainerEntry>,
) -> Option<Credentials> {
    let entry = entry?;
    let home = entry.home?;
    let container = entry.container.as_ref()?;
    let given = container.capabilities?;
    let is_own_namespace = home.user_namespace != 0 && event.user_namespace == home.user_namespace;
    let is_beyond = event.credentials.capabilities & !given != 0;
    let is_runtime =
        event.base.flags.has(BaseFlags::RUNTIME_STAGE) || event.base.flags.has(BaseFlags::EXISTING);
    (is_beyond && is_own_namespace && !is_runtime && container.privileged != Some(true)).then_some(
        Credentials {
            capabilities: given,
            ..event.credentials
        },
    )
}

/// Who a process was before a call made it root without a right to.
pub(crate) fn gained_by_call(
    event: &CredentialsEvent,
    programs: &ProcessTable,
) -> Option<Credentials> {
    if event.credentials.euid != 0 {
        return None;
    }
    let key = programs.current(event.base.process)?;
    let before = programs.program(key)?;
    // A program that began as root may have put it aside for a while.
    (before.exec_euid != 0 && is_without_root(before)).then_some(before.credentials)
}

fn is_without_root(program: &Program) -> bool {
    let Credentials {
        uid,
        euid,
        capabilities,
        ..
    } = program.credentials;
    uid != 0 && euid != 0 && program.exec_euid != 0 && capabilities & CAP_SETUID == 0
}
