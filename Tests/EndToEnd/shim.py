"""The preloaded library of shim.c: compiled once, told by rules what fails."""
import errno
import functools
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
import uuid

import pytest

CALLS = ["open", "write", "read", "fdatasync", "fsync", "rename", "renameat2", "link", "ftruncate", "unlink", "mkdir",
         "list", "stat", "space"]
FAIL, SHORT, LIE, DELAY, TORN, LATE = range(1, 7)
ACTIONS = {FAIL: "fails", SHORT: "comes short", LIE: "lies", DELAY: "waits", TORN: "half done, then fails",
           LATE: "done, yet fails"}
RULES, RULE_AT, RULE_SIZE = 16, 16 + 240, 16 + 24 + 16 + 96
HEAD = struct.Struct("<IIIiqqq")


@functools.cache
def library():
    """Compiled into a folder that stays: (path, what is missing)."""
    if os.uname().sysname != "Linux" or shutil.which("gcc") is None:
        return None, "gcc"
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim.c")
    path = os.path.join(tempfile.mkdtemp(prefix="shim-"), "shim.so")
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-U_FORTIFY_SOURCE", "-o", path, source, "-ldl"],
        check=True)
    return path, None


class Shim:
    """Rules for one server at a time. `env` goes to its process; `root` is below what calls are looked at."""

    def __init__(self, folder, root=None):
        path, lack = library()
        if lack:
            pytest.skip(lack)
        self.page_path = os.path.join(str(folder), f"shim-{uuid.uuid4().hex[:8]}")
        self.root = str(root or folder)
        with open(self.page_path, "wb") as f:
            f.write(b"\0" * (RULE_AT + RULES * RULE_SIZE))
        self.file = open(self.page_path, "r+b")
        self.page = mmap.mmap(self.file.fileno(), 0)
        self.page[16:16 + len(self.root)] = self.root.encode()
        self.env = {"LD_PRELOAD": path, "SHIM_PAGE": self.page_path}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clear()

    def rule(self, call, action=FAIL, error=errno.EIO, skip=0, times=-1, milliseconds=0, path="", slot=0):
        """One rule per slot; it counts from now on."""
        self.clear(slot)
        at = RULE_AT + slot * RULE_SIZE
        self.page[at + 40:at + 56] = b"\0" * 16
        self.page[at + 56:at + 56 + 96] = path.encode().ljust(96, b"\0")
        HEAD.pack_into(self.page, at, 0, CALLS.index(call) + 1, action, error, skip, times, milliseconds)
        struct.pack_into("<I", self.page, at, 1)
        struct.pack_into("<I", self.page, 0, 1)

    def clear(self, slot=None):
        for i in range(RULES) if slot is None else [slot]:
            struct.pack_into("<I", self.page, RULE_AT + i * RULE_SIZE, 0)
        if slot is None:
            struct.pack_into("<I", self.page, 0, 0)

    def seen(self, slot=0):
        return struct.unpack_from("<q", self.page, RULE_AT + slot * RULE_SIZE + 40)[0]

    def hits(self, slot=0):
        return struct.unpack_from("<q", self.page, RULE_AT + slot * RULE_SIZE + 48)[0]

    def set_clock(self, seconds):
        struct.pack_into("<q", self.page, 8, seconds)
