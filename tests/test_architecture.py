"""The laws of the house (ARCHITECTURE.md), read from the source and not from habit.

Each law takes modules and returns what breaks it, one sentence a breach. Every
law is shown breaking code that it must catch, so that none can be hollow.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"

FLOORS = [
    {"errors"},
    {"durable", "place"},
    {"model"},
    {"config"},
    {"redact", "seal", "deliver"},
    {"capture", "store"},
    {"collect", "query"},
    {"alert", "uptime", "report", "web"},
    {"app", "testing", "correlation", "__init__"},
    {"cli"},
    {"__main__"},
]
EMITTER = {"deliver", "capture"}
COLLECTOR = {"seal", "store", "collect", "query", "alert", "uptime", "report", "web"}

PURE = [
    "model/*",
    "redact/*",
    "seal/*",
    "capture/actor.py",
    "capture/address.py",
    "capture/claims.py",
    "capture/context.py",
    "capture/observe*.py",
    "capture/calls.py",
    "capture/definitions.py",
    "capture/framing.py",
    "capture/outline.py",
    "capture/protocol.py",
    "capture/wire.py",
    "capture/proxy/bodies.py",
    "capture/proxy/fields.py",
    "capture/proxy/sessions.py",
    "capture/proxy/sse.py",
    "query/compile*.py",
    "query/fields.py",
    "query/filter*.py",
    "query/named.py",
    "query/pages.py",
    "query/tail.py",
    "query/views.py",
    "query/flags.py",
    "query/fold.py",
    "query/members.py",
    "query/parse.py",
    "query/readers.py",
    "query/reading_values.py",
    "query/times.py",
    "query/values.py",
    "query/words.py",
    "query/formats/table.py",
]
IMPURE_MODULES = frozenset(
    "asyncio fcntl getpass glob http io logging mmap multiprocessing os platform random secrets "
    "select selectors shutil signal socket ssl subprocess tempfile threading time urllib".split()
)
IMPURE_CALLS = frozenset(["open", "input", "print", "exec", "eval", "breakpoint"])
IMPURE_METHODS = frozenset(
    "now utcnow today uuid1 uuid4 generate generate_key getenv file_digest read_text read_bytes "
    "write_text write_bytes open exists is_file is_dir stat lstat iterdir glob rglob mkdir touch "
    "unlink resolve cwd home expanduser".split()
)

HOMES = {
    "re2": ["redact/gate.py"],
    "cryptography": ["seal/note.py"],
    "zstandard": ["store/*.py"],
    "duckdb": ["store/index/duck.py"],
    "click": ["cli/*"],
    "rich": ["cli/*"],
    "aiohttp": ["capture/proxy/*.py", "capture/tokens/fetch.py"],
    "jwt": ["capture/tokens/checks.py"],
    "uvloop": ["capture/proxy/run.py"],
    "yarl": ["capture/proxy/*.py"],
    "mcp": ["capture/sdk*.py", "cli/demo*.py"],
    "mcp_types": ["capture/sdk*.py", "cli/demo*.py"],
}
ONE_FILE = {"re2", "cryptography", "zstandard", "duckdb"}

BROAD_EXCEPT_HOMES = ["capture/recorder.py", "app.py", "cli/*"]
RECORD_HOMES = [
    "model/*",
    "redact/*",
    "seal/abandoned.py",  # constants, numbers and generated ids: there is nothing to redact
]
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
EMPTY_WORDS = frozenset("util utils manager helper helpers handler common base misc".split())
MUTABLE_CALLS = frozenset("list dict set bytearray defaultdict deque OrderedDict Counter".split())
MUTATORS = frozenset(
    "add append appendleft clear discard extend insert pop popitem remove setdefault update".split()
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file: its path below src/indelible, and its tree."""

    path: str
    source: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def name(self) -> str:
        dotted = "indelible." + self.path.removesuffix(".py").replace("/", ".")
        return dotted.removesuffix(".__init__")

    @property
    def room(self) -> str:
        return self.path.split("/")[0].removesuffix(".py")


Law = Callable[[list[Module]], list[str]]


def lives_in(module: Module, patterns: list[str]) -> bool:
    return any(fnmatch(module.path, pattern) for pattern in patterns)


def imports(module: Module) -> Iterator[tuple[str, str, int]]:
    """Yield module, name (or "") and line of every import, those inside functions too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, "", node.lineno
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield "." * node.level + (node.module or ""), alias.name, node.lineno
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"}:
            target = node.args[0] if node.args else None
            named = target.value if isinstance(target, ast.Constant) else "?"
            yield str(named), "", node.lineno


def called(node: ast.Call) -> str:
    """Return the last name of what is called: ``f`` of ``f()`` and of ``a.b.f()``."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def edges(modules: list[Module]) -> Iterator[tuple[Module, str, int]]:
    """Yield who imports which of our modules, and where."""
    names = {module.name for module in modules}
    for module in modules:
        for target, name, line in imports(module):
            if target == "indelible" or target.startswith("indelible."):
                full = f"{target}.{name}"
                yield module, full if full in names else target, line


def room_of(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def floor_of(room: str) -> int:
    return next((n for n, rooms in enumerate(FLOORS) if room in rooms), -1)


def imports_run_down(modules: list[Module]) -> list[str]:
    found = [f"{m.path}: not on any floor" for m in modules if floor_of(m.room) < 0]
    for module, target, line in edges(modules):
        room = room_of(target)
        if room != module.room and floor_of(room) >= floor_of(module.room):
            found.append(f"{module.path}:{line} imports {target}, which is not below it")
    return found


def imports_are_absolute(modules: list[Module]) -> list[str]:
    return [
        f"{module.path}:{line} imports {target or '.'}"
        for module in modules
        for target, _, line in imports(module)
        if target.startswith(".") or target == "?"
    ]


def no_circles(modules: list[Module]) -> list[str]:
    graph: dict[str, set[str]] = {module.name: set() for module in modules}
    for module, target, _ in edges(modules):
        if target in graph and target != module.name:
            graph[module.name].add(target)
    # What imports nothing and what nothing imports is on no circle: take both off, again and again.
    while True:
        imported = set().union(*graph.values())
        circle = {name for name, targets in graph.items() if targets and name in imported}
        if circle == graph.keys():
            return sorted(f"{name} is on a circle" for name in circle)
        graph = {name: graph[name] & circle for name in circle}


def emitter_and_collector_are_apart(modules: list[Module]) -> list[str]:
    return [
        f"{module.path}:{line} imports {target} of the other program"
        for module, target, line in edges(modules)
        for one, other in [(EMITTER, COLLECTOR), (COLLECTOR, EMITTER)]
        if module.room in one and room_of(target) in other
    ]


def pure_rooms_do_no_io(modules: list[Module]) -> list[str]:
    found = []
    for module in modules:
        if not lives_in(module, PURE):
            continue
        for target, _, line in imports(module):
            if target.split(".")[0] in IMPURE_MODULES:
                found.append(f"{module.path}:{line} imports {target}")
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            method = isinstance(node.func, ast.Attribute)
            if called(node) in (IMPURE_METHODS if method else IMPURE_CALLS):
                found.append(f"{module.path}:{node.lineno} calls {called(node)}()")
    return found


def dependencies_have_one_home(modules: list[Module]) -> list[str]:
    found = []
    users: dict[str, set[str]] = {}
    for module in modules:
        for target, _, line in imports(module):
            top = target.split(".")[0]
            if top in sys.stdlib_module_names or top in {"indelible", "", "?"}:
                continue
            users.setdefault(top, set()).add(module.path)
            if not lives_in(module, HOMES.get(top, [])):
                found.append(f"{module.path}:{line} imports {top}")
    for top in ONE_FILE & users.keys():
        if len(users[top]) > 1:
            found.append(f"{top} is imported by {sorted(users[top])}")
    return found


def only_durable_syncs(modules: list[Module]) -> list[str]:
    syncs = {"fsync", "fdatasync", "F_FULLFSYNC"}
    found = []
    for module in modules:
        if module.path == "durable.py":
            continue
        for node in ast.walk(module.tree):
            names = {getattr(node, "attr", ""), getattr(node, "id", "")}
            if isinstance(node, ast.ImportFrom):
                names |= {alias.name for alias in node.names}
            if names & syncs:
                found.append(f"{module.path}:{getattr(node, 'lineno', 0)} syncs by itself")
    return found


def broad(expression: ast.expr | None) -> bool:
    if expression is None:
        return True
    if isinstance(expression, ast.Tuple):
        return any(broad(item) for item in expression.elts)
    return isinstance(expression, ast.Name) and expression.id in {"Exception", "BaseException"}


def nothing_is_swallowed(modules: list[Module]) -> list[str]:
    found = []
    for module in modules:
        if lives_in(module, BROAD_EXCEPT_HOMES):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and broad(node.type):
                last = node.body[-1]
                # Cleaning up and raising the same again swallows nothing.
                if not (isinstance(last, ast.Raise) and last.exc is None):
                    found.append(f"{module.path}:{node.lineno} catches everything")
            if (
                isinstance(node, ast.Call)
                and called(node) == "suppress"
                and any(map(broad, node.args))
            ):
                found.append(f"{module.path}:{node.lineno} suppresses everything")
    return found


def modules_are_short(modules: list[Module]) -> list[str]:
    sizes = [(module.path, len(module.source.splitlines())) for module in modules]
    return [f"{path}: {size} lines" for path, size in sizes if size > MAX_MODULE_LINES]


def functions_are_short(modules: list[Module]) -> list[str]:
    found = []
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, Function):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > MAX_FUNCTION_LINES:
                    found.append(f"{module.path}:{node.lineno} {node.name} has {size} lines")
    return found


def names_mean_something(modules: list[Module]) -> list[str]:
    found = []
    for module in modules:
        stem = module.path.removesuffix(".py").lower()
        if EMPTY_WORDS & set(re.split(r"[/_]", stem)):
            found.append(f"{module.path} says nothing about what it does")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef | Function):
                words = re.findall(r"[A-Z]?[a-z0-9]+", node.name)
                if EMPTY_WORDS & {word.lower() for word in words}:
                    found.append(f"{module.path}:{node.lineno} {node.name} says nothing")
    return found


def mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return called(value) in MUTABLE_CALLS
    return isinstance(
        value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    )


def module_names(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None, int]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value, node.lineno


def changed_name(node: ast.AST) -> str:
    """Return the name whose object *node* changes in place, or "" if it changes none."""
    target: ast.expr | None = None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        target = node.func.value if node.func.attr in MUTATORS else None
    elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        target = node.value
    return target.id if isinstance(target, ast.Name) else ""


def no_global_state(modules: list[Module]) -> list[str]:
    found = []
    for module in modules:
        tree = module.tree
        tables = {name for name, value, _ in module_names(tree) if mutable(value)}
        for name, value, line in module_names(tree):
            if mutable(value) and name.strip("_") != name.strip("_").upper():
                found.append(f"{module.path}:{line} {name} is a mutable global")
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                found.append(f"{module.path}:{node.lineno} global {', '.join(node.names)}")
        for function in (node for node in ast.walk(tree) if isinstance(node, Function)):
            for name in map(changed_name, ast.walk(function)):
                if name in tables:
                    found.append(f"{module.path}: {function.name} changes {name}")
    return [sentence for sentence in found if "__all__" not in sentence]


def only_the_command_line_prints(modules: list[Module]) -> list[str]:
    return [
        f"{module.path}:{node.lineno} prints"
        for module in modules
        if module.room not in {"cli", "__main__"}
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]


def only_the_redactor_makes_records(modules: list[Module]) -> list[str]:
    return [
        f"{module.path}:{node.lineno} makes a record"
        for module in modules
        if not lives_in(module, RECORD_HOMES)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called(node) == "seal_body"
    ]


def undocumented(body: list[ast.stmt], owner: str) -> Iterator[tuple[str, int]]:
    for node in body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        marks = {ast.unparse(mark).split(".")[-1] for mark in node.decorator_list}
        if ast.get_docstring(node) is None and not marks & {"overload", "override", "setter"}:
            yield owner + node.name, node.lineno
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{node.name}.")


def public_names_are_documented(modules: list[Module]) -> list[str]:
    found = []
    for module in modules:
        if ast.get_docstring(module.tree) is None:
            found.append(f"{module.path} has no docstring")
        for name, line in undocumented(module.tree.body, ""):
            found.append(f"{module.path}:{line} {name} has no docstring")
    return found


LAWS: list[Law] = [
    imports_run_down,
    imports_are_absolute,
    no_circles,
    emitter_and_collector_are_apart,
    pure_rooms_do_no_io,
    dependencies_have_one_home,
    only_durable_syncs,
    nothing_is_swallowed,
    modules_are_short,
    functions_are_short,
    names_mean_something,
    no_global_state,
    only_the_command_line_prints,
    only_the_redactor_makes_records,
    public_names_are_documented,
]

BREACHES: list[tuple[Law, dict[str, str]]] = [
    (imports_run_down, {"model/a.py": "from indelible.redact.walk import walk"}),
    (imports_run_down, {"seal/a.py": "def f():\n    import indelible.redact.walk"}),
    (imports_run_down, {"seal/a.py": "import importlib\nimportlib.import_module('indelible.cli')"}),
    (imports_run_down, {"store/a.py": "from indelible import audit"}),
    (imports_run_down, {"collect/a.py": "from indelible.query import sql"}),
    (imports_run_down, {"attic/a.py": ""}),
    (imports_are_absolute, {"seal/a.py": "from . import note"}),
    (imports_are_absolute, {"seal/a.py": "from .note import sign"}),
    (imports_are_absolute, {"seal/a.py": "import importlib\nimportlib.import_module(name)"}),
    (
        no_circles,
        {
            "seal/a.py": "from indelible.seal.b import x",
            "seal/b.py": "def f():\n    from indelible.seal import a",
        },
    ),
    (emitter_and_collector_are_apart, {"collect/a.py": "from indelible.capture.stdio import x"}),
    (emitter_and_collector_are_apart, {"capture/a.py": "import indelible.seal.note"}),
    (pure_rooms_do_no_io, {"model/a.py": "import time"}),
    (pure_rooms_do_no_io, {"seal/a.py": "from os import urandom"}),
    (pure_rooms_do_no_io, {"seal/a.py": "import os.path"}),
    (pure_rooms_do_no_io, {"query/filter.py": "Path(name).read_text()"}),
    (pure_rooms_do_no_io, {"redact/a.py": "open('/etc/passwd')"}),
    (pure_rooms_do_no_io, {"capture/observe.py": "datetime.datetime.now()"}),
    (pure_rooms_do_no_io, {"seal/note.py": "Ed25519PrivateKey.generate()"}),
    (dependencies_have_one_home, {"seal/a.py": "import re2"}),
    (dependencies_have_one_home, {"collect/a.py": "from cryptography.hazmat import x"}),
    (dependencies_have_one_home, {"redact/gate.py": "import numpy"}),
    (
        dependencies_have_one_home,
        {"store/a.py": "import zstandard", "store/b.py": "import zstandard"},
    ),
    (only_durable_syncs, {"store/a.py": "os.fsync(fd)"}),
    (only_durable_syncs, {"store/a.py": "from os import fdatasync"}),
    (nothing_is_swallowed, {"store/a.py": "try:\n    f()\nexcept Exception:\n    pass"}),
    (
        nothing_is_swallowed,
        {"store/a.py": "try:\n    f()\nexcept (KeyError, BaseException):\n    x"},
    ),
    (nothing_is_swallowed, {"store/a.py": "try:\n    f()\nexcept:\n    pass"}),
    (nothing_is_swallowed, {"store/a.py": "with contextlib.suppress(Exception):\n    f()"}),
    (modules_are_short, {"seal/a.py": "x = 1\n" * 401}),
    (functions_are_short, {"seal/a.py": "class A:\n    def f(self):\n" + "        x = 1\n" * 60}),
    (names_mean_something, {"store/path_utils.py": ""}),
    (names_mean_something, {"store/a.py": "class SpoolManager: ..."}),
    (names_mean_something, {"store/a.py": "def seal_helper(): ..."}),
    (no_global_state, {"store/a.py": "cache = {}"}),
    (no_global_state, {"store/a.py": "seen: set[str] = set()"}),
    (no_global_state, {"store/a.py": "def f():\n    global x\n    x = 1"}),
    (no_global_state, {"store/a.py": "OPEN = {}\ndef f(k):\n    OPEN[k] = 1"}),
    (no_global_state, {"store/a.py": "OPEN = []\ndef f(k):\n    OPEN.append(k)"}),
    (only_the_command_line_prints, {"store/a.py": "print('sealed')"}),
    (only_the_redactor_makes_records, {"capture/a.py": "seal_body({}, {}, stamp)"}),
    (public_names_are_documented, {"seal/a.py": '"""Door."""\ndef f(): ...'}),
    (
        public_names_are_documented,
        {"seal/a.py": '"""Door."""\nclass A:\n    """An a."""\n    def f(self): ...'},
    ),
    (public_names_are_documented, {"seal/a.py": "x = 1"}),
]

HONEST = {
    "__init__.py": '"""Face."""\nfrom indelible.capture.sdk import audit',
    "__main__.py": '"""Run."""\nfrom indelible.cli.main import main',
    "durable.py": '"""Sync."""\ntry:\n    os.fsync(3)\nexcept BaseException:\n    x()\n    raise',
    "model/record.py": '"""Kept."""\nimport datetime\nfrom pathlib import Path',
    "redact/gate.py": '"""Gate."""\nimport re2\nfrom indelible.model.record import seal_body',
    "capture/sdk.py": '"""Hook."""\nimport mcp\nimport time\nfrom indelible.redact import gate',
    "store/log.py": '"""Log."""\nimport zstandard\nNAMES = {"a": 1}\nfrom indelible import durable',
    "cli/main.py": '"""Speak."""\nimport click\nfrom indelible import __version__\nprint(1)',
}


def modules_of(files: dict[str, str]) -> list[Module]:
    return [Module(path, source) for path, source in files.items()]


@pytest.fixture(scope="module")
def tree() -> list[Module]:
    root = SOURCE / "indelible"
    paths = sorted(root.rglob("*.py"))
    assert paths, f"no source below {root}"
    return [Module(str(p.relative_to(root)), p.read_text(encoding="utf-8")) for p in paths]


@pytest.mark.requirement("house.architecture")
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_tree_keeps(law: Law, tree: list[Module]) -> None:
    assert [] == law(tree)


@pytest.mark.parametrize(
    ("law", "files"), [pytest.param(*case, id=case[0].__name__) for case in BREACHES]
)
def test_a_breach_is_caught(law: Law, files: dict[str, str]) -> None:
    assert law(modules_of(files))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_honest_code_passes(law: Law) -> None:
    assert [] == law(modules_of(HONEST))


def test_every_law_is_shown_a_breach() -> None:
    assert set(LAWS) == {law for law, _ in BREACHES}


# The emitter sits between a client and its server and is started each time a client starts:
# nothing but the standard library is loaded before the server runs.
FOREIGN = """
import sys
before = set(sys.modules)
import {module}
loaded = {{name.split(".")[0] for name in set(sys.modules) - before}}
print(*sorted(loaded - set(sys.stdlib_module_names) - {{"indelible"}}))
"""


def foreign_modules(module: str) -> list[str]:
    code = FOREIGN.format(module=module)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


@pytest.mark.requirement("wrap.stdlib-start")
@pytest.mark.parametrize("module", ["indelible", "indelible.cli.main", "indelible.cli.wrap"])
def test_the_emitter_starts_on_the_standard_library_alone(module: str) -> None:
    assert [] == foreign_modules(module)


def test_a_foreign_module_at_start_is_seen() -> None:
    assert "pytest" in foreign_modules("pytest")
