"""Planted secrets are in no byte on disk, and in no word on stderr."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import zstandard

from indelible.collect.once import collect_once
from indelible.collect.report import Collected
from indelible.store.state import State
from tests.capture.messages import call, notification, request
from tests.hostile.session import RAW, Session, calls, query, verify

GITHUB = "ghp_{}Zx9Cv8Bn7Mq6Wr5Ty4Ui3Op2As1Df0Gh"
SECRETS = {
    "nested": "Sw0rdfish-nested-77",
    "free text": "sk-proj-Ab12Cd34Ef56Gh78Ij90Kl12Mn34Op56",
    "json in a string": "JsonStr-pw-9931",
    "dsn": "Dsn-pw-55x1",
    "aws": "AKIAQ3ZK7TXW5LMN2PVB",
    "argv flag": "argv-Secr3t-8842",
    "argv assignment": "argv-t0ken-1234",
    "argv url": "url-pw-7310",
    "tool": GITHUB.format("tl7"),
    "method": GITHUB.format("me8"),
    "id": "sk-proj-Id98Id87Id76Id65Id54Id43Id32Id21Id",
    "client": GITHUB.format("cl9"),
    "client's noise": "Noise-pw-4411",
    "server's noise": GITHUB.format("sn2"),
    "reason": GITHUB.format("re3"),
    "held": "Held-pw-6620",
    "oversize": "Oversize-pw-3307",
    "notification": "Notify-pw-1199",
}
HARMLESS = "harmless-word-on-record"
ARGV = [
    *RAW,
    "--api-key",
    SECRETS["argv flag"],
    f"--token={SECRETS['argv assignment']}",
    f"https://user:{SECRETS['argv url']}@host.example/x",
]
DSN = f"postgres://app:{SECRETS['dsn']}@db.example.com/crm"


def plant(server: Session) -> None:
    """Say every secret there is, in every place there is."""
    info = {"name": f"desk {SECRETS['client']}", "version": "1"}
    server.ask(request(0, "initialize", protocolVersion="2025-06-18", clientInfo=info))
    server.ask(request(1, "tools/list"))
    nested = {"db": {"credentials": [{"password": SECRETS["nested"]}]}, "note": HARMLESS}
    server.ask(call(2, "wipe", **nested))
    server.ask(call(3, "peek", note=f"please use {SECRETS['free text']} for it"))
    inner = json.dumps({"user": "x", "password": SECRETS["json in a string"]})
    server.ask(call(4, "write", body=inner))
    server.ask(call(5, "fail", dsn=DSN, text=f"cannot connect to {DSN}: refused"))
    server.ask(call(6, "refuse", text=f"bad DSN {DSN}"))
    server.ask(call(7, "wipe", text=f"id {SECRETS['aws']} is yours"))
    server.ask(call(8, SECRETS["tool"]))
    server.ask(request(9, f"x/{SECRETS['method']}"))
    server.ask(call(SECRETS["id"], "peek"))
    server.send(f"noise password={SECRETS['client' + chr(39) + 's noise']}\n".encode())
    noise = f"token {SECRETS['server' + chr(39) + 's noise']}\n".encode()
    server.send(call(10, "bytes", backwards=noise.decode()[::-1]))
    assert server.line() == noise
    assert server.hear()["id"] == 10
    server.ask(call(11, "hold", password=SECRETS["held"]))
    server.send(notification("notifications/cancelled", requestId=11, reason=SECRETS["reason"]))
    server.send(notification("notifications/x", password=SECRETS["notification"]))
    large = {"password": SECRETS["oversize"], "text": "x" * (17 << 20)}
    server.pour(json.dumps(call(12, "peek", **large)).encode() + b"\n")
    assert server.hear()["id"] == 12
    server.ask(call(13, "hold", password=SECRETS["held"]))


def leaks(data: bytes, where: str) -> list[str]:
    """Return which secrets stand in *data*, plain or in a common disguise."""
    found = []
    for name, secret in SECRETS.items():
        raw = secret.encode()
        if any(form in data for form in (raw, raw.hex().encode(), raw[4:], raw[:-4])):
            found.append(f"{name} in {where}")
    return found


def bytes_below(*places: Path) -> dict[str, bytes]:
    """Return the content of every file, and what compressed files hold."""
    found: dict[str, bytes] = {}
    for path in (path for place in places for path in sorted(place.rglob("*"))):
        found[f"name of {path}"] = os.fsencode(path.name)
        if path.is_file():
            found[str(path)] = path.read_bytes()
            if path.suffix == ".zst":
                reader = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
                found[f"{path}, decompressed"] = reader.decompress(found[str(path)])
    return found


def assert_clean(found: dict[str, Any]) -> None:
    assert [] == [leak for where, data in found.items() for leak in leaks(data, where)]


def seal(state: Path, checkpoints: Path) -> list[Collected]:
    """Collect into segments so small that they are closed and compressed."""
    return collect_once(
        State(state, checkpoints),
        user=os.geteuid(),
        clock_us=lambda: time.time_ns() // 1000,
        random=os.urandom,
        roll_bytes=2_000,
    )


@pytest.mark.requirement("redact.no-secret-on-disk")
@pytest.mark.requirement("redact.argv")
def test_no_planted_secret_is_in_any_byte_on_disk(wrap, state) -> None:
    checkpoints = state.with_name("state.checkpoints")
    server = wrap("--server", "crm", command=ARGV)
    plant(server)
    before = bytes_below(state)
    assert any(HARMLESS.encode() in data for data in before.values())
    assert_clean(before)

    server.process.kill()  # in mid-call: the crash's residue is looked at too
    server.process.wait(30)
    (spool,) = (state / "spool" / "default").iterdir()
    os.truncate(spool, spool.stat().st_size - 20)
    assert_clean(bytes_below(state))

    assert [one.damaged for one in seal(state, checkpoints)] == [1]
    again = wrap("--server", "crm")  # its records open a new segment, so the first is compressed
    again.ask(call(14, "peek", password=SECRETS["held"]))
    again.process.kill()
    again.process.wait(30)
    assert [one.ran for one in seal(state, checkpoints)] == [True]
    after = bytes_below(state, checkpoints)
    assert any(name.endswith(", decompressed") for name in after)
    assert any("quarantine" in name for name in after)
    assert any(HARMLESS.encode() in data for data in after.values())
    assert_clean(after)
    assert_clean({"stderr": server.stderr.read_bytes()})

    # What reads it back says none of it either, and something was indeed recorded.
    entries = query(state)
    assert_clean({"query": json.dumps(entries, ensure_ascii=False).encode()})
    began, _ = [entry for entry in entries if entry["kind"] == "server.start"]
    assert began["argv"][:4] == RAW
    assert len(calls(state)) == 16
    assert verify(state) == 0


@pytest.mark.requirement("redact.no-secret-on-disk")
def test_the_search_itself_finds_what_is_there() -> None:
    for name, secret in SECRETS.items():
        assert leaks(f"x{secret}y".encode(), "here") == [f"{name} in here"]
        assert leaks(secret[:-3].encode(), "here") == [f"{name} in here"]


@pytest.mark.requirement("redact.no-secret-on-disk")
@pytest.mark.parametrize("id_", [4111111111111111, "4111 1111 1111 1111"], ids=["number", "text"])
def test_a_card_number_for_an_id_is_no_id(id_, wrap, state) -> None:
    server = wrap()
    assert server.ask(call(id_, "peek"))["id"] == id_
    assert server.end() == (0, b"")
    (entry,) = calls(state)
    assert entry["jsonrpcId"] == "[CARD]"
