//! What only derived events carry: where streams lead, names that were looked up, drift, the other process of a call.

/// Hands the rows of this table, behind those it was given, to the next table.
macro_rules! derived_fields {
    ([$next:ident $($rest:ident)*] $($rows:tt)*) => { $next! { [$($rest)*] $($rows)*
        StreamHow = "stream.how", Text, None, Kernel, "How the standard streams lead to the remote socket: `direct`, `pipe` or `pty`.";
        StreamHeldMs = "stream.held_ms", Number, None, Kernel, "For how many milliseconds they have led there.";
        DnsQuestion = "dns.question", Text, None, Kernel, "Domain name that was asked for, lower case, without the last dot.";
        DnsAnswers = "dns.answers", List, None, Kernel, "Addresses and names of the answer.";
        DnsIsAnswer = "dns.is_answer", Boolean, None, Kernel, "Whether it is an answer rather than a question.";
        DriftVector = "drift.vector", Text, None, Kernel, "How the program came to run: the names of drift alerts.";
        DriftKind = "drift.kind", Text, None, Kernel, "What ran: `binary`, `library` or `script`.";
        DriftProvenance = "drift.provenance", Text, None, Kernel, "Where the file comes from: the names of drift alerts.";
        DriftHow = "drift.how", Text, None, Kernel, "How the file came about, as far as its writer tells: `downloaded`, `built` or `other`.";
        DriftSha256 = "drift.sha256", Text, None, Kernel, "SHA-256 of the file, in lower case; nothing if it could not be read.";
        TargetPid = "target.pid", Number, None, Kernel, "Process id of the process that the call acts on, as the host sees it.";
        TargetName = "target.name", Text, None, Kernel, "Name of the process that the call acts on.";
        TargetExe = "target.exe", Text, None, Kernel, "Path of the executable of the process that the call acts on.";
        TargetSameContainer = "target.same_container", Boolean, None, Kernel, "Whether the process that the call acts on is in the same container.";
    } };
}
pub(super) use derived_fields;
