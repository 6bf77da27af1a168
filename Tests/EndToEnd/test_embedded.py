"""The embedded example compiles and runs as it is, and no server is compiled for it."""
import os
import subprocess
import time

from servers import ROOT


def test_the_example_compiles_without_a_server_and_runs(tmp_path):
    example = os.path.join(ROOT, "Examples", "Embedded")
    scratch = os.path.join(ROOT, ".build-examples")
    started = time.monotonic()
    built = subprocess.run(
        ["swift", "build", "--package-path", example, "--scratch-path", scratch], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
    print(f"\nbuilt in {time.monotonic() - started:.0f} s")
    products = subprocess.run(
        ["swift", "build", "--package-path", example, "--scratch-path", scratch, "--show-bin-path"],
        capture_output=True, text=True, check=True).stdout.strip()
    # Every target of the graph has a folder; what was compiled has objects in it.
    compiled = {
        name.split(".")[0] for name in os.listdir(products) if name.endswith(".build")
        and any(file.endswith(".o") for _, _, files in os.walk(os.path.join(products, name)) for file in files)
    }
    assert "StorageEngine" in compiled
    assert not compiled & {"NIOCore", "Hummingbird", "VarveServer"}, "the library must not compile a server"
    run = subprocess.run(
        [os.path.join(products, "Embedded"), str(tmp_path / "metrics")], capture_output=True, text=True, check=True)
    assert "22.0" in run.stdout
    assert sorted(os.listdir(tmp_path / "metrics")) == ["lock", "objects", "wal"]
