"""How a wrapped server starts, is signalled, and ends: as if we were not there."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.capture.messages import call, request
from tests.hostile.session import (
    DEADLINE_S,
    INDELIBLE,
    RAW,
    calls,
    collect,
    is_alive,
    kinds,
    until,
    verify,
    wrapped,
)

ECHO = 'while read -r line; do echo "$line"; done; exit 6'


def held(server, *options: object) -> int:
    """Have a call held by the server, and return the server's process id."""
    return server.ask(call("held", "hold"))["params"]["pid"]


@pytest.mark.requirement("wrap.command-forms")
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ([], "raw"),
        (["--"], "raw"),
        (["--server", "crm"], "crm"),
        (["--server=crm"], "crm"),
        (["--server", "crm", "--"], "crm"),
        (["--profile=compliance", "--server", "crm", "--"], "crm"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_the_command_is_found_with_and_without_dashes(options, name, wrap, state) -> None:
    server = wrap(*options)
    assert server.ask(call(1, "peek"))["id"] == 1
    assert server.end() == (0, b"")
    assert [entry["server"] for entry in calls(state)] == [name]
    (began,) = kinds(state, "server.start")
    assert began["argv"][-1] == RAW[-1]


@pytest.mark.requirement("wrap.command-forms")
@pytest.mark.parametrize(
    "words",
    [
        *(
            [],
            ["--"],
            ["--server", "crm"],
            ["--server"],
            ["--nonsense", "x"],
            ["--profile=x", "cat"],
        ),
        *([""], ["--", ""], ["--state=", "cat"], ["--server=", "cat"]),
    ],
    ids=" ".join,
)
def test_what_cannot_be_understood_is_usage(words, start, state) -> None:
    server = start([*INDELIBLE, "wrap", "--state", str(state), *words])
    assert server.end() == (2, b"")
    said = server.stderr.read_text()
    assert said.startswith("error: ")
    assert "fix: " in said
    assert not state.exists()


@pytest.mark.requirement("wrap.command-forms")
@pytest.mark.parametrize(
    ("mode", "ending"), [(None, (127, "not found")), (0o600, (126, "Permission denied"))]
)
def test_a_command_that_cannot_be_started_is_recorded(mode, ending, wrap, state, tmp_path) -> None:
    code, why = ending
    program = tmp_path / "program"
    if mode is not None:
        program.write_text("#!/bin/sh\n")
        program.chmod(mode)
    server = wrap("--server", "crm", command=[str(program)])
    assert server.end() == (code, b"")
    assert why in server.stderr.read_text()
    assert [entry["argv"] for entry in kinds(state, "server.start")] == [[str(program)]]
    assert [entry["exitCode"] for entry in kinds(state, "server.exit")] == [code]


@pytest.mark.requirement("wrap.exit-code")
@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_the_servers(code, wrap, state) -> None:
    server = wrap()
    server.send(call(1, "quit", code=code))
    assert server.hear()["error"]["message"].startswith("indelible: the server ended")
    assert server.wait_after() == (code, b"")
    assert [entry["exitCode"] for entry in kinds(state, "server.exit")] == [code]


@pytest.mark.requirement("wrap.exit-code")
@pytest.mark.requirement("wrap.server-dies")
@pytest.mark.parametrize(
    "number",
    [
        *(signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGINT, signal.SIGUSR1),
        signal.SIGRTMIN + 6,  # it has no name
    ],
)
def test_death_by_signal_is_passed_on_and_open_calls_are_answered(number, wrap, state) -> None:
    said = f"signal {getattr(number, 'name', int(number))}"
    server = wrap()
    held(server)
    server.send(call(2, "die", signal=int(number)))
    answers = [server.hear(), server.hear()]
    assert [answer["id"] for answer in answers] == ["held", 2]
    assert all(said in answer["error"]["message"] for answer in answers)
    assert server.wait_after(server.rest()) == (-number, b"")
    for entry in calls(state):
        assert (entry["outcome"], entry["errorType"]) == ("unknown", "abandoned")
        assert said in entry["error"]
        assert entry["durationMs"] is None
    assert [entry["signal"] for entry in kinds(state, "server.exit")] == [number]


@pytest.mark.requirement("wrap.server-dies")
def test_a_server_that_dies_in_mid_line_leaves_a_line_the_client_can_read_past(wrap, state) -> None:
    server = wrap()
    server.send(call(5, "half"))
    assert server.line() == b'{"jsonrpc":"2.0","id":5,"resu\n'
    answer = server.hear()
    assert answer["id"] == 5
    assert "SIGKILL" in answer["error"]["message"]
    assert server.wait_after(server.rest()) == (-signal.SIGKILL, b"")
    assert [(e["outcome"], e["errorType"]) for e in calls(state)] == [("unknown", "abandoned")]


@pytest.mark.requirement("wrap.signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_wrapper_reaches_the_server(number, wrap, state) -> None:
    server = wrap(command=[*RAW, "--trap"])
    assert server.ask(call(1, "peek"))["id"] == 1
    server.process.send_signal(number)
    assert server.hear()["params"]["number"] == number
    assert server.wait_after(server.rest()) == (40 + number, b"")
    assert [entry["exitCode"] for entry in kinds(state, "server.exit")] == [40 + number]


@pytest.mark.requirement("wrap.signals")
@pytest.mark.skipif(os.geteuid() != 0, reason="privilege: only root gives a server another user")
def test_a_server_that_may_not_be_signalled_goes_on_and_so_does_the_record(start, state) -> None:
    other = ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", ECHO]
    powerless = ["setpriv", "--bounding-set=-kill"]
    server = start([*powerless, *wrapped(state, "--server", "other", command=other)])
    server.send(call(1, "peek"))
    assert server.line()
    server.process.send_signal(signal.SIGTERM)
    server.send(call(2, "peek"))
    assert server.line()
    server.end_input()
    assert server.wait_after(server.rest())[0] == 6
    assert [entry["exitCode"] for entry in kinds(state, "server.exit")] == [6]


@pytest.mark.requirement("wrap.signals")
def test_a_signal_to_the_group_ends_both_and_the_record_is_closed(wrap, state) -> None:
    server = wrap()
    pid = held(server)
    server.kill_group(signal.SIGTERM)
    answer = server.hear()
    assert (answer["id"], "SIGTERM" in answer["error"]["message"]) == ("held", True)
    assert server.wait_after(server.rest())[0] == -signal.SIGTERM
    until(lambda: not is_alive(pid))
    assert [(e["outcome"], e["errorType"]) for e in calls(state)] == [("unknown", "abandoned")]


@pytest.mark.requirement("wrap.server-dies")
def test_a_server_that_ends_is_noticed_where_ends_of_children_are_ignored(start, state) -> None:
    ignoring = ["env", "--ignore-signal=SIGCHLD"]
    server = start([*ignoring, *wrapped(state)])
    ignored = int(server.ask(call(1, "ignored"))["result"]["ignored"], 16)
    assert ignored & 1 << signal.SIGCHLD - 1, "the server starts as it would without us"
    server.send(call(2, "quit", code=7))
    assert server.hear()["error"]["message"].startswith("indelible: the server ended")
    assert server.wait_after() == (7, b"")
    assert [entry["exitCode"] for entry in kinds(state, "server.exit")] == [7]


@pytest.mark.requirement("wrap.eof")
def test_a_client_on_one_socket_that_leaves_with_something_unread_has_left(state, tmp_path) -> None:
    ours, theirs = socket.socketpair()
    said = tmp_path / "stderr"
    with ours, theirs, said.open("wb") as stderr:
        process = subprocess.Popen(wrapped(state), stdin=theirs, stdout=theirs, stderr=stderr)
        theirs.close()
        ours.sendall(json.dumps(call(1, "peek")).encode() + b"\n")
        assert ours.recv(1), "the answer has come, and most of it stays unread"
    assert process.wait(DEADLINE_S) == 0
    assert said.read_bytes() == b""
    assert [entry["outcome"] for entry in calls(state)] == ["ok"]


@pytest.mark.requirement("wrap.bytes-untouched")
def test_a_client_that_hands_over_a_socket_that_does_not_block_is_served(state, tmp_path) -> None:
    size = 4 << 20  # more than a socket holds
    ours, theirs = socket.socketpair()
    said = tmp_path / "stderr"
    with ours, theirs, said.open("wb") as stderr:
        theirs.setblocking(False)
        ours.settimeout(DEADLINE_S)
        process = subprocess.Popen(wrapped(state), stdin=theirs, stdout=theirs, stderr=stderr)
        with ours.makefile("rb") as answers:
            for n, text in enumerate(["x" * size, "y"]):
                ours.sendall(json.dumps(call(n, "echo", text=text)).encode() + b"\n")
                assert json.loads(answers.readline())["result"]["content"][0]["text"] == text
            assert not theirs.getblocking(), "what is shared stays as it was"
        ours.shutdown(socket.SHUT_WR)
        assert process.wait(DEADLINE_S) == 0
    assert said.read_bytes() == b""
    assert [entry["outcome"] for entry in calls(state)] == ["ok", "ok"]


@pytest.mark.requirement("wrap.stderr")
def test_stderr_is_untouched(wrap, start) -> None:
    noise = bytes(range(256)) + b"\n\r\xff no end"
    for server in (start(RAW), wrap()):
        server.ask(call(1, "stderr", hex=noise.hex()))
        assert server.end() == (0, b"")
        assert server.stderr.read_bytes() == noise


@pytest.mark.requirement("wrap.eof")
def test_the_last_words_after_eof_still_pass_and_are_recorded(wrap, state) -> None:
    server = wrap(command=[*RAW, "--last-words"])
    held(server)
    server.end_input()
    assert server.hear() == {"jsonrpc": "2.0", "id": "held", "result": {"content": []}}
    assert server.wait_after(server.rest()) == (0, b"")
    assert [entry["outcome"] for entry in calls(state)] == ["ok"]


@pytest.mark.requirement("wrap.eof")
def test_a_server_that_ignores_eof_is_ended_with_the_group(wrap, state) -> None:
    server = wrap(command=[*RAW, "--deaf"])
    pid = held(server)
    server.end_input()
    assert server.hear()["method"] == "notifications/deaf", "its input ended"
    assert is_alive(pid)
    server.kill_group(signal.SIGTERM)
    server.rest()
    assert server.wait_after()[0] == -signal.SIGTERM
    until(lambda: not is_alive(pid))


@pytest.mark.requirement("wrap.orphans")
@pytest.mark.requirement("wrap.wrapper-dies")
def test_a_wrapper_that_is_killed_leaves_no_orphan_and_no_open_call(wrap, state) -> None:
    server = wrap("--server", "crm", command=[*RAW, "--deaf"])
    done = server.ask(call(1, "peek"))
    assert done["id"] == 1
    pid = held(server)
    server.process.kill()
    assert server.wait_after(server.rest()) == (-signal.SIGKILL, b"")
    until(lambda: not is_alive(pid))  # it ignores the end of its input, but not the signal
    collect(state)
    first, second = calls(state)
    assert (first["tool"], first["outcome"]) == ("peek", "ok")
    assert (second["tool"], second["jsonrpcId"]) == ("hold", "held")
    assert (second["outcome"], second["errorType"]) == ("unknown", "abandoned")
    assert kinds(state, "server.exit") == []
    assert verify(state) == 0


def test_a_client_that_stops_listening_does_not_stop_the_record(wrap, state) -> None:
    server = wrap()
    server.ask(call(0, "peek"))
    server._out.close()
    for n in range(1, 6):
        server.send(call(n, "peek"))
    server.end_input()
    assert server.process.wait(30) == 0
    assert [entry["outcome"] for entry in calls(state)] == ["ok"] * 6


@pytest.mark.requirement("wrap.wrapper-dies")
def test_a_call_is_on_record_before_the_server_has_it(wrap, state) -> None:
    server = wrap()
    held(server)  # the server says that it has the call
    spool = b"".join(path.read_bytes() for path in Path(state / "spool" / "default").iterdir())
    assert b'"kind":"received"' in spool
    assert b'"kind":"completed"' not in spool
    assert server.ask(request("r", "test/release"))["id"] == "held"
    spool = b"".join(path.read_bytes() for path in Path(state / "spool" / "default").iterdir())
    assert b'"kind":"completed"' in spool, "and its end before the client has the reply"


def test_what_a_terminal_may_act_on_is_spelt_out(start) -> None:
    server = start([*INDELIBLE, "wrap", "--state", "/proc/l\x1b[31m", "true"])
    assert server.end() == (0, b"")
    assert b"\x1b" not in server.stderr.read_bytes()
    assert b"\\x1b[31m" in server.stderr.read_bytes()


@pytest.mark.requirement("wrap.server-dies")
@pytest.mark.requirement("wrap.signals")
def test_a_client_that_does_not_read_does_not_keep_the_wrapper(wrap, state) -> None:
    server = wrap(command=[*RAW[:3], "-c", "import os; os.write(1, b'x' * 150_000)"])
    server.send(call(1, "peek"))
    assert server.process.wait(30) == 0
    assert [entry["exitCode"] for entry in kinds(state, "server.exit")] == [0]


@pytest.mark.parametrize("locale", [{}, {"PYTHONIOENCODING": "ascii"}], ids=["utf-8", "ascii"])
@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_help_and_starts_nothing(word, locale, start, state) -> None:
    server = start(wrapped(state, word, command=["cat"]), **locale)
    code, said = server.end()
    assert code == 0
    assert said.startswith(b"Usage: indelible wrap")
    assert not state.exists()


def test_a_secret_given_as_a_name_is_not_kept(wrap, state) -> None:
    server = wrap("--server", "ghp_" + "016C7R2mPq9sVt4XyZa1Bc3De5Fg7Hi9Jk0L")
    server.ask(call(1, "peek"))
    server.end()
    (entry,) = calls(state)
    assert entry["server"] == "[TOKEN]"


@pytest.mark.parametrize("name", ["n" * 5_000, b"\xff\xfe crm", "café"], ids=["long", "bytes", "é"])
def test_whatever_the_server_is_called_its_calls_are_on_record(name, wrap, state) -> None:
    server = wrap("--server", os.fsdecode(name))
    assert server.ask(call(1, "peek"))["id"] == 1
    assert server.end() == (0, b"")
    assert server.stderr.read_bytes() == b""
    (entry,) = calls(state)
    shown = entry["server"].removesuffix(" ... [TRUNCATED]")
    assert os.fsdecode(name).encode("utf-8", "replace").decode().startswith(shown)
    assert 0 < len(entry["server"]) <= 128


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_descriptor_that_was_closed_at_the_start_is_no_file_of_ours(closed, start, state) -> None:
    words = shlex.join(wrapped(state, "--server", "crm"))
    done = start(["sh", "-c", f"{words} {closed}; exit $?"])
    done.send(call(1, "peek"))
    done.end_input()
    said = done.rest()
    assert done.process.wait(30) == 0
    assert b"IND1" not in said + done.stderr.read_bytes()
    assert done.stderr.read_bytes() == b""
    assert [e["exitCode"] for e in kinds(state, "server.exit")] == [0]
    assert [e["outcome"] for e in calls(state)] == ([] if "<&-" in closed else ["ok"])
    assert verify(state) == 0
