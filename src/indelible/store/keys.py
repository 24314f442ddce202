"""The log's key: made once, and ever after compared with what is kept of it.

Three files say which key it is: the private one, the public one, and the public
copy outside the state. Format: docs/reference/format.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from indelible import durable
from indelible.errors import FormatError, StateError, TamperedError
from indelible.seal.note import SEED_BYTES, SigningKey, VerifierKey
from indelible.store import files
from indelible.store.state import LogPaths

MAX_KEY_BYTES = 4096


def load_or_create(paths: LogPaths, random: Callable[[int], bytes], *, is_new: bool) -> SigningKey:
    """Return the log's key; the log's lock is held.

    Args:
        random: Returns that many random bytes.

        is_new: Whether nothing was ever signed with the key: what is missing is made.

    Raises:
        TamperedError: If a key file is missing or differs from the other.
    """
    key = _read_private(paths.key)
    if key is None:
        if not is_new:
            raise TamperedError(
                "the log's private key is missing",
                where=str(paths.key),
                hint="Put the key back from a backup; if the log is gone, look for its copy.",
            )
        key = SigningKey(f"indelible.{random(4).hex()}/{paths.name}", random(SEED_BYTES))
        durable.create(paths.key, f"{key.format()}\n".encode())
        # A crash here leaves a key that nothing was signed with; the next run takes it.
    if not (is_new and durable.create(paths.vkey, f"{key.verifier.format()}\n".encode())):
        # A crash here leaves no copy outside; the next run makes it.
        _require_same(paths.vkey, key)
    return key


def keep_outside(paths: LogPaths, key: SigningKey, *, is_new: bool, was_kept: bool) -> None:
    """Make the copy of the public key outside the state, or compare it.

    Args:
        was_kept: Whether a signed note says that there is one.

    Raises:
        TamperedError: If it is gone, or another log's.

        StateError: If the log is new and the directory is another log's.
    """
    path = paths.outside_vkey
    if not was_kept and durable.create(path, f"{key.verifier.format()}\n".encode()):
        return
    if is_new and not _is_same(path, key):
        raise StateError(
            f"the public key kept outside the state is another log's: {str(path)!r}",
            hint="Set INDELIBLE_CHECKPOINT_DIR to a directory of this log's own.",
        )
    _require_same(path, key)


def read_public(path: Path) -> VerifierKey | None:
    """Return the public key in a file, or None if there is no such file.

    Raises:
        FormatError: If it holds anything but one key and a line feed.
    """
    data = files.read(path, MAX_KEY_BYTES)
    return VerifierKey.parse(_line(data)) if data is not None else None


def read_private(path: Path) -> SigningKey | None:
    """Return the private key in a file, or None if there is no such file.

    Raises:
        FormatError: If it holds anything but one key and a line feed.
    """
    data = files.read(path, MAX_KEY_BYTES)
    return SigningKey.parse(_line(data)) if data is not None else None


def _line(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise FormatError("key file is not UTF-8") from exc
    if not text.endswith("\n") or "\n" in text[:-1]:
        raise FormatError("key file is not one line")
    return text[:-1]


def _read_private(path: Path) -> SigningKey | None:
    try:
        return read_private(path)
    except FormatError as exc:
        raise TamperedError(str(exc), where=str(path)) from exc


def _require_same(path: Path, key: SigningKey) -> None:
    if not _is_same(path, key):
        raise TamperedError("public key is missing or not that of the private one", where=str(path))


def _is_same(path: Path, key: SigningKey) -> bool:
    try:
        return read_public(path) == key.verifier
    except FormatError:
        return False
