//! `bpf/programs/dispatch.bpf.c`: which calls are looked at.

use super::{cases, line};
use crate::observed::Observed;
use crate::world::{World, token};
use yagura_event::Call;
use yagura_kernel::CallFilter;

cases![
    calls_of_32_bit_programs_are_seen,
    what_is_wanted_is_told_and_nothing_else,
    the_host_is_not_told,
];

fn calls_of_32_bit_programs_are_seen() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let scene = World::get().calls();
    let path = format!("/tmp/{}", token());
    // Not every kernel takes them.
    let (_, calls) = scene.calls(&format!("tries compat-mkdir {path}"));
    let result = calls.first().map_or(0, |call| call.result);
    assert_eq!(
        calls.iter().map(line).collect::<Vec<_>>(),
        [format!("mkdir={result} fd -1: {path} @,  @, ")]
    );
    assert_eq!(calls[0].arguments[1], 0o700);
}

fn what_is_wanted_is_told_and_nothing_else() {
    let scene = World::get().overlay();
    let observed = Box::leak(Box::new(Observed::start().unwrap()));
    let scene = scene.seen_by(observed);
    let acts = || {
        let path = format!("/tmp/{}", token());
        let acts = format!(
            "call mkdir s:{path} 0700 . call rmdir s:{path} . fails call mkdir s:/none/a 0700 . \
             fails call rmdir s:{path} . setgid 9"
        );
        let (_, calls) = scene.calls(&acts);
        calls
            .iter()
            .map(|call| (call.call, call.result))
            .collect::<Vec<_>>()
    };
    // To begin with nothing is.
    assert_eq!(acts(), []);
    let all = CallFilter { failed: true };
    let succeeded = CallFilter { failed: false };
    for (wanted, expected) in [
        (vec![(Call::Mkdir, succeeded)], vec![(Call::Mkdir, 0)]),
        (
            vec![(Call::Rmdir, all), (Call::Setgid, succeeded)],
            vec![(Call::Rmdir, 0), (Call::Rmdir, -2), (Call::Setgid, 0)],
        ),
        (vec![], vec![]),
    ] {
        observed.with_observer(move |observer| observer.set_call_filter(&wanted).unwrap());
        assert_eq!(acts(), expected);
    }
}

fn the_host_is_not_told() {
    let scene = World::get().calls();
    let path = std::env::temp_dir().join(token());
    std::fs::create_dir(&path).unwrap();
    std::fs::remove_dir(&path).unwrap();
    let name = path.to_string_lossy().into_owned();
    let told = scene.all(|event| match event {
        yagura_event::KernelEvent::Call(call) if call.path.escaped() == name => Some(call.clone()),
        _ => None,
    });
    assert_eq!(told, []);
}
