//! Whether a package manager of the image wrote a file, and whether it is at work now.
//!
//! While the image's package manager works, it runs its packages' scripts, maps the libraries and runs the tools
//! that it has just replaced. That is what an upgrade is, so those are counted and not reported, unless the deciding
//! rule names the provenance `package-manager`. The exemption is narrow: the file must have been written by the
//! package manager itself (or by the unpacker that it started, not by a shell below it), and it must be a script, a
//! library, or have taken the place of an image file. Anything run later, outside of the package manager, is drift.

use crate::process_table::{Ancestry, ExeOrigin, ProcessTable, Program};
use crate::writers;

/// Whether a program, or one that it was started from, is a package manager that can be trusted to be one.
pub(crate) fn is_or_is_below(table: &ProcessTable, program: &Program) -> bool {
    is_trusted(table, program)
        || table
            .ancestors(program)
            .programs
            .iter()
            .any(|ancestor| is_trusted(table, ancestor))
}

/// Whether a program writes as a package manager: it is one, or the unpacker that one started.
pub(crate) fn writes_as(table: &ProcessTable, program: &Program) -> bool {
    is_trusted(table, program)
        || (writers::is_unpacker(program)
            && matches!(program.exe_origin, ExeOrigin::Image | ExeOrigin::Replaced)
            && table
                .program(program.started_from)
                .is_some_and(|starter| is_trusted(table, starter)))
}

/// Whether a package manager is at work above a program, or is that program.
pub(crate) fn is_at_work(table: &ProcessTable, program: &Program, ancestry: &Ancestry<'_>) -> bool {
    is_trusted(table, program)
        || ancestry
            .programs
            .iter()
            .any(|ancestor| is_trusted(table, ancestor))
}

/// Whether a program is a package manager and still what its name says: the image's executable, with nothing foreign
/// loaded into it. A package manager that was replaced by an upgrade counts only while the upgrade goes on.
fn is_trusted(table: &ProcessTable, program: &Program) -> bool {
    match program.exe_origin {
        ExeOrigin::Image => is_original(program),
        ExeOrigin::Replaced => {
            !program.ran_drift
                && writers::is_package_manager(program)
                && table
                    .ancestors(program)
                    .programs
                    .iter()
                    .any(|ancestor| is_original(ancestor))
        }
        ExeOrigin::Other | ExeOrigin::Undecided => false,
    }
}

fn is_original(program: &Program) -> bool {
    program.exe_origin == ExeOrigin::Image
        && !program.ran_drift
        && writers::is_package_manager(program)
}
