"""Headers and bodies of calls, composed as text with their keys in canonical order.

Two records are made with every call, and most of their members are the same from
call to call. So the constant members are encoded once, and one formatting puts
the rest between them. What comes out is byte for byte what `canonical.encode`
gives for the same members: a property test holds this against an independent
RFC 8785 library. (Measured: a third of the time of encoding anew.)
"""

from __future__ import annotations

from collections.abc import Mapping

from indelible.model.canonical import Json, encode_text
from indelible.model.digest import sha256_hex
from indelible.model.record import VERSION, Record, Stamp


class ReceivedForm:
    """What stays the same in the headers of `received` records of one kind.

    Args:
        constants: Members other than those that `record` takes.
    """

    def __init__(self, constants: Mapping[str, Json]) -> None:
        self._to_id = _stretch(constants, "bodyHash", "id")
        self._to_count = _stretch(constants, "id", "redactionCount")
        self._to_time = _stretch(constants, "seq", "timestamp")
        self._to_version = _stretch(constants, "timestamp", "v")

    def record(
        self,
        body: bytes,
        stamp: Stamp,
        *,
        call_id: str,
        timestamp: str,
        args_bytes: int | None,
        redaction_count: int,
    ) -> Record:
        """Return the record of *body* under *stamp*."""
        writer, seq, salt = stamp
        size = "" if args_bytes is None else f'"argsBytes":{args_bytes},'
        header = (
            f'{{{size}"bodyHash":"{sha256_hex(salt + body)}",{self._to_id}"id":"{call_id}",'
            f'{self._to_count}"redactionCount":{redaction_count},"seq":{seq},{self._to_time}'
            f'"timestamp":"{timestamp}",{self._to_version}"v":{VERSION},"writer":"{writer}"}}'
        )
        return Record(header.encode(), salt, body)


def completed_record(
    body: bytes,
    stamp: Stamp,
    *,
    of: tuple[str, int],
    outcome: str,
    error_type: str | None,
    duration_us: int | None,
    result_bytes: int | None,
    redaction_count: int,
) -> Record:
    """Return the `completed` record of *body* under *stamp*; *of* is writer and seq."""
    writer, seq, salt = stamp
    duration = "" if duration_us is None else f'"durationUs":{duration_us},'
    error = "" if error_type is None else f'"errorType":"{error_type}",'
    size = "" if result_bytes is None else f'"resultBytes":{result_bytes},'
    header = (
        f'{{"bodyHash":"{sha256_hex(salt + body)}",{duration}{error}"kind":"completed",'
        f'"of":{{"seq":{of[1]},"writer":"{of[0]}"}},"outcome":"{outcome}",'
        f'"redactionCount":{redaction_count},{size}"seq":{seq},"v":{VERSION},"writer":"{writer}"}}'
    )
    return Record(header.encode(), salt, body)


class ReceivedBody:
    """What stays the same in the bodies of a connection's `received` records.

    Args:
        constants: ``actor``, and ``client`` and ``session`` where they are known.
    """

    def __init__(self, constants: Mapping[str, Json]) -> None:
        self._actor = encode_text(constants["actor"])
        self._client = _member(constants, "client")
        self._session = _member(constants, "session")

    def fill(self, args: Json, rest: Mapping[str, Json], *, has_args: bool = True) -> bytes:
        """Return a body.

        Args:
            has_args: Whether the body has the member ``args``.

            rest: Any of ``jsonrpcId method redactions requestId target tool trace``.
        """
        early, late = "", self._session
        for name in sorted(rest):
            text = f',"{name}":{encode_text(rest[name])}'
            if name < "session":
                early += text
            else:
                late += text
        said = f',"args":{encode_text(args)}' if has_args else ""
        return f'{{"actor":{self._actor}{said}{self._client}{early}{late}}}'.encode()


def _member(members: Mapping[str, Json], name: str) -> str:
    return f',"{name}":{encode_text(members[name])}' if name in members else ""


def _stretch(members: Mapping[str, Json], after: str, before: str) -> str:
    """Return the members between two names, each with its comma behind it."""
    between = [name for name in sorted(members) if after < name < before]
    return "".join(f"{encode_text(name)}:{encode_text(members[name])}," for name in between)
