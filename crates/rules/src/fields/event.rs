//! `evt.*` and `syscall.*`: the event itself.

/// Hands the rows of this table, behind those it was given, to the next table.
macro_rules! event_fields {
    ([$next:ident $($rest:ident)*] $($rows:tt)*) => { $next! { [$($rest)*] $($rows)*
        EvtNum = "evt.num", Number, None, Any, "Number of the event since the source was opened; the first is 1.";
        EvtTime = "evt.time", Text, None, Any, "Time of day of the event, with nanoseconds.";
        EvtTimeS = "evt.time.s", Text, None, Any, "Time of day of the event, in whole seconds.";
        EvtTimeIso8601 = "evt.time.iso8601", Text, None, Any, "Date and time of the event in RFC 3339, UTC, with nanoseconds.";
        EvtDatetime = "evt.datetime", Text, None, Any, "Date and time of the event, with nanoseconds.";
        EvtDatetimeS = "evt.datetime.s", Text, None, Any, "Date and time of the event, in whole seconds.";
        EvtRawtime = "evt.rawtime", Time, None, Any, "When it happened, in nanoseconds since 1970.";
        EvtRawtimeS = "evt.rawtime.s", Number, None, Any, "Whole seconds of `evt.rawtime`.";
        EvtRawtimeNs = "evt.rawtime.ns", Number, None, Any, "What `evt.rawtime` has beyond whole seconds, in nanoseconds.";
        EvtReltime = "evt.reltime", Duration, None, Any, "Nanoseconds since the first event of this run or recording.";
        EvtReltimeS = "evt.reltime.s", Number, None, Any, "Whole seconds of `evt.reltime`.";
        EvtReltimeNs = "evt.reltime.ns", Number, None, Any, "What `evt.reltime` has beyond whole seconds, in nanoseconds.";
        EvtPluginName = "evt.pluginname", Text, None, Any, "Name of the plugin that a document came through.", missing "there are no plugins; use `evt.source`";
        EvtPluginInfo = "evt.plugininfo", Text, None, Any, "Summary of the event by its plugin.", missing "there are no plugins; use `evt.args`";
        EvtSource = "evt.source", Text, None, Any, "Where the event comes from: `syscall`, `k8s_audit` or `windows`.";
        EvtIsAsync = "evt.is_async", Boolean, None, Any, "Whether the event was made by the sensor rather than by a process, as derived events are.";
        EvtAsyncType = "evt.asynctype", Text, None, Any, "Kind of an event that the sensor made, such as `container` or `drift`.";
        EvtHostname = "evt.hostname", Text, None, Any, "Name of the node.";

        EvtType = "evt.type", Text, None, Any, "Kind of the event: the system call's name, or the name of a derived or logged event.";
        EvtTypeIs = "evt.type.is", Boolean, RequiredKey, Kernel, "Whether the event is of the named kind.";
        SyscallType = "syscall.type", Text, None, Kernel, "The system call's name; nothing for events that aren't system calls.";
        EvtDir = "evt.dir", Text, None, Any, "Always `<`: events are seen when the call has ended.";
        EvtCategory = "evt.category", Text, None, Kernel, "Group of the system call: `file`, `net`, `process`, `ipc`, `user` or `other`.";
        EvtCpu = "evt.cpu", Number, None, Kernel, "Number of the processor that the event happened on.", missing "the kernel side doesn't record it";
        EvtArgs = "evt.args", Text, None, Any, "All arguments, as `name=value` with spaces between.";
        EvtArg = "evt.arg", Text, RequiredAny, Any, "One argument by name or number, readable: `evt.arg.flags`, `evt.arg[0]`. Flags are names with `|` between.";
        EvtRawArg = "evt.rawarg", Dynamic, RequiredAny, Any, "One argument as the caller passed it, numbers as numbers: `evt.rawarg.mode`.";
        EvtInfo = "evt.info", Text, None, Any, "The same as `evt.args`.";
        EvtBuffer = "evt.buffer", Text, None, Kernel, "Beginning of the data that was sent or received, or of an outbound connection's first message.";
        EvtBufferLength = "evt.buflen", Number, None, Kernel, "How many bytes the call sent or received.";
        EvtRes = "evt.res", Text, None, Any, "`SUCCESS`, or the name of the error: `ENOENT`.";
        EvtRawRes = "evt.rawres", Number, None, Any, "What the call returned; errors are negative.";
        EvtFailed = "evt.failed", Boolean, None, Any, "Whether the call returned an error.";
        EvtIsIo = "evt.is_io", Boolean, None, Kernel, "Whether the call moved data through a descriptor.";
        EvtIsIoRead = "evt.is_io_read", Boolean, None, Kernel, "Whether the call took data from a descriptor.";
        EvtIsIoWrite = "evt.is_io_write", Boolean, None, Kernel, "Whether the call gave data to a descriptor.";
        EvtIoDir = "evt.io_dir", Text, None, Kernel, "`r` for calls that take data from a descriptor, `w` for those that give.";
        EvtIsWait = "evt.is_wait", Boolean, None, Kernel, "Whether the call waits for something.", missing "waiting calls aren't observed";
        EvtWaitLatency = "evt.wait_latency", Duration, None, Kernel, "How long the call waited.", missing "waiting calls aren't observed";
        EvtLatency = "evt.latency", Duration, None, Kernel, "How long the call took.", missing "calls are seen at their end only";
        EvtLatencyS = "evt.latency.s", Number, None, Kernel, "Whole seconds that the call took.", missing "calls are seen at their end only";
        EvtLatencyNs = "evt.latency.ns", Number, None, Kernel, "What the call took beyond whole seconds.", missing "calls are seen at their end only";
        EvtLatencyHuman = "evt.latency.human", Text, None, Kernel, "How long the call took, for reading.", missing "calls are seen at their end only";
        EvtDeltaTime = "evt.deltatime", Duration, None, Any, "Nanoseconds since the event before.", missing "events that no rule can match aren't recorded, so the one before has no meaning";
        EvtDeltaTimeS = "evt.deltatime.s", Number, None, Any, "Whole seconds since the event before.", missing "events that no rule can match aren't recorded, so the one before has no meaning";
        EvtDeltaTimeNs = "evt.deltatime.ns", Number, None, Any, "What `evt.deltatime` has beyond whole seconds.", missing "events that no rule can match aren't recorded, so the one before has no meaning";
        EvtOutputTime = "evt.outputtime", Text, None, Any, "Time of day of the event, as outputs write it.";
        EvtIsSyslog = "evt.is_syslog", Boolean, None, Kernel, "Whether the call wrote to /dev/log.", missing "writes aren't observed";
        EvtCount = "evt.count", Number, None, Any, "Always 1.";
        EvtCountError = "evt.count.error", Number, None, Any, "1 if the call returned an error.";
        EvtCountErrorFile = "evt.count.error.file", Number, None, Kernel, "1 if a call on files returned an error.";
        EvtCountErrorNet = "evt.count.error.net", Number, None, Kernel, "1 if a call on sockets returned an error.";
        EvtCountErrorMemory = "evt.count.error.memory", Number, None, Kernel, "1 if a call on memory returned an error.", missing "calls on memory aren't observed";
        EvtCountErrorOther = "evt.count.error.other", Number, None, Kernel, "1 if any other call returned an error.";
        EvtCountExit = "evt.count.exit", Number, None, Any, "Always 1: every event is the end of something.";
        EvtAround = "evt.around", Number, RequiredKey, Any, "Whether the event lies near a point in time.", missing "use `replay --since` and `--until`";
        EvtAbsPath = "evt.abspath", Text, OptionalKey, Kernel, "The call's path, absolute; `evt.abspath.src` and `.dst` of calls with two.";
        EvtIsOpenRead = "evt.is_open_read", Boolean, None, Kernel, "Whether an open allows reading.";
        EvtIsOpenWrite = "evt.is_open_write", Boolean, None, Kernel, "Whether an open allows writing.";
        EvtIsOpenExec = "evt.is_open_exec", Boolean, None, Kernel, "Whether an open made a file that may be executed.";
        EvtIsOpenCreate = "evt.is_open_create", Boolean, None, Kernel, "Whether an open made the file.";
    } };
}
pub(super) use event_fields;
