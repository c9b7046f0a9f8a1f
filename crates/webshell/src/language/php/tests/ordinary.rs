//! Ordinary projects do odd things for good reasons.

use super::silent;

#[test]
fn frameworks_are_passed_by() {
    silent(&[
        "class Router { function dispatch() { $c = ucfirst(@g['c']) . 'Controller'; if (!class_exists($c)) throw new E; $o = new $c; $m = @g['a'] . 'Action'; if (!method_exists($o, $m)) throw new E; return call_user_func_array(array($o, $m), @g); } }",
        "class Hooks { function fire($name, $args) { foreach ($this->hooks[$name] as $f) { call_user_func_array($f, $args); } } }",
        "class View { function render($__file, $__data) { extract($__data); ob_start(); include $__file; return ob_get_clean(); } }",
        "class Smarty { function fetch($t) { @e('?>' . $this->compiled($t)); } }",
        "class Process { function run($command) { return proc_open($command, array(), $pipes); } }",
        "spl_autoload_register(function ($class) { $f = __DIR__ . '/' . str_replace('\\\\', '/', $class) . '.php'; if (is_file($f)) require $f; });",
        "set_error_handler(function ($n, $m) { error_log($m); }); trigger_error(@g['x']);",
        "$callback = $this->callbacks[$name]; return $callback(@p['value']);",
    ]);
}

#[test]
fn applications_are_passed_by() {
    silent(&[
        "session_start(); $user = unserialize($_SESSION['user']); echo $user->name;",
        "$sql = file_get_contents($_FILES['sql']['tmp_name']); foreach (explode(';', $sql) as $q) mysqli_query($db, $q);",
        "$page = isset(@g['page']) ? (int) @g['page'] : 1; echo str_repeat('x', $page);",
        "if (@p) { $config = \"<?php\\n\\$host = '\" . addslashes(@p['host']) . \"';\\n\"; file_put_contents(dirname(__FILE__) . '/config.inc.php', $config); }",
        "mail(@p['to'], @p['subject'], @p['body'], 'From: a@example.org');",
        "$lang = @g['lang']; if (preg_match('/^[a-z]{2}$/', $lang)) include 'lang/' . $lang . '.php';",
        "$sort = @g['sort']; usort($rows, function ($a, $b) use ($sort) { return strcmp($a[$sort], $b[$sort]); });",
        "echo shell_exec('uptime'); exec('convert ' . escapeshellarg($_FILES['f']['tmp_name']) . ' out.png');",
        "assert($x > 0); assert('is_int($x)'); assert($this->valid(@g['x']) === true);",
        "echo preg_replace('/e/', 'x', @g['q']); echo preg_replace_callback('/a/', function ($m) { return strtoupper($m[0]); }, @g['q']);",
        "phpinfo(); echo php_uname(); echo ini_get('safe_mode') . ini_get('open_basedir');",
    ]);
}

#[test]
fn text_about_shells_is_passed_by() {
    silent(&[
        "// @e(@p['x']); is what a webshell does\n/* @s(@g['c']) */ echo 'fine';",
        "echo 'never write @e(@p[1])';",
        "$rules = array('/@e\\(@p/', '/@s\\(@g/', 'c99', 'r57'); foreach ($rules as $r) if (preg_match($r, $content)) return true;",
        "# just a comment",
    ]);
}
