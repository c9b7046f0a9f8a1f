use super::*;

fn reading<'a>(name: &str, argv: &[&'a str]) -> Reading<'a> {
    let family = FAMILIES
        .iter()
        .find(|family| family.names.contains(&name))
        .expect("a family");
    read_arguments(family, argv.iter().map(|arg| arg.as_bytes()))
}

#[test]
fn the_script_is_the_first_operand() {
    for (name, argv, script) in [
        ("bash", &["-x", "-o", "errexit", "a", "b"][..], Some("a")),
        ("bash", &["--", "a"], Some("a")),
        ("python", &["-u", "-W", "ignore", "a.py", "b"], Some("a.py")),
        ("perl", &["-I", "/lib", "-w", "a.pl"], Some("a.pl")),
        ("node", &["--require=./a.js"], Some("./a.js")),
        ("awk", &["-F", ":", "-f", "a.awk", "data"], Some("a.awk")),
        ("awk", &["{print}", "data"], None),
        ("sh", &["-ec", "a b", "c"], None),
        ("perl", &["-ne", "print", "data"], None),
        ("sh", &["-s", "a"], None),
    ] {
        let expected: Vec<&[u8]> = script.into_iter().map(str::as_bytes).collect();
        assert_eq!(reading(name, argv).scripts, expected, "{name} {argv:?}");
    }
}

#[test]
fn a_program_comes_from_standard_input_without_operands() {
    for (name, argv, expected) in [
        ("sh", &[][..], true),
        ("sh", &["-x"], true),
        ("sh", &["-s", "a"], true),
        ("python", &["-"], true),
        ("sh", &["a"], false),
        ("sh", &["-c", "a"], false),
        ("perl", &["-ne", "print"], false),
        ("awk", &["-f", "a"], false),
        ("awk", &["{print}"], false),
    ] {
        assert_eq!(reading(name, argv).from_stdin, expected, "{name} {argv:?}");
    }
}

#[test]
fn sourcing_is_told_from_reading() {
    let is_x = |name: &[u8]| base_name(name) == b"x";
    for text in [". /tmp/x", "cd /; source \"./x\"; run", "true && . x"] {
        assert!(sources(text.as_bytes(), is_x), "{text}");
    }
    for text in ["cat /tmp/x", "read l < /tmp/x", "", ". /tmp/y x"] {
        assert!(!sources(text.as_bytes(), is_x), "{text}");
    }
}

#[test]
fn paths_are_normalized_within_bounds() {
    assert_eq!(normalized(b"/a/b", b"../c/./d"), b"/a/c/d");
    assert_eq!(normalized(b"/a", b"/../..//x"), b"/x");
    assert_eq!(normalized(b"", b""), b"");
}

#[test]
fn descriptor_paths() {
    assert!(is_descriptor_path(b"/dev/fd/63"));
    assert!(is_descriptor_path(b"/proc/self/fd/3"));
    assert!(is_descriptor_path(b"/proc/12/task/12/fd/3"));
    assert!(!is_descriptor_path(b"/proc/self/exe"));
    assert!(!is_descriptor_path(b"/tmp/fd/3"));
}
