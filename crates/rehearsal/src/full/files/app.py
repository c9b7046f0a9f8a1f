"""A small web application that puts what it is asked into a command line."""

import http.server
import subprocess
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    """Tells whether a host answers."""

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        host = query.get("host", ["localhost"])[0]
        done = subprocess.run(f"getent hosts {host}", shell=True, capture_output=True, timeout=10)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(done.stdout)

    def log_message(self, *arguments):
        """Keeps the log empty."""


http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
