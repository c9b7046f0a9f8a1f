use super::*;
use proptest::prelude::*;
use yagura_event::{Base, MonotonicNs};

fn event(pid: u32, start_ns: u64, exec_ns: u64, from: ProgramKey) -> ExecEvent {
    ExecEvent {
        base: Base {
            time: MonotonicNs(exec_ns),
            process: ProcessKey { pid, start_ns },
            program: ProgramKey { pid, exec_ns },
            ..Base::default()
        },
        started_from: from,
        argv: vec![Text::from("a"), Text::default(), Text::from("b")],
        filename: Text::from("/bin/x"),
        interpreter: Text::from("/bin/x"),
        ..ExecEvent::default()
    }
}

fn exit(pid: u32, start_ns: u64) -> ExitEvent {
    ExitEvent {
        base: Base {
            process: ProcessKey { pid, start_ns },
            ..Base::default()
        },
        status: 0,
    }
}

#[test]
fn texts_come_back_as_they_were() {
    let mut table = ProcessTable::new();
    let event = event(1, 1, 2, ProgramKey::default());
    table.exec(&event, ExeOrigin::Image);
    let program = table.program(event.base.program).expect("the program");
    assert_eq!(program.argv().collect::<Vec<_>>(), [&b"a"[..], b"", b"b"]);
    assert_eq!(program.filename(), b"/bin/x");
    assert_eq!(program.exe(), b"");
    assert!(!program.is_script_exec());
    assert!(!program.argv_truncated);
}

#[test]
fn no_arguments_are_none_and_long_ones_are_cut() {
    let mut table = ProcessTable::new();
    let mut none = event(1, 1, 2, ProgramKey::default());
    none.argv.clear();
    table.exec(&none, ExeOrigin::Image);
    let program = table.program(none.base.program).expect("the program");
    assert_eq!(program.argv().count(), 0);
    let mut long = event(2, 1, 2, ProgramKey::default());
    long.argv = vec![Text(vec![b'x'; 700]); 3];
    table.exec(&long, ExeOrigin::Image);
    let program = table.program(long.base.program).expect("the program");
    assert!(program.argv_truncated);
    assert!(program.argv().map(<[u8]>::len).sum::<usize>() <= ARGV_BYTES_MAX);
}

#[test]
fn a_forked_childs_end_does_not_end_its_parents_program() {
    let mut table = ProcessTable::new();
    let parent = event(1, 1, 2, ProgramKey::default());
    table.exec(&parent, ExeOrigin::Image);
    let mut child = exit(5, 9);
    child.base.program = parent.base.program;
    table.exit(&child);
    assert!(table.is_running(parent.base.program));
}

#[test]
fn live_programs_outlast_ended_ones() {
    let mut table = ProcessTable::with_bound(3);
    let first = event(1, 1, 2, ProgramKey::default());
    table.exec(&first, ExeOrigin::Image);
    for number in 10..20 {
        let short = event(2, number, number, first.base.program);
        table.exec(&short, ExeOrigin::Image);
    }
    assert_eq!(table.len(), 3);
    assert!(table.program(first.base.program).is_some());
    // With nothing ended left, the oldest live one goes.
    for pid in 30..34 {
        table.exec(&event(pid, 40, 40, ProgramKey::default()), ExeOrigin::Image);
    }
    assert!(table.program(first.base.program).is_none());
    assert_eq!(table.current(first.base.process), None);
}

/// One step of a random history over few pids, so that reuse is frequent.
#[derive(Debug, Clone)]
enum Step {
    /// A new process under a pid, whether or not the former one was seen to end.
    Start(u32),
    /// The process under a pid execs.
    Exec(u32),
    /// The process under a pid ends.
    End(u32),
    /// A record of an earlier process of a pid comes late.
    LateEnd(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pid = 1..6_u32;
    prop::collection::vec(
        prop_oneof![
            pid.clone().prop_map(Step::Start),
            pid.clone().prop_map(Step::Exec),
            pid.clone().prop_map(Step::End),
            pid.prop_map(Step::LateEnd),
        ],
        0..200,
    )
}

proptest! {
    /// Against a simple model: the table always names the program that runs in exactly this process, stays within
    /// its bound, and keeps its three indexes in agreement.
    #[test]
    fn agrees_with_a_model(steps in steps(), bound in 6..20_usize) {
        let mut table = ProcessTable::with_bound(bound);
        let mut model: BTreeMap<u32, (u64, Option<ProgramKey>)> = BTreeMap::new();
        let mut clock = 0;
        for step in steps {
            clock += 1;
            match step {
                Step::Start(pid) => {
                    // A pid comes back with a later start, and its first exec tells of it.
                    let event = event(pid, clock, clock, ProgramKey { pid: pid % 5 + 1, exec_ns: clock / 2 });
                    table.exec(&event, ExeOrigin::Image);
                    model.insert(pid, (clock, Some(event.base.program)));
                }
                Step::Exec(pid) => {
                    if let Some((start, Some(program))) = model.get_mut(&pid) {
                        let event = event(pid, *start, clock, *program);
                        table.exec(&event, ExeOrigin::Image);
                        *program = event.base.program;
                    }
                }
                Step::End(pid) => {
                    if let Some((start, program)) = model.get_mut(&pid) {
                        table.exit(&exit(pid, *start));
                        *program = None;
                    }
                }
                Step::LateEnd(pid) => {
                    if let Some((start, _)) = model.get(&pid) {
                        table.exit(&exit(pid, start - 1));
                    }
                }
            }
            for (&pid, &(start_ns, program)) in &model {
                prop_assert_eq!(table.current(ProcessKey { pid, start_ns }), program);
                prop_assert_eq!(table.current(ProcessKey { pid, start_ns: start_ns + 1 }), None);
                if let Some(program) = program {
                    let found = table.program(program).expect("at most five live, so never evicted");
                    prop_assert_eq!(found.process, ProcessKey { pid, start_ns });
                    prop_assert!(table.ancestors(found).programs.len() <= ANCESTORS_MAX);
                }
            }
            prop_assert!(table.len() <= bound);
            prop_assert_eq!(table.eviction.len(), table.programs.len());
            for (rank, key) in &table.eviction {
                prop_assert_eq!(rank.live, table.is_running(*key));
            }
        }
    }
}
