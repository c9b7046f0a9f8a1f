//! Development commands, run as `cargo xtask <command>`; `./dev` installs what they need and hands over.
//!
//! Does: tests, formats, generates, measures and demonstrates this workspace, and keeps it tidy.
//! Never: becomes part of the product, or depends on a crate of it; it sees the product as a user does.
#![expect(
    clippy::print_stdout,
    reason = "a command-line tool for developers: standard output is its result"
)]

mod bench;
mod command;
mod console;
mod demo;
mod format;
mod generate;
mod test;
mod tidy;
mod vm;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Development commands of Yagura")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks everything: format, lints, tidiness, every test.
    Test,
    /// Builds `yagura` and shows it at work in a real container.
    Demo,
    /// Writes the files that are made from code.
    Generate(generate::Arguments),
    /// Measures what the product costs.
    Bench(bench::Arguments),
    /// Builds, checks and tests the console.
    Console(console::Arguments),
    /// Pictures every page of the console into docs/screenshots. Needs root and chromium.
    Screenshots(console::ProductArguments),
    /// Formats Rust and BPF C.
    Fmt,
    /// Runs the tidy checks alone.
    Tidy,
    /// Runs commands in a virtual machine whose kernel has BPF LSM. Needs QEMU, no KVM.
    Vm(vm::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test => test::run(),
        Command::Demo => demo::run(),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Console(arguments) => console::run_command(&arguments),
        Command::Screenshots(arguments) => console::run_screenshots(&arguments),
        Command::Fmt => format::write(),
        Command::Tidy => tidy::run(),
        Command::Vm(arguments) => vm::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
