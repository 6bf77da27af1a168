"""Real S3 servers on loopback: Ceph's RADOS gateway from Debian's packages, which checks signatures, and moto.

    python buckets.py run CMD…    starts a gateway, runs CMD with AWS_* and VARVE_TEST_S3 set, stops the gateway
"""
import hashlib
import hmac
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import faults  # noqa: E402
from servers import free_port  # noqa: E402

ACCESS, SECRET = "TESTKEY", "TESTSECRET"
TOOLS = ["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "ceph-authtool", "monmaptool"]


def missing_tools():
    return [tool for tool in TOOLS if shutil.which(tool) is None]


class Bucket:
    """Where a bucket is and how it is reached."""

    def __init__(self, endpoint, name, secret=SECRET):
        self.endpoint, self.name, self.secret = endpoint, name, secret

    def at(self, endpoint):
        return Bucket(endpoint, self.name, self.secret)

    @property
    def env(self):
        return {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": self.endpoint}

    def flags(self, prefix=""):
        return ["--object-store", f"s3://{self.name}{'/' + prefix if prefix else ''}", "--s3-endpoint", self.endpoint]

    def request(self, method, path, query=None, body=b""):
        """One signed request: the harness's own word on what is in the bucket."""
        url = urllib.parse.urlsplit(self.endpoint)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
        digest = hashlib.sha256(body).hexdigest()
        text = "&".join(f"{urllib.parse.quote(k, safe='')}={urllib.parse.quote(v, safe='')}"
                        for k, v in sorted((query or {}).items()))
        path = urllib.parse.quote(path)
        headers = {"host": url.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        signed = ";".join(headers)
        canonical = "\n".join([method, path, text, *(f"{k}:{v}" for k, v in headers.items()), "", signed, digest])
        key = ("AWS4" + self.secret).encode()
        for part in (stamp[:8], "us-east-1", "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={ACCESS}/{scope}, SignedHeaders={signed}, Signature={signature}")
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        try:
            connection.request(method, path + ("?" + text if text else ""), body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def create(self):
        status, body = self.request("PUT", f"/{self.name}")
        assert status in (200, 409), (status, body)
        return self

    def keys(self, prefix=""):
        found, start = [], ""
        while True:
            query = {"list-type": "2", "prefix": prefix, "max-keys": "1000"}
            if start:
                query["start-after"] = start
            status, body = self.request("GET", f"/{self.name}", query)
            assert status == 200, (status, body)
            page = [part.split(b"</Key>")[0].decode() for part in body.split(b"<Key>")[1:]]
            found += page
            if not page or b"<IsTruncated>true" not in body:
                return found
            start = page[-1]


class Gateway:
    """A Ceph cluster of one monitor, one store in memory and one gateway, on ports of its own."""

    def __init__(self, folder=None):
        # Sockets of Ceph have short paths.
        self.folder = folder or tempfile.mkdtemp(prefix="rgw", dir="/tmp")
        self.port, self.mon_port, self.mon_port_old = free_port(), free_port(), free_port()
        self.processes = {}
        self.log = os.path.join(self.folder, "out.log")
        self.buckets = 0

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def conf(self):
        return ["-c", os.path.join(self.folder, "ceph.conf")]

    def tool(self, *argv, timeout=60):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout[-500:]}{done.stderr[-1500:]}"
        return done.stdout

    def spawn(self, name, *argv):
        with open(self.log, "ab") as log:
            self.processes[name] = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)

    def start(self):
        folder, name = self.folder, str(uuid.uuid4())
        for part in ("mon", "osd", "run", "log"):
            os.makedirs(os.path.join(folder, part), exist_ok=True)
        addresses = f"[v2:127.0.0.1:{self.mon_port},v1:127.0.0.1:{self.mon_port_old}]"
        lines = [
            "[global]", f"fsid={name}", f"mon host={addresses}", f"keyring={folder}/keyring",
            "public addr=127.0.0.1", "cluster addr=127.0.0.1", "osd pool default size=1",
            "osd pool default min size=1", "osd pool default pg num=4", "osd pool default pgp num=4",
            "osd crush chooseleaf type=0", "mon allow pool size one=true", f"mon data={folder}/mon",
            f"osd data={folder}/osd", f"run dir={folder}/run", f"admin socket={folder}/run/$name.asok",
            f"pid file={folder}/run/$name.pid", f"log file={folder}/log/$name.log", "osd objectstore=memstore",
            "memstore device bytes=4294967296", "mon data avail warn=1", "mon data avail crit=0",
            "[client.rgw]", f"rgw frontends=beast endpoint=127.0.0.1:{self.port}", "rgw thread pool size=64", "rgw dns name=localhost", ""]
        with open(os.path.join(folder, "ceph.conf"), "w", encoding="utf-8") as f:
            f.write("\n".join(lines))
        keyring = os.path.join(folder, "keyring")
        self.tool("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for who, caps in (("client.admin", ("mon", "allow *", "osd", "allow *", "mgr", "allow *")),
                          ("client.rgw", ("mon", "allow rwx", "osd", "allow rwx")),
                          ("osd.0", ("mon", "allow profile osd", "osd", "allow *"))):
            pairs = [word for i in range(0, len(caps), 2) for word in ("--cap", caps[i], caps[i + 1])]
            self.tool("ceph-authtool", keyring, "--gen-key", "-n", who, *pairs)
        monmap = os.path.join(folder, "monmap")
        self.tool("monmaptool", "--create", "--fsid", name, "--addv", "a", addresses, monmap)
        self.tool("ceph-mon", *self.conf, "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", keyring)
        self.spawn("mon", "ceph-mon", *self.conf, "-i", "a", "-f")
        self.tool("ceph", *self.conf, "--connect-timeout", "60", "auth", "import", "-i", keyring, timeout=90)
        osd = str(uuid.uuid4())
        self.tool("ceph", *self.conf, "--connect-timeout", "60", "osd", "new", osd, timeout=90)
        self.tool("ceph-osd", *self.conf, "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.spawn("osd", "ceph-osd", *self.conf, "-i", "0", "-f")
        self.start_gateway()
        self.tool("radosgw-admin", *self.conf, "-n", "client.rgw", "user", "create", "--uid=t", "--display-name=t",
                  f"--access-key={ACCESS}", f"--secret-key={SECRET}", "--max-buckets=100000", timeout=120)
        return self

    def start_gateway(self, seconds=120):
        """The gateway alone, anew: what was stored is there again."""
        self.spawn("rgw", "radosgw", *self.conf, "-n", "client.rgw", "-f")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.processes["rgw"].poll() is None, "radosgw ended; see " + self.log
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("GET", "/")
                if connection.getresponse().status in (200, 403):
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"radosgw does not answer within {seconds} s; see {self.log}")

    def kill_gateway(self):
        self.signal("rgw", signal.SIGKILL)
        self.processes["rgw"].wait()

    def signal(self, name, number):
        os.kill(self.processes[name].pid, number)

    def bucket(self):
        self.buckets += 1
        return Bucket(self.endpoint, f"bucket-{os.getpid()}-{self.buckets}").create()

    def stop(self):
        for name in ("rgw", "osd", "mon"):
            process = self.processes.get(name)
            if process and process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_gateway(attempts=3):
    """A gateway that answers. Ports are chosen before they are used, so a start may lose one to somebody else."""
    for attempt in range(attempts):
        gateway = Gateway()
        try:
            return gateway.start()
        except (AssertionError, subprocess.TimeoutExpired):
            gateway.stop()
            if attempt == attempts - 1:
                raise


class Moto:
    """A simulated S3 in Python: a second opinion on the protocol. It checks no signatures."""

    def __init__(self, log):
        self.port = free_port()
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)], stdout=out, stderr=out)
        self.buckets = 0
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/moto-api/")
                connection.getresponse()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"moto does not answer; see {log}")

    def bucket(self):
        self.buckets += 1
        return Bucket(f"http://127.0.0.1:{self.port}", f"moto-bucket-{self.buckets}").create()

    def stop(self):
        self.process.kill()
        self.process.wait()


def main():
    if sys.argv[1:2] != ["run"] or len(sys.argv) < 3:
        sys.exit(__doc__)
    gaps = missing_tools()
    if gaps:
        print(f"skipped: the tests on a bucket, for want of {', '.join(gaps)}", flush=True)
        sys.exit(subprocess.call(sys.argv[2:]))
    gateway = start_gateway()
    try:
        bucket = gateway.bucket()
        proxy = faults.Proxy(gateway.port)
        env = {**os.environ, **bucket.env, "VARVE_TEST_S3": f"s3://{bucket.name}", "VARVE_TEST_FAULTS": proxy.endpoint}
        sys.exit(subprocess.call(sys.argv[2:], env=env))
    finally:
        gateway.stop()


if __name__ == "__main__":
    main()
