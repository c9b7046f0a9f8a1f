//! One module for each file of `bpf/programs/`.

mod dispatch;
mod dup;
mod exec;
mod exit;
mod fork;
mod identity;
mod map;
mod open;
mod plain;
mod process;
mod send;
mod socket;
mod stream;
mod written;

use libtest_mimic::Trial;
use yagura_event::CallEvent;

/// A test and its name.
pub(crate) type Case = (&'static str, fn());

/// Every test that needs containers.
pub(crate) fn trials() -> Vec<Trial> {
    let modules: [(&str, &[Case]); 16] = [
        ("dup", dup::CASES),
        ("dispatch", dispatch::CASES),
        ("exec", exec::CASES),
        ("exit", exit::CASES),
        ("fork", fork::CASES),
        ("identity", identity::CASES),
        ("map", map::CASES),
        ("open", open::CASES),
        ("send", send::CASES),
        ("socket", socket::CASES),
        ("stream", stream::CASES),
        ("plain", plain::CASES),
        ("process", process::CASES),
        ("written", written::CASES),
        ("cgroup", crate::cgroup::CASES),
        ("fanotify", crate::fanotify::CASES),
    ];
    let named = |(module, cases): (&'static str, &'static [Case])| {
        cases.iter().map(move |&(name, test)| {
            Trial::test(format!("programs::{module}::{name}"), move || {
                test();
                Ok(())
            })
        })
    };
    modules.into_iter().flat_map(named).collect()
}

/// A call as one line, but for its arguments: what it is, result and descriptor, then its strings.
fn line(call: &CallEvent) -> String {
    let texts = [
        &call.path,
        &call.directory,
        &call.new_path,
        &call.new_directory,
        &call.data,
    ];
    let [path, directory, new_path, new_directory, data] = texts.map(|text| text.escaped());
    let (name, result, fd) = (call.call.as_str(), call.result, call.fd);
    format!("{name}={result} fd {fd}: {path} @{directory}, {new_path} @{new_directory}, {data}")
}

/// A table of tests, each named as its function.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[$((stringify!($name), $name)),*];
    };
}
use cases;
