"""A small service in Python: it compresses, looks at files and versions with other programs, and forks workers."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what a program says."""

    def do_GET(self):
        commands = {
            "/version": ["git", "--version"],
            "/kind": ["file", "--brief", sys.executable],
            "/disk": ["df", "-P", "/"],
            "/shell": "ls -1 /opt/workloads | wc -l",
        }
        command = commands.get(self.path)
        if command is None:
            self.send_error(404)
            return
        done = subprocess.run(
            command, shell=isinstance(command, str), capture_output=True, text=True, check=True
        )
        self.answer({"said": done.stdout.strip()})

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "upload.bin")
            with open(path, "wb") as upload:
                upload.write(self.rfile.read(length))
            subprocess.run(["gzip", "-9", path], check=True)
            size = os.stat(path + ".gz").st_size
        self.answer({"compressed": size, "free": shutil.disk_usage("/").free})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Keeps the log empty."""


def main():
    """Binds once and serves from three processes, as gunicorn does."""
    server = http.server.HTTPServer(("127.0.0.1", 8070), Handler)
    for _ in range(2):
        if os.fork() == 0:
            break
    server.serve_forever()


main()
