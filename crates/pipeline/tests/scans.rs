//! Files handed to the scanner, and what comes of findings.

use crate::support::*;
use yagura_event::*;
use yagura_pipeline::Input;

const RULES: &str = r#"
- rule: Miner found
  desc: d
  key: malware.miner
  condition: evt.type = scan_finding and scan.key = malware.miner and scan.score >= 60
  output: "file=%fd.name family=%scan.family"
  priority: CRITICAL
  fold_by: [fd.name, scan.reason]
- rule: Changed copy found
  desc: d
  condition: evt.type = scan_finding and scan.key = malware.self_mutating_trojan
  output: "distance=%scan.distance"
  priority: CRITICAL
- rule: Pool asked
  desc: d
  condition: evt.type = dns and dns.question = pool.example
  output: "pool"
  priority: CRITICAL
- rule: Started
  desc: d
  condition: evt.type = execve and proc.name = miner
  output: "started"
  priority: CRITICAL
"#;

fn world() -> World {
    let mut world = World::with(ALERT_ALL, true);
    world.start_box();
    world.set_rules(RULES);
    world.out.scans.clear();
    world
}

fn answer(token: u64, key: Option<&str>) -> ScanAnswer {
    let finding = |key: &str| Finding {
        key: key.to_owned(),
        family: "xmrig".to_owned(),
        score: 95,
        engine: ScanEngine::Yara,
        rule: "Xmrig".to_owned(),
        reasons: vec!["it speaks stratum".to_owned()],
        matches: Vec::new(),
    };
    ScanAnswer {
        token,
        sha256: Some(Sha256([7; 32])),
        size: 4096,
        fuzzy: Some("T1AA".to_owned()),
        distance: None,
        findings: key.map(finding).into_iter().collect(),
        gaps: Vec::new(),
        error: None,
    }
}

fn written(world: &mut World, pid: u32, file: &FileFacts) {
    let base = Base {
        program: world.last_program(pid),
        ..world.base(pid)
    };
    let event = WrittenEvent {
        base,
        root: world.root(),
        file: file.clone(),
    };
    world.kernel(KernelEvent::Written(Box::new(event)));
}

fn alerts<'a>(world: &'a World, rule: &str) -> Vec<&'a Alert> {
    let alerts = world.out.alerts.iter();
    alerts.filter(|alert| alert.rule == rule).collect()
}

#[test]
fn a_program_is_scanned_the_first_time_it_runs_and_drift_before_the_rest() {
    let mut world = world();
    let ls = world.image_file("/bin/ls");
    for pid in [200, 201] {
        let exec = world.exec(pid, "/bin/ls", &["ls"], ls.clone());
        world.run(exec);
    }
    let dropped = world.written_file("/tmp/x");
    let exec = world.exec(202, "/tmp/x", &["x"], dropped);
    world.run(exec);
    let asked: Vec<(&str, bool)> = world
        .out
        .scans
        .iter()
        .map(|scan| (scan.reason.as_str(), scan.file.is_exe))
        .collect();
    assert_eq!(asked, [("used", true), ("drift-used", true)]);
    assert!(ScanReason::DriftUsed < ScanReason::Written && ScanReason::Written < ScanReason::Used);
}

#[test]
fn only_written_files_that_may_run_are_scanned() {
    let mut world = world();
    world.run_image(200, "/usr/bin/curl", &["curl"]);
    world.out.scans.clear();
    for (path, mode) in [
        ("/var/lib/mysql/ibdata1", 0o100_644),
        ("/var/www/html/a.php", 0o100_644),
        ("/tmp/empty", 0o100_644),
    ] {
        let mut file = world.written_file(path);
        file.mode = mode;
        if path == "/tmp/empty" {
            file.key.size = 0;
        }
        written(&mut world, 200, &file);
    }
    let paths: Vec<Text> = world
        .out
        .scans
        .iter()
        .map(|scan| scan.file.file.path.clone())
        .collect();
    assert_eq!(paths, [Text::from("/var/www/html/a.php")]);
    assert_eq!(world.pipeline.stats().written_files, 3);
}

#[test]
fn a_file_that_is_renamed_to_a_watched_place_is_scanned_there() {
    let mut world = world();
    world.run_image(200, "/usr/bin/php-fpm", &["php-fpm"]);
    world.out.scans.clear();
    let mut file = world.written_file("/var/lib/upload/part-1");
    file.mode = 0o100_644;
    written(&mut world, 200, &file);
    assert!(world.out.scans.is_empty());
    let event = CallEvent {
        path: Text::from("part-1"),
        directory: Text::from("/var/lib/upload"),
        new_path: Text::from("/var/www/html/../html/a.php"),
        ..crate::detect::call(&mut world, 200, Call::Rename)
    };
    world.kernel(KernelEvent::Call(Box::new(event)));
    let scan = world.out.scans.last().expect("a scan");
    assert_eq!(scan.file.file.path, Text::from("/var/www/html/a.php"));
    assert_eq!(scan.reason, ScanReason::Written);
    // The next is made a program.
    let mut file = world.written_file("/opt/tool");
    file.mode = 0o100_644;
    written(&mut world, 200, &file);
    let asked = world.out.scans.len();
    let event = CallEvent {
        path: Text::from("/opt/tool"),
        arguments: [0, 0o755, 0, 0, 0, 0],
        ..crate::detect::call(&mut world, 200, Call::Chmod)
    };
    world.kernel(KernelEvent::Call(Box::new(event)));
    assert_eq!(world.out.scans.len(), asked + 1);
}

#[test]
fn a_finding_tells_of_its_writer_and_everyone_who_ran_it() {
    let mut world = world();
    world.run_image(200, "/usr/bin/curl", &["curl"]);
    let file = world.written_file("/tmp/miner");
    written(&mut world, 200, &file);
    let token = world.out.scans.last().unwrap().file.token;
    world.give(Input::Scanned(answer(token, Some("malware.miner"))));
    let mut ran = file.clone();
    ran.writer = Some(Writer {
        program: world.last_program(200),
        time: MonotonicNs(world.now),
    });
    for pid in [300, 301] {
        let exec = world.exec(pid, "/tmp/miner", &["miner"], ran.clone());
        world.run(exec);
    }
    let found = alerts(&world, "Miner found");
    assert_eq!(found.len(), 2, "one of the writing, one of the runs");
    let [by_writing, by_running] = [found[0], found[1]].map(|alert| alert.scan.as_ref().unwrap());
    assert_eq!(by_writing.reason, ScanReason::Written);
    assert_eq!(
        found[0].process.as_ref().unwrap().exe,
        Text::from("/usr/bin/curl")
    );
    assert!(by_writing.run_by.is_empty());
    let writer = by_running.written_by.as_ref().unwrap();
    assert_eq!(writer.process.exe, Text::from("/usr/bin/curl"));
    assert_eq!(by_running.run_by.len(), 1);
    assert_eq!(by_running.finding.family, "xmrig");
    let again = found[1].clone();
    world.pipeline.finish(&mut world.out);
    let told = alerts(&world, "Miner found");
    let last = told.last().unwrap();
    assert_eq!((last.id.as_str(), last.count), (again.id.as_str(), 2));
    assert_eq!(last.scan.as_ref().unwrap().run_by.len(), 2);
}

#[test]
fn what_a_file_is_and_what_it_does_are_one_incident() {
    let mut world = world();
    world.run_image(200, "/usr/bin/curl", &["curl"]);
    world.run_image(201, "/usr/bin/curl", &["curl"]);
    for (writer, pid, path) in [(200, 300, "/tmp/miner"), (201, 301, "/opt/miner")] {
        let mut file = world.written_file(path);
        written(&mut world, writer, &file);
        let token = world.out.scans.last().unwrap().file.token;
        world.give(Input::Scanned(answer(token, Some("malware.miner"))));
        file.flags = FileFlags(file.flags.0);
        let exec = world.exec(pid, path, &["miner"], file);
        world.run(exec);
    }
    let incidents = |path: &str| -> Vec<String> {
        let of_path = |alert: &&Alert| {
            alert
                .scan
                .as_ref()
                .is_some_and(|scan| scan.path == Text::from(path))
                || alert
                    .process
                    .as_ref()
                    .is_some_and(|process| process.exe == Text::from(path))
        };
        let mut names: Vec<String> = world
            .out
            .alerts
            .iter()
            .filter(of_path)
            .map(|alert| alert.incident.clone())
            .collect();
        assert!(names.len() >= 3, "written, run, started: {names:?}");
        names.dedup();
        names
    };
    let (first, second) = (incidents("/tmp/miner"), incidents("/opt/miner"));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second, "two miners in one container are two stories");
}

#[test]
fn a_changed_copy_of_its_writer_is_told_by_likeness() {
    let mut world = world();
    let first = world.written_file("/tmp/first");
    let exec = world.exec(300, "/tmp/first", &["first"], first);
    let program = world.run(exec);
    let token = world.out.scans.last().unwrap().file.token;
    world.give(Input::Scanned(answer(token, None)));
    world.answer(|_| {});
    let mut second = world.written_file("/tmp/second");
    second.writer = Some(Writer {
        program,
        time: MonotonicNs(world.now),
    });
    let exec = world.exec(301, "/tmp/second", &["second"], second);
    world.run(exec);
    let scan = world.out.scans.last().unwrap().clone();
    assert_eq!(scan.writer_fuzzy.as_deref(), Some("T1AA"));
    let alike = ScanAnswer {
        distance: Some(12),
        ..answer(scan.file.token, None)
    };
    world.give(Input::Scanned(alike));
    let found = alerts(&world, "Changed copy found");
    assert_eq!(found.len(), 1);
    assert!(found[0].scan.as_ref().unwrap().finding.reasons[0].contains("/tmp/first"));
}

#[test]
fn a_file_that_could_not_be_read_is_counted_and_asked_for_again() {
    let mut world = world();
    let file = world.image_file("/bin/ls");
    let exec = world.exec(200, "/bin/ls", &["ls"], file.clone());
    world.run(exec);
    let token = world.out.scans.last().unwrap().file.token;
    world.give(Input::Scanned(ScanAnswer {
        error: Some(InspectionError::Vanished),
        ..answer(token, None)
    }));
    let counted = world.pipeline.stats().unscanned;
    assert_eq!(counted.get(InspectionError::Vanished.text()), Some(&1));
    let exec = world.exec(201, "/bin/ls", &["ls"], file);
    world.run(exec);
    assert_eq!(world.out.scans.len(), 2);
}

#[test]
fn a_threat_in_an_image_is_an_alert_of_its_container() {
    let mut world = world();
    let found = answer(0, Some("malware.miner"));
    world.give(Input::ImageFinding(BOX, Text::from("/opt/xmrig"), found));
    let alerts = alerts(&world, "Miner found");
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].container_id(), "c".repeat(64));
    assert_eq!(alerts[0].scan.as_ref().unwrap().reason, ScanReason::Image);
}
