"""All files of this folder in two processes side by side: half of the tests wait, for timeouts, scrapes and starts.

The first process speaks at once, what the second one said follows when both have ended. Fails when either fails.
"""
import glob
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Seconds, about; all others 10.
WEIGHTS = {
    "test_object_store.py": 160, "test_tables.py": 117, "test_system_calls.py": 110, "test_embedded.py": 105,
    "test_kill.py": 105, "test_power_cut.py": 100, "test_prometheus.py": 80, "test_hostile_http.py": 75,
    "test_surroundings.py": 75}


def lanes(files):
    """Two lists of about the same length in time."""
    chosen = ([], [])
    seconds = [0, 0]
    for file in sorted(files, key=lambda file: -WEIGHTS.get(os.path.basename(file), 10)):
        lane = seconds.index(min(seconds))
        chosen[lane].append(file)
        seconds[lane] += WEIGHTS.get(os.path.basename(file), 10)
    return chosen


def main():
    first, second = lanes(glob.glob(os.path.join(HERE, "test_*.py")))
    command = [sys.executable, "-m", "pytest", "-q", "-s", "--durations=10", "-p", "no:cacheprovider"]
    with tempfile.TemporaryFile() as said:
        beside = subprocess.Popen(command + second + sys.argv[1:], stdout=said, stderr=subprocess.STDOUT)
        status = subprocess.call(command + first + sys.argv[1:])
        status = beside.wait() or status
        said.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(said.read())
    return status


if __name__ == "__main__":
    sys.exit(main())
