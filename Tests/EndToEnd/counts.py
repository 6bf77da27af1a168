"""What all harnesses counted, told at the end of the run; and what is kept of one that failed."""
import collections
import contextlib
import json
import os
import shutil
import threading

KEPT = os.environ.get("E2E_KEEP", "")


class Counts:
    def __init__(self):
        self.counted = collections.Counter()
        self.lock = threading.Lock()

    def add(self, what, number=1):
        with self.lock:
            self.counted[what] += number

    def __getitem__(self, what):
        return self.counted[what]

    def save(self):
        """For whoever adds up several runs: Tools/soak.py."""
        path = os.environ.get("E2E_COUNTS")
        if path:
            with open(path, "w", encoding="utf-8") as f:
                json.dump(self.counted, f)

    def line(self):
        return ", ".join(f"{number} {what}" for what, number in sorted(self.counted.items()))


COUNTS = Counts()


def replay(file, test=None, **variables):
    """The one command that runs a failing harness again."""
    settings = " ".join(f"{name}={value}" for name, value in variables.items())
    chosen = f" -k {test}" if test else ""
    return f"{settings} .venv/bin/python -m pytest -q -s Tests/EndToEnd/{file}{chosen}".strip()


@contextlib.contextmanager
def keep_when_failing(folder, command):
    """Prints how to do it again; copies the directory to $E2E_KEEP, if that is set."""
    try:
        yield
    except BaseException:
        kept = f"{folder}"
        if KEPT:
            kept = os.path.join(KEPT, os.path.basename(str(folder)))
            shutil.copytree(folder, kept, dirs_exist_ok=True, ignore_dangling_symlinks=True)
        print(f"\nkept: {kept}\nagain: {command}")
        raise
