//! What only derived events carry: where streams lead, names that were looked up, drift, what scanning found, the other
//! process of a call.

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
        ScanKey = "scan.key", Text, None, Kernel, "Catalogue key of what was found in the file: `malware.miner`, `webshell.file`.";
        ScanFamily = "scan.family", Text, None, Kernel, "Family of what was found, such as `xmrig`.";
        ScanScore = "scan.score", Number, None, Kernel, "How sure the finding is, 1 to 100.";
        ScanEngine = "scan.engine", Text, None, Kernel, "What found it: `hash`, `yara`, `webshell`, `fuzzy` or `image`.";
        ScanRule = "scan.rule", Text, None, Kernel, "The rule, list or language that found it.";
        ScanReason = "scan.reason", Text, None, Kernel, "Why the file was scanned: `drift-used`, `written`, `used` or `image`.";
        ScanSha256 = "scan.sha256", Text, None, Kernel, "SHA-256 of the file, in lower case; nothing if it could not be read whole.";
        ScanDistance = "scan.distance", Number, None, Kernel, "TLSH distance to the program that wrote the file, where both have a digest: 0 is the same, below 60 a changed copy.";
        TargetPid = "target.pid", Number, None, Kernel, "Process id of the process that the call acts on, as the host sees it.";
        TargetName = "target.name", Text, None, Kernel, "Name of the process that the call acts on.";
        TargetExe = "target.exe", Text, None, Kernel, "Path of the executable of the process that the call acts on.";
        TargetSameContainer = "target.same_container", Boolean, None, Kernel, "Whether the process that the call acts on is in the same container.";
    } };
}
pub(super) use derived_fields;
