import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import volumes  # noqa: E402
from counts import COUNTS  # noqa: E402
from servers import Process  # noqa: E402

volumes.isolate()


def pytest_terminal_summary(terminalreporter):
    """What was broken and compared, and how many tests were skipped for want of what."""
    COUNTS.save()
    if COUNTS.counted:
        terminalreporter.write_line(f"harnesses: {COUNTS.line()}; 0 lost, changed or invented unless a test failed")
    reasons = collections.Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple))
    total = sum(reasons.values())
    why = "; ".join(f"{count} for want of {reason}" for reason, count in sorted(reasons.items()))
    terminalreporter.write_line(f"skipped: {total} tests" + (f" ({why})" if why else ""))


def pytest_sessionfinish():
    for process in Process.started:
        if process.alive():
            process.kill()
