//! One module for each file of `bpf/programs/`.

mod exec;
mod exit;
mod fork;
mod identity;
mod map;
mod open;

use libtest_mimic::Trial;

/// A test and its name.
type Case = (&'static str, fn());

/// Every test that needs containers.
pub(crate) fn trials() -> Vec<Trial> {
    let modules: [(&str, &[Case]); 6] = [
        ("exec", exec::CASES),
        ("exit", exit::CASES),
        ("fork", fork::CASES),
        ("identity", identity::CASES),
        ("map", map::CASES),
        ("open", open::CASES),
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

/// A table of tests, each named as its function.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[$((stringify!($name), $name)),*];
    };
}
use cases;
