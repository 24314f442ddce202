"""The commands over states that the real collector wrote: output, exit codes, JSON, errors."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from indelible.cli.commands import Commands, run
from indelible.cli.layout import width as columns_of
from indelible.cli.options import SUMMARIES
from indelible.collect import once
from indelible.errors import StateError
from indelible.model.canonical import encode
from indelible.model.flat import Fields
from indelible.model.record import Record, body_hash
from tests.query.trail import Trail, Writer

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
FLAT = jsonschema.Draft202012Validator(json.loads((REFERENCE / "flat.schema.json").read_text()))
CALL_ID = "01a20bc1-e838-7000-8000-00000000abcd"
TRUST = "L0: rewrite, rollback, tail cut and forged unsealed records by this user not detectable; "


def fill(trail: Trail, calls: int = 5) -> Writer:
    writer = Writer(trail)
    for number in range(calls):
        writer.call(f"tool_{number}", "error" if number % 2 else "ok")
    return writer


# query


@pytest.mark.requirement("query.newest-first")
def test_query_lists_newest_first_sealed_and_not_each_once(trail: Trail, ran) -> None:
    writer = fill(trail)
    code, out, err = ran("query")
    assert (code, err) == (0, "")
    head, *rows = out.splitlines()
    assert head.split() == [
        "11-24", "UTC", "ACTOR", "SERVER/TOOL", "ARGUMENTS", "OUTCOME", "TOOK", "ID",
    ]  # fmt: skip
    assert [row.split()[2] for row in rows] == [f"crm/tool_{n}" for n in (4, 3, 2, 1, 0)]
    assert "tool_error" in rows[1]
    writer.received("slow")
    code, out, _ = ran("query", "is:unfinished")
    assert "crm/slow" in out
    assert "unfinished" in out
    assert len(out.splitlines()) == 2


@pytest.mark.requirement("query.terms")
@pytest.mark.parametrize(
    ("terms", "numbers"),
    [
        (["tool:tool_1,tool_3"], [3, 1]),
        (["tool:tool_*", "-outcome:ok"], [3, 1]),
        (["-outcome:ok,error"], []),
        (["outcome:error tool:*3"], [3]),
        (["method:tools/call", "server:crm", "actor:ann", "outcome:ok"], [4, 2, 0]),
        (["actor:bob"], []),
    ],
)
def test_query_terms(trail: Trail, ran, terms: list[str], numbers: list[int]) -> None:
    fill(trail)
    code, out, _ = ran("query", "--json", *terms)
    assert code == 0
    assert [entry["tool"] for entry in json.loads(out)] == [f"tool_{n}" for n in numbers]


@pytest.mark.requirement("query.limit")
def test_query_limit_says_when_there_is_more(trail: Trail, ran) -> None:
    fill(trail)
    _, out, err = ran("query", "--limit", "2")
    assert len(out.splitlines()) == 3
    assert "older entries match too; the next page:\n  indelible --state " in err
    assert ran("query", "--limit", "5")[2] == ""
    _, out, err = ran("query", "--limit", "2", "--json")
    assert len(json.loads(out)) == 2
    assert err.startswith("older entries match too")
    assert ran("query", "--limit", "5", "--json")[2] == ""


@pytest.mark.parametrize("width", ["80", "96", "100", "140"])
def test_ids_of_calls_in_one_millisecond_can_be_told_apart(
    trail: Trail, ran, monkeypatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setattr(trail, "draw", os.urandom)
    monkeypatch.setattr(trail, "tick", lambda _=1: trail.now_us)
    writer = Writer(trail)
    for number in range(9):
        writer.received(f"tool_{number}", args={"text": "y" * 90})
    _, out, _ = ran("query")
    rows = out.splitlines()[1:]
    ids = [row.split()[-1] for row in rows]
    assert len({*ids}) == 9
    assert min(map(len, ids)) >= 13
    assert max(columns_of(row) for row in rows) <= int(width)
    for one, row in zip(ids, rows, strict=True):
        code, out, _ = ran("show", one)
        assert code == 0
        assert f"\ntool                  {row.split('/')[1].split()[0]}\n" in out


def test_an_ambiguous_id_is_answered_with_how_many_there_are(trail: Trail, ran) -> None:
    fill(trail, 8)
    first = json.loads(ran("query", "--json")[1])[-1]["callId"]
    code, out, err = ran("show", first[:9])
    assert (code, out) == (1, "")
    assert err.startswith(f"error: 8 entries have an id that begins with '{first[:9]}'\n")
    assert err.count("-7000-") == 5
    assert "and 3 more\n" in err


@pytest.mark.requirement("query.json")
def test_query_json_is_one_array_of_flat_entries(trail: Trail, ran) -> None:
    fill(trail)
    code, out, _ = ran("query", "--json")
    entries = json.loads(out)
    assert (code, len(entries)) == (0, 5)
    for entry in entries:
        FLAT.validate(entry)
    assert ran("query", "--json", "tool:none")[1] == "[]\n"


@pytest.mark.requirement("query.no-result")
def test_no_result_is_explained_term_by_term(trail: Trail, ran) -> None:
    fill(trail)
    code, out, _ = ran("query", "tool:none", "-outcome:ok", "--since", "2026-11-24")
    assert (code, out.splitlines()) == (
        0,
        [
            "no entries match tool:none -outcome:ok since:2026-11-24",
            "TERM              ALONE  WITHOUT IT",
            "tool:none             0           2",
            "-outcome:ok           2           0",
            "since:2026-11-24      5           0",
        ],
    )
    assert ran("query", "tool:none")[1] == "no entries match tool:none\n"
    assert ran("query", "kind:config")[1] == "no entries match kind:config\n"


@pytest.mark.requirement("query.no-result")
@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("tool:Tool_1", "tool:tool_1"),
        ("tool:toool_0,else", "tool:tool_0"),
        ("actor:'ann'", "actor:ann"),
        ("server:\x1bcm", "server:crm"),
        ("duration:2s..1s", "duration:1s..2s"),
        ("time:1h..24h", "time:24h..1h"),
        ("time:2026-11-24..2026-11-20", "time:2026-11-20..2026-11-24"),
        ("args.n:5..1", "args.n:1..5"),
        ("tool=tool_1", "tool:tool_1"),
        ("path=/etc/hosts", "args.path:/etc/hosts"),
        ("a.b=c d", 'args.a.b:"c d"'),
    ],
)
def test_what_was_meant_is_said_where_a_term_meets_nothing(
    trail: Trail, ran, asked: str, meant: str
) -> None:
    fill(trail)
    words = [asked] if " " not in asked else [f'"{asked}"']
    assert ran("query", *words)[1].splitlines()[-1].endswith(f"did you mean {meant}?")
    assert "\x1b" not in ran("query", *words)[1]


def test_query_shows_hostile_strings_visibly(trail: Trail, ran) -> None:
    writer = Writer(trail, "crm\x1b[2J")
    writer.call("a\x1b]0;owned\x07", actor={"id": "ro\u202eot\n2026", "provenance": "asserted"})
    writer.keep({"kind": "server.exit\r", "server": "\x9b2J"}, {"x": "\x00"})
    for words in (["query"], ["show", "#0", "--proof"], ["query", "--limit", "1"]):
        _, out, err = ran(*words)
        assert not set(out + err) & set("\x1b\x07\x9b\u202e\r\x00")
    assert "crm\\x1b[2J/a\\x1b]0;" in ran("query")[1]


@pytest.mark.parametrize("width", ["60", "80", "99", "120", "200"])
@pytest.mark.parametrize("days", [0, 3])
def test_query_fits_the_terminal(trail: Trail, ran, monkeypatch, width: str, days: int) -> None:
    monkeypatch.setenv("COLUMNS", width)
    writer = Writer(trail)
    writer.call("x" * 90, "error", args={"text": "y" * 400, "wide": "東" * 90})
    trail.tick(days * 86_400)
    writer.call("東京" * 30, actor={"id": "e\u0301" * 40, "provenance": "asserted"})
    _, out, _ = ran("query")
    assert len(out.splitlines()) == (6 if int(width) < 72 else 3)
    assert "11-24" in out
    assert "04:13:08" in out
    assert out.count("…") >= 2
    assert max(columns_of(row) for row in out.splitlines()) <= int(width)


# show


@pytest.mark.requirement("show.by-any-id")
def test_show_by_any_id(trail: Trail, ran) -> None:
    fill(trail)
    entry = json.loads(ran("query", "--json", "tool:tool_2")[1])[0]
    for wanted in (entry["callId"], entry["requestId"], entry["recordId"], entry["callId"][:-2]):
        code, out, _ = ran("show", wanted)
        assert code == 0
        assert "tool_2" in out
        assert json.loads(ran("show", wanted, "--json")[1]) == entry | {"previous": None}
    code, _, err = ran("show", "ffffffffff")
    assert (code, err.splitlines()[0]) == (1, "error: nothing with the id 'ffffffffff'")


def test_show_prints_every_field_and_what_was_redacted(trail: Trail, ran) -> None:
    writer = Writer(trail)
    writer.call("add", args={"password": "[REDACTED]"})
    entry = json.loads(ran("query", "--json")[1])[0]
    _, out, _ = ran("show", entry["callId"])
    for name in ("timestamp", "requestId", "actor.id", "args.password", "outcome", "durationMs"):
        assert f"\n{name} " in f"\n{out}", name
    assert "redactions            none" in out
    assert "+0:" not in out


@pytest.mark.requirement("show.proof")
def test_a_proof_convinces_an_independent_verifier(trail: Trail, ran) -> None:
    fill(trail, 7)
    entry = json.loads(ran("query", "--json", "tool:tool_3")[1])[0]
    shown = json.loads(ran("show", entry["callId"], "--proof", "--json")[1])
    assert [one["record"] for one in shown["proofs"]] == ["received", "completed"]
    segment = next(trail.state.log().segments.iterdir()).read_bytes().splitlines()
    leaves = [line for line in segment if line.startswith(b'{"header"')]
    name, _, encoded = trail.state.log().vkey.read_text().strip().split("+", 2)
    for one in shown["proofs"]:
        digest = hashlib.sha256(b"\0" + leaves[one["leafIndex"]]).digest()
        assert digest.hex() == one["leafHash"]
        # RFC 9162 2.1.3.2, from its text.
        node, last = one["leafIndex"], one["treeSize"] - 1
        for sibling in map(bytes.fromhex, one["path"]):
            if node % 2 or node == last:
                digest = hashlib.sha256(b"\1" + sibling + digest).digest()
                while node % 2 == 0 and node:
                    node, last = node // 2, last // 2
            else:
                digest = hashlib.sha256(b"\1" + digest + sibling).digest()
            node, last = node // 2, last // 2
        assert (last, digest.hex()) == (0, one["root"])
        text, _, signature = one["checkpoint"].rpartition("\n\n")
        assert text.splitlines() == [name, str(one["treeSize"]), one["rootBase64"]]
        raw = base64.b64decode(signature.split()[-1])
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
        key.verify(raw[4:], f"{text}\n".encode())


def test_a_proof_can_be_followed_by_a_person(trail: Trail, ran) -> None:
    fill(trail, 3)
    _, out, _ = ran("show", "#2", "--proof")
    assert "proof of `received`: checked here, header and body hold" in out
    assert "= SHA-256(salt + body), in the header" in out
    steps = [row.split() for row in out.splitlines() if row.startswith(("    left", "    right"))]
    start = next(row for row in out.splitlines() if "leaf hash" in row).split()[2]
    root = next(row for row in out.splitlines() if row.startswith("  root")).split()[1]
    digest = bytes.fromhex(start)
    for side, sibling in steps[:3]:
        pair = (
            (bytes.fromhex(sibling), digest) if side == "left" else (digest, bytes.fromhex(sibling))
        )
        digest = hashlib.sha256(b"\1" + pair[0] + pair[1]).digest()
        if digest.hex() == root:
            break
    assert digest.hex() == root


@pytest.mark.requirement("show.erased-body")
def test_show_says_that_a_body_was_erased(trail: Trail, ran) -> None:
    fill(trail, 1)
    ran("collect", "--once")
    for path in trail.state.log().bodies.iterdir():
        path.write_bytes(b"")
    code, out, _ = ran("show", "#0", "--proof")
    assert code in (0, 3)
    assert "body erased:" in out
    assert "its body is missing, so nothing proves what it held" in out
    assert "body hold" not in out
    shown = json.loads(ran("show", "#0", "--proof", "--json")[1])
    assert shown["erased"] is True
    assert [(one["body"], one["holds"]) for one in shown["proofs"]] == [("missing", False)] * 2
    assert ran("show", "#0", "--no-collect")[0] == 0
    assert ran("show", "#0", "--no-collect", "--proof")[0] == 5


def forge(trail: Trail, old: bytes, new: bytes) -> None:
    """Change what the bodies hold, and nothing else."""
    [day] = trail.state.log().bodies.iterdir()
    data = day.read_bytes()
    assert old in data
    day.write_bytes(data.replace(old, new))


@pytest.mark.parametrize("as_json", [False, True])
def test_a_proof_does_not_vouch_for_a_forged_body(trail: Trail, ran, as_json: bool) -> None:
    writer = Writer(trail)
    writer.call("delete", args={"contact": 4242})
    writer.call("find", args={"contact": 7})
    ran("collect", "--once")
    forge(trail, b"4242", b"4343")
    said = "the body of `received` is not the one that its signed header commits to"
    words = ["show", "#0", "--proof", "--no-collect", *(["--json"] if as_json else [])]
    code, out, err = ran(*words)
    assert code == 3
    assert said in (json.loads(out)["error"]["message"] if as_json else err)
    assert "hold" not in (out if not as_json else "")
    assert ran("show", "#2", "--proof", "--no-collect")[0] == 0


@pytest.mark.parametrize("what", ["header", "signature", "root", "key", "cut"])
def test_a_proof_does_not_vouch_for_anything_else_that_was_changed(
    trail: Trail, ran, what: str
) -> None:
    fill(trail)
    ran("collect", "--once")
    log = trail.state.log()
    [segment] = log.segments.iterdir()
    if what == "header":
        segment.write_bytes(segment.read_bytes().replace(b"tool_3", b"tool_9"))
    elif what == "cut":
        lines = segment.read_bytes().splitlines(keepends=True)
        segment.write_bytes(b"".join([*lines[:8], lines[-1].replace(b'"n":10', b'"n":8')]))
    elif what == "key":
        log.vkey.write_text("nonsense\n")
    else:
        text, _, signature = log.checkpoint.read_text().rpartition("\n\n")
        name, size, root = text.splitlines()
        if what == "signature":
            signature = (
                signature[:-9] + ("AAAA" if signature[-9:-5] != "AAAA" else "BBBB") + signature[-5:]
            )
        else:
            root = base64.b64encode(bytes(32)).decode()
        log.checkpoint.write_text(f"{name}\n{size}\n{root}\n\n{signature}")
    code, out, _ = ran("show", "#6", "--proof", "--no-collect")
    assert code == 3
    assert "hold" not in out


@pytest.mark.parametrize("is_first", [False, True])
def test_a_proof_is_of_what_is_shown(trail: Trail, ran, is_first: bool) -> None:
    """A second body line for the same leaf: one is shown, the other proved."""
    writer = Writer(trail)
    writer.call("delete", args={"contact": 4242})
    ran("collect", "--once")
    [day] = trail.state.log().bodies.iterdir()
    first, *rest = day.read_bytes().splitlines(keepends=True)
    forged = first.replace(b"4242", b"4343")
    pair = [forged, first] if is_first else [first, forged]
    day.write_bytes(b"".join([*pair, *rest]))
    code, out, err = ran("show", "#0", "--proof", "--no-collect")
    if code == 0:  # what is shown and what is proved is the true one
        assert "4242" in out
        assert "4343" not in out
    else:
        assert (code, "error: " in err) == (3, True)
        assert "hold" not in out


def test_a_proof_says_which_half_of_a_call_is_not_sealed(trail: Trail, ran) -> None:
    writer = Writer(trail)
    of = writer.received("slow")
    ran("collect", "--once")
    writer.completed(of)
    code, out, _ = ran("show", "#0", "--proof", "--no-collect")
    assert code == 0
    assert "proof of `received`: checked here, header and body hold" in out
    assert "proof of `completed`: none yet, it is not sealed" in out


def test_show_names_fields_so_that_none_looks_like_another(trail: Trail, ran) -> None:
    writer = Writer(trail)
    writer.call("add", args={"a.b": 1, "first name": 2, "plain-one": 3, "tool  x\n": 4})
    _, out, _ = ran("show", "#0")
    for name in ('args."a.b"', 'args."first name"', "args.plain-one", 'args."tool  x\\n"'):
        assert f"\n{name} " in out


def test_show_says_that_a_result_is_only_a_shape(trail: Trail, ran) -> None:
    writer = Writer(trail)
    kept = {"result": {"content": [{"type": "text", "text": "gone"}]}}
    for result in ({"result": {"content": {"text": 1}, "structured": True}}, kept):
        of = writer.received("x", effect="destructive" if result is kept else "read")
        header: Fields = {"kind": "completed", "of": {"writer": writer.id, "seq": of}}
        writer.keep(header | {"outcome": "ok"}, result)  # type: ignore[arg-type]
    assert '\nresult.content (shape only) {"text":1}' in ran("show", "#0")[1]
    assert "shape only" not in ran("show", "#2")[1]


def test_show_says_that_a_record_is_not_sealed(trail: Trail, ran, monkeypatch) -> None:
    fill(trail, 1)
    monkeypatch.setattr("indelible.cli.reading.collect", lambda _: [])
    entry = json.loads(ran("query", "--json")[1])[0]
    _, out, _ = ran("show", entry["callId"], "--proof")
    assert "not sealed yet" in out
    assert "proof of `call`: none yet, it is not sealed" in out


# verify


def test_verify_says_intact_and_what_that_does_not_prove(trail: Trail, ran) -> None:
    writer = fill(trail)
    ran("collect", "--once")
    writer.received("late")
    code, out, err = ran("verify")
    assert (code, err) == (0, "")
    first, trust, *notes = out.splitlines()
    assert first.startswith("intact  #0 … #9  1 segment  10 bodies  ")
    assert trust.startswith(f"{TRUST}1 record unsealed for ")
    assert [row[:6] for row in notes] == ["note  "]
    assert "pin it with --key" in notes[0]
    key = trail.state.log().vkey.read_text().strip()
    for given in (key, str(trail.state.log().vkey)):
        code, out, _ = ran("verify", "--key", given)
        assert code == 0
        assert "pin it with --key" not in out


def test_verify_names_the_place_of_an_edit(trail: Trail, ran) -> None:
    fill(trail)
    ran("collect", "--once")
    [segment] = trail.state.log().segments.iterdir()
    segment.write_bytes(segment.read_bytes().replace(b"tool_3", b"tool_9"))
    code, out, _ = ran("verify")
    assert code == 3
    assert out.startswith(f"TAMPERED at log/default/segments/{segment.name} line ")
    assert "(leaf #" in out
    assert f"\n{TRUST}" in out
    assert "\nnext  change nothing" in out
    assert "nothing more is sealed" not in out
    code, out, _ = ran("verify", "--json")
    report = json.loads(out)
    assert (code, report["verdict"], report["exitCode"]) == (3, "tampered", 3)
    assert report["logs"][0]["findings"][0]["file"] == f"log/default/segments/{segment.name}"


@pytest.mark.requirement("seal.rollback-detected")
def test_verify_finds_a_rollback_and_a_state_that_is_gone(trail: Trail, ran, tmp_path) -> None:
    writer = fill(trail)
    ran("collect", "--once")
    shutil.copytree(trail.root, tmp_path / "old")
    writer.call("more")
    ran("collect", "--once")
    shutil.rmtree(trail.root)
    code, out, _ = ran("verify")
    assert (code, "TAMPERED at" in out) == (3, True)
    shutil.copytree(tmp_path / "old", trail.root)
    code, out, _ = ran("verify")
    assert (code, "TAMPERED at" in out) == (3, True)


def test_verify_against_a_kept_checkpoint(trail: Trail, ran, tmp_path: Path) -> None:
    fill(trail)
    ran("collect", "--once")
    kept = tmp_path / "kept"
    kept.write_bytes(trail.state.log().checkpoint.read_bytes())
    assert ran("verify", "--checkpoint", str(kept))[0] == 0
    kept.write_text("nothing of the kind\n")
    code, _, err = ran("verify", "--checkpoint", str(kept))
    assert code == 2
    assert err.startswith("error: --checkpoint is no checkpoint: ")


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("held", [False, True])
def test_verify_of_no_log_is_no_clean_bill(
    trail: Trail, ran, tmp_path: Path, as_json: bool, held: bool
) -> None:
    fill(trail)
    ran("collect", "--once")
    checkpoint = trail.state.log().checkpoint
    empty = tmp_path / "elsewhere"
    (empty / "log" / "default" / "segments").mkdir(parents=True)
    (empty / "reserve").write_bytes(b"")
    words = ["--checkpoint", str(checkpoint)] if held else []
    code, out, err = ran("verify", "--state", str(empty), *words, *(["--json"] * as_json))
    said = json.loads(out)["error"] if as_json else {"message": err, "fix": err}
    assert code == 1
    assert f"no log here: '{empty}'" in said["message"]
    assert "give the right --state" in said["fix"]
    key = trail.state.log().vkey.read_text().strip()
    assert ran("verify", "--state", str(empty), "--key", key)[0] == 3


def test_verify_of_spools_alone_is_no_error(trail: Trail, ran) -> None:
    fill(trail)
    code, out, _ = ran("verify")
    assert (code, "10 records unsealed" in out) == (0, True)


def test_incomplete_has_a_next_step(trail: Trail, ran) -> None:
    writer = fill(trail, 1)
    writer.seq += 3
    writer.call("after")
    writer.end()
    ran("collect", "--once")
    code, out, _ = ran("verify")
    assert (code, out.startswith("incomplete")) == (5, True)
    assert "\nnext  indelible query kind:gap " in out
    assert len(json.loads(ran("query", "kind:gap", "--json")[1])) == 1


def test_a_spool_that_is_not_read_has_a_next_step_of_its_own(trail: Trail, ran) -> None:
    writer = fill(trail, 1)
    writer.end()
    os.link(writer.path, trail.root / "second-name")
    code, out, _ = ran("verify")
    assert (code, "not read: " in out) == (5, True)
    assert "\nnext  a spool that is not read" in out
    assert "kind:gap" not in out


@pytest.mark.requirement("verify.never-writes")
def test_verify_writes_nothing(trail: Trail, ran) -> None:
    fill(trail)
    ran("collect", "--once")
    fill(trail, 2)

    before = everything(trail)
    assert ran("verify")[0] == 0
    assert everything(trail) == before


def everything(trail: Trail) -> list[tuple[str, int, bytes]]:
    return [
        (str(path), path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(trail.root.parent.rglob("*"))
    ]


@pytest.mark.parametrize("words", [["query"], ["show", "tool", "--proof"], ["status"]])
@pytest.mark.parametrize("as_json", [False, True])
def test_no_collect_writes_nothing(trail: Trail, ran, words: list[str], as_json: bool) -> None:
    fill(trail)
    ran("collect", "--once")
    fill(trail, 2).end()
    words = [word.replace("tool", "#0") for word in words]
    before = everything(trail)
    code, _, err = ran(*words, "--no-collect", *(["--json"] * as_json))
    assert (code, err) == (0, "")
    assert everything(trail) == before
    assert json.loads(ran("status", "--no-collect", "--json")[1])["unsealed"]["records"] == 4
    ran(*words)
    # A reading leaves its own record, which the next collection seals.
    left = json.loads(ran("status", "--no-collect", "--json")[1])["unsealed"]["records"]
    assert left == (0 if words == ["status"] else 1)


# status, collect, and readers that may not write


@pytest.mark.requirement("status.says")
def test_status_says_what_is_recorded_sealed_and_wrong(trail: Trail, ran) -> None:
    writer = fill(trail)  # it lives as long as somebody holds it
    code, out, _ = ran("status")
    assert code == 0
    key = trail.state.log().vkey.read_text().strip()
    for expected in (
        str(trail.root), key, "sealed      10 records", "unsealed    0 records",
        "writers     1 live", str(trail.state.log().outside), "nothing is wrong",
    ):  # fmt: skip
        assert expected in out
    (trail.state.log().spool / "stray").write_text("")
    _, out, _ = ran("status")
    assert "not a spool file's name" in out
    report = json.loads(ran("status", "--json")[1])
    assert report["logs"][0]["sealed"] == 10
    assert report["writers"] == {"live": 1}
    assert report["unsealed"] == {"records": 0, "oldest": None}
    assert len(report["problems"]) == 1
    assert writer.end.alive


@pytest.mark.requirement("collect.once")
def test_collect_says_what_it_did(trail: Trail, ran) -> None:
    writer = fill(trail)
    writer.received("fatal")
    writer.end()
    code, out, _ = ran("collect", "--once")
    assert (code, out) == (
        0,
        "default: 12 records sealed, 12 in the log; 1 calls closed as unknown\n",
    )
    [report] = json.loads(ran("collect", "--once", "--json")[1])
    assert (report["sealed"], report["size"], report["ran"]) == (0, 12, True)
    assert ran("collect")[0] == 2


def test_what_hinders_sealing_hinders_no_reader(trail: Trail, ran, monkeypatch) -> None:
    fill(trail)

    def fails(*_args: object, **_named: object) -> None:
        raise StateError("cannot seal the log 'default': disk full", hint="")

    monkeypatch.setattr("indelible.cli.reading.collect_once", fails)
    code, out, err = ran("query", "--json")
    assert (code, len(json.loads(out))) == (0, 5)
    assert "disk full" in err
    code, out, _ = ran("status", "--json")
    problem, *_ = json.loads(out)["problems"]
    assert (code, "disk full" in problem["message"]) == (0, True)
    assert "collect --once" in problem["fix"]


def test_a_copy_without_its_private_key_is_read(trail: Trail, ran) -> None:
    fill(trail)
    ran("collect", "--once")
    fill(trail, 1).end()
    trail.state.log().key.unlink()
    before = everything(trail)
    for words in (["query"], ["show", "#0", "--proof"], ["status"]):
        code, out, err = ran(*words)
        assert code == 0
        assert err.startswith("note: cannot seal: no signing key at ")
        assert "TAMPERED" not in out + err
    assert everything(trail) == before
    assert len(json.loads(ran("query", "--json")[1])) == 6
    problem, *_ = json.loads(ran("status", "--json")[1])["problems"]
    assert problem["message"].startswith("cannot seal: no signing key")
    assert ran("collect", "--once")[0] == 3
    assert ran("verify")[0] == 3


@pytest.mark.parametrize(
    "command", ["query", "status", "verify", "show abcdefgh", "collect --once"]
)
def test_a_state_that_may_not_be_read_is_an_error_with_a_fix(
    trail: Trail, ran, monkeypatch, command: str
) -> None:
    fill(trail)
    monkeypatch.setattr(os, "access", lambda *_: False)
    code, out, err = ran(*command.split())
    assert (code, out) == (1, "")
    assert err.startswith("error: no right to read the state at ")
    assert f"  fix: it belongs to user {os.geteuid()}" in err


def test_a_state_of_another_user_is_only_read(trail: Trail, ran, monkeypatch) -> None:
    fill(trail)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    code, out, err = ran("query", "--json")
    assert (code, len(json.loads(out))) == (0, 5)
    assert f"belongs to user {owner}: reading only" in err
    assert not trail.state.logs.exists()


def test_a_tampered_log_is_still_read_and_said(trail: Trail, ran) -> None:
    fill(trail)
    ran("collect", "--once")
    trail.state.log().checkpoint.write_bytes(trail.state.log().outside.read_bytes()[:-9])
    code, out, err = ran("query", "--json")
    assert (code, len(json.loads(out))) == (3, 5)
    assert err.startswith("TAMPERED: ")


def test_where_the_query_copy_is_damaged_it_is_to_be_made_anew(trail: Trail, ran) -> None:
    fill(trail)
    ran("query")
    [hot] = trail.state.log().index.glob("hot-*.ndjson")
    hot.write_bytes(b"x" * hot.stat().st_size)
    code, _, err = ran("query", "--no-collect")
    assert code == 1
    assert "fix: Make it anew: indelible index rebuild" in err
    assert "the log cannot be read" not in err
    assert ran("index", "rebuild")[0] == 0
    assert ran("query", "--no-collect")[0] == 0


def test_a_log_that_cannot_be_read_leads_to_verify(trail: Trail, ran, monkeypatch) -> None:
    fill(trail)
    ran("collect", "--once")
    [segment] = trail.state.log().segments.iterdir()
    segment.unlink()
    segment.symlink_to("/dev/null")
    monkeypatch.setattr("indelible.cli.reading.collect", lambda _: [])
    code, _, err = ran("query")
    assert (code, "fix: indelible verify" in err) == (1, True)
    monkeypatch.undo()
    code, _, err = ran("show", "#0")
    assert (code, err.startswith("TAMPERED: ")) == (3, True)


def test_json_is_json_whatever_was_recorded(trail: Trail, ran) -> None:
    writer = Writer(trail)
    salt = bytes(16)
    body = b'{"args":["\\ud800",NaN,1e999,' + b"[" * 150 + b"]" * 151 + b"}"
    header: Fields = {
        "v": 1, "kind": "received", "writer": writer.id, "seq": 0, "id": CALL_ID,
        "timestamp": "2026-11-24T04:13:07.000000Z", "bodyHash": body_hash(salt, body),
    }  # fmt: skip
    writer.write(Record(encode(header), salt, body))
    for words in (["query", "--json"], ["show", CALL_ID, "--json"]):
        code, out, _ = ran(*words)
        found = json.loads(out, parse_constant=pytest.fail)
        listed = found if isinstance(found, list) else [found]
        [entry] = [one for one in listed if one.get("callId") == CALL_ID]
        assert (code, entry["args"][:3]) == (0, ["\ud800", None, None])
    assert "\\ud800" in ran("query")[1]


def test_a_terminal_without_utf8_gets_escapes(trail: Trail) -> None:
    Writer(trail).call("東京")
    done = indelible(
        "query", "--state", str(trail.root), env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "crm/\\u6771\\u4eac" in done.stdout


def test_a_log_that_is_gone_is_no_empty_one(trail: Trail, ran) -> None:
    fill(trail).end()
    ran("collect", "--once")
    shutil.rmtree(trail.state.logs)
    shutil.rmtree(trail.state.spools)
    for words in (["query"], ["status"], ["query", "--json"]):
        code, _, err = ran(*words)
        assert (code, err.startswith("TAMPERED: the log 'default' is gone")) == (3, True)
    assert "TAMPERED" in ran("status")[1]
    assert not trail.state.logs.exists()
    assert ran("collect", "--once")[0] == 3
    shutil.rmtree(trail.root)
    for command in ("query", "status", "collect --once", "show abcdefgh", "verify"):
        code, out, err = ran(*command.split())
        assert (code, "TAMPERED" in out or "the log 'default' is gone" in err) == (3, True)
    assert not trail.root.exists()


def test_a_busy_log_is_read_as_it_is(trail: Trail, ran, monkeypatch) -> None:
    fill(trail)
    monkeypatch.setattr(once.lock, "run_exclusively", lambda _paths, _work: False)
    assert "another collection is at it" in ran("collect", "--once")[1]
    assert len(json.loads(ran("query", "--json")[1])) == 5


# errors


@pytest.mark.parametrize(
    ("words", "message", "fix"),
    [
        (["query", "tol:x"], "unknown field 'tol'", "did you mean 'tool'? fields: "),
        (["query", "outcome:nope"], "unknown outcome 'nope'", "ok"),
        (["query", "user:ann"], "unknown field 'user'", "did you mean 'actor'? fields: "),
        (["query", "http://x"], "unknown field 'http'", "text with a colon, quote it; fields: "),
        (["query", "time:2026-11-24", "08:00"], "unknown field '08'", "2026-11-20T08:00"),
        (["query", "--since", "yesteryear"], "--since: ", "24h"),
        (["query", "--ndjson", "--csv"], "", "leave all but"),
        (["query", "--count", "--sql", "SELECT 1"], "--sql and --count exclude", "ask twice"),
        (["query", "tool:x", "--sql", "SELECT 1"], "terms and --sql exclude", "WHERE"),
        (["query", "--fields", "tol"], "no field 'tol'", "did you mean 'tool'?"),
        (["query", "--group-by", "nope"], "cannot group by 'nope'", "Group by one of"),
        (["query", "--after", "nope"], "not a place to go on from: 'nope'", "unchanged"),
        (["query", "--sql", "DROP TABLE audit_log"], "", "SELECT"),
        (["tail", "-n", "x"], "invalid value for '-n'", "indelible tail --help"),
        (["session", "abc"], "id too short: 'abc'", "at least 4"),
        (["export"], "missing option '-o'", "indelible export --help"),
        (["export", "-o", "-", "--format", "sqlite"], "sqlite needs a file", "-o NAME.sqlite"),
        (["query", "--group-by", ","], "no fields in --group-by", "--group-by actor,tool"),
        (["query", "--limit", "9" * 20], "invalid value for '--limit'", "indelible query --help"),
        (["session", "abcd", "--limit", "9" * 20], "invalid value for '--limit'", "session --help"),
        (["query", "--sql", "SELECT 1", "--timeout", "nan"], "--timeout is not", "seconds"),
        (["query", "--sql", "SELECT 1", "--timeout", "inf"], "invalid value for '--t", "--help"),
        (["query", "--sql", "SELECT 1", "--max-rows", "9" * 20], "invalid value for", "--help"),
        (["query", "--sql", "SELECT '\udcff'"], "the SQL is not text", "UTF-8"),
        (["query", "tool:\udcff"], "not text, at character 6", "UTF-8"),
        (["query", "--since", "\udcff"], "--since: not text", "UTF-8"),
        (["show", "\udcff" * 8], "the id is not text", "UTF-8"),
        (["session", "\udcff" * 8], "not text", "UTF-8"),
        (["query", "--limit", "0"], "invalid value for '--limit'", "indelible query --help"),
        (["query", "--jsn"], "no such option '--jsn'", "indelible"),
        (["qury"], "no command 'qury'; did you mean 'query'?", "indelible --help"),
        (["show"], "missing argument 'ID'", "indelible show --help"),
        (["query", "kind:gpa"], "unknown kind 'gpa'", "did you mean 'gap'?"),
        (["query", "-n", "5"], "no such option '-n'", "--limit"),
        (["query", "-n5"], "no such option '-n5'", "--limit 5"),
        (["query", "--state", ""], "invalid value for '--state'", "indelible query --help"),
        (["status", "--state="], "invalid value for '--state'", "indelible status --help"),
        (["show", "abc"], "id too short: 'abc'", "at least 8"),
        (["verify", "--key", "nonsense"], "--key is no public key", "indelible status"),
    ],
)
def test_a_usage_error_says_what_and_what_to_do(
    trail: Trail, ran, words: list[str], message: str, fix: str
) -> None:
    fill(trail)
    code, out, err = ran(*words)
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith(f"error: {message}")
    assert second.startswith("  fix: ")
    assert fix in second
    code, out, err = ran(*words, "--json")
    error = json.loads(out)["error"]
    assert (code, err, error["code"], error["exitCode"]) == (2, "", "usage", 2)
    assert error["message"].startswith(message)
    assert fix in error["fix"]


@pytest.mark.parametrize(
    "command", ["query", "verify", "status", "collect --once", "show abcdefgh"]
)
def test_no_state_is_an_error_with_a_hint(ran, command: str) -> None:
    code, out, err = ran(*command.split())
    assert (code, out) == (1, "")
    assert err.startswith("error: no state directory at ")
    assert "  fix: " in err


def test_an_unexpected_error_is_one_line_unless_asked(trail: Trail, ran, monkeypatch) -> None:
    fill(trail)

    def breaks(*_: object, **_named: object) -> None:
        raise ZeroDivisionError("x\x1b")

    monkeypatch.setattr("indelible.cli.query.asked", breaks)
    code, out, err = ran("query")
    assert (code, out) == (1, "")
    assert err.startswith("error: unexpected ZeroDivisionError: x\\x1b\n  fix: ")
    monkeypatch.setenv("INDELIBLE_TRACEBACK", "1")
    assert "Traceback" in ran("query")[2]


def test_an_interruption_is_exit_130(trail: Trail, ran, monkeypatch) -> None:
    fill(trail)

    def interrupted(*_: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("indelible.cli.query.asked", interrupted)
    assert ran("query")[0] == 130


# the program


def indelible(*words: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "indelible", *words]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, **options
    )


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom indelible.cli.main import main\nassert main(['--help']) == 0\n"
        "heavy = {'rich', 'cryptography', 'zstandard', 'mcp', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "for name in ('query', 'tail', 'show', 'session', 'export', 'index'):\n"
        "    assert main([name, '--help']) == 0\n"
        "heavy = {'rich', 'duckdb', 're2', 'mcp', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name, summary in SUMMARIES.items():
        assert f"  {name}" in done.stdout
        assert summary in done.stdout


def test_every_command_has_its_help(capsys) -> None:
    commands = Commands()
    assert commands.list_commands(None) == list(SUMMARIES)  # type: ignore[arg-type]
    for name in SUMMARIES:
        command = commands.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        assert command.short_help == SUMMARIES[name]
        assert run([name, "--help"]) == 0
        assert capsys.readouterr().out.startswith("Usage: ")
        assert run([name, "-h"]) == 0
        assert capsys.readouterr().out.startswith("Usage: ")
    assert run(["-h"]) == 0
    assert capsys.readouterr().out.startswith("Usage: ")
    assert commands.get_command(None, "nothing") is None  # type: ignore[arg-type]


def test_the_program_end_to_end(trail: Trail) -> None:
    fill(trail, 200).end()
    listed = indelible("query", "--state", str(trail.root), "--limit", "3")
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 4)
    assert "\x1b" not in listed.stdout
    assert indelible("--state", str(trail.root), "verify").returncode == 0
    shell = (
        f"{sys.executable} -m indelible --state {trail.root} query --limit 200 --json | head -c 9"
    )
    piped = subprocess.run(
        shell, shell=True, check=False, capture_output=True, text=True, timeout=60
    )
    assert (piped.stdout, piped.stderr) == ('[{"kind":', "")


@pytest.mark.parametrize(
    "words", ["query", "query --json", "status", "verify", "show #0", "--help"]
)
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_an_output_that_takes_nothing_is_exit_1_without_a_traceback(
    trail: Trail, words: str, where: str
) -> None:
    fill(trail).end()
    trail.collect()
    quoted = " ".join(f"'{word}'" for word in words.split())
    shell = f"{sys.executable} -m indelible --state {trail.root} {quoted} {where}"
    done = subprocess.run(
        shell, shell=True, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr in ("", "error: no space left on device\n")


def test_a_term_that_is_turned_round_is_no_option(trail: Trail, ran) -> None:
    fill(trail)
    code, out, _ = ran("query", "-method:tools/list", "-tool:h*", "--json")
    assert (code, len(json.loads(out))) == (0, 5)


def test_an_interruption_while_it_starts_is_exit_130(monkeypatch) -> None:
    from indelible.cli import commands, main

    def interrupted(_words: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run", interrupted)
    assert main.main(["query"]) == 130


def test_no_argument_at_all_is_help() -> None:
    done = indelible()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: indelible")
