"""What gets installed is named by hash, and never by where it lies."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LISTS = sorted((ROOT / "requirements").glob("*.txt"))
LOCK = ROOT / "tests" / "npm" / "package-lock.json"

PLACES = re.compile(r"--(extra-)?index|--find-links|://|/op[t]/")


def entries(text: str) -> list[str]:
    """Return the requirements of a hashed list, each with its hashes on one line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


@pytest.mark.requirement("house.pinned")
@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_every_requirement_has_one_version_and_hashes(path: Path) -> None:
    lines = entries(path.read_text(encoding="utf-8"))

    assert lines
    assert [] == [
        x for x in lines if not re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", x)
    ]


@pytest.mark.requirement("house.pinned")
@pytest.mark.parametrize("path", [*LISTS, LOCK], ids=lambda path: path.name)
def test_no_list_says_where_packages_lie(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path == LOCK:
        # Who asks for money is no place to install from.
        text = re.sub(r'"url": "[^"]*"', "", text)

    assert PLACES.search(text) is None


@pytest.mark.requirement("house.pinned")
def test_the_npm_lock_pins_by_integrity_and_not_by_address() -> None:
    packages = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    del packages[""]

    assert packages
    assert [] == [name for name, entry in packages.items() if "resolved" in entry]
    assert [] == [name for name, entry in packages.items() if "integrity" not in entry]


@pytest.mark.requirement("house.pinned")
def test_no_file_of_ours_names_a_registry() -> None:
    hosts = re.compile(rb"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org")
    folders = [ROOT / name for name in ("src", "tests", "docs", "bench", "requirements", ".ci")]
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix != ".pyc"]
    paths += ROOT.glob("*")

    assert [] == [str(p) for p in paths if p.is_file() and hosts.search(p.read_bytes())]


def test_each_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)
    wanted = [*project["project"]["dependencies"]]
    wanted += [item for group in project["dependency-groups"].values() for item in group]
    lines = text.splitlines()

    for requirement in (item for item in wanted if isinstance(item, str)):
        at = lines.index(f'    "{requirement}",')
        assert lines[at - 1].lstrip().startswith("#"), requirement


@pytest.mark.requirement("house.pinned")
def test_a_hashed_list_is_installed_as_it_is() -> None:
    """Where a package asks for an extra, pip that looks for more takes a release with no hash."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = re.findall(r"^\S+ := install .*--require-hashes.*", recipe, re.MULTILINE)

    assert len(installs) == recipe.count("--require-hashes") == 1
    assert "--no-deps" in installs[0]
