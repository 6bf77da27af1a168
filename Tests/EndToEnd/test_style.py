"""The few rules of style that guard a promise: the world is an argument, nothing from outside can trap the process."""
import os
import re

import pytest
from servers import ROOT

ENGINE = ["Sources/Base", "Sources/Storage", "Sources/Metrics", "Sources/Product/Varve"]
EVERYWHERE = ["Sources"]
# pattern, folders, files that may, why it is forbidden
RULES = [
    (r"\bDate\(\)", ENGINE, [], "time comes from Environment.time"),
    (r"\bimport (Dispatch|Foundation)\b", ENGINE, [], "the library compiles without them"),
    (r"Task\.sleep", ENGINE, ["Platform/LiveTimeSource.swift"], "waiting goes through Environment.time"),
    (r"\.random\(in:[^)]*\)(?!.*using:)", ENGINE, [], "chance comes from Environment.random"),
    (r"\btry!", EVERYWHERE, [], "a trap cannot be caught"),
    (r"\bfatalError\(", EVERYWHERE, [], "a trap cannot be caught"),
    (r"\bTask(\.detached)? \{", ["Sources/Storage", "Sources/Base"], [], "tasks start through Environment.spawn"),
    (r"^import (NIO|Hummingbird|Logging)", ENGINE, ["/S3Storage/"], "nothing below the server knows a server"),
]


def files(folders):
    for folder in folders:
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith(".swift"):
                    yield os.path.join(path, name)


@pytest.mark.parametrize("pattern,folders,allowed,reason", RULES, ids=[rule[0] for rule in RULES])
def test_forbidden(pattern, folders, allowed, reason):
    found = []
    for path in files(folders):
        if any(name in path for name in allowed):
            continue
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                if not line.lstrip().startswith("//") and re.search(pattern, line):
                    found.append(f"{os.path.relpath(path, ROOT)}:{number}: {line.strip()}")
    assert not found, reason + "\n" + "\n".join(found)


def test_imports_go_downwards_only():
    """A target may import what is below its floor, as Package.swift says; here: no floor imports one above it."""
    floors = ["Base", "Storage", "Metrics", "Product"]
    home = {}
    for level, floor in enumerate(floors):
        for room in os.listdir(os.path.join(ROOT, "Sources", floor)):
            home[room] = level
    found = []
    for level, floor in enumerate(floors):
        for path in files([f"Sources/{floor}"]):
            with open(path, encoding="utf-8") as f:
                for module in re.findall(r"^(?:public )?import (\w+)", f.read(), re.M):
                    if home.get(module, 0) > level:
                        found.append(f"{os.path.relpath(path, ROOT)} imports {module}")
    assert not found, "\n".join(found)


def test_a_file_is_one_idea():
    long = []
    for path in files(EVERYWHERE):
        with open(path, encoding="utf-8") as f:
            lines = sum(1 for _ in f)
        if lines > 500:
            long.append(f"{os.path.relpath(path, ROOT)}: {lines} lines")
    assert not long, "\n".join(long)


def test_the_release_binary_has_no_planted_bugs():
    """Mistakes that crash tests make on purpose are compiled into debug builds alone."""
    with open(os.path.join(ROOT, "Sources/Base/Platform/PlantedBug.swift"), encoding="utf-8") as f:
        names = re.findall(r"^        case (\w+)$", f.read(), re.M)
    assert len(names) >= 14
    with open(os.path.join(ROOT, "bin", "varve"), "rb") as f:
        binary = f.read()
    assert [name for name in names if name.encode() in binary] == []


def test_links_in_the_documents_lead_somewhere():
    broken = []
    documents = [name for name in os.listdir(ROOT) if name.endswith(".md")]
    documents += [os.path.join("docs", name) for name in os.listdir(os.path.join(ROOT, "docs"))]
    for document in documents:
        with open(os.path.join(ROOT, document), encoding="utf-8") as f:
            for link in re.findall(r"\]\(([^)#:]+)\)", f.read()):
                if not os.path.exists(os.path.join(ROOT, os.path.dirname(document), link)):
                    broken.append(f"{document}: {link}")
    assert not broken, "\n".join(broken)


def test_every_defect_of_the_ancestors_has_a_test_that_is_there():
    """docs/lineage-tests.md: 105 rows, none without an answer, and every test that it names exists."""
    with open(os.path.join(ROOT, "docs", "lineage-tests.md"), encoding="utf-8") as f:
        rows = [line.split("|")[1:3] for line in f if line.startswith("| S")]
    defects = [defect for row in rows for defect in re.findall(r"\bS[1-4]-\d+", row[0])]
    assert len(set(defects)) == len(defects) == 105
    words = set()
    for path in files(["Sources", "Tests", "Benchmarks"]):
        with open(path, encoding="utf-8") as f:
            words.update(re.findall(r"\w+", f.read()))
    for defect, answer in rows:
        assert answer.strip(), defect
        for name in re.findall(r"`([^`]+)`", answer):
            missing = [word for word in re.findall(r"[A-Za-z]\w+", name) if word not in words]
            assert not missing or name in ("varve-bench wal", "make test"), f"{defect.strip()}: {name} is nowhere"
