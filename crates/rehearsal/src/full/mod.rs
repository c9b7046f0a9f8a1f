//! Rehearsals with the real thing: servers, languages and tools of Debian where the catalogue names them.
//!
//! They belong on an image of [`crate::debian::DebianRoot::image`], and are performed as those of [`crate::keys`] are.
//! Networks are private, attackers are containers or stubs, and everything is bounded in time and number.

mod linux;
mod network;
mod servers;
mod shells;
mod siege;
mod ssh;

use crate::image::ImageFile;
use crate::keys::{KeyRehearsal, concat};

/// Every one. Each key is one of the catalogue's; several rehearsals may share one.
pub const REHEARSALS: &[KeyRehearsal] = &concat::concat::<_, { concat::count(GROUPS) }>(GROUPS);

const GROUPS: &[&[KeyRehearsal]] = &[
    servers::REHEARSALS,
    ssh::REHEARSALS,
    shells::REHEARSALS,
    linux::REHEARSALS,
    network::REHEARSALS,
];

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(ImageFile {
            path: concat!("/opt/servers/", $name),
            content: include_bytes!(concat!("files/", $name)),
            mode: 0o755,
        }),*]
    };
}

/// What they run, as the image has it.
pub(crate) const FILES: &[ImageFile<'static>] = files![
    "Victim.java",
    "app.py",
    "cron.sh",
    "java.sh",
    "mariadb-udf.sh",
    "mariadb.sh",
    "mutate.c",
    "php.sh",
    "postgresql.sh",
    "proftpd.sh",
    "python.sh",
    "ssh-key.sh",
    "sshd.sh",
    "stub.sh",
    "upload.php",
    "worm.c",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_keys_are_the_catalogues() {
        let small = crate::keys::REHEARSALS.iter();
        let keys: BTreeSet<&str> = small.clone().map(|rehearsal| rehearsal.key).collect();
        let mut names: BTreeSet<&str> = small.map(|rehearsal| rehearsal.name).collect();
        for rehearsal in REHEARSALS {
            assert!(keys.contains(rehearsal.key), "{}", rehearsal.key);
            assert!(names.insert(rehearsal.name), "{}", rehearsal.name);
        }
    }
}
