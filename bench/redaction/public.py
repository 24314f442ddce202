"""Samples from the test data of public repositories: examples beside scanners' rules.

Read from Git clones with `git archive`; nothing of them is run, kept or shown.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from bench.redaction.sample import SHORTEST, Sample

CLONE_TIMEOUT_S = 120
LONGEST_TEXT = 6_000
"""A longer text is a file, not an argument."""


def clone(repository: str, into: Path) -> str:
    """Make `into/owner+name` a clone of *repository* if it is none; return why there is none."""
    place = into / repository.replace("/", "+")
    if place.exists():
        return ""
    address = f"https://github.com/{repository}"
    try:
        done = subprocess.run(
            ["git", "clone", "--quiet", "--depth", "1", address, str(place)],
            capture_output=True, text=True, timeout=CLONE_TIMEOUT_S, check=False,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "took too long"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1]


def commit(place: Path) -> str:
    """Return which commit of a clone is read."""
    command = ["git", "-C", str(place), "rev-parse", "--short=10", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def files(place: Path, *paths: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of what lies below *paths* in the newest commit of a clone."""
    done = subprocess.run(
        ["git", "-C", str(place), "archive", "HEAD", *paths], capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            data = archive.extractfile(member)
            if data is not None:
                yield member.name, data.read().decode("utf-8", "replace")


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return a Rust pattern compiled by Python, or None where Python has no such syntax."""
    pattern = re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", pattern).replace(r"\z", r"\Z")
    flags = set(re.findall(r"\(\?([a-z]+)\)", pattern))
    pattern = re.sub(r"\(\?[a-z]+\)", "", pattern)
    known = "".join(sorted(set("".join(flags)) & set("imsx")))
    try:
        return re.compile(f"(?{known}){pattern}" if known else pattern)
    except re.error:
        return None


def _secret(pattern: str, example: str) -> str:
    """Return what the rule of an example takes for the secret in it."""
    found = _compiled(pattern)
    match = found.search(example) if found else None
    if match is None:
        return ""
    named = match.groupdict().get("TOKEN")
    groups = [group for group in match.groups() if group]
    return named or max(groups, key=len, default=match[0])


def _rules(place: Path, corpus: str, path: str) -> Iterator[Sample]:
    for name, text in files(place, path):
        if not name.endswith((".yml", ".yaml")):
            continue
        provider = Path(name).stem
        for rule in (yaml.safe_load(text) or {}).get("rules", ()):
            for example in rule.get("examples") or ():
                secret = _secret(rule["pattern"], str(example)).strip()
                if len(secret) >= SHORTEST and len(str(example)) <= LONGEST_TEXT:
                    yield Sample(corpus, "as found", provider, str(example).strip(), secret)


def kingfisher(place: Path) -> Iterator[Sample]:
    """Yield the examples of Kingfisher's rules."""
    return _rules(place, "Kingfisher", "data/rules")


def noseyparker(place: Path) -> Iterator[Sample]:
    """Yield the examples of Nosey Parker's rules."""
    return _rules(place, "Nosey Parker", "crates/noseyparker/data/default/builtin/rules")


def credsweeper(place: Path) -> Iterator[Sample]:
    """Yield what CredSweeper is to find in its own test files; of a long PEM, the first line."""
    [(_, text)] = files(place, "tests/data/output.json")
    for finding in json.loads(text):
        line = finding["line_data_list"][0]
        value, rule = line["value"] or "", finding["rule"]
        usable = value in line["line"] and len(line["line"]) <= LONGEST_TEXT
        if usable and len(value) >= SHORTEST and "UUID" not in rule and "PEM" not in rule:
            # Generic rules are no providers: their samples are split by the sample's file.
            generic = len(rule.split()) == 1
            provider = line["path"] if generic else rule
            yield Sample("CredSweeper", "as found", provider, line["line"].strip(), value.strip())


_GO_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`')
_GO_CONSTANT = re.compile(r'^\s*(\w+)\s*(?::?=)\s*("(?:[^"\\\n]|\\.)*"|`[^`]*`)\s*$', re.MULTILINE)
_GO_INPUT = re.compile(
    r"\binput:\s*(?P<input>fmt\.Sprintf\((?:[^()]|\([^()]*\))*\)|`[^`]*`|\"(?:[^\"\\\n]|\\.)*\"|\w+)"
    r"\s*,\s*want:\s*\[\]string\{(?P<want>[^{}]*)\}"
)


def _go_text(literal: str, constants: dict[str, str]) -> str | None:
    """Return the text that a Go expression stands for, if that is plain to see."""
    if literal.startswith("`"):
        return literal[1:-1]
    if literal.startswith('"'):
        try:
            return str(json.loads(literal))
        except ValueError:
            return None
    if literal.startswith("fmt.Sprintf("):
        parts = re.findall(rf"{_GO_TEXT.pattern}|\w+", literal[len("fmt.Sprintf(") : -1])
        texts = [_go_text(part, constants) for part in parts]
        if not texts or None in texts or texts[0] is None:
            return None
        out = texts[0]
        for text in texts[1:]:
            out = re.sub(r"%[svq]", lambda _, text=text: text or "", out, count=1)
        return out
    return constants.get(literal)


def trufflehog(place: Path) -> Iterator[Sample]:
    """Yield the inputs of TruffleHog's detectors' tests and what they are to find there."""
    for name, text in files(place, "pkg/detectors"):
        if not name.endswith("_test.go") or "integration" in name:
            continue
        constants: dict[str, str] = {}
        for key, literal in _GO_CONSTANT.findall(text):
            constants[key] = _go_text(literal, {}) or ""
        provider = Path(name).parts[2]
        for match in _GO_INPUT.finditer(text):
            given = _go_text(match["input"], constants)
            wanted = re.findall(rf"{_GO_TEXT.pattern}|\w+", match["want"])
            secret = (_go_text(wanted[0], constants) if len(wanted) == 1 else None) or ""
            if given and len(secret) >= SHORTEST and secret in given and len(given) < LONGEST_TEXT:
                yield Sample("TruffleHog", "as found", provider, given.strip(), secret)


REPOSITORIES: dict[str, Callable[[Path], Iterator[Sample]]] = {
    "mongodb/kingfisher": kingfisher,
    "praetorian-inc/noseyparker": noseyparker,
    "Samsung/CredSweeper": credsweeper,
    "trufflesecurity/trufflehog": trufflehog,
}
