//! `cargo xtask vm`: commands in a virtual machine with Debian's cloud kernel, which has BPF LSM.

mod archive;
mod checks;
mod count;
mod disk;
mod kernel;
mod lane;
mod machine;
mod packages;

pub(crate) use lane::run as run_lane;

use crate::workspace::{Built, PRODUCT_TESTS, TestProgram, root};
use anyhow::{Context, Result, ensure};
use disk::Tree;
use kernel::Kernel;
use machine::{Clock, Machine};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Exit code of `run` where the command has none: told from most commands' own.
const EXIT_NO_RESULT: u8 = 125;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Runs one command as root; its output and exit code become this command's own, 125 if the machine fails.
    Run(RunArguments),
    /// Runs the checks that need such a kernel; a part of `cargo xtask test`.
    Test(TestArguments),
    /// Counts the instructions that enforcement adds to an exec and to an open.
    Count(CountArguments),
}

#[derive(Debug, clap::Args)]
struct CountArguments {
    /// The product's executable; not built here.
    #[arg(long, value_name = "FILE", default_value_os_t = root().join("target/debug/yagura"))]
    yagura: PathBuf,
}

#[derive(Debug, clap::Args)]
struct TestArguments {
    /// The product's executable; not built here.
    #[arg(long, value_name = "FILE", default_value_os_t = root().join("target/debug/yagura"))]
    yagura: PathBuf,
    /// The executable of the product's tests, built together with it; without it their checks are skipped.
    #[arg(long, value_name = "FILE")]
    product_tests: Option<PathBuf>,
    /// Only checks whose name contains this.
    filter: Option<String>,
}

#[derive(Debug, clap::Args)]
struct RunArguments {
    /// Also copies this file or folder; programs come with their libraries.
    #[arg(long = "file", value_name = "HOST[:GUEST]")]
    files: Vec<String>,
    /// Also copies this Debian package and all that it depends on, as installed here.
    #[arg(long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// Sets a variable of the command's environment.
    #[arg(long = "env", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Seconds after which the virtual machine is ended.
    #[arg(long, default_value_t = 120)]
    timeout: u64,
    /// The command. Its program is looked up here and copied with its libraries.
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<String>,
}

/// Runs what was asked for.
///
/// # Errors
/// QEMU or the kernel can't be had, a file can't be copied, or the virtual machine fails.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Subcommand::Run(arguments) => Ok(run_command(arguments).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            ExitCode::from(EXIT_NO_RESULT)
        })),
        Subcommand::Test(arguments) => run_test(arguments),
        Subcommand::Count(arguments) => {
            print!("{}", count::run(&std::path::absolute(&arguments.yagura)?)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run_command(arguments: &RunArguments) -> Result<ExitCode> {
    let place = Place::make()?;
    let kernel = Kernel::fetch(&cache())?;
    let mut tree = Tree::build(&place.dir.join("tree"), &kernel)?;
    tree.add_all(&packages::files(&arguments.packages)?)?;
    for file in &arguments.files {
        let (host, guest) = file.split_once(':').unwrap_or((file, file));
        let guest = std::path::absolute(guest)?;
        tree.add(&std::path::absolute(host)?, &guest)?;
    }
    let (program, rest) = arguments.command.split_first().context("no command")?;
    let program = tree.add_program(program)?;
    let mut words = vec![program.to_string_lossy().into_owned()];
    words.extend(rest.iter().cloned());
    let script = script(&arguments.variables, &words)?;
    let disk = place.dir.join("disk.img");
    tree.finish(&disk)?;
    let machine = Machine {
        kernel: &kernel,
        dir: &place.dir,
        disk: &disk,
        cache: None,
        clock: Clock::Host,
    };
    let timeout = Duration::from_secs(arguments.timeout);
    let ended = machine.run(&script, timeout, std::io::stdout(), std::io::stderr())?;
    place.remove()?;
    Ok(ExitCode::from(ended.code))
}

fn run_test(arguments: &TestArguments) -> Result<ExitCode> {
    let filter = arguments.filter.as_deref();
    let mut built = Built {
        yagura: std::path::absolute(&arguments.yagura)?,
        tests: Vec::new(),
    };
    if let Some(tests) = &arguments.product_tests {
        built.tests.push(TestProgram {
            package: root().to_owned(),
            name: PRODUCT_TESTS.to_owned(),
            executable: std::path::absolute(tests)?,
        });
    }
    let passed = lane::run(&built, filter, |line| println!("{line}"))?;
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where kernels are kept, and the files of machines.
fn cache() -> PathBuf {
    root().join("target/vm")
}

/// A folder for one run. It stays where a run fails, until the next run: the console is in it.
struct Place {
    dir: PathBuf,
}

impl Place {
    fn make() -> Result<Place> {
        let runs = cache().join("runs");
        fs::create_dir_all(&runs)?;
        let own = std::process::id().to_string();
        for entry in fs::read_dir(&runs)? {
            let entry = entry?;
            let process = Path::new("/proc").join(entry.file_name());
            if !process.exists() || entry.file_name() == own.as_str() {
                // Another run may be doing the same.
                let _gone = fs::remove_dir_all(entry.path());
            }
        }
        let dir = runs.join(own);
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(Place { dir })
    }

    fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.dir).with_context(|| format!("removing {}", self.dir.display()))
    }
}

/// The script that the guest runs as its command.
fn script(variables: &[String], words: &[String]) -> Result<String> {
    let mut script = String::from("#!/vm/busybox sh\n");
    for variable in variables {
        let (name, value) = variable
            .split_once('=')
            .with_context(|| format!("`{variable}` is not NAME=VALUE"))?;
        let is_name = !name.starts_with(|first: char| first.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.is_empty();
        ensure!(is_name, "`{name}` is no name of a variable");
        script.push_str(&format!("export {name}={}\n", quote(value)));
    }
    let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
    script.push_str(&format!("exec {}\n", words.join(" ")));
    Ok(script)
}

/// The word as a shell takes it literally.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_guest_as_they_are() {
        let words = ["echo", "it's", "$(id)", "a b\n"].map(str::to_owned);
        let script = script(&["A=b c".to_owned()], &words).unwrap();
        assert_eq!(
            script,
            "#!/vm/busybox sh\nexport A='b c'\nexec 'echo' 'it'\\''s' '$(id)' 'a b\n'\n"
        );
    }

    #[test]
    fn names_of_variables_are_no_commands() {
        for variable in ["A", "=b", "1A=b", "A;id=b"] {
            assert!(script(&[variable.to_owned()], &[]).is_err(), "{variable}");
        }
    }
}
