"""A raw stdio server that does what the tool's name says. Standard library only.

Options: ``--last-words`` answers held calls after EOF; ``--deaf`` ignores EOF;
``--trap`` says which signal came and exits with 40 and its number.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sys
from typing import Any

TOOLS = [
    {"name": "peek", "annotations": {"readOnlyHint": True}},
    {"name": "write", "annotations": {"readOnlyHint": False, "destructiveHint": False}},
    {"name": "wipe", "annotations": {"destructiveHint": True}},
    {"name": "plain"},
]


def put(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def say(message: Any) -> None:
    put(json.dumps(message, ensure_ascii=False).encode() + b"\n")


def answer(id_: Any, **result: Any) -> None:
    say({"jsonrpc": "2.0", "id": id_, "result": result})


def text(words: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": words}]


class Server:
    def __init__(self) -> None:
        self.held: list[Any] = []
        self.asked: list[Any] = []

    def line(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return
        for one in message if isinstance(message, list) else [message]:
            self.message(one, line)

    def message(self, message: Any, line: bytes) -> None:
        method, params = message.get("method"), message.get("params") or {}
        if method is None and self.asked and "result" in message:
            answer(self.asked.pop(), content=text("asked"))
        elif method == "initialize":
            answer(
                message["id"],
                protocolVersion=params.get("protocolVersion", "2025-06-18"),
                serverInfo={"name": "raw", "version": "7.7"},
                capabilities={"tools": {}},
            )
        elif method == "tools/list":
            answer(message["id"], tools=TOOLS)
        elif method == "tools/call":
            tool = getattr(self, f"tool_{params.get('name')}", self.tool_plain)
            tool(message.get("id"), params.get("arguments") or {}, line)
        elif method == "test/release":
            for id_ in reversed(self.held):
                answer(id_, content=[])
            self.held.clear()
        elif method is not None and isinstance(message.get("id"), (int, str, float)):
            say(
                {
                    "jsonrpc": "2.0",
                    "id": message["id"],
                    "error": {"code": -32601, "message": method},
                }
            )

    def tool_plain(self, id_: Any, arguments: Any, line: bytes) -> None:
        if id_ is not None:
            answer(id_, content=[])

    def tool_wipe(self, id_: Any, arguments: Any, line: bytes) -> None:
        if id_ is not None:
            answer(id_, content=text(arguments.get("text", "")))

    def tool_digest(self, id_: Any, arguments: Any, line: bytes) -> None:
        answer(id_, content=text(hashlib.sha256(line).hexdigest()), size=len(line))

    def tool_big(self, id_: Any, arguments: Any, line: bytes) -> None:
        put(b'{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"')
        for _ in range(arguments["mib"]):
            put(b"x" * (1 << 20))
        put(b'"}]},"id":' + json.dumps(id_).encode() + b"}\n")

    def tool_echo(self, id_: Any, arguments: Any, line: bytes) -> None:
        answer(id_, content=text(arguments["text"]))

    def tool_fail(self, id_: Any, arguments: Any, line: bytes) -> None:
        answer(id_, content=text(arguments["text"]), isError=True)

    def tool_refuse(self, id_: Any, arguments: Any, line: bytes) -> None:
        say({"jsonrpc": "2.0", "id": id_, "error": {"code": -32602, "message": arguments["text"]}})

    def tool_bytes(self, id_: Any, arguments: Any, line: bytes) -> None:
        """Write noise, told in hex or backwards."""
        put(bytes.fromhex(arguments.get("hex", "")))
        put(arguments.get("backwards", "")[::-1].encode())
        answer(id_, content=[])

    def tool_stderr(self, id_: Any, arguments: Any, line: bytes) -> None:
        os.write(2, bytes.fromhex(arguments["hex"]))
        answer(id_, content=[])

    def tool_hold(self, id_: Any, arguments: Any, line: bytes) -> None:
        """Answer later: at the release, or once so many are held."""
        self.held.append(id_)
        if len(self.held) == arguments.get("until"):
            self.message({"method": "test/release"}, line)
        else:
            say({"jsonrpc": "2.0", "method": "notifications/held", "params": {"pid": os.getpid()}})

    def tool_ask(self, id_: Any, arguments: Any, line: bytes) -> None:
        """Ask the client something under the very id it has used."""
        self.asked.append(id_)
        say({"jsonrpc": "2.0", "id": id_, "method": "roots/list", "params": {}})

    def tool_ignored(self, id_: Any, arguments: Any, line: bytes) -> None:
        """Say which signals this process ignores, as the system says it."""
        with open("/proc/self/status") as status:
            answer(id_, ignored=next(s.split()[1] for s in status if s.startswith("SigIgn")))

    def tool_half(self, id_: Any, arguments: Any, line: bytes) -> None:
        put(b'{"jsonrpc":"2.0","id":' + json.dumps(id_).encode() + b',"resu')
        os.kill(os.getpid(), signal.SIGKILL)

    def tool_die(self, id_: Any, arguments: Any, line: bytes) -> None:
        os.kill(os.getpid(), arguments.get("signal", signal.SIGKILL))

    def tool_quit(self, id_: Any, arguments: Any, line: bytes) -> None:
        os._exit(arguments["code"])


def trap(number: int, frame: object) -> None:
    say({"jsonrpc": "2.0", "method": "notifications/signal", "params": {"number": number}})
    os._exit(40 + number)


def main(options: set[str]) -> None:
    server = Server()
    if "--trap" in options:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, trap)
    for line in sys.stdin.buffer:
        server.line(line)
    if "--last-words" in options:
        server.message({"method": "test/release"}, b"")
    if "--deaf" in options:
        with contextlib.suppress(BrokenPipeError):
            say({"jsonrpc": "2.0", "method": "notifications/deaf", "params": {}})
        while True:
            signal.pause()


if __name__ == "__main__":
    main(set(sys.argv[1:]))
