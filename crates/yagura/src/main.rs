//! `yagura`: one executable, whose subcommands are its roles.
//!
//! Does: read arguments and files, call the crates that do the work, print what they say, and choose the exit code.
//! Never: decides what an event means, or prints bytes of a container unescaped.
//!
//! Start at [`Command`]; each command is a module of `commands`, each form of output one of `output`.

mod commands;
mod exit;
mod input;
mod log;
mod output;
mod rule_files;
mod scan_files;
mod signals;

use clap::Parser as _;
use exit::{Failure, Outcome};
use std::process::ExitCode;

/// Security centre for container workloads: threats, and what runs in your containers that is not their images'.
#[derive(Debug, clap::Parser)]
#[command(
    name = "yagura",
    version,
    after_help = exit::HELP,
    max_term_width = 100
)]
struct Arguments {
    /// How much is told on standard error; also YAGURA_LOG, which takes filters such as `yagura_sensor=debug`
    #[arg(long, global = true, value_name = "LEVEL", display_order = 100)]
    log: Option<log::Level>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Doctor(commands::doctor::Arguments),
    Up(commands::center::up::Arguments),
    Center(commands::center::serve::Arguments),
    Sensor(Box<commands::sensor::Arguments>),
    Simulate(commands::simulate::Arguments),
    Scan(commands::scan::Arguments),
    #[command(subcommand, after_help = exit::HELP)]
    Enforcement(commands::enforcement::Command),
    Release(commands::enforcement::ReleaseArguments),
    Uninstall(commands::uninstall::Arguments),
    #[command(subcommand, after_help = exit::HELP)]
    RuntimeWrapper(commands::runtime_wrapper::Command),
    #[command(subcommand, after_help = exit::HELP)]
    Quarantine(commands::quarantine::Command),
    Capture(commands::capture::Arguments),
    Replay(commands::replay::Arguments),
    #[command(subcommand, after_help = exit::HELP)]
    Rules(commands::rules::Command),
    Demo(commands::demo::Arguments),
    #[command(subcommand, after_help = exit::HELP)]
    Policy(commands::policy::Command),
    Login(commands::center::login::Arguments),
    #[command(subcommand, after_help = exit::HELP)]
    Alerts(commands::center::alerts::Command),
    #[command(after_help = exit::HELP)]
    Nodes(commands::center::nodes::Arguments),
    #[command(after_help = exit::HELP)]
    Commands(commands::center::commands::Arguments),
    #[command(subcommand, after_help = exit::HELP)]
    Users(commands::center::lists::Users),
    #[command(subcommand, after_help = exit::HELP)]
    Tokens(commands::center::lists::Tokens),
    #[command(subcommand, after_help = exit::HELP)]
    Settings(commands::center::settings::Settings),
    #[command(subcommand, after_help = exit::HELP)]
    Outputs(commands::center::outputs::Outputs),
    #[command(subcommand, after_help = exit::HELP)]
    K8s(commands::center::k8s::Command),
    Completion(commands::center::completion::Arguments),
    #[command(subcommand, after_help = exit::HELP)]
    Schema(commands::schema::Command),
}

fn main() -> ExitCode {
    // Under another name this is the program that managers of containers call in place of their runtime.
    let called_as = std::env::args_os().next().unwrap_or_default();
    if yagura_wrapper::is_wrapper_name(&called_as) {
        return exit::code(commands::runtime_wrapper::stand_in());
    }
    let arguments = Arguments::parse();
    let result = run(arguments);
    commands::simulate::leave_the_end_to_clean_up();
    exit::code(result)
}

fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    log::start(arguments.log)?;
    match arguments.command {
        Command::Doctor(arguments) => commands::doctor::run(&arguments),
        Command::Up(arguments) => commands::center::up::run(&arguments),
        Command::Center(arguments) => commands::center::serve::run(&arguments),
        Command::Login(arguments) => commands::center::login::run(&arguments),
        Command::Alerts(command) => commands::center::alerts::run(&command),
        Command::Nodes(arguments) => commands::center::nodes::run(&arguments),
        Command::Commands(arguments) => commands::center::commands::run(&arguments),
        Command::Users(command) => commands::center::lists::users(&command),
        Command::Tokens(command) => commands::center::lists::tokens(&command),
        Command::Settings(command) => commands::center::settings::settings(&command),
        Command::Outputs(command) => commands::center::outputs::outputs(&command),
        Command::K8s(command) => commands::center::k8s::run(&command),
        Command::Completion(arguments) => commands::center::completion::run(&arguments),
        Command::Sensor(arguments) => commands::sensor::run(&arguments),
        Command::Simulate(arguments) => commands::simulate::run(&arguments),
        Command::Scan(arguments) => commands::scan::run(&arguments),
        Command::Enforcement(command) => commands::enforcement::run(&command),
        Command::Release(arguments) => commands::enforcement::release(&arguments),
        Command::Uninstall(arguments) => commands::uninstall::run(&arguments),
        Command::RuntimeWrapper(command) => commands::runtime_wrapper::run(&command),
        Command::Quarantine(command) => commands::quarantine::run(&command),
        Command::Capture(arguments) => commands::capture::run(arguments),
        Command::Rules(command) => commands::rules::run(&command),
        Command::Replay(arguments) => commands::replay::run(&arguments),
        Command::Demo(arguments) => commands::demo::run(&arguments),
        Command::Policy(command) => commands::policy::run(&command),
        Command::Schema(command) => commands::schema::run(&command),
    }
}
