"""The documentation says what is so: commands are run, names looked up, links followed.

A fenced block marked `console` holds commands (``$ …``) and what they print; one
marked `sh` holds commands alone. Each command of a page is run, in order, in a home
directory of its own; what it prints must be what the page says, up to times, ids,
hashes and sizes. A line ``…`` stands for any number of lines. What cannot be run that
way stands in `ELSEWHERE` with the test that runs it.

``WRITE_DOCS=1 pytest tests/test_docs.py`` writes the generated pages again.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest

import indelible
from indelible.capture import framing
from indelible.capture.process import os_actor
from indelible.cli import demo_calls, failure
from indelible.cli.commands import indelible as program
from indelible.cli.options import SUMMARIES
from indelible.cli.wrap import HELP, parse
from indelible.query import parse as parsing
from indelible.query.parse import parse as query_of
from indelible.query.reading_values import MAX_SINGLE_WILDS
from indelible.redact import careful, gate, scan
from tests.query import reference as grammar

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SOURCE = ROOT / "src/indelible"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
EMPTY_START = [DOCS / "tutorial/first-trail.md", DOCS / "how-to/audit-a-python-server.md"]
WITH_COMMANDS = [ROOT / "README.md", *EMPTY_START[:1], *sorted(DOCS.glob("how-to/*.md"))]
DETECTORS = DOCS / "reference/detectors.md"

ELSEWHERE = {
    "make demo": "test_make_demo_runs_the_demo",
    "make test": "test_ci_runs_make_test",
    "python3 -m pip install .": "test_the_package_installs_and_uninstalls",
    "python3 -m pip uninstall --yes indelible": "test_the_package_installs_and_uninstalls",
    "python3 -m venv venv": "test_the_package_installs_and_uninstalls",
    "venv/bin/python -m pip install 'CHECKOUT[demo]'": "test_the_package_installs_and_uninstalls",
    "indelible proxy --upstream http://127.0.0.1:3001 --listen 127.0.0.1:8080": (
        "test_a_client_hears_what_it_hears_without_the_proxy"
    ),
    "indelible proxy --upstream http://127.0.0.1:3001 --listen 0.0.0.0:8443"
    " --tls-cert crm.pem --tls-key crm.key": (
        "test_tls_on_both_sides_with_a_certificate_for_the_server"
    ),
}
"""Commands that need a fresh machine or run until they are stopped, and the test that runs them."""

TIMEOUT_S = 120
COLUMNS = 96
"""Terminal width of the outputs, for a user name of at most five characters."""

pytestmark = pytest.mark.xdist_group("docs")


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


# Blocks


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    title: str
    text: str


def blocks(text: str) -> list[Block]:
    found = re.finditer(
        r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    )
    return [Block(one[1], one[2] or "", one[3]) for one in found]


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Return each command of a block, and the lines it must print; an `sh` block promises none."""
    if block.language == "sh":
        lines = block.text.splitlines()
        return [(line, ["…"]) for line in lines if line and not line.startswith("#")]
    if block.language != "console":
        return []
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


# What is printed, compared with what a page says

VOLATILE = [
    ("home", r"/home/ann(?=/)"),
    ("id", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}(?:-[0-9a-f]{4}-[0-9a-f]{12})?(?:/[0-9]+)?"),
    ("origin", r"indelible\.[0-9a-f]{8}"),
    ("vkey", r"\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{40,}"),
    ("cursor", r"(?<=--after )[A-Za-z0-9_-]{20,}"),
    (
        "time",
        (
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+Z| [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?)?"
            r"|[0-9]{2}:[0-9]{2}:[0-9]{2}Z?|[0-9]{2}-[0-9]{2}(?= UTC)|\b[0-9]+:[0-9]{2}\.[0-9]{3}"
        ),
    ),
    ("bar", r"[▏▎▍▌▋▊▉█]+"),
    ("hash", r"\b[0-9a-f]{64}\b|\b[A-Za-z0-9+/]{40,}="),
    ("size", r"[0-9][0-9,]*(?= bytes)"),
    ("took", r"[0-9][0-9,.]*(?= m?s\b)"),
    ("user", r"\bann\b"),
    ("cut", r"[^ ]*…"),
    ("space", r"[ ]+"),
]
ANY_VOLATILE = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in VOLATILE))


def line_pattern(line: str, ids: list[str]) -> str:
    """Return a pattern for what *line* of a page stands for; the ids in it are put into *ids*."""
    patterns = dict(VOLATILE)
    out, at = "", 0
    for match in ANY_VOLATILE.finditer(line):
        out += re.escape(line[at : match.start()])
        at = match.end()
        name = match.lastgroup
        assert name is not None
        if name == "id":
            ids.append(match[0])
            out += f"({patterns['id']})"
        elif name == "cut":
            # Where it is cut depends on the widths of the other columns, within limits.
            out += re.escape(match[0][: max(4, len(match[0]) - 12)].removesuffix("…")) + ".*"
        elif name in ("user", "home"):
            out += re.escape(os_actor().id) if name == "user" else r"/\S+"
        elif name == "space":
            out += r"\s+"
        elif name == "took":
            out += r"[0-9][0-9,.]*"
        else:
            out += f"(?:{patterns[name]})"
    return out + re.escape(line[at:])


def learn(said: list[str], printed: list[str]) -> dict[str, str] | None:
    """Return which real id each id of a page stands for, or None if the lines do not fit."""
    if not said:
        return None if printed else {}
    if said[0] == "…":
        for skip in range(len(printed) + 1):
            rest = learn(said[1:], printed[skip:])
            if rest is not None:
                return rest
        return None
    if not printed:
        return None
    ids: list[str] = []
    match = re.fullmatch(line_pattern(said[0], ids), printed[0].rstrip())
    rest = learn(said[1:], printed[1:]) if match else None
    return (
        None
        if match is None or rest is None
        else dict(zip(ids, match.groups(), strict=True)) | rest
    )


SAID = '05:01:38Z  ann   notes/find {"a…  ok  2 ms 01a20bee-55f3-78b5'


def test_what_fits_is_found_and_what_does_not_is_refused() -> None:
    user = os_actor().id
    real = f'23:59:59Z  {user} notes/find {{"abc":1…  ok  1,571 ms 01b30bee-0000-7000'

    assert {"01a20bee-55f3-78b5": "01b30bee-0000-7000"} == learn([SAID], [real])
    assert learn(["…", SAID, "…"], ["x", real, "y"]) is not None
    assert learn([SAID], [real.replace("ok", "error")]) is None
    assert learn([SAID], [real.replace(user, "eve")]) is None
    assert learn([SAID], [real, "one line more"]) is None
    assert learn([SAID, "one line more"], [real]) is None
    assert learn(["sealed      28 records"], ["sealed      27 records"]) is None


# Running


@dataclass
class Shell:
    """A home directory, and what an id of the page is here."""

    home: Path
    ids: dict[str, str] = field(default_factory=dict)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        for said, real in self.ids.items():
            command = command.replace(said, real)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.home / "here",
            env=environment(self.home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=TIMEOUT_S,
            check=False,
        )
        if re.search(r"^python \w+\.py", command):
            self.settle()  # a reader is slower than the collection that has just been started
        return done

    def settle(self) -> None:
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            status = json.loads(self.run("indelible status --json").stdout)
            if not status["unsealed"]["records"] and not status["writers"]["live"]:
                return
            time.sleep(0.05)
        raise AssertionError("records stay unsealed")


def environment(home: Path) -> dict[str, str]:
    """Return what a fresh terminal has, as wide as the pages' outputs."""
    width = COLUMNS + max(0, len(os_actor().id) - len("ACTOR"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        "HOME": str(home),
        "PATH": path,
        "LANG": "C.UTF-8",
        "COLUMNS": str(width),
        "PYTHONUNBUFFERED": "1",  # stdout and stderr in the order that a terminal shows
    }


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory whose state holds the two sessions of the demo."""
    home = tmp_path_factory.mktemp("home")
    (home / "here").mkdir()
    wrapped = ["indelible", "wrap", "--server", "crm", "--", *demo_calls.server_command()]
    variables = [f"{name}={value}" for name, value in environment(home).items()]
    for session in (demo_calls.FIRST_SESSION, demo_calls.SECOND_SESSION):
        demo_calls.call(["env", "-i", *variables, *wrapped], session, errors=home / "errors")
        Shell(home).settle()
    return home


@pytest.fixture
def shell(tmp_path: Path, trail: Path) -> Shell:
    home = tmp_path / "home"
    shutil.copytree(trail, home)
    return Shell(home)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=names(WITH_COMMANDS))
def test_every_command_of_the_page_does_what_the_page_says(page: Path, shell: Shell) -> None:
    if page in EMPTY_START:
        shutil.rmtree(shell.home / ".local")
    run = 0
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.title:
            (shell.home / "here" / block.title).write_text(block.text, encoding="utf-8")
        for command, said in commands(block):
            run += 1
            if command in ELSEWHERE:
                continue
            done = shell.run(command)
            learned = learn(said, done.stdout.splitlines())
            assert learned is not None, f"$ {command}\nprinted\n{done.stdout}\nthe page says\n" + (
                "\n".join(said)
            )
            assert done.returncode == 0, f"$ {command}\n{done.stdout}"
            shell.ids |= learned

    assert run or page.name in WITHOUT_COMMANDS


WITHOUT_COMMANDS = frozenset(
    ["when-records-cannot-be-kept.md", "know-who-asked.md", "follow-a-call.md"]
)
"""Pages of what to write and what it means; there is nothing to type."""


def test_only_pages_whose_commands_are_run_have_commands() -> None:
    others = [page for page in PAGES if page not in WITH_COMMANDS]
    found = {
        str(page): block.text
        for page in others
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language in ("sh", "console", "bash", "shell")
    }

    assert {} == found


def test_no_command_hides_in_another_kind_of_block() -> None:
    shown = re.compile(r"^(?:\$ |indelible [a-z]|make [a-z]|pip |python)", re.MULTILINE)
    hidden = [
        (page.name, block.text)
        for page in WITH_COMMANDS
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language not in ("sh", "console") and shown.search(block.text)
    ]

    assert [] == hidden


def test_what_is_run_elsewhere_is_in_a_page_and_has_its_test() -> None:
    said = {
        command
        for page in WITH_COMMANDS
        for block in blocks(page.read_text(encoding="utf-8"))
        for command, _ in commands(block)
    }

    assert ELSEWHERE.keys() <= said
    tests = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    assert [] == [test for test in ELSEWHERE.values() if f"\ndef {test}(" not in tests]


def recipe(target: str) -> str:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert found, f"no target {target}"
    return found[1]


def test_make_demo_runs_the_demo(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    command = recipe("demo").strip().removeprefix("@").replace("$(BIN)/", "")

    done = Shell(tmp_path).run(command)

    assert command == "indelible demo"
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("caught: exit 3") == 3
    assert "7 planted secrets" in done.stdout
    assert "merge_contacts" in done.stdout


def test_ci_runs_make_test() -> None:
    steps = (ROOT / ".ci/run").read_text(encoding="utf-8")

    assert re.search(r"^(?:exec )?make test$", steps, re.MULTILINE)
    assert "-m pytest" in recipe("test")


def test_the_package_installs_and_uninstalls(tmp_path: Path) -> None:
    def pip(*words: str) -> str:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    wheels, place = tmp_path / "wheels", tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    pip("wheel", *options, "--wheel-dir", str(wheels), str(ROOT))
    python = str(place / "bin/python")
    pip("--python", python, "install", "--no-index", "--no-deps", *map(str, wheels.iterdir()))

    helped = subprocess.run(
        [place / "bin/indelible", "wrap", "--help"], capture_output=True, text=True, check=True
    )
    assert helped.stdout == HELP
    [metadata] = place.rglob("indelible-*.dist-info/METADATA")
    text = metadata.read_text(encoding="utf-8")
    assert "Provides-Extra: demo\n" in text
    assert (ROOT / "README.md").read_text(encoding="utf-8").strip() in text

    pip("--python", python, "uninstall", "--yes", "indelible")
    assert [] == [one for one in place.rglob("*indelible*") if one.suffix != ".pyc"]


def test_clients_configurations_are_what_wrap_understands() -> None:
    entries = [
        entry
        for page in WITH_COMMANDS
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language == "json"
        for entry in json.loads(block.text)["mcpServers"].values()
        if entry["command"].endswith("indelible")
    ]

    assert len(entries) >= 3
    for entry in entries:
        wrap, *words = entry["args"]
        assert wrap == "wrap"
        assert os.path.isabs(entry["command"])
        options = parse(["--state", "/x", *words])
        assert options is not None
        assert options.argv == words[words.index("--") + 1 :]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=names(WITH_COMMANDS))
def test_python_that_is_no_file_runs_as_it_stands(page: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "python" and not block.title:
            done = subprocess.run(
                [sys.executable, "-c", block.text],
                env=environment(tmp_path),
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, "")


# Names


def options_of(command: click.Command) -> set[str]:
    """Return the options of a command, and of the commands in it."""
    inner: list[click.Command] = [*getattr(command, "commands", {}).values()]
    return {
        option
        for one in (command, *inner)
        for parameter in one.params
        if isinstance(parameter, click.Option)
        for option in (*parameter.opts, *parameter.secondary_opts)
    }


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title!r}"
    return found[1]


@pytest.mark.parametrize("name", ["", *SUMMARIES])
def test_every_option_of_a_command_is_in_the_reference(name: str) -> None:
    page = (DOCS / "reference/cli.md").read_text(encoding="utf-8")
    command = program.get_command(click.Context(program), name) if name else program
    assert command is not None
    told = section(page, f"indelible {name}".strip())

    options = options_of(command)
    if name == "wrap":
        options |= set(re.findall(r"^  (--\w+)", HELP, re.MULTILINE))
        assert {"--server", "--state", "--profile", "--config", "--ndjson"} == options

    assert set() == {option for option in options if option not in told}


def test_pages_name_only_commands_and_options_that_exist() -> None:
    known = {"--help", "--version"}
    for name in SUMMARIES:
        command = program.get_command(click.Context(program), name)
        assert command is not None
        known |= options_of(command) | options_of(program)
    known |= set(re.findall(r"^  (--\w+)", HELP, re.MULTILINE))
    ours = re.compile(r"`indelible ((?:--?\w+ )*)([a-z]\w*)([^`]*)`")
    for page in PAGES:
        for found in ours.finditer(page.read_text(encoding="utf-8")):
            assert found[2] in SUMMARIES, f"{page.name}: {found[0]}"
            said = found[3].split(" -- ")[0]
            assert set(re.findall(r"--[a-z]+", said)) <= known, f"{page.name}: {found[0]}"


READS = re.compile(r"environ(?:ment)?(?:\.get\(|\[)\s*\"([A-Z][A-Z_]+)\"|\"(INDELIBLE_[A-Z_]+)\"")


def test_every_environment_variable_is_documented() -> None:
    page = (DOCS / "reference/environment.md").read_text(encoding="utf-8")
    read = {
        one
        for path in SOURCE.rglob("*.py")
        for found in READS.finditer(path.read_text(encoding="utf-8"))
        for one in found.groups()
        if one and not one.endswith("_")
    }
    rows = re.findall(r"^\| (`[^|]+)\|", section(page, "Environment variables"), re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`([A-Z][A-Z_]+)`", row)}

    assert {"INDELIBLE_STATE_DIR", "INDELIBLE_CHECKPOINT_DIR", "NO_COLOR"} <= read
    assert set() == read - told
    assert set() == {name for name in told if name.startswith("INDELIBLE_")} - read


def test_exit_codes_are_told_alike_everywhere() -> None:
    def table(path: Path) -> dict[int, str]:
        text = path.read_text(encoding="utf-8")
        text = section(text, "Exit codes") if "\n## Exit codes" in text else text
        return {
            int(n): told for n, told in re.findall(r"^\| (\d+) \| ([^|]+?) \|", text, re.MULTILINE)
        }

    reference = table(DOCS / "reference/cli.md")
    page = (DOCS / "reference/exit-codes.md").read_text(encoding="utf-8")
    ours, wraps = page.split("`wrap` is transparent")

    assert {0, *failure._NAMES, failure.INTERRUPTED} == reference.keys()
    assert reference.keys() == {int(n) for n in re.findall(r"^\| (\d+) \|", ours, re.MULTILINE)}
    assert {2, 126, 127} == {int(n) for n in re.findall(r"^\| (\d+) \|", wraps, re.MULTILINE)}
    assert table(ROOT / "README.md").keys() <= reference.keys()
    assert all(f"`{name}`" in page for name in failure._NAMES.values())


def test_every_argument_of_audit_is_documented() -> None:
    page = (DOCS / "how-to/audit-a-python-server.md").read_text(encoding="utf-8")
    _, *arguments = inspect.signature(indelible.audit).parameters

    assert arguments == re.findall(r"^\| `(\w+)=` \|", section(page, "Arguments"), re.MULTILINE)


def first_cells(text: str, start: str, end: str) -> set[str]:
    """Return all names in the first column of the table between *start* and *end*."""
    told = text.partition(start)[2].partition(end)[0]
    cells = re.findall(r"^\| (`[^|]+) \|", told, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize(
    ("part", "start", "end"), [("header", "**Header**", "**Salt**"), ("body", "**Body**", "\n## 3")]
)
def test_the_format_and_its_schema_name_the_same_keys(part: str, start: str, end: str) -> None:
    page = (DOCS / "reference/format.md").read_text(encoding="utf-8")
    schema = json.loads((DOCS / "reference/record.schema.json").read_text(encoding="utf-8"))
    told = first_cells(page, start, end)

    assert len(told) > 10
    assert told == schema["$defs"][part]["properties"].keys()


def test_the_bounds_of_redaction_are_those_of_the_code() -> None:
    page = (DOCS / "explanation/redaction.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([^|]+?) \| ([\d, ]*\d)", section(page, "Bounds"), re.MULTILINE))
    numbers = {name: int(value.replace(",", "")) for name, value in told.items()}

    assert numbers == {
        "depth": careful.MAX_DEPTH,
        "members and items in one value": careful.MAX_NODES,
        "text in one value": careful.MAX_TEXT_CHARS >> 10,
        "text searched of a string that will be cut": careful.KEEP + scan.LOOK_AHEAD,
        "matches in one string": scan.MAX_MATCHES,
        "integers": careful._MAX_INT_BITS,
        "one redacted value, as JSON": careful._MAX_OUTPUT_BYTES >> 10,
        "careful work on one value": careful._MAX_WORK,
        "message that is read whole": framing.MAX_LINE_BYTES >> 20,
    }
    assert f"over {careful.LIMIT} characters keeps {careful.KEEP}" in page
    assert f"up to {careful.MAX_NOTES}, and their number" in page


# Paths and links


def test_every_path_that_the_architecture_names_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:\w+/)*[\w.]+\.(?:py|md|json)\b|\b(?:[a-z_]+/)+(?=[\s`,;])", text))
    missing = {
        name for name in named if not (SOURCE / name).exists() and not (ROOT / name).exists()
    }

    assert len(named) > 40
    assert set() == missing


def test_the_architecture_names_every_room() -> None:
    text = section((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), "Floors")
    rooms = {
        f"`{one.name}/`" if one.is_dir() else f"`{one.name}`"
        for one in SOURCE.iterdir()
        if one.suffix == ".py" or (one.is_dir() and one.name != "__pycache__")
    }

    assert set() == {room for room in rooms if room not in text}


def anchors(page: Path) -> set[str]:
    text = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(other), f"{page.name}: {target}"


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = [*DOCS.rglob("*.md"), *DOCS.rglob("*.json")]
    missing = [
        str(page.relative_to(DOCS))
        for page in pages
        if page.parent.name != "decisions" and f"({page.relative_to(DOCS)})" not in index
    ]

    assert ["README.md"] == missing


def test_no_page_names_a_machine_or_a_registry() -> None:
    own = re.compile(
        r"/work/|/root/|/tmp/|/Users/|pypi\.org|registry\.npm|localhost:\d|\b10\.\d+\.\d+\.\d+"
    )
    found = [
        (page.name, match[0])
        for page in PAGES
        for match in own.finditer(page.read_text(encoding="utf-8"))
    ]

    assert [] == found


# Generated pages

HEAD = """\
# Detectors

<!-- Generated from indelible.redact: `make docs` writes it again. -->

What is searched for in every string, and what stands in its place.
How it is searched, and what that misses: [redaction](../explanation/redaction.md).
Where two rules find the same stretch, the one further up names it.

| rule | replaced by | format published at |
|---|---|---|
"""

TAIL = """
## Other rules

What a note in a record may name besides.

| rule | what happened |
|---|---|
| `key` | the member's name says that its value is not to be kept |
| `flag` | it follows a command-line flag that takes a secret |
| `depth`, `nodes`, `text`, `size`, `matches`, `work` | a bound was broken |
| `unstable` | the text did not come to rest after four passes |
| `type` | it is nothing that JSON has |
| `too-large` | the message was over 16 MiB; it was not read |
"""


def detectors_page() -> str:
    rows = [f"| `{one.name}` | `{one.label}` | {one.source} |" for one in gate.DETECTORS]
    return HEAD + "\n".join(rows) + "\n" + TAIL


def test_the_detectors_page_is_what_the_code_has() -> None:
    if os.environ.get("WRITE_DOCS"):
        DETECTORS.write_text(detectors_page(), encoding="utf-8")

    assert DETECTORS.read_text(encoding="utf-8") == detectors_page(), "run: make docs"


def test_the_page_of_the_query_grammar_is_what_the_code_has() -> None:
    if os.environ.get("WRITE_DOCS"):
        grammar.PAGE.write_text(grammar.page(), encoding="utf-8")

    assert grammar.PAGE.read_text(encoding="utf-8") == grammar.page(), "run: make docs"


def test_every_filter_of_that_page_is_one() -> None:
    examples = grammar.examples()

    assert len(examples) > 8
    for example in examples:
        assert query_of(example).terms, example


def test_the_bounds_of_a_filter_are_those_of_the_code() -> None:
    text = section(grammar.PAGE.read_text(encoding="utf-8"), "Bounds")
    numbers = [int(one.replace(",", "")) for one in re.findall(r"[0-9][0-9,]*(?= )", text)]

    assert numbers == [
        parsing.MAX_BYTES,
        parsing.MAX_TERMS,
        parsing.MAX_DEPTH,
        parsing.MAX_STEPS,
        MAX_SINGLE_WILDS,
    ]


def test_the_detectors_page_names_every_rule_of_the_walk() -> None:
    used: set[str] = set()
    for path in (SOURCE / "redact").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                rule = node.args[-1] if node.args else None
                is_rule = node.func.attr in ("note", "unredactable", "replaced")
                if is_rule and isinstance(rule, ast.Constant) and isinstance(rule.value, str):
                    used.add(rule.value)

    assert {"key", "flag", "depth"} <= used
    assert set() == {rule for rule in used if f"`{rule}`" not in detectors_page()}
