//! Words and shapes that say something only together: what management shells offer, and what hides code.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::sink::Found;
use crate::evidence::Evidence;

/// What a word speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Runs programs or code.
    Execution,
    /// Looks at the server and its limits.
    Survey,
    /// Manages files.
    Files,
    /// An intruder's trade.
    Trade,
    /// The name of a known webshell, or of who writes them.
    Name,
    /// Speaks to a database.
    Database,
    /// Opens connections.
    Network,
    /// Takes the request.
    Request,
    /// Undoes encodings.
    Decoder,
    /// Checks who is asking or what was sent.
    Check,
    /// A commercial encoder's loader.
    Loader,
}

const KINDS: usize = 11;

use Kind::{
    Check, Database, Decoder, Execution, Files, Loader, Name, Network, Request, Survey, Trade,
};

/// Every word once; each script is searched for all of them in one pass.
const WORDS: &[(&str, Kind)] = &[
    ("system(", Execution),
    ("shell_exec(", Execution),
    ("passthru(", Execution),
    ("popen(", Execution),
    ("proc_open(", Execution),
    ("exec(", Execution),
    ("pcntl_exec(", Execution),
    ("wscript.shell", Execution),
    ("eval(", Execution),
    ("safe_mode", Survey),
    ("disable_functions", Survey),
    ("open_basedir", Survey),
    ("php_uname", Survey),
    ("posix_getpwuid", Survey),
    ("posix_getgrgid", Survey),
    ("get_current_user", Survey),
    ("getmyuid", Survey),
    ("disk_free_space", Survey),
    ("diskfreespace", Survey),
    ("server_software", Survey),
    ("phpinfo(", Survey),
    ("magic_quotes", Survey),
    ("get_cfg_var", Survey),
    ("posix_geteuid", Survey),
    ("opendir(", Files),
    ("readdir(", Files),
    ("scandir(", Files),
    ("unlink(", Files),
    ("rmdir(", Files),
    ("rename(", Files),
    ("chmod(", Files),
    ("fileperms(", Files),
    ("filemtime(", Files),
    ("filesize(", Files),
    ("move_uploaded_file(", Files),
    ("is_writable(", Files),
    ("file_put_contents(", Files),
    ("touch(", Files),
    ("/etc/passwd", Trade),
    ("/etc/shadow", Trade),
    ("back connect", Trade),
    ("back-connect", Trade),
    ("backconnect", Trade),
    ("back_connect", Trade),
    ("bind port", Trade),
    ("bind_port", Trade),
    ("bindport", Trade),
    ("reverse shell", Trade),
    ("reverse_shell", Trade),
    ("deface", Trade),
    ("zone-h", Trade),
    ("milw0rm", Trade),
    ("exploit-db", Trade),
    ("self remove", Trade),
    ("selfremove", Trade),
    ("self-remove", Trade),
    ("kill self", Trade),
    ("webshell", Trade),
    ("web shell", Trade),
    ("php shell", Trade),
    ("phpshell", Trade),
    ("rootkit", Trade),
    ("hacked", Trade),
    ("hacker", Trade),
    ("h4ck", Trade),
    ("uname -a", Trade),
    ("netstat -", Trade),
    ("ps aux", Trade),
    ("config grabber", Trade),
    ("jumping", Trade),
    ("symlink bypass", Trade),
    ("bypass", Trade),
    ("lwp-download", Trade),
    ("gcc -o", Trade),
    ("find / -type f -perm", Trade),
    (".bash_history", Trade),
    ("cpanel", Trade),
    ("brute", Trade),
    ("/dev/tcp/", Trade),
    ("execute command", Trade),
    ("run command", Trade),
    ("suid", Trade),
    ("mailer", Trade),
    ("safe mode", Trade),
    ("safemode", Trade),
    ("disabled functions", Trade),
    ("c99", Name),
    ("r57", Name),
    ("wso ", Name),
    ("b374k", Name),
    ("indoxploit", Name),
    ("alfa team", Name),
    ("alfashell", Name),
    ("0byt3m1n1", Name),
    ("mini shell", Name),
    ("minishell", Name),
    ("marijuana", Name),
    ("filesman", Name),
    ("phpspy", Name),
    ("rootshell", Name),
    ("locus7", Name),
    ("antichat", Name),
    ("godzilla", Name),
    ("behinder", Name),
    ("antsword", Name),
    ("weevely", Name),
    ("gecko shell", Name),
    ("p0wny", Name),
    ("leafmailer", Name),
    ("mysql_connect(", Database),
    ("mysqli_connect(", Database),
    ("new mysqli", Database),
    ("pg_connect(", Database),
    ("new pdo", Database),
    ("fsockopen(", Network),
    ("socket_create(", Network),
    ("socket_connect(", Network),
    ("pcntl_fork(", Network),
    ("curl_exec(", Network),
    ("ftp_login(", Network),
    ("$_get", Request),
    ("$_post", Request),
    ("$_request", Request),
    ("$_cookie", Request),
    ("$_files", Request),
    ("php://input", Request),
    ("$http_post_vars", Request),
    ("$http_get_vars", Request),
    ("base64_decode", Decoder),
    ("gzinflate", Decoder),
    ("gzuncompress", Decoder),
    ("str_rot13", Decoder),
    ("strrev", Decoder),
    ("hex2bin", Decoder),
    ("in_array(", Check),
    ("pathinfo(", Check),
    ("preg_match(", Check),
    ("getimagesize(", Check),
    ("session_start(", Check),
    ("mime", Check),
    ("strrchr(", Check),
    ("allowed", Check),
    ("finfo", Check),
    ("is_image", Check),
    ("token", Check),
    ("uniqid(", Check),
    ("is_admin", Check),
    ("ioncube", Loader),
    ("sourceguardian", Loader),
    ("sg_load(", Loader),
    ("zend optimizer", Loader),
    ("zend guard", Loader),
];

static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(WORDS.iter().map(|(word, _)| word))
        .ok()
});

/// Which words a script has.
#[derive(Debug, Default)]
pub(super) struct Features {
    seen: Vec<bool>,
}

impl Features {
    /// Notes the words of a text.
    pub(super) fn add(&mut self, text: &[u8]) {
        self.seen.resize(WORDS.len(), false);
        let Some(finder) = FINDER.as_ref() else {
            return;
        };
        for found in finder.find_iter(text) {
            if let Some(seen) = self.seen.get_mut(found.pattern().as_usize()) {
                *seen = true;
            }
        }
    }

    /// How many different words of each kind there are.
    fn counts(&self) -> [usize; KINDS] {
        let mut counts = [0; KINDS];
        for ((_, kind), seen) in WORDS.iter().zip(&self.seen) {
            if let (true, Some(count)) = (*seen, counts.get_mut(*kind as usize)) {
                *count += 1;
            }
        }
        counts
    }
}

/// Judges what the whole script and what it hides offer together.
pub(super) fn judge(plain: &[u8], found: &mut Found, evidence: &mut Evidence) {
    found.features.add(plain);
    let counts = found.features.counts();
    let of = |kind: Kind| counts.get(kind as usize).copied().unwrap_or(0);
    let length = plain.len();
    if of(Request) > 0 {
        offers(&of, evidence);
    }
    if of(Name) > 0 && of(Request) + of(Decoder) > 0 && of(Execution) + of(Files) > 2 {
        evidence.add(22, "has the name of a known webshell in it", 0, 0);
    }
    if let Some(span) = found.uploads {
        let bare = of(Check) == 0 && length + found.hidden_bytes < 6_000;
        let weight = if bare { 62 } else { 18 };
        evidence.add(
            weight,
            "keeps uploaded files under the name that they give themselves",
            span.start,
            span.length,
        );
        evidence.family(weight, "uploader");
    }
    if found.file_work >= 3 {
        let weight = if found.file_work >= 5 && of(Check) < 3 {
            45
        } else {
            25
        };
        evidence.add(
            weight,
            "the request says which files are listed, read, changed or deleted",
            0,
            0,
        );
        evidence.family(weight, "file manager");
    }
    if found.hidden_request {
        evidence.add(
            30,
            "reaches the request under a name that is put together from pieces",
            0,
            0,
        );
    }
    if of(Loader) > 0 {
        evidence.add(5, "is encoded for a commercial loader", 0, 0);
    }
    shapes(plain, &of, evidence);
}

/// Judges a script whose syntax could not be read: the request right behind what executes.
pub(super) fn unread(plain: &[u8], evidence: &mut Evidence) {
    const EXECUTING: [&[u8]; 7] = [
        b"eval",
        b"assert",
        b"system",
        b"shell_exec",
        b"passthru",
        b"exec",
        b"popen",
    ];
    const NEAR_BYTES: usize = 48;
    let small = plain.to_ascii_lowercase();
    for request in ["$_post", "$_get", "$_request", "$_cookie"] {
        for at in memchr::memmem::find_iter(&small, request.as_bytes()).take(1_000) {
            let before = small
                .get(at.saturating_sub(NEAR_BYTES)..at)
                .unwrap_or_default();
            let statement = before
                .rsplit(|byte| *byte == b';')
                .next()
                .unwrap_or_default();
            let runs = EXECUTING
                .iter()
                .any(|word| memchr::memmem::find(statement, word).is_some());
            if runs && memchr::memchr(b'(', statement).is_some() {
                evidence.add(
                    75,
                    "request input stands in a call of what executes it",
                    at,
                    request.len(),
                );
                evidence.family(75, "code execution");
                return;
            }
        }
    }
}

/// What management shells offer.
fn offers(of: &impl Fn(Kind) -> usize, evidence: &mut Evidence) {
    let (execution, survey, files, trade) = (of(Execution), of(Survey), of(Files), of(Trade));
    if execution >= 3 && survey >= 2 {
        let weight = if survey >= 4 { 50 } else { 35 };
        evidence.add(
            weight,
            "runs programs in several ways and surveys the server's limits",
            0,
            0,
        );
        evidence.family(weight, "management shell");
    }
    if files >= 6 && execution >= 2 && survey >= 1 {
        evidence.add(35, "manages files and runs programs", 0, 0);
        evidence.family(36, "management shell");
    }
    if trade >= 3 && execution + files + of(Network) >= 3 {
        let weight = match trade {
            3 => 25,
            4 | 5 => 40,
            _ => 60,
        };
        evidence.add(weight, "speaks of an intruder's trade", 0, 0);
        evidence.family(weight, "management shell");
    }
    if of(Database) > 0 && execution >= 2 && files >= 4 {
        evidence.add(15, "speaks to databases beside files and programs", 0, 0);
    }
    if of(Network) >= 2 && execution >= 3 && survey + trade >= 2 {
        evidence.add(20, "opens connections beside running programs", 0, 0);
    }
}

/// Shapes of text that hides what it does.
fn shapes(plain: &[u8], of: &impl Fn(Kind) -> usize, evidence: &mut Evidence) {
    let escapes = escapes(plain);
    if escapes >= 24 && escapes * 4 * 4 > plain.len() {
        evidence.add(30, "most of it is written in escapes", 0, 0);
    }
    let gotos = memchr::memmem::find_iter(plain, b"goto ").count();
    if gotos >= 8 && gotos * 200 > plain.len() {
        evidence.add(
            if escapes >= 8 { 45 } else { 25 },
            "its order is scattered by jumps",
            0,
            0,
        );
        evidence.family(30, "hidden code");
    }
    let alike = names_alike(plain);
    if alike >= 6 {
        evidence.add(35, "its names are made to look alike", 0, 0);
        evidence.family(35, "hidden code");
    }
    if without_words(plain) {
        evidence.add(72, "its code has hardly a letter in it", 0, 0);
        evidence.family(72, "hidden code");
    }
    if of(Decoder) >= 2 && of(Execution) > 0 && longest_run(plain) >= 1_000 {
        evidence.add(20, "holds a long encoded text and what undoes it", 0, 0);
        evidence.family(20, "hidden code");
    }
}

fn escapes(plain: &[u8]) -> usize {
    let pairs = plain.windows(3);
    pairs
        .filter(|window| {
            matches!(window, [b'\\', b'x', digit] if digit.is_ascii_hexdigit())
                || matches!(window, [b'\\', b'0'..=b'3', b'0'..=b'7'])
        })
        .count()
}

/// Names such as `$O00O0O` and `$lI1Il`.
fn names_alike(plain: &[u8]) -> usize {
    let mut count = 0;
    for at in memchr::memchr_iter(b'$', plain) {
        let name = plain.get(at + 1..).unwrap_or_default();
        let name = name
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_');
        let (mut length, mut zeros, mut ones) = (0, 0, 0);
        for byte in name.take(64) {
            length += 1;
            zeros += usize::from(matches!(byte, b'O' | b'0' | b'o' | b'Q' | b'_'));
            ones += usize::from(matches!(byte, b'l' | b'I' | b'1' | b'i' | b'_'));
        }
        if length >= 5 && (zeros == length || ones == length) {
            count += 1;
        }
    }
    count
}

/// Code of signs alone: all but a few letters are inside nothing at all.
fn without_words(plain: &[u8]) -> bool {
    let Some(start) = memchr::memmem::find(plain, b"<?") else {
        return false;
    };
    let code = plain.get(start + 2..).unwrap_or_default();
    let code = code.strip_prefix(b"php").unwrap_or(code);
    let end = memchr::memmem::find(code, b"?>").unwrap_or(code.len());
    let code = code.get(..end).unwrap_or_default();
    let letters = code
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let signs = code
        .iter()
        .filter(|byte| byte.is_ascii_punctuation())
        .count();
    let calls = memchr::memchr(b'$', code).is_some() && memchr::memchr(b'(', code).is_some();
    let variables = memchr::memmem::find_iter(code, b"$_").count();
    signs > 60 && letters * 12 < signs && calls && variables >= 3
}

/// The longest text without white space and quotes.
fn longest_run(plain: &[u8]) -> usize {
    plain
        .split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\''))
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0)
}
