"""Cuts the power of real file systems under load: what was acknowledged as durable is there afterwards (A1 to A4, A7).

    E2E_CUTS    cuts in all (default 100)
    E2E_SEED    which random moments and options (default 1)
"""
import os
import random
import time

import pytest
import shim
from counts import COUNTS, keep_when_failing, replay
from ledger import Ledger, verify
from servers import Varve, wait_for
from volumes import Volume, need, write_back_some

CUTS = int(os.environ.get("E2E_CUTS", "100"))
SEED = int(os.environ.get("E2E_SEED", "1"))
# Of 100 cuts.
SHARES = [("ext4", "always", 30), ("xfs", "always", 30), ("ext4", "interval", 10), ("xfs", "interval", 10),
          ("ext4", "os", 10), ("xfs", "os", 10)]


def options(chance, durability):
    flags = ["--durability", durability]
    if chance.random() < 0.7:
        flags += ["--flush-age", chance.choice(["1s", "2s", "10m"])]
    if chance.random() < 0.7:
        flags += ["--flush-size", chance.choice(["1MiB", "2MiB"])]
    return flags


class World:
    """A server on a volume of its own, its ledger, and the power switch."""

    def __init__(self, folder, kind, durability, seed, env=None):
        self.chance = random.Random(seed)
        self.durability = durability
        self.volume = Volume(folder, kind)
        self.varve = Varve(
            os.path.join(self.volume.path, "data"), os.path.join(str(folder), "varve.log"),
            *options(self.chance, durability), env=env)
        # Repeats would blur the order of the writes, of which a prefix must survive.
        self.ledger = Ledger(self.varve, seed, repeats=durability == "always", bulk=0.05)

    def cut(self):
        """The power goes at a random moment, sometimes again while the server starts."""
        time.sleep(self.chance.uniform(0.05, 0.6))
        if self.chance.random() < 0.5:
            write_back_some(self.varve.data, self.chance)
        cuts = 1
        self.power_off()
        self.varve.flags = options(self.chance, self.durability)
        if self.durability != "always":
            # Writes that a next process takes come after those that this cut lost: that is no hole.
            self.ledger.pause()
        while self.chance.random() < 0.2:
            self.volume.power_up()
            self.varve.launch()
            time.sleep(self.chance.uniform(0, 0.15))
            self.power_off()
            cuts += 1
        return cuts

    def power_off(self):
        self.volume.cut()
        self.varve.kill()

    def power_on(self):
        self.volume.power_up()
        self.varve.start()


@pytest.mark.parametrize("kind,durability,share", SHARES, ids=[f"{k}-{d}" for k, d, _ in SHARES])
def test_a_power_cut_loses_nothing_that_was_promised(tmp_path, kind, durability, share):
    need(kind)
    seed = SEED * 100 + [s[:2] for s in SHARES].index((kind, durability))
    world = World(tmp_path, kind, durability, seed)
    ledger, prefix = world.ledger, durability != "always"
    wanted = max(1, CUTS * share // 100)
    began = time.monotonic()
    lost = 0
    with keep_when_failing(tmp_path, replay("test_power_cut.py", f"{kind}-{durability}", E2E_SEED=SEED)), world.volume:
        try:
            world.varve.start()
            ledger.start()
            cuts = 0
            while cuts < wanted:
                cuts += world.cut()
                ledger.pause()
                before = ledger.acknowledged
                world.power_on()
                assert ledger.problems(prefix) == []
                lost += max(0, before - ledger.acknowledged)
                # Seen once, it stays: a recovery that forgets to sync what it read would lose it now.
                if world.chance.random() < 0.3:
                    world.power_off()
                    world.power_on()
                    cuts += 1
                    assert ledger.problems() == []
                ledger.resume()
            wait_for("a flush, a compaction and a query between the cuts", lambda: all(
                ledger.disturber.done[what] for what in ("flush", "compact", "query")), 20)
            ledger.stop()
            assert ledger.bad_answers() == []
            world.varve.admin("flush")
            assert ledger.problems() + ledger.aggregates_problems() == []
            world.power_off()
            world.power_on()
            assert ledger.problems() == []
            assert world.varve.stop() == 0
            assert verify(world.varve.data) == []
        finally:
            ledger.halt()
            if world.varve.process.alive():
                world.varve.kill()
    COUNTS.add("power cuts", cuts + 1)
    COUNTS.add("samples checked", ledger.checked)
    seconds = time.monotonic() - began
    print(f"\n{kind}, {durability}: {cuts + 1} cuts in {seconds:.0f} s, {ledger.acknowledged} samples there, "
          f"{lost} acknowledged and lost{' as this setting allows' if prefix else ''}, {dict(ledger.disturber.done)}")
    assert lost == 0 or prefix


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
@pytest.mark.parametrize("call,path", [("fdatasync", "/wal/"), ("fdatasync", "/objects/")])
def test_the_harness_catches_a_missing_sync(tmp_path, kind, call, path):
    """A planted bug: syncs below `path` do nothing and say that they did. If no cut shows that, none shows anything."""
    need(kind)
    world = World(tmp_path, kind, "always", 3)
    with shim.Shim(tmp_path) as lies, world.volume:
        lies.rule(call, shim.LIE, path=path)
        world.varve.env = lies.env
        world.varve.flags = ["--flush-age", "1s"]
        world.varve.start()
        world.ledger.start()
        try:
            for cut in range(20):
                # The first cut comes before any flush: the directory of a new log was never synced.
                time.sleep(0.2 if cut else 0.05)
                world.power_off()
                world.ledger.pause()
                try:
                    world.power_on()
                    found = world.ledger.problems()
                except AssertionError as refusal:
                    found = [str(refusal)]
                if found:
                    print(f"\n{kind} without {call} below {path}: caught at cut {cut + 1}: {found[0][-160:].strip()}")
                    COUNTS.add("planted bugs caught")
                    return
                world.ledger.resume()
        finally:
            world.ledger.halt()
            world.varve.kill()
    raise AssertionError(f"twenty power cuts without {call} below {path}, and nothing was lost")
