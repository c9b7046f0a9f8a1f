//! Which written files are scanned when they are closed: those at places where programs, scripts, pages or jobs are
//! looked for, and those that say by name or mode that they are to be run.

use yagura_event::FileFacts;

/// Folders whose files are taken whatever they are called: temporary ones, jobs, libraries, programs, start-up.
const FOLDERS: [&str; 27] = [
    "/tmp/",
    "/var/tmp/",
    "/dev/shm/",
    "/run/",
    "/var/run/",
    "/etc/cron",
    "/var/spool/cron/",
    "/var/spool/at/",
    "/etc/periodic/",
    "/etc/systemd/",
    "/etc/init.d/",
    "/etc/rc",
    "/etc/profile",
    "/etc/ld.so",
    "/etc/pam.d/",
    "/etc/update-motd.d/",
    "/lib/",
    "/lib64/",
    "/usr/lib/",
    "/usr/lib64/",
    "/usr/local/lib/",
    "/bin/",
    "/sbin/",
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/local/bin/",
    "/usr/local/sbin/",
];

/// Folders that web servers serve.
const WEB_ROOTS: [&str; 12] = [
    "/var/www/",
    "/srv/www/",
    "/srv/http/",
    "/usr/share/nginx/",
    "/usr/local/apache2/",
    "/usr/local/nginx/",
    "/usr/local/tomcat/",
    "/opt/tomcat/",
    "/var/lib/tomcat",
    "/app/public/",
    "/home/site/",
    "/inetpub/",
];

/// Names of folders below which pages lie, wherever those folders are.
const WEB_FOLDERS: [&str; 7] = [
    "/htdocs/",
    "/public_html/",
    "/webapps/",
    "/wwwroot/",
    "/docroot/",
    "/cgi-bin/",
    "/uploads/",
];

/// Endings of scripts and libraries.
const ENDINGS: [&str; 36] = [
    "php", "php3", "php4", "php5", "php7", "php8", "phtml", "phar", "pht", "inc", "jsp", "jspx",
    "jspf", "asp", "aspx", "ashx", "asmx", "asa", "cer", "cgi", "pl", "pm", "py", "wsgi", "rb",
    "sh", "bash", "js", "cjs", "mjs", "war", "jar", "so", "ko", "elf", "bin",
];

/// Any of the three bits that allow to execute.
const EXECUTABLE: u32 = 0o111;

/// Whether a written file is to be scanned.
pub(crate) fn is_watched(file: &FileFacts) -> bool {
    let path = file.path.as_bytes();
    let begins = |folders: &[&str]| {
        folders
            .iter()
            .any(|folder| path.starts_with(folder.as_bytes()))
    };
    file.mode & EXECUTABLE != 0
        || has_script_ending(file.base_name())
        || begins(&FOLDERS)
        || begins(&WEB_ROOTS)
        || WEB_FOLDERS.iter().any(|folder| {
            path.windows(folder.len())
                .any(|part| part == folder.as_bytes())
        })
}

/// Whether any of a name's endings is a script's: servers run `page.php.jpg` under a common setting.
fn has_script_ending(name: &[u8]) -> bool {
    name.split(|&byte| byte == b'.').skip(1).any(|ending| {
        ENDINGS
            .iter()
            .any(|known| known.as_bytes().eq_ignore_ascii_case(ending))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::Text;

    fn file(path: &str, mode: u32) -> FileFacts {
        FileFacts {
            path: Text::from(path.as_bytes()),
            mode,
            ..FileFacts::default()
        }
    }

    #[test]
    fn places_names_and_modes_are_told_apart() {
        for path in [
            "/tmp/x",
            "/var/www/html/picture.jpg",
            "/opt/site/htdocs/a",
            "/data/page.PHP.jpg",
            "/etc/cron.d/job",
            "/usr/lib/x86_64-linux-gnu/libfoo.so.1",
        ] {
            assert!(is_watched(&file(path, 0o100_644)), "{path}");
        }
        for path in [
            "/var/lib/mysql/ibdata1",
            "/data/rows.csv",
            "/var/log/syslog",
        ] {
            assert!(!is_watched(&file(path, 0o100_644)), "{path}");
            assert!(is_watched(&file(path, 0o100_755)), "{path}");
        }
    }
}
