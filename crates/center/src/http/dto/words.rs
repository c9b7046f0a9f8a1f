//! Words of closed sets.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Declares a closed set of words with their printed form.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $each:literal])+ $variant:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[doc = $each])+ #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every word, in the order of the documentation.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// What the word means; `None` if it is not one of them.
            pub fn from_word(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        // The derive does not see names that a macro passes on.
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some(concat!($($doc),+).trim()))
                    .enum_values(Some($name::ALL.iter().map(|word| word.as_str())))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Where an alert stands.
    AlertStatus {
        /// Nobody has looked at it.
        Unhandled = "unhandled",
        /// Somebody is on it.
        Handling = "handling",
        /// Done.
        Handled = "handled",
        /// Put aside.
        Ignored = "ignored",
        /// A whitelist rule covers it.
        Whitelisted = "whitelisted",
        /// It was none.
        FalsePositive = "false-positive",
        /// The sensor stopped what it reports.
        AutoBlocked = "auto-blocked",
        /// Nobody handled it in time.
        Expired = "expired",
    }
}

words! {
    /// How much an alert matters.
    Severity {
        /// Somebody must act now.
        Urgent = "urgent",
        /// Somebody should look.
        Suspicious = "suspicious",
        /// Worth knowing.
        Reminder = "reminder",
    }
}

words! {
    /// Category of the catalogue.
    Category {
        /// Kubernetes' own objects and accounts.
        K8s = "k8s",
        /// Connections.
        Network = "network",
        /// Malicious programs.
        Malware = "malware",
        /// Webshells.
        Webshell = "webshell",
        /// What programs do.
        Process = "process",
        /// Container escape and gain of rights.
        Escape = "escape",
        /// Binary drift.
        Drift = "drift",
        /// Rules that name no key of the catalogue.
        Custom = "custom",
    }
}

words! {
    /// What was done.
    ActionTaken {
        /// Reported only.
        Alerted = "alerted",
        /// Stopped before it took effect.
        Blocked = "blocked",
        /// Ended after it began.
        Killed = "killed",
    }
}

words! {
    /// What a user may do.
    Role {
        /// Everything.
        Admin = "security-admin",
        /// Reads everything but access, and handles alerts.
        Operator = "security-operator",
        /// Reads everything but access.
        Reader = "security-reader",
    }
}

words! {
    /// How far a node is protected.
    ProtectionLevel {
        /// Nothing is observed.
        None = "none",
        /// The host's own protection.
        Host = "host",
        /// Host and containers.
        HostAndContainer = "host-and-container",
    }
}

words! {
    /// Where a node's machine comes from.
    CloudProvider {
        /// Microsoft Azure; accounts are subscriptions.
        Azure = "azure",
        /// Amazon Web Services.
        Aws = "aws",
        /// Google Cloud; accounts are projects.
        Gcp = "gcp",
        /// The user's own machines.
        OnPremises = "on-premises",
    }
}

words! {
    /// What a person does with alerts.
    AlertVerb {
        /// Takes them on.
        StartHandling = "start-handling",
        /// Marks them as done.
        MarkHandled = "mark-handled",
        /// Puts them aside.
        Ignore = "ignore",
        /// Says that they were none.
        MarkFalsePositive = "mark-false-positive",
        /// Opens them again.
        Reopen = "reopen",
        /// Ends the process; the sensor is asked to.
        KillProcess = "kill-process",
        /// Takes the file out of the container.
        QuarantineFile = "quarantine-file",
        /// Freezes the container.
        PauseContainer = "pause-container",
        /// Cuts the container off the network.
        IsolateContainer = "isolate-container",
        /// Stops the container.
        StopContainer = "stop-container",
    }
}

words! {
    /// What a sensor is asked to do.
    CommandKind {
        /// End a process.
        KillProcess = "kill-process",
        /// Stop a container.
        StopContainer = "stop-container",
        /// Freeze a container.
        PauseContainer = "pause-container",
        /// Let a frozen container go on.
        ResumeContainer = "resume-container",
        /// Cut a container off the network.
        IsolateContainer = "isolate-container",
        /// Give a container its network back.
        RejoinContainer = "rejoin-container",
        /// Take a file out of a container.
        QuarantineFile = "quarantine-file",
        /// Put a file back.
        RestoreFile = "restore-file",
        /// Scan a container.
        Scan = "scan",
        /// Record events.
        Capture = "capture",
    }
}

words! {
    /// How far a command has come.
    CommandState {
        /// It waits for its node.
        Waiting = "waiting",
        /// The sensor has it.
        Sent = "sent",
        /// The sensor did it.
        Done = "done",
        /// The sensor could not.
        Failed = "failed",
        /// Nobody fetched it in time.
        Expired = "expired",
    }
}

words! {
    /// How a whitelist condition compares.
    WhitelistOperator {
        /// The value stands somewhere in the field.
        Contains = "contains",
        /// The value stands nowhere in the field.
        NotContains = "not-contains",
        /// The field is the value.
        Equals = "equals",
        /// The field is anything else.
        NotEquals = "not-equals",
        /// The field matches the pattern, anywhere.
        Regex = "regex",
    }
}

words! {
    /// What a whitelist condition compares.
    WhitelistField {
        /// The container's name.
        ContainerName = "container-name",
        /// The image reference.
        ImageName = "image-name",
        /// The pod's namespace.
        Namespace = "namespace",
        /// The pod's name.
        PodName = "pod-name",
        /// The cluster's name.
        ClusterName = "cluster-name",
        /// The node's name.
        NodeName = "node-name",
        /// Path of the executable.
        ProcessPath = "process-path",
        /// The command line.
        CommandLine = "command-line",
        /// Path of the program that started the process.
        ParentPath = "parent-path",
        /// Name of the user.
        UserName = "user-name",
        /// Path of the file that it is about.
        FilePath = "file-path",
        /// SHA-256 of that file.
        FileSha256 = "file-sha256",
        /// The address of another machine.
        RemoteAddress = "remote-address",
        /// The user of a Kubernetes request.
        K8sUser = "k8s-user",
    }
}

words! {
    /// Where alerts are sent.
    OutputKind {
        /// Lines of JSON in a file of the center.
        JsonLines = "json-lines",
        /// Syslog, RFC 5424.
        Syslog = "syslog",
        /// HTTP POST, signed.
        Webhook = "webhook",
        /// Falco's JSON over HTTP, for falcosidekick.
        Falco = "falco",
        /// Prometheus Alertmanager.
        Alertmanager = "alertmanager",
        /// OpenTelemetry logs over HTTP.
        Otlp = "otlp",
        /// E-mail.
        Email = "email",
    }
}

words! {
    /// How an output fares.
    DeliveryState {
        /// Nothing was sent yet.
        Idle = "idle",
        /// The last delivery went through.
        Delivering = "delivering",
        /// The last delivery failed; it is tried again.
        Retrying = "retrying",
        /// Switched off.
        Disabled = "disabled",
    }
}

words! {
    /// How bad a problem of a document is.
    DiagnosticSeverity {
        /// It can't be used.
        Error = "error",
        /// It probably does not do what its author wants.
        Warning = "warning",
    }
}

words! {
    /// What a container's end point of a node is doing.
    SensorState {
        /// Connected.
        Online = "online",
        /// Not heard of.
        Offline = "offline",
        /// Its certificate was revoked.
        Revoked = "revoked",
    }
}
