//! What people do in containers all day: nothing of it is drift, and what comes of it is named rightly.

use crate::debian;
use crate::harness::trial;
use crate::payload::Payload;
use crate::runc::{self, Container, Image, Spec};
use crate::sensor::{ALL_DRIFT, Sensor};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use serde_json::Value;

pub(crate) fn trials() -> Vec<Trial> {
    let busybox: Vec<&str> = runc::NEEDS.into_iter().chain(Payload::NEEDS).collect();
    vec![
        trial("benign::debian::overlay", &debian::NEEDS, || {
            on_debian(false)
        }),
        trial("benign::debian::plain", &debian::NEEDS, || on_debian(true)),
        trial("benign::busybox", &busybox, on_busybox),
    ]
}

/// A file that is reported, and as what.
struct Expected {
    path: &'static str,
    pointer: &'static str,
    value: &'static str,
}

/// Each silent; run one after another in one shell each.
const SILENT: [(&str, &str); 14] = [
    ("package upgrade", "dpkg -i /payload/hello-2.deb"),
    (
        "package queries",
        "dpkg -l hello; dpkg -L hello; dpkg --verify hello",
    ),
    (
        "compiler",
        "mkdir /tmp/build; cd /tmp/build; echo 'int main(void) { return 0; }' > main.c; \
         gcc -O1 -c main.c; gcc -o built main.o",
    ),
    (
        "Python reads data",
        "echo 'not = a program' > /tmp/data.py; echo '{}' > /tmp/data.json; \
         python3 -c \"import json; open('/tmp/data.py').read(); json.load(open('/tmp/data.json'))\"",
    ),
    (
        "Python of the image",
        "python3 -m tokenize /usr/lib/python3.11/this.py > /dev/null",
    ),
    (
        "generated settings",
        "printf 'A=1\\nexport B=2\\n' > /tmp/env; printf '. /tmp/env\\ntest $B = 2' | sh",
    ),
    (
        "here documents",
        "cat > /tmp/note <<END\n#!/bin/sh\nEND\ngrep -q bin/sh /tmp/note; sed -n 1p /tmp/note",
    ),
    (
        "symbolic link",
        "ln -s /usr/bin/true /tmp/true; /tmp/true; ln -s ../usr/bin/true /tmp/l; /tmp/l",
    ),
    (
        "own executable",
        "bash -c 'exec /proc/self/exe -c true'; bash -c '/proc/$$/exe -c true'",
    ),
    (
        "copied back",
        "cp /usr/bin/id /tmp/id; cp /tmp/id /usr/bin/id; id > /dev/null; rm /tmp/id",
    ),
    (
        "replaced by itself",
        "cp -p /usr/bin/wc /usr/bin/wc.new; mv /usr/bin/wc.new /usr/bin/wc; wc /dev/null",
    ),
    (
        "metadata",
        "chmod 711 /usr/bin/du; touch /usr/bin/du; chown 0:0 /usr/bin/du; ln /usr/bin/du /tmp/du; du /dev/null",
    ),
    (
        "applets",
        "busybox ls / > /dev/null; ln -s /bin/busybox /tmp/ls; /tmp/ls / > /dev/null; busybox sh -c 'busybox id' > /dev/null",
    ),
    (
        "pipes and substitution",
        "echo 'true' | sh; sh -c \"$(cat /etc/default/hello)\"; find /etc -name hello -exec sh -c 'true {}' \\;",
    ),
];

fn on_debian(plain: bool) -> Result<()> {
    let image = debian::image()?;
    debian::package(&image.dir, 2)?;
    let sensor = Sensor::start(ALL_DRIFT, &[])?;
    let spec = Spec {
        payload: Some(image.dir.path()),
        plain,
        ..Spec::default()
    };
    let container = Container::start(&image, &spec)?;
    // The image's own init script, before the upgrade replaces what it runs.
    container.shell("/etc/init.d/hello start; sh /etc/init.d/hello start")?;
    for (what, script) in SILENT {
        container.shell(script).with_context(|| what.to_owned())?;
    }
    // After the work is done, what it left is not the image's any more.
    let hello = container.shell("hello")?;
    ensure!(hello == "hello 2 of 2\n", "{hello}");
    container.shell("/tmp/build/built")?;
    let expected = [
        Expected {
            path: "/usr/bin/hello",
            pointer: "/drift/provenance",
            value: "package-manager",
        },
        Expected {
            path: "/usr/lib/libhello.so",
            pointer: "/drift/provenance",
            value: "package-manager",
        },
        Expected {
            path: "/tmp/build/built",
            pointer: "/drift/written_by/how",
            value: "built",
        },
    ];
    for Expected {
        path,
        pointer,
        value,
    } in &expected
    {
        let alert = sensor.alert_about(&container.id, path)?;
        let found = alert.pointer(pointer).unwrap_or(&Value::Null);
        ensure!(
            found == value,
            "{pointer} is {found}, not {value}: {alert:#}"
        );
    }
    let ended = sensor.stop()?;
    let alerts = ended.alerts_of(&container.id).into_iter();
    let false_alarms: Vec<&Value> = alerts
        .filter(|alert| {
            expected
                .iter()
                .all(|expected| alert["drift"]["path"] != expected.path)
        })
        .collect();
    ensure!(false_alarms.is_empty(), "{false_alarms:#?}");
    let stages = &ended.stats["package_manager_stages"];
    ensure!(
        stages.as_u64() > Some(0),
        "the upgrade was not seen: {}",
        ended.stats
    );
    Ok(())
}

fn on_busybox() -> Result<()> {
    let (image, payload) = (Image::busybox()?, Payload::build()?);
    let sensor = Sensor::start(ALL_DRIFT, &[])?;
    let spec = Spec {
        payload: Some(payload.path()),
        ..Spec::default()
    };
    let container = Container::start(&image, &spec)?;
    for script in [
        "ls / > /dev/null; cat /etc/passwd; id; ps",
        "mkdir /applets; /bin/busybox --install -s /applets; /applets/uname; /applets/sh -c /applets/id",
        "ln /bin/busybox /bin/true2; busybox true",
        "cp /bin/busybox /tmp/b; mv /tmp/b /bin/busybox; ls /",
        "echo A=1 > /tmp/env; echo '. /tmp/env; echo $A' | sh; cp /payload/hello /tmp/never-run; cat /tmp/never-run > /dev/null",
    ] {
        container.shell(script)?;
    }
    ensure!(container.drop_and_run("hello", "/tmp/last")? == "ran\n");
    sensor.alert_about(&container.id, "/tmp/last")?;
    let ended = sensor.stop()?;
    let alerts = ended.alerts_of(&container.id);
    ensure!(alerts.len() == 1, "{alerts:#?}");
    Ok(())
}
