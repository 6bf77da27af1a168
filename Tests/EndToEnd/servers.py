"""Real processes on loopback ports of their own: Varve, Prometheus, node exporter."""
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VARVE = os.environ.get("E2E_BINARY", os.path.join(ROOT, "bin", "varve"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=60, pause=0.02):
    """Polls an external process until it is where it should be; a test fails when it never gets there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            result = condition()
            if result:
                return result
        except (OSError, urllib.error.URLError, ConnectionError):
            pass
        time.sleep(pause)
    raise AssertionError(f"{what}: not within {seconds} s")


class Process:
    """A child process whose output goes to a file. Those of tests that failed end with the session."""

    started = []

    def __init__(self, argv, log, env=None):
        self.argv, self.log_path = argv, log
        self.log = open(log, "ab")
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=subprocess.STDOUT, env=env)
        self.started.append(self)

    def alive(self):
        return self.process.poll() is None

    def output(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def last_words(self):
        said = self.output().strip()
        return f"ended with {self.process.poll()}: {said.splitlines()[-1] if said else ''}\n{said[-1500:]}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=60):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=seconds)


class PrometheusAPI:
    """The HTTP API that Prometheus and Varve have in common."""

    def __init__(self, port):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def request(self, path, params=None, data=None, headers=None, method=None):
        url = self.url + path
        if params:
            url += "?" + urllib.parse.urlencode(params, doseq=True)
        request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers)

    def json(self, path, params=None):
        status, body, _ = self.request(path, params)
        assert status == 200, f"{path} {params}: {status} {body[:500]!r}"
        return json.loads(body)

    def query(self, expression, at):
        return self.json("/api/v1/query", {"query": expression, "time": f"{at:.3f}"})["data"]

    def query_range(self, expression, start, end, step):
        params = {"query": expression, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": step}
        return self.json("/api/v1/query_range", params)["data"]

    def is_ready(self):
        return self.request("/-/ready")[0] == 200


class Varve(PrometheusAPI):
    """`varve serve` on a directory; flags and variables may change from start to start."""

    def __init__(self, data, log, *flags, env=None, before=(), admin=True):
        super().__init__(free_port())
        self.data, self.log_path, self.flags, self.before = data, log, list(flags), list(before)
        self.admin_flags = ["--enable-admin-api"] if admin else []
        self.env = env or {}
        self.process = None

    def launch(self):
        """Starts the process and does not wait for it."""
        argv = [*self.before, VARVE, "serve", "--data", self.data]
        argv += ["--listen", f"127.0.0.1:{self.port}", *self.admin_flags]
        self.process = Process(argv + self.flags, self.log_path, {**os.environ, **self.env})
        return self

    def wait(self, seconds=60):
        wait_for("varve is ready", lambda: not self.process.alive() or self.is_ready(), seconds)
        assert self.process.alive(), self.process.last_words()
        return self

    def start(self):
        return self.launch().wait()

    def kill(self):
        self.process.kill()

    def stop(self):
        return self.process.stop()

    def admin(self, action):
        status, body, _ = self.request(f"/api/v1/admin/{action}", data=b"", method="POST")
        assert status in (200, 204), f"admin {action}: {status} {body!r}"


class NodeExporter(Process):
    def __init__(self, log):
        self.port = free_port()
        super().__init__(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{self.port}"], log)


class Prometheus(PrometheusAPI):
    """Scrapes itself and the node exporter every second and writes to `remote_write`."""

    def __init__(self, folder, remote_write, exporter_port):
        super().__init__(free_port())
        self.folder, self.remote_write, self.exporter_port = folder, remote_write, exporter_port
        self.config = os.path.join(folder, "prometheus.yml")
        self.configure(scraping=True)
        self.process = Process(
            [
                "prometheus", f"--config.file={self.config}", f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
            ], os.path.join(folder, "prometheus.log"))
        wait_for("prometheus is ready", self.is_ready)

    def configure(self, scraping):
        jobs = f"""
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ['127.0.0.1:{self.port}']}}]
  - job_name: node
    static_configs: [{{targets: ['127.0.0.1:{self.exporter_port}']}}]
"""
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"""
global:
  scrape_interval: 1s
  scrape_timeout: 1s
remote_write:
  - url: {self.remote_write}
    queue_config: {{batch_send_deadline: 200ms, min_backoff: 30ms, max_backoff: 500ms}}
    metadata_config: {{send_interval: 2s}}
{jobs if scraping else ''}""")

    def stop_scraping(self):
        self.configure(scraping=False)
        self.process.process.send_signal(signal.SIGHUP)

    def metric(self, name):
        """A value of its own /metrics, summed over label sets."""
        _, body, _ = self.request("/metrics")
        values = [
            float(line.rsplit(" ", 1)[1]) for line in body.decode().splitlines()
            if line.startswith(name) and line[len(name):len(name) + 1] in (" ", "{")
        ]
        return sum(values) if values else None
