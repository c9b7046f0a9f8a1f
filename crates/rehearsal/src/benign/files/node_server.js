// A service in JavaScript that runs programs of its own to answer.
'use strict';
const http = require('http');
const { execFile, exec } = require('child_process');
const server = http.createServer((request, response) => {
  const done = (error, stdout) => {
    response.writeHead(error ? 500 : 200);
    response.end(error ? String(error) : stdout);
  };
  switch (request.url) {
    case '/disk': execFile('df', ['-k', '/'], done); break;
    case '/version': exec('git --version', done); break;
    case '/files': exec('ls -1 /etc | wc -l', done); break;
    case '/stop': response.end('bye\n'); server.close(); break;
    default: response.writeHead(404); response.end();
  }
});
server.keepAliveTimeout = 100;
server.listen(8060, '127.0.0.1');
