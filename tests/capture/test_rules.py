"""A configuration at work: levels, effects, failure policy and changes, on real records."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given

from indelible.capture.policy import DEV
from indelible.capture.recorder import Recorder
from indelible.capture.rules import LOOK_EVERY_US, Rules
from indelible.config.decode import build
from indelible.config.load import Loaded, load, parse, sha256
from indelible.config.sections import Config
from indelible.config.watch import SETTLED_S, Watch
from indelible.model.event import (
    Completed,
    ErrorType,
    Notice,
    Origin,
    Outcome,
    Received,
    ServerStart,
)
from indelible.redact.record import Redactor
from tests.capture.rig import Rig
from tests.config.written import configs, write
from tests.deliver.spools import assert_dense, records
from tests.model.events import _SCRUBBER

SECRET_WORD = "zebra-crossing"  # in arguments and results; no detector knows it


def configured(text: str) -> Config:
    return build(parse(text.encode(), "f.toml")[0])


class Ruled:
    """A recorder under a configuration, which may change."""

    def __init__(self, state, loaded: Loaded | Config, *, now_s=lambda: 0.0) -> None:
        self.rig = Rig(state, reserved=4)
        if isinstance(loaded, Config):
            loaded = Loaded(loaded, {})
        watch = Watch(loaded, now_s=now_s, warn=self.rig.said.append)
        self.rules = Rules(loaded, "crm", watch=watch, warn=self.rig.said.append)
        version = loaded.config.server.version
        self.recorder = Recorder(
            Redactor(_SCRUBBER, Origin("crm", "stdio", "wrap", version)),
            self.rig.spool,
            policy=DEV,
            reserve=self.rig.spool.reserve,
            clock_us=lambda: self.rig.now,
            warn=self.rig.said.append,
            rules=self.rules,
        )

    def call(self, tool: str, effect: Any = "undeclared", **args: Any) -> Received | None:
        """Make a call and end it; return it if it was refused."""
        request = self.rig.call(effect)._replace(
            tool=tool, tool_registered=True, args={"note": SECRET_WORD, **args}
        )
        refused = self.recorder.keep([request])
        content = [{"type": "text", "text": SECRET_WORD}]
        end = Completed(
            request.number,
            Outcome.ERROR if refused else Outcome.OK,
            ErrorType.DENIED if refused else None,
            result={"content": content},
            keep_result=effect == "destructive",
        )
        self.recorder.keep([end])
        return request if refused else None

    @property
    def kept(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        found = records(self.rig.directory)
        return [(json.loads(r.header), json.loads(r.body)) for r in found]

    def of(self, kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [(header, body) for header, body in self.kept if header["kind"] == kind]


@pytest.fixture
def make(tmp_path):
    made: list[Ruled] = []

    def build_one(text: str) -> Ruled:
        made.append(Ruled(tmp_path / "state", configured(text)))
        return made[-1]

    yield build_one
    for one in made:
        one.rig.spool.close()


@pytest.mark.requirement("config.levels")
@pytest.mark.parametrize(
    ("level", "args", "result"),
    [("metadata", False, False), ("args", True, False), ("result", True, True)],
)
def test_what_a_level_leaves_out_is_in_no_record_and_the_record_says_so(
    make, level, args, result
) -> None:
    ruled = make(f'[capture]\nundeclared = "{level}"\nresults = "redacted"\n')
    ruled.call("find", path="/a")

    [(header, body)] = ruled.of("received")
    [(_, end)] = ruled.of("completed")
    assert header.get("level") == (None if level == "result" else level)
    assert ("args" in body) is args
    assert ("target" in body) is args
    assert ("result" in end) is result
    text = b"".join(r.body + r.header for r in records(ruled.rig.directory))
    assert text.count(SECRET_WORD.encode()) == args + result


@pytest.mark.requirement("config.levels")
@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("none", []),
        ("metadata", [None, None]),
        ("args", ["zebra", None]),
        ("result", ["zebra", "zebra"]),
    ],
)
def test_what_nobody_answers_is_kept_as_far_as_undeclared_tools_are(make, level, said) -> None:
    ruled = make(f'[capture]\nundeclared = "{level}"\n')
    for kind in ("notification", "stray", "closed"):
        ruled.recorder.keep([Notice(1, kind, "client", None, {"data": "zebra"})])
    found = [body["params"] for kind in ("notification", "stray") for _, body in ruled.of(kind)]
    assert [one and one["data"] for one in found] == said
    assert len(ruled.of("closed")) == 1


@pytest.mark.requirement("config.levels")
def test_at_level_none_there_is_no_record(make) -> None:
    ruled = make('[capture]\nread = "none"\n[tools.keep]\nlevel = "args"\n')
    ruled.call("find", "read")
    ruled.call("keep", "read")
    ruled.call("find", "write")
    assert [header["tool"] for header, _ in ruled.of("received")] == ["keep", "find"]
    assert len(ruled.of("completed")) == 2
    assert_dense(ruled.rig.directory)


@pytest.mark.parametrize(
    ("results", "effect", "kept"),
    [
        ("", "read", {"content": {"text": 1}}),
        ("", "destructive", {"content": [{"type": "text", "text": SECRET_WORD}]}),
        ('results = "summary"', "destructive", {"content": {"text": 1}}),
        ('results = "redacted"', "read", {"content": [{"type": "text", "text": SECRET_WORD}]}),
        ('results = "none"', "destructive", None),
    ],
)
def test_results_are_kept_as_configured(make, results, effect, kept) -> None:
    ruled = make(f"[capture]\n{results}\n")
    ruled.call("find", effect)
    [(_, end)] = ruled.of("completed")
    assert end.get("result") == kept


@pytest.mark.requirement("config.effects")
def test_the_operators_effect_decides_and_the_record_says_where_it_is_from(make) -> None:
    ruled = make(
        '[tools."crm/delete_*"]\neffect = "destructive"\n[tools."find"]\neffect = "read"\n'
        '[capture]\ndestructive = "args"\n'
    )
    for tool in ("delete_all", "find", "other"):
        ruled.call(tool, "undeclared")
    found = {
        header["tool"]: (header["effect"], header["effectSource"], header.get("level"))
        for header, _ in ruled.of("received")
    }
    assert found == {
        "delete_all": ("destructive", "config", "args"),
        "find": ("read", "config", None),
        "other": ("undeclared", "none", None),
    }


def test_of_several_patterns_each_key_is_from_the_first_that_has_it(make) -> None:
    ruled = make(
        '[tools."find_*"]\nlevel = "args"\n[tools."*"]\nlevel = "metadata"\neffect = "write"\n'
    )
    ruled.call("find_one")
    ruled.call("other")
    ruled.call("Find_one")
    assert [(h["level"], h["effect"]) for h, _ in ruled.of("received")] == [
        ("args", "write"),
        ("metadata", "write"),
        ("metadata", "write"),
    ]


def test_the_target_is_the_argument_that_is_named(make) -> None:
    ruled = make('[tools."*"]\ntarget = "{args.contact.id}"\n')
    ruled.call("a", contact={"id": 7}, path="/not/this")
    ruled.call("b", path="/not/this")
    ruled.call("c", contact={"id": "sk_live_" + "a1B2" * 8})
    targets = [body.get("target") for _, body in ruled.of("received")]
    assert targets[:2] == ["7", None]
    assert "a1B2" not in targets[2]


def test_the_configured_version_is_that_of_every_call(make) -> None:
    ruled = make('[server]\nversion = "2.4.1"\n')
    ruled.call("find")
    assert [header["serverVersion"] for header, _ in ruled.of("received")] == ["2.4.1"]


@pytest.mark.requirement("config.failure")
def test_what_becomes_of_an_unrecorded_call_is_decided_by_class_and_by_tool(make) -> None:
    ruled = make(
        '[failure]\nread = "refuse"\nwrite = "proceed"\n'
        '[tools."careful"]\nfailure = "refuse"\n[tools."bold"]\nfailure = "proceed"\n'
        '[tools."known"]\neffect = "read"\n'
    )
    ruled.call("find", "read")
    ruled.rig.spool.room = 0
    runs = {
        (tool, effect): ruled.call(tool, effect) is None
        for tool, effect in [
            ("find", "read"),
            ("find", "write"),
            ("find", "undeclared"),
            ("careful", "write"),
            ("bold", "read"),
            ("known", "write"),
        ]
    }
    assert runs == {
        ("find", "read"): False,
        ("find", "write"): True,
        ("find", "undeclared"): True,
        ("careful", "write"): False,
        ("bold", "read"): True,
        ("known", "write"): False,
    }
    assert ruled.rules._open == {}


# The configuration on record


@pytest.mark.requirement("config.recorded")
def test_the_hash_of_the_configuration_comes_before_the_first_call(make) -> None:
    text = '[failure]\nprofile = "compliance"\n'
    ruled = make(text)
    ruled.recorder.keep([ServerStart(ruled.rig.now, ["crm"])])
    ruled.call("find")
    kinds = [header["kind"] for header, _ in ruled.kept]
    assert kinds == ["config", "server.start", "received", "completed"]
    [(header, body)] = ruled.of("config")
    assert header["sha256"] == sha256(configured(text))
    assert (header["server"], body) == ("crm", {})
    assert "compliance" not in json.dumps(header)


@pytest.mark.requirement("config.recorded")
def test_a_forked_writer_says_it_again(make) -> None:
    ruled = make("")
    ruled.call("find")
    ruled.recorder.redraw()  # as in the child of a fork
    ruled.call("find")
    assert [header["kind"] for header, _ in ruled.kept].count("config") == 2
    assert len(assert_dense(ruled.rig.directory)) == 2


@pytest.mark.requirement("config.recorded")
def test_what_could_not_be_put_on_record_is_put_there_later_and_is_no_lost_call(make) -> None:
    ruled = make("")
    ruled.rig.spool.room = 0
    ruled.recorder.keep([])
    ruled.rig.spool.room = None
    ruled.call("find")
    assert [header["kind"] for header, _ in ruled.kept] == ["config", "received", "completed"]
    assert ruled.rig.said == []


# A configuration that changes


class Changing(Ruled):
    """A recorder whose configuration is a file."""

    def __init__(self, tmp_path, text: str) -> None:
        self.file = tmp_path / "indelible.toml"
        write(self.file, text)
        os.utime(self.file, (0, 0))
        self.wall_s = 1_000.0
        loaded = load(self.file, environment={})
        super().__init__(tmp_path / "state", loaded, now_s=lambda: self.wall_s)
        self._version = 0

    def change(self, text: str | bytes, *, age_s: float = SETTLED_S) -> None:
        """Have the file be another, which was written *age_s* ago."""
        new = self.file.with_suffix(".new")
        write(new, text)
        self._version += 1
        at_ns = int((self.wall_s - age_s) * 1e9) - self._version
        os.utime(new, ns=(at_ns, at_ns))
        new.rename(self.file)

    def later(self) -> None:
        self.rig.now += LOOK_EVERY_US

    def levels(self) -> list[str | None]:
        return [header.get("level") for header, _ in self.of("received")]


@pytest.fixture
def changing(tmp_path):
    made = Changing(tmp_path, '[capture]\nundeclared = "args"\n')
    made.call("find")
    yield made
    made.rig.spool.close()


@pytest.mark.requirement("config.reload")
def test_a_changed_file_holds_from_the_next_look_on_and_is_on_record(changing) -> None:
    changing.change('[capture]\nundeclared = "metadata"\n')
    changing.call("find")
    changing.later()
    changing.call("find")
    assert changing.levels() == ["args", "args", "metadata"]
    hashes = [header["sha256"] for header, _ in changing.of("config")]
    assert hashes == [
        sha256(configured('[capture]\nundeclared = "args"\n')),
        sha256(configured('[capture]\nundeclared = "metadata"\n')),
    ]
    assert changing.rig.said == [f"configuration read again: {changing.file}"]


@pytest.mark.requirement("config.reload")
@pytest.mark.parametrize("bad", [b"[capture", b"[capture]\nread = 1\n", b"\xff", b"[captur]\n"])
def test_a_bad_file_changes_nothing_and_is_said_once(changing, bad) -> None:
    changing.change(bad)
    for _ in range(3):
        changing.later()
        changing.call("find")
    assert changing.levels() == ["args"] * 4
    assert len(changing.of("config")) == 1
    [said] = changing.rig.said
    assert said.startswith(f"the configuration stays as it was: {changing.file}")
    changing.change('[capture]\nundeclared = "metadata"\n')
    changing.later()
    changing.call("find")
    assert changing.levels()[-1] == "metadata"


@pytest.mark.requirement("config.reload")
def test_a_file_that_is_gone_or_that_others_can_write_changes_nothing(changing) -> None:
    changing.file.rename(changing.file.with_suffix(".away"))
    for _ in range(2):
        changing.later()
        changing.call("find")
    changing.change('[capture]\nundeclared = "metadata"\n')
    changing.file.chmod(0o666)
    for _ in range(2):
        changing.later()
        changing.call("find")
    assert changing.levels() == ["args"] * 5
    assert ["no such file" in said for said in changing.rig.said] == [True, False]
    assert "every user can write it" in changing.rig.said[1]


@pytest.mark.requirement("config.reload")
def test_a_file_that_is_being_written_is_left_for_the_next_look(changing) -> None:
    changing.change("", age_s=SETTLED_S / 2)
    changing.later()
    changing.call("find")
    changing.wall_s += SETTLED_S
    changing.later()
    changing.call("find")
    assert changing.levels() == ["args", "args", None]


def test_what_holds_from_the_next_start_is_said(changing) -> None:
    changing.change('[server]\nname = "other"\n')
    changing.later()
    changing.call("find")
    assert "next start" in changing.rig.said[1]
    assert changing.of("received")[-1][0]["server"] == "crm"


def test_variables_hold_after_a_change_too(tmp_path) -> None:
    write(tmp_path / "c.toml", "")
    os.utime(tmp_path / "c.toml", (0, 0))
    loaded = load(tmp_path / "c.toml", environment={"INDELIBLE_CAPTURE__READ": "args"})
    watch = Watch(loaded, now_s=lambda: 9e9, warn=print)
    write(tmp_path / "c.toml", '[capture]\nread = "none"\nwrite = "none"\n')
    again = watch.look()
    assert again is not None
    assert (again.config.capture.read, again.config.capture.write) == ("args", "none")
    assert watch.look() is None


@given(configs())
def test_under_any_configuration_each_call_has_its_end_or_no_record(config) -> None:
    loaded = Loaded(config, {})
    rules = Rules(loaded, "crm", watch=Watch(loaded, now_s=lambda: 0, warn=print), warn=print)
    for number, tool in enumerate(["delete_all", "a", None, "x"]):
        request = Received(number, 0, "client", "tools/call", tool=tool, args={"path": "p"})
        kept = rules.apply([request], 1)
        end = rules.apply([Completed(number, Outcome.OK, result={"a": 1})], 1)
        received = [one for one in kept if isinstance(one, Received)]
        assert len(received) <= 1
        if received and received[0].level == "metadata":
            assert received[0].args is None
        if received and received[0].level != "result":
            assert end[-1].result is None  # type: ignore[union-attr]
    assert rules._open == {}
