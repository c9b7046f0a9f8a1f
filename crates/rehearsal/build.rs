//! Compiles the programs that throw-away containers run. Any C compiler will do: they use no C library.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compilers to try when `CC` names none.
const COMPILERS: [&str; 3] = ["cc", "gcc", "clang"];

/// For all: small, no C library, nothing that calls into one, and no difference from build to build.
const COMMON: [&str; 11] = [
    "-O1",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-nostdlib",
    "-s",
    "-Wl,--build-id=none",
    "-Wl,-z,noexecstack",
];
/// A program that needs no loader.
const STATIC: [&str; 2] = ["-static", "-fno-pie"];
/// A program that a dynamic loader can start, though it needs no library.
const DYNAMIC: [&str; 3] = ["-fPIE", "-pie", "-fvisibility=hidden"];
/// A shared object.
const SHARED: [&str; 4] = [
    "-shared",
    "-fPIC",
    "-fvisibility=hidden",
    "-Wl,-e,yagura_library_entry",
];

/// One file to make: its name, its source, the name in its content that sets it apart, and how it is linked.
struct Output(
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const OUTPUTS: [Output; 13] = [
    Output("drifted", "speaks.c", "drifted", &STATIC),
    Output("shipped", "speaks.c", "shipped", &STATIC),
    Output("drifted_dynamic", "speaks.c", "drifted", &DYNAMIC),
    Output("shipped_dynamic", "speaks.c", "shipped", &DYNAMIC),
    Output("drifted.so", "library.c", "drifted", &SHARED),
    Output("shipped.so", "library.c", "shipped", &SHARED),
    Output("hold", "hold.c", "", &STATIC),
    Output("run_memfd", "run_memfd.c", "", &STATIC),
    Output("run_descriptor", "run_descriptor.c", "", &STATIC),
    Output("map_library", "map_library.c", "", &STATIC),
    Output("act", "act.c", "", &STATIC),
    Output("serve", "serve.c", "", &STATIC),
    Output("quiet", "quiet.c", "", &STATIC),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=programs");
    println!("cargo::rerun-if-env-changed=CC");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let compiler = compiler()?;
    for output in &OUTPUTS {
        compile(&compiler, output, &out)?;
    }
    Ok(())
}

fn compiler() -> Result<String, Box<dyn Error>> {
    if let Ok(named) = env::var("CC") {
        return Ok(named);
    }
    COMPILERS
        .into_iter()
        .find(|name| {
            Command::new(name)
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
        })
        .map(str::to_owned)
        .ok_or_else(|| "no C compiler: install gcc or clang".into())
}

fn compile(compiler: &str, output: &Output, out: &Path) -> Result<(), Box<dyn Error>> {
    let Output(name, source, speaker, link) = output;
    let status = Command::new(compiler)
        .args(COMMON)
        .args(*link)
        .arg(format!("-DSPEAKER=\"{speaker}\""))
        .arg("-o")
        .arg(out.join(name))
        .arg(Path::new("programs").join(source))
        .status()
        .map_err(|error| format!("{compiler} did not start: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{compiler} did not compile programs/{source}").into())
}
