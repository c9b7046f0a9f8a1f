//! What this kernel and these rights allow, found by loading and attaching: never by reading a configuration.

use libbpf_rs::ObjectBuilder;

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/probe.bpf.o"));

/// A means that observation or enforcement can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Means {
    /// The kernel's type information (`/sys/kernel/btf/vmlinux`).
    Btf,
    /// BTF tracepoints: exec, fork, exit.
    TpBtf,
    /// System call tracepoints: opens, mappings, credentials.
    Tracepoint,
    /// Iterators: processes that run already.
    Iterator,
    /// BPF LSM: denial before the effect.
    BpfLsm,
    /// fentry and fexit trampolines.
    Fentry,
}

impl Means {
    /// The name in `yagura doctor`.
    pub fn as_str(self) -> &'static str {
        match self {
            Means::Btf => "btf",
            Means::TpBtf => "tp_btf",
            Means::Tracepoint => "tracepoint",
            Means::Iterator => "iterator",
            Means::BpfLsm => "bpf_lsm",
            Means::Fentry => "fentry",
        }
    }
}

/// The answer for one means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Which.
    pub means: Means,
    /// Why it cannot be used; `None` if it was loaded, attached and taken away again.
    pub shortfall: Option<String>,
}

/// Tries every means.
pub fn probe() -> Vec<Capability> {
    libbpf_rs::set_print(None);
    let btf = match std::fs::metadata("/sys/kernel/btf/vmlinux") {
        Ok(_) => None,
        Err(error) => Some(format!("/sys/kernel/btf/vmlinux: {error}")),
    };
    let programs = [
        (Means::TpBtf, "probe_tp_btf"),
        (Means::Tracepoint, "probe_tracepoint"),
        (Means::Iterator, "probe_iterator"),
        (Means::BpfLsm, "probe_lsm"),
        (Means::Fentry, "probe_fentry"),
    ];
    std::iter::once(Capability {
        means: Means::Btf,
        shortfall: btf,
    })
    .chain(programs.map(|(means, program)| Capability {
        means,
        shortfall: try_program(program).err(),
    }))
    .collect()
}

fn try_program(name: &str) -> Result<(), String> {
    let mut open = ObjectBuilder::default()
        .open_memory(OBJECT)
        .map_err(|error| format!("open: {error}"))?;
    for mut program in open.progs_mut() {
        let wanted = program.name() == name;
        program.set_autoload(wanted);
    }
    let object = open.load().map_err(|error| format!("load: {error}"))?;
    let program = object.progs_mut().find(|program| program.name() == name);
    let program = program.ok_or_else(|| format!("program {name} is missing"))?;
    program
        .attach()
        .map(drop)
        .map_err(|error| format!("attach: {error}"))
}
