"""Users, tokens, TLS and their reload; what SIGHUP changes and what it leaves; no secret is ever told."""
import base64
import json
import os
import signal
import ssl
import statistics
import subprocess
import time
import urllib.request

import pytest
from bodies import HEADERS, series, snappy_literal
from servers import ROOT, VARVE, Varve, wait_for

START = 1_700_000_000
PASSWORD, TOKEN, OPERATOR = "correct horse", "agent-0123456789abcdef", "operator-0123456789abcdef"
# bcrypt of PASSWORD, cost 6, made by Python's crypt over the same libxcrypt and by OpenBSD's vectors' rules.
BODY = snappy_literal(series([("__name__", "guarded")], [(START * 1000, 1.0)]))


def bcrypt(password, cost=6):
    import ctypes
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), b"$2b$%02d$abcdefghijklmnopqrstuu" % cost).decode()


def web_config(folder, text):
    path = os.path.join(folder, "web.yml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def users(password=PASSWORD):
    return f"""
basic_auth_users:
  alice: {bcrypt(password)}
  reader: {bcrypt(password)}
basic_auth_scopes:
  reader: [read]
bearer_tokens:
  - {{name: agent, token_file: agent.token, scopes: [write]}}
  - {{name: operator, token_env: OPERATOR_TOKEN, scopes: [read, admin]}}
health_without_auth: true
"""


def basic(name, password=PASSWORD):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class Guarded(Varve):
    """Ready is seen without credentials."""


@pytest.fixture
def guarded(tmp_path):
    (tmp_path / "agent.token").write_text(TOKEN + "\n")
    config = web_config(tmp_path, users())
    varve = Guarded(str(tmp_path / "data"), str(tmp_path / "varve.log"), "--web.config.file", config,
                    env={"OPERATOR_TOKEN": OPERATOR}).start()
    varve.config = config
    yield varve
    if varve.process.alive():
        assert varve.stop() == 0
    output = varve.process.output()
    for secret in (PASSWORD, TOKEN, OPERATOR, "$2b$"):
        assert secret not in output, "the log tells a secret"


def test_each_path_asks_for_its_scope(guarded):
    ask, write, admin = "/api/v1/query?query=1", "/api/v1/write", "/api/v1/admin/flush"
    expected = [
        (None, 401, 401, 401), (basic("alice"), 200, 204, 204), (basic("reader"), 200, 403, 403),
        (basic("alice", "wrong"), 401, 401, 401), (basic("nobody"), 401, 401, 401), (bearer(TOKEN), 403, 204, 403),
        (bearer(OPERATOR), 200, 403, 204), (bearer(TOKEN[:-1]), 401, 401, 401), (bearer("x" * 10_000), 401, 401, 401),
        ({"Authorization": f"Token {TOKEN}"}, 403, 204, 403), ({"Authorization": "Basic ***"}, 401, 401, 401),
        ({"Authorization": "Negotiate abc"}, 401, 401, 401),
    ]
    for headers, *statuses in expected:
        found = (guarded.request(ask, headers=headers), guarded.request(write, data=BODY, headers={**HEADERS, **(headers or {})}),
                 guarded.request(admin, data=b"", headers=headers, method="POST"))
        assert [status for status, _, _ in found] == statuses, headers
        for status, body, answered in found:
            if status == 401:
                assert "basic" in answered["www-authenticate"].lower() and "bearer" in answered["www-authenticate"].lower()
                assert json.loads(body)["errorType"] == "unauthorized"
            for secret in (PASSWORD, TOKEN, OPERATOR, "alice", "nobody"):
                assert secret.encode() not in body
    # Every path is guarded, also those that are not there, and others than GET; health alone is not.
    for path in ("/", "/metrics", "/federate", "/nothing", "/api/v1/status/config", "/api/v1/status/flags", "/-/reload"):
        assert guarded.request(path)[0] == 401, path
    assert guarded.request("/-/healthy")[0] == 200 and guarded.request("/-/ready")[0] == 200


def test_the_command_line_shows_its_token(guarded, tmp_path):
    (tmp_path / "operator.token").write_text(OPERATOR + "\n")

    def ask(*flags):
        return subprocess.run([VARVE, "query", "1+1", "--url", guarded.url, *flags], capture_output=True, text=True)

    assert ask().returncode == 1 and "credentials" in ask().stderr
    good = ask("--token-file", str(tmp_path / "operator.token"))
    assert good.returncode == 0 and "2" in good.stdout, good.stderr
    assert ask("--token-file", str(tmp_path / "nothing")).returncode != 0


def test_no_page_tells_a_secret(guarded):
    for path in ("/metrics", "/api/v1/status/config", "/api/v1/status/flags", "/api/v1/status/runtimeinfo",
                 "/api/v1/status/active_queries", "/api/v1/status/top_queries", "/"):
        status, body, _ = guarded.request(path, headers=bearer(OPERATOR))
        assert status == 200, path
        for secret in (PASSWORD, TOKEN, OPERATOR, "$2b$"):
            assert secret.encode() not in body, path
    metrics = guarded.request("/metrics", headers=basic("alice"))[1].decode()
    assert "varve_http_access_refused_total" in metrics


def test_a_refused_body_is_not_read(guarded):
    """32 MiB from a stranger: answered before they came."""
    import socket
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=10) as s:
        s.sendall(b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_guessing_does_not_hold_up_those_who_are_known(guarded):
    import threading
    stop, statuses = threading.Event(), []

    def guess(number):
        while not stop.is_set():
            number += 1
            statuses.append(guarded.request("/api/v1/query?query=1", headers=basic("alice", f"guess {number}"))[0])

    threads = [threading.Thread(target=guess, args=(i * 1_000_000,), daemon=True) for i in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    took = []
    for _ in range(50):
        began = time.monotonic()
        assert guarded.request("/api/v1/write", data=BODY, headers={**HEADERS, **bearer(TOKEN)})[0] == 204
        took.append(time.monotonic() - began)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert set(statuses) <= {401, 503} and len(statuses) > 20
    print(f"\n{len(statuses)} guesses; writes beside them {statistics.median(took):.3f} s, at most {max(took):.3f} s")
    assert statistics.median(took) < 1, "writes wait for guesses"


def reload(varve, outcome):
    def count():
        body = varve.request("/metrics", headers=bearer(OPERATOR))[1].decode()
        return next((float(line.split()[1]) for line in body.splitlines()
                     if line.startswith(f'varve_config_reloads_total{{outcome="{outcome}"}}')), -1)
    before = count()
    varve.process.process.send_signal(signal.SIGHUP)
    wait_for(f"a {outcome} reload", lambda: count() > before, 10)


def test_users_are_read_again_at_sighup_and_kept_when_the_new_ones_are_wrong(guarded):
    assert guarded.request("/metrics", headers=basic("alice"))[0] == 200
    web_config(os.path.dirname(guarded.config), users("another word"))
    reload(guarded, "good")
    assert guarded.request("/metrics", headers=basic("alice"))[0] == 401
    assert guarded.request("/metrics", headers=basic("alice", "another word"))[0] == 200
    web_config(os.path.dirname(guarded.config), "basic_auth_users: {alice: no hash}\n")
    reload(guarded, "bad")
    assert guarded.request("/metrics", headers=basic("alice", "another word"))[0] == 200
    info = json.loads(guarded.request("/api/v1/status/runtimeinfo", headers=bearer(OPERATOR))[1])["data"]
    assert info["reloadConfigSuccess"] is False
    assert "bcrypt" in guarded.process.output()


def test_what_is_reloaded_and_what_needs_a_restart_is_told(tmp_path):
    config = tmp_path / "varve.yml"
    config.write_text("log-format: json\nlog-level: info\nflush-age: 5m\n")
    varve = Varve(str(tmp_path / "data"), str(tmp_path / "varve.log"), "--config", str(config)).start()
    shown = json.loads(varve.request("/api/v1/status/flags")[1])["data"]
    assert shown["flush-age"] == "5m" and shown["log-format"] == "json"
    config.write_text("log-format: json\nlog-level: debug\nflush-age: 6m\n")
    varve.process.process.send_signal(signal.SIGHUP)
    wait_for("it is said", lambda: "needs_restart" in varve.process.output(), 10)
    lines = [json.loads(line) for line in varve.process.output().splitlines() if line.startswith("{")]
    assert any(line.get("needs_restart") == "flush-age" and line["level"] == "notice" for line in lines)
    config.write_text("nonsense: 1\n")
    varve.process.process.send_signal(signal.SIGHUP)
    wait_for("it is said", lambda: "unknown key" in varve.process.output(), 10)
    assert varve.is_ready() and varve.stop() == 0


def certificate(folder, name):
    """A key and a certificate for localhost that sign themselves."""
    crt, key = os.path.join(folder, f"{name}.crt"), os.path.join(folder, f"{name}.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", crt],
        check=True, capture_output=True)
    return crt, key


def handshake(port, **limits):
    """The protocol agreed on; None when there was none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = limits.get("minimum", ssl.TLSVersion.TLSv1)
    context.maximum_version = limits.get("maximum", ssl.TLSVersion.TLSv1_3)
    import socket
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, context.wrap_socket(plain) as s:
            return s.version(), s.getpeercert(binary_form=True)
    except (ssl.SSLError, ConnectionError):
        return None


def alert_to(port, version):
    """What is answered to the first message of a client that knows nothing newer than `version`: level and kind of an alert.
    Made by hand, since libraries may refuse to send it."""
    import socket
    ciphers = bytes.fromhex("c013c014c009c00a002f0035000a00ff")
    hello = version + bytes(32) + b"\0" + len(ciphers).to_bytes(2, "big") + ciphers + b"\1\0"
    handshake = b"\1" + len(hello).to_bytes(3, "big") + hello
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"\x16\3\1" + len(handshake).to_bytes(2, "big") + handshake)
        answer = s.recv(4096)
    assert answer[0] == 21 and len(answer) >= 7, answer
    return tuple(answer[5:7])


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_is_1_2_and_up_and_certificates_are_read_again(tmp_path):
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    live = str(tmp_path / "live.crt"), str(tmp_path / "live.key")

    def use(pair):
        for source, target in zip(pair, live):
            with open(source, "rb") as a, open(target, "wb") as b:
                b.write(a.read())

    use(first)
    config = web_config(tmp_path, "tls_server_config: {cert_file: live.crt, key_file: live.key}\n")
    varve = Varve(str(tmp_path / "data"), str(tmp_path / "varve.log"), "--web.config.file", config)
    trust = ssl.create_default_context(cafile=first[0])
    varve.launch()
    varve.url = f"https://127.0.0.1:{varve.port}"
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust)))
    try:
        varve.wait()
        assert varve.request("/api/v1/write", data=BODY, headers=HEADERS)[0] == 204
        assert varve.query("guarded", START)["result"][0]["value"][1] == "1"
        asked = subprocess.run(
            [VARVE, "query", "guarded", "--time", str(START), "--url", varve.url, "--ca-file", first[0]], capture_output=True,
            text=True)
        assert asked.returncode == 0 and "guarded" in asked.stdout, asked.stderr
        # A certificate that nobody vouches for is not taken.
        assert subprocess.run([VARVE, "query", "1", "--url", varve.url], capture_output=True).returncode == 1
        versions = ssl.TLSVersion
        assert handshake(varve.port, maximum=versions.TLSv1) is None
        assert handshake(varve.port, maximum=versions.TLSv1_1) is None
        # SSL 3, TLS 1.0, TLS 1.1: fatal, protocol_version (RFC 8446, 6).
        for version in (b"\3\0", b"\3\1", b"\3\2"):
            assert alert_to(varve.port, version) == (2, 70), version
        for flag in ("-tls1", "-tls1_1"):
            asked = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{varve.port}", flag, "-cipher", "ALL:@SECLEVEL=0"],
                input="", capture_output=True, text=True)
            assert asked.returncode != 0 and "Cipher is (NONE)" in asked.stdout, asked.stdout + asked.stderr
        assert handshake(varve.port, maximum=versions.TLSv1_2)[0] == "TLSv1.2"
        assert handshake(varve.port)[0] == "TLSv1.3"
        before = handshake(varve.port)[1]
        use(second)
        varve.process.process.send_signal(signal.SIGHUP)
        wait_for("the new certificate", lambda: handshake(varve.port)[1] != before, 10)
        # A broken one leaves the one in force.
        with open(live[0], "w", encoding="utf-8") as f:
            f.write("-----BEGIN CERTIFICATE-----\nbroken\n")
        now = handshake(varve.port)[1]
        varve.process.process.send_signal(signal.SIGHUP)
        wait_for("it is said", lambda: "cert_file" in varve.process.output(), 10)
        assert handshake(varve.port)[1] == now
        assert varve.stop() == 0
    finally:
        urllib.request.install_opener(urllib.request.build_opener())
        if varve.process.alive():
            varve.kill()


def test_what_is_below_has_its_known_holes_closed():
    """GHSA-rj37-6j9x-74q6: many headers end a Hummingbird server over older ones."""
    with open(os.path.join(ROOT, "Package.resolved"), encoding="utf-8") as f:
        pins = {pin["identity"]: tuple(int(n) for n in pin["state"]["version"].split(".")) for pin in json.load(f)["pins"]}
    assert pins["swift-nio"] >= (2, 100, 0)
    assert pins.get("swift-nio-http2", (1, 44, 1)) >= (1, 44, 1)
    assert pins["swift-nio-ssl"] >= (2, 37, 0)
