"""File systems of our own: in a loop device or in memory, to be cut off, filled up, made read-only.

A power cut is `ioctl(FS_IOC_SHUTDOWN, no log flush)`: from then on nothing reaches the device, and what the journal had
not committed is gone at the next mount, as if the cable had been pulled.
"""
import contextlib
import ctypes
import fcntl
import functools
import os
import random
import shutil
import struct
import subprocess
import tempfile
import time

import pytest

LIBC = ctypes.CDLL(None, use_errno=True)
SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
SIZES = {"ext4": 96, "xfs": 320}


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True)


def isolate():
    """Mounts of this process are its own and end with it. Call before there are threads; harmless where refused."""
    if os.uname().sysname == "Linux" and os.geteuid() == 0 and LIBC.unshare(0x20000) == 0:
        with contextlib.suppress(OSError):
            subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True)


@functools.cache
def missing(kind):
    """What this machine lacks for such a volume; None when it can be had."""
    if os.geteuid() != 0:
        return "root"
    if kind != "tmpfs" and shutil.which(f"mkfs.{kind}") is None:
        return f"mkfs.{kind}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Volume(folder, kind):
                pass
        except (subprocess.CalledProcessError, OSError) as error:
            return f"mounts of {kind} ({(getattr(error, 'stderr', '') or str(error)).strip()[:80]})"
    return None


def need(kind):
    lack = missing(kind)
    if lack:
        pytest.skip(lack)


class Volume:
    """A mounted file system; unmounted and gone at the end of `with`."""

    def __init__(self, folder, kind, size=None, options=()):
        self.kind, self.size, self.options = kind, size or SIZES.get(kind, 64), list(options)
        self.path = os.path.join(str(folder), "volume")
        self.image = None
        self.folder = str(folder)
        self.mounted = False

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        if self.kind != "tmpfs":
            # In memory where there is room: the device is not what is tested, and syncs cost nothing.
            place = self.folder
            with contextlib.suppress(OSError):
                memory = os.statvfs("/dev/shm")
                if memory.f_bavail * memory.f_frsize > 4 * self.size << 20:
                    place = "/dev/shm"
            handle, self.image = tempfile.mkstemp(suffix=".img", dir=place)
            os.ftruncate(handle, self.size << 20)
            os.close(handle)
            self.make()
        self.mount()
        return self

    def __exit__(self, *_):
        if self.mounted:
            self.unmount(lazily=True)
        if self.image:
            os.unlink(self.image)

    def make(self):
        if self.kind == "ext4":
            run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,nodiscard", "-m", "0", self.image)
        else:
            run("mkfs.xfs", "-q", "-f", "-K", self.image)

    def mount(self, *more):
        options = [*self.options, *more]
        if self.kind == "tmpfs":
            argv = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={self.size}m", *options]), "tmpfs", self.path]
        else:
            options += ["data=ordered"] if self.kind == "ext4" else []
            argv = ["mount", "-t", self.kind, "-o", ",".join(["loop", *options]), self.image, self.path]
        run(*argv)
        self.mounted = True

    def unmount(self, lazily=False):
        """A killed process lets go of its files a moment later."""
        for _ in range(100):
            if subprocess.run(["umount", self.path], capture_output=True).returncode == 0:
                break
            time.sleep(0.02)
        else:
            if not lazily:
                run("umount", self.path)
            run("umount", "-l", self.path)
        self.mounted = False

    def cut(self):
        """From now on nothing reaches the device."""
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(directory)

    def power_up(self):
        self.unmount()
        self.mount()

    def free(self):
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, name="filler", leave=0):
        """Takes the space that is left, but for `leave` bytes."""
        path = os.path.join(self.path, name)
        with open(path, "ab", buffering=0) as f:
            for piece in (1 << 20, 1 << 16, 1 << 12):
                with contextlib.suppress(OSError):
                    while self.free() >= leave + piece:
                        f.write(b"\0" * piece)
        return path


def write_back_some(folder, chance: random.Random):
    """The kernel writes unsynced pages whenever it likes: of a few files, in any order, and never their names."""
    files = [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names]
    for path in chance.sample(files, min(len(files), chance.randint(0, 4))):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            size = os.fstat(descriptor).st_size
            start = chance.randrange(0, max(size, 1)) & ~4095
            length = chance.choice([4096, 65536, 0])
            LIBC.sync_file_range(
                descriptor, ctypes.c_long(start), ctypes.c_long(length), ctypes.c_uint(1 | 2 | 4))
            os.close(descriptor)
