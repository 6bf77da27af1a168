"""A disk of 64 MiB filled to the brim under load: writes are told to come back, queries go on, it opens and reads while
full, and takes writes again within 10 s once there is room, without a restart (A8, R9)."""
import os
import time

import pytest
from bodies import HEADERS, series, snappy_literal
from counts import COUNTS, keep_when_failing, replay
from ledger import START, Ledger, verify
from servers import Varve, wait_for
from volumes import Volume, need

SEED = int(os.environ.get("E2E_SEED", "1"))
HEALING_SECONDS = 10


def refused(ledger):
    return sum(w.answers[503] for w in ledger.writers)


def probe(varve):
    body = snappy_literal(series([("__name__", "probe")], [(START, 1.0)]))
    status, answer, headers = varve.request("/api/v1/write", data=body, headers=HEADERS)
    return status, answer.decode(errors="replace"), {k.lower(): v for k, v in headers.items()}


def healed(varve, ledger, seconds=HEALING_SECONDS):
    """How long until a write is taken; the process is the same."""
    process, began = varve.process, time.monotonic()
    status, text, _ = wait_for(
        "writes are taken again", lambda: (lambda a: a if a[0] == 204 else None)(probe(varve)), seconds)
    assert status == 204 and varve.process is process and process.alive(), text
    return time.monotonic() - began


@pytest.mark.parametrize("age", ["1s", "10m"])
@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_full_disk_refuses_writes_and_heals(tmp_path, kind, age):
    fill(tmp_path, kind, age, restart=False)


# To claim is to write: some blocks are kept for that alone.
@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_server_opens_on_a_full_disk_and_reads(tmp_path, kind):
    fill(tmp_path, kind, "10m", restart=True)


def fill(tmp_path, kind, age, restart):
    need(kind)
    with keep_when_failing(tmp_path, replay("test_full_disk.py", f"{kind}-{age}", E2E_SEED=SEED)):
        with Volume(tmp_path, kind, size=64) as volume:
            varve = Varve(
                os.path.join(volume.path, "data"), str(tmp_path / "varve.log"), "--flush-age", age).start()
            ledger = Ledger(varve, SEED, bulk=0.1, writers=2)
            try:
                fill_open_and_heal(volume, varve, ledger, restart)
            finally:
                ledger.halt()
                if varve.process.alive():
                    varve.kill()


def fill_open_and_heal(volume, varve, ledger, restart):
    ledger.start()
    wait_for("some writes", lambda: ledger.acknowledged > 5_000, 20)
    filled = []

    def fill_until_refused():
        # What a flush or a merge frees is taken at once: nothing gets better before the end.
        filled.append(volume.fill(f"filler{len(filled)}"))
        time.sleep(0.1)
        return refused(ledger) > 20

    wait_for("writes are refused", fill_until_refused, 40)
    ledger.pause()
    assert ledger.bad_answers() == []
    began = time.monotonic()
    assert ledger.problems() == [], "read while the disk is full"
    assert probe(varve)[0] in (204, 503) and time.monotonic() - began < 10
    ledger.resume()
    wait_for("queries go on", lambda: ledger.disturber.done["query"] > 2, 10)
    ledger.pause()
    if restart:
        volume.fill("filler-last")
        varve.kill()
        varve.start()
        assert ledger.problems() == [], "opened on a full disk"
    ledger.resume()
    time.sleep(0.5)
    assert ledger.bad_answers() == []
    for name in os.listdir(volume.path):
        if name.startswith("filler"):
            os.unlink(os.path.join(volume.path, name))
    seconds = healed(varve, ledger)
    acknowledged = ledger.acknowledged
    wait_for("the ledger's own writers go on", lambda: ledger.acknowledged > acknowledged + 100, 20)
    ledger.stop()
    assert ledger.bad_answers() == []
    assert ledger.problems() == []
    varve.admin("flush")
    varve.kill()
    varve.start()
    assert ledger.problems() + ledger.aggregates_problems() == []
    assert varve.stop() == 0
    assert verify(varve.data) == []
    COUNTS.add("full disks")
    COUNTS.add("samples checked", ledger.checked)
    texts = {text.split(":")[0][:90] for w in ledger.writers for text in w.refusals}
    print(f"\n{volume.kind}: {refused(ledger)} writes refused, healed after {seconds:.1f} s, "
          f"{ledger.acknowledged} samples kept; {sorted(texts)[:3]}")
