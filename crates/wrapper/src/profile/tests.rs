use super::*;
use proptest::prelude::*;
use serde_json::json;

const SOCKET: &str = "/run/a.sock";

fn calls(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn merge_into(seccomp: &Value, names: &[&str]) -> (Value, Result<Merged, ProfileError>) {
    let mut config = json!({ "linux": { "seccomp": seccomp } });
    let calls = calls(names);
    let request = Request {
        socket: SOCKET,
        metadata: "m",
        calls: &calls,
    };
    let merged = merge(&mut config, &request);
    (config, merged)
}

fn syscalls(config: &Value) -> &Value {
    &config["linux"]["seccomp"]["syscalls"]
}

#[test]
fn a_permitted_call_is_asked_about_and_a_refused_one_stays_refused() {
    let (config, merged) = merge_into(
        &json!({
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [
                { "names": ["read", "mount", "bpf"], "action": "SCMP_ACT_ALLOW" },
                { "names": ["ptrace"], "action": "SCMP_ACT_KILL_PROCESS" },
            ],
        }),
        &["mount", "ptrace", "setns"],
    );
    assert_eq!(
        merged.unwrap(),
        Merged {
            notified: calls(&["mount"]),
            left: calls(&["ptrace", "setns"]),
        }
    );
    let seccomp = &config["linux"]["seccomp"];
    assert_eq!(seccomp["listenerPath"], SOCKET);
    assert_eq!(seccomp["listenerMetadata"], "m");
    assert_eq!(seccomp["defaultErrnoRet"], 1);
    assert_eq!(
        *syscalls(&config),
        json!([
            { "names": ["read", "bpf"], "action": "SCMP_ACT_ALLOW" },
            { "names": ["mount"], "action": "SCMP_ACT_NOTIFY" },
            { "names": ["ptrace"], "action": "SCMP_ACT_KILL_PROCESS" },
        ])
    );
}

#[test]
fn without_a_profile_everything_else_is_permitted_on_every_convention() {
    for section in [
        json!(null),
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": null }),
    ] {
        let (config, merged) = merge_into(&section, &["mount"]);
        assert_eq!(merged.unwrap().notified, ["mount"]);
        assert_eq!(
            config["linux"]["seccomp"]["defaultAction"],
            "SCMP_ACT_ALLOW"
        );
        let asked = json!([{ "names": ["mount"], "action": "SCMP_ACT_NOTIFY" }]);
        assert_eq!(*syscalls(&config), asked);
    }
    let mut config = json!({ "linux": {} });
    let calls = calls(&["mount"]);
    let request = Request {
        socket: SOCKET,
        metadata: "",
        calls: &calls,
    };
    merge(&mut config, &request).unwrap();
    if cfg!(target_arch = "x86_64") {
        let all = json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
        assert_eq!(config["linux"]["seccomp"]["architectures"], all);
    }
}

#[test]
fn conditions_stay() {
    let condition = json!([{ "index": 0, "value": 8, "valueTwo": 0, "op": "SCMP_CMP_EQ" }]);
    let (config, _) = merge_into(
        &json!({ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            { "names": ["unshare"], "action": "SCMP_ACT_ALLOW", "args": condition, "comment": "c" },
        ] }),
        &["unshare"],
    );
    let expected = json!([{ "names": ["unshare"], "action": "SCMP_ACT_NOTIFY", "args": condition, "comment": "c" }]);
    assert_eq!(*syscalls(&config), expected);
}

#[test]
fn threads_are_made_without_a_question() {
    let (config, merged) = merge_into(
        &json!({ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            { "names": ["clone", "clone3"], "action": "SCMP_ACT_ALLOW" },
        ] }),
        &["clone", "clone3"],
    );
    assert_eq!(merged.unwrap().notified, ["clone", "clone3"]);
    let entries = syscalls(&config).as_array().unwrap();
    let notified = entries
        .iter()
        .filter(|entry| entry["action"] == "SCMP_ACT_NOTIFY");
    assert_eq!(notified.count(), NAMESPACE_FLAGS.len());
    let masked =
        json!({ "index": 0, "value": 0x7e02_0000_u64, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ" });
    assert!(
        entries
            .contains(&json!({ "names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [masked] }))
    );
    assert!(
        entries
            .contains(&json!({ "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 }))
    );
    // The profiles of engines for containers without CAP_SYS_ADMIN.
    let (config, merged) = merge_into(
        &json!({ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            { "names": ["mount"], "action": "SCMP_ACT_ALLOW" },
            { "names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [masked] },
            { "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 },
        ] }),
        &["mount", "clone", "clone3"],
    );
    assert_eq!(merged.unwrap().left, ["clone", "clone3"]);
    assert_eq!(syscalls(&config)[1]["args"], json!([masked]));
}

#[test]
fn what_is_anothers_or_strange_is_left_alone() {
    let cases = [
        (
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x" }),
            ProfileError::OtherListener,
        ),
        (
            json!({ "defaultAction": "SCMP_ACT_NOTIFY" }),
            ProfileError::OtherListener,
        ),
        (
            json!({ "defaultAction": "SCMP_ACT_ERRNO" }),
            ProfileError::Nothing,
        ),
        (json!({ "defaultAction": 7 }), ProfileError::Malformed),
        (
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": "x" }] }),
            ProfileError::Malformed,
        ),
        (json!([]), ProfileError::Malformed),
    ];
    for (seccomp, expected) in cases {
        let (config, merged) = merge_into(&seccomp, &["mount"]);
        assert_eq!(merged, Err(expected), "{seccomp}");
        assert_eq!(config["linux"]["seccomp"], seccomp, "changed nonetheless");
    }
    let mut strange = json!({});
    let request = Request {
        socket: SOCKET,
        metadata: "",
        calls: &[],
    };
    assert_eq!(merge(&mut strange, &request), Err(ProfileError::NoLinux));
}

#[test]
fn a_bundle_that_is_used_again_can_be_freed_of_questions() {
    let (mut config, _) = merge_into(&json!({ "defaultAction": "SCMP_ACT_ALLOW" }), &["mount"]);
    assert!(is_merged(&config, SOCKET) && !is_merged(&config, "/other"));
    unmerge(&mut config).unwrap();
    assert!(!is_merged(&config, SOCKET));
    assert_eq!(config["linux"]["seccomp"].get("listenerPath"), None);
    assert_eq!(syscalls(&config)[0]["action"], "SCMP_ACT_ALLOW");
}

/// Ways in which overlapping entries may be weighed. libseccomp's is one of them or between them.
#[derive(Debug, Clone, Copy)]
enum Order {
    First,
    Last,
    UnconditionalFirst,
    Strictest,
}

fn severity(action: &Action) -> u8 {
    match action {
        Action::Allow => 0,
        Action::Log => 1,
        Action::Notify => 2,
        Action::Errno => 3,
        Action::Other(_) => 4,
    }
}

/// What a profile makes of a call.
fn verdict(profile: &Profile, call: &str, first: u64, order: Order) -> (Action, Option<u64>) {
    let holds = |argument: &Argument| match argument.op.as_str() {
        "SCMP_CMP_MASKED_EQ" => first & argument.value == argument.value_two,
        "SCMP_CMP_EQ" => first == argument.value,
        _ => first != argument.value,
    };
    let own = profile
        .syscalls
        .iter()
        .filter(|entry| entry.names(call) && entry.arguments.iter().all(holds));
    let own: Vec<&Entry> = own.collect();
    let chosen = match order {
        Order::First => own.first(),
        Order::Last => own.last(),
        Order::UnconditionalFirst => own
            .iter()
            .find(|entry| entry.is_unconditional())
            .or(own.first()),
        Order::Strictest => own.iter().max_by_key(|entry| severity(&entry.action)),
    };
    chosen.map_or((profile.default_action.clone(), None), |entry| {
        (entry.action.clone(), entry.errno)
    })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Allow),
        1 => Just(Action::Log),
        2 => Just(Action::Errno),
        1 => Just(Action::Other("SCMP_ACT_KILL_PROCESS".to_owned())),
        1 => Just(Action::Other("SCMP_ACT_TRACE".to_owned())),
    ]
}

fn flags() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(0x11),
        Just(0x0002_0000),
        Just(0x1000_0000),
        Just(0x7e02_0000),
        Just(0x1002_0011)
    ]
}

fn argument() -> impl Strategy<Value = Argument> {
    (
        flags(),
        flags(),
        prop_oneof![
            Just("SCMP_CMP_MASKED_EQ"),
            Just("SCMP_CMP_EQ"),
            Just("SCMP_CMP_NE")
        ],
    )
        .prop_map(|(value, value_two, op)| Argument {
            op: op.to_owned(),
            ..Argument::masked(value, value_two)
        })
}

fn entry() -> impl Strategy<Value = Entry> {
    let names =
        proptest::sample::subsequence(vec!["mount", "clone", "clone3", "unshare", "read"], 1..=3);
    (
        names,
        action(),
        proptest::collection::vec(argument(), 0..=1),
    )
        .prop_map(|(names, action, arguments)| Entry {
            names: calls(&names),
            errno: (action == Action::Errno).then_some(13),
            arguments,
            ..Entry::of("", action)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_permitted_that_was_refused(
        default in action(),
        entries in proptest::collection::vec(entry(), 0..6),
        first in flags(),
    ) {
        let before = Profile { default_action: default, syscalls: entries, ..Profile::permitting_everything() };
        let section = serde_json::to_value(&before).unwrap();
        let asked = ["mount", "clone", "clone3", "unshare"];
        let (config, merged) = merge_into(&section, &asked);
        let after = Profile::parse(&config["linux"]["seccomp"]).unwrap();
        if merged.is_err() {
            prop_assert_eq!(&config["linux"]["seccomp"], &section);
        }
        for call in ["mount", "clone", "clone3", "unshare", "read", "write"] {
            for order in [Order::First, Order::Last, Order::UnconditionalFirst, Order::Strictest] {
                let old = verdict(&before, call, first, order);
                let new = verdict(&after, call, first, order);
                if !old.0.permits() {
                    // Of clone3 the number of the error may be another.
                    let refuses = severity(&new.0) >= severity(&Action::Errno);
                    prop_assert!(refuses && (new == old || call == "clone3"), "{} {:?}", call, order);
                } else if !asked.contains(&call) {
                    prop_assert!(new.0.permits(), "{} {:?}", call, order);
                } else {
                    let expected = new.0.permits() || new.0 == Action::Notify || new == (Action::Errno, Some(ENOSYS));
                    prop_assert!(expected, "{} {:?} {:?}", call, order, new);
                }
            }
        }
    }

    #[test]
    fn what_is_always_permitted_is_always_asked_about(
        deny in any::<bool>(), entries in proptest::collection::vec(entry(), 0..4), first in flags(),
    ) {
        // Entries that permit, one of them whatever the arguments; others speak of other calls.
        let mut entries: Vec<Entry> = entries.into_iter().map(|entry| Entry { action: Action::Allow, errno: None, ..entry }).collect();
        entries.push(Entry { names: calls(&["mount", "clone", "clone3"]), ..Entry::of("", Action::Allow) });
        let default_action = if deny { Action::Errno } else { Action::Allow };
        let before = Profile { default_action, syscalls: entries, ..Profile::permitting_everything() };
        let (config, _) = merge_into(&serde_json::to_value(&before).unwrap(), &["mount", "clone", "clone3"]);
        let after = Profile::parse(&config["linux"]["seccomp"]).unwrap();
        for order in [Order::First, Order::Last, Order::UnconditionalFirst, Order::Strictest] {
            prop_assert_eq!(verdict(&after, "mount", first, order).0, Action::Notify);
            prop_assert_eq!(verdict(&after, "clone3", first, order), (Action::Errno, Some(ENOSYS)));
            let all: u64 = NAMESPACE_FLAGS.iter().sum();
            let expected = if first & all != 0 { Action::Notify } else { Action::Allow };
            prop_assert_eq!(verdict(&after, "clone", first, order).0, expected);
        }
    }
}
