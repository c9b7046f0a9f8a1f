//! Compiles the BPF objects.

use libbpf_cargo::SkeletonBuilder;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let arch = match std::env::var("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        other => return Err(format!("Yagura's kernel side is not ported to {other}").into()),
    };
    for name in [
        "cgroup",
        "observe",
        "guard_ask",
        "guard_lsm",
        "guard_signal",
        "network",
        "probe",
        "written",
    ] {
        SkeletonBuilder::new()
            .source(format!("bpf/{name}.bpf.c"))
            .obj(out.join(format!("{name}.bpf.o")))
            .clang_args([
                format!("-D__TARGET_ARCH_{arch}"),
                "-Wall".to_owned(),
                "-Wextra".to_owned(),
                "-Werror".to_owned(),
                "-Wno-unused-parameter".to_owned(),
            ])
            .build()?;
    }
    println!("cargo::rerun-if-changed=bpf");
    Ok(())
}
