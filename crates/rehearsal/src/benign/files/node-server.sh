#!/bin/bash
# A Node.js service that runs df, git and ls, and a build step with npm's way of running scripts through a shell.
set -eu
cd /opt/workloads
node node_server.js &
curl -fsS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8060/disk
curl -fsS http://127.0.0.1:8060/version http://127.0.0.1:8060/files
node -e 'console.log(require("os").loadavg().length, process.version)'
node -e 'const c = require("child_process"); console.log(c.execSync("sh -c \"node --version\"").toString())'
curl -fsS http://127.0.0.1:8060/stop
wait
