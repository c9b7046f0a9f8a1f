<?php
// A small front controller with a template cache, as frameworks have it.
declare(strict_types=1);
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (is_file(__DIR__ . $path)) {
    return false;
}
if ($path === '/upload') {
    $file = $_FILES['picture'];
    if (!str_ends_with($file['name'], '.png')) {
        http_response_code(400);
        return true;
    }
    move_uploaded_file($file['tmp_name'], __DIR__ . '/uploads/' . basename($file['name']));
    echo 'stored ', shell_exec('file --brief --mime-type ' . escapeshellarg(__DIR__ . '/uploads/' . basename($file['name'])));
    return true;
}
$cache = dirname(__DIR__) . '/var/cache/' . sha1($path) . '.php';
if (!is_file($cache)) {
    $body = '<?php return ' . var_export(['title' => $path, 'made' => time()], true) . ';';
    file_put_contents($cache . '.tmp', $body);
    rename($cache . '.tmp', $cache);
}
$page = require $cache;
echo htmlspecialchars($page['title']), ' ', $page['made'], "\n";
