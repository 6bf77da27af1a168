"""What is shipped to run Varve by: alert rules, dashboard, systemd unit, and the table of settings. Each names only what there is."""
import json
import os
import re
import shutil
import subprocess

import pytest
from servers import ROOT, VARVE, Varve

DEPLOY = os.path.join(ROOT, "deploy")


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("deploy"))
    varve = Varve(os.path.join(folder, "data"), os.path.join(folder, "varve.log")).start()
    body = varve.request("/metrics")[1].decode()
    assert varve.stop() == 0
    names = {re.split(r"[ {]", line)[0] for line in body.splitlines() if line and not line.startswith("#")}
    return names, body


def named(text):
    return set(re.findall(r"\b(?:varve|process)_[a-z_]+", text)) - {"varve"}


def test_alert_rules_are_good_and_name_metrics_that_there_are(metrics):
    run = subprocess.run(["promtool", "check", "rules", os.path.join(DEPLOY, "alerts.yml")], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    with open(os.path.join(DEPLOY, "alerts.yml"), encoding="utf-8") as f:
        text = f.read()
    assert named(text) <= metrics[0], named(text) - metrics[0]
    # Each says what to do.
    assert text.count("- alert:") == text.count("description:") == text.count("summary:") >= 10


def test_the_dashboard_names_metrics_that_there_are(metrics):
    with open(os.path.join(DEPLOY, "grafana-dashboard.json"), encoding="utf-8") as f:
        dashboard = json.load(f)
    assert len(dashboard["panels"]) >= 12
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    found = named(json.dumps(dashboard))
    assert found <= metrics[0], found - metrics[0]


def test_every_refusal_queue_and_budget_has_a_metric(metrics):
    for name in (
            "varve_http_requests_total", "varve_samples_refused_total", "varve_writes_overloaded_total", "varve_writes_waiting",
            "varve_queries_running", "varve_queries_waiting", "varve_unflushed_bytes", "varve_unflushed_limit_bytes",
            "varve_http_body_bytes", "varve_memory_limit_bytes", "varve_compaction_memory_bytes", "varve_compactions_postponed_total",
            "varve_compaction_quarantined_objects", "varve_flush_failures_total", "varve_wal_failures_total", "varve_wal_repairs_total",
            "varve_disk_is_short", "varve_http_connections", "varve_http_connections_left_total", "varve_http_access_refused_total",
            "varve_config_reloads_total", "varve_series", "varve_series_limit", "varve_queries_refused_total",
            "varve_cache_bytes", "varve_index_bytes", "varve_http_body_limit_bytes", "varve_http_connections_limit",
            "varve_writes_unanswered", "varve_writes_unconfirmed_total"):
        assert name in metrics[0], name
    run = subprocess.run(["promtool", "check", "metrics"], input=metrics[1], capture_output=True, text=True)
    assert run.returncode in (0, 3), run.stderr


def test_the_systemd_unit_is_good():
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze")
    run = subprocess.run(["systemd-analyze", "verify", os.path.join(DEPLOY, "varve.service")], capture_output=True, text=True)
    complaints = [line for line in run.stderr.splitlines() if "varve.service" in line and "not executable" not in line]
    assert complaints == []


def test_the_unit_hardens_what_can_be_hardened():
    with open(os.path.join(DEPLOY, "varve.service"), encoding="utf-8") as f:
        unit = f.read()
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "CapabilityBoundingSet=", "MemoryDenyWriteExecute=yes",
                 "SystemCallFilter=@system-service", "DynamicUser=yes", "RestartPreventExitStatus=2 3"):
        assert line in unit, line


def test_the_documented_settings_are_those_there_are(tmp_path):
    run = subprocess.run([VARVE, "serve", "--check-config", "--data", str(tmp_path / "data")], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    there = {line.split(":")[0] for line in run.stdout.splitlines() if ": " in line or line.endswith(":")} - {"config"}
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as f:
        documented = set(re.findall(r"^\| `--([a-z0-9.-]+)` \|", f.read(), re.MULTILINE)) - {"config", "check-config"}
    assert documented == there, documented ^ there
    help_text = subprocess.run([VARVE, "serve", "--help"], capture_output=True, text=True).stdout
    assert all(f"--{name}" in help_text for name in there), [name for name in there if f"--{name}" not in help_text]
