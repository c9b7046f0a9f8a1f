"""An exporter of the machine's figures, as Prometheus reads them: everything from /proc and /sys."""

import glob
import http.server
import os


def processes():
    """Counts processes and their threads, with command lines and open descriptors."""
    count = threads = descriptors = 0
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/stat") as stat:
                threads += int(stat.read().rsplit(")", 1)[1].split()[17])
            with open(path + "/cmdline", "rb") as line, open(path + "/status") as status:
                line.read(), status.read()
            descriptors += len(os.listdir(path + "/fd"))
            count += 1
        except OSError:
            continue
    return {"processes": count, "threads": threads, "descriptors": descriptors}


def metrics():
    """Reads everything once."""
    found = processes()
    with open("/proc/meminfo") as memory:
        for line in memory:
            name, value = line.split(":")
            found["memory_" + name.split("(")[0].lower()] = int(value.split()[0])
    with open("/proc/loadavg") as load:
        found["load1"] = float(load.read().split()[0])
    for name in ("stat", "net/dev", "diskstats", "mounts", "vmstat", "net/tcp", "net/sockstat", "self/cgroup"):
        with open("/proc/" + name) as file:
            found["lines_" + name.replace("/", "_")] = len(file.readlines())
    for path in glob.glob("/sys/class/net/*/statistics/rx_bytes") + glob.glob("/sys/block/*/stat"):
        with open(path) as file:
            found["sys_" + path.split("/")[3]] = int(file.read().split()[0])
    return "".join(f"node_{name} {value}\n" for name, value in sorted(found.items()))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every request with the figures."""

    def do_GET(self):
        body = metrics().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Keeps the log empty."""


http.server.ThreadingHTTPServer(("0.0.0.0", 9100), Handler).serve_forever()
