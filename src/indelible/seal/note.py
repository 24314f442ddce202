"""C2SP signed notes and checkpoints under Ed25519 keys.

Text encodings of keys as in Go's golang.org/x/mod/sumdb/note; docs/reference/format.md
section 6. The only user of `cryptography`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from indelible.errors import FormatError

SEED_BYTES = 32
MAX_SIGNATURES = 100

_ED25519 = b"\x01"
_ID_BYTES = 4
_SIGNATURE_BYTES = 64
_DASH = "— ".encode()
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a log's key."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Return the key that ``NAME+ID+base64`` spells.

        Raises:
            FormatError: If it spells none.
        """
        name, key_id, encoded = _split_key(text, 3)
        key = cls(name, _decode_key(encoded))
        if key.id.hex() != key_id:
            raise FormatError(f"key id {key_id!r} is not that of the key")
        return key

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ LF ‖ 0x01 ‖ public key)."""
        material = self.name.encode() + b"\n" + _ED25519 + self.public
        return hashlib.sha256(material).digest()[:_ID_BYTES]

    def format(self) -> str:
        """Return the key as ``NAME+ID+base64``."""
        return f"{self.name}+{self.id.hex()}+{_encode(_ED25519 + self.public)}"

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Return whether *signature* over *text* is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A log's key; its seed is secret, so it has no readable form but `format`."""

    name: str
    seed: bytes

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Return the key that ``PRIVATE+KEY+NAME+ID+base64`` spells.

        Raises:
            FormatError: If it spells none; the text is not repeated.
        """
        private, word, name, key_id, encoded = _split_key(text, 5)
        if (private, word) != ("PRIVATE", "KEY"):
            raise FormatError("not a private key")
        key = cls(name, _decode_key(encoded))
        if key.verifier.id.hex() != key_id:
            raise FormatError("key id is not that of the private key")
        return key

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        return VerifierKey(self.name, private.public_key().public_bytes_raw())

    def format(self) -> str:
        """Return the key as ``PRIVATE+KEY+NAME+ID+base64``."""
        return f"PRIVATE+KEY+{self.name}+{self.verifier.id.hex()}+{_encode(_ED25519 + self.seed)}"

    def sign(self, text: bytes) -> bytes:
        """Return *text* (ending in LF) as a signed note (C2SP signed-note).

        Raises:
            ValueError: If *text* cannot be a note's.
        """
        if not text.endswith(b"\n"):
            raise ValueError("text of a note must end in a line feed")
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text)
        encoded = _encode(self.verifier.id + signature).encode()
        return text + b"\n" + _DASH + self.name.encode() + b" " + encoded + b"\n"

    def __repr__(self) -> str:
        return f"SigningKey(name={self.name!r})"


def split_text(note: bytes) -> bytes:
    """Return the text of a note, its signatures unchecked.

    Raises:
        FormatError: If it is no note.
    """
    return _split_note(note)[0]


def open_note(note: bytes, key: VerifierKey) -> bytes:
    """Return the text of *note*, signed by *key*; signatures of other keys are ignored.

    Raises:
        FormatError: If it is no note, or not signed by *key*.
    """
    text, lines = _split_note(note)
    signed = False
    for line in lines:
        name, key_id, signature = _parse_signature(line)
        if name != key.name or key_id != key.id:
            continue
        if len(signature) != _SIGNATURE_BYTES or not key.verifies(text, signature):
            raise FormatError(f"bad signature of {name!r}")
        signed = True
    if not signed:
        raise FormatError(f"no signature of {key.name!r} with id {key.id.hex()}")
    return text


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Origin, size and root of a log at one moment (C2SP tlog-checkpoint)."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: bytes) -> Checkpoint:
        """Return what the text of a checkpoint says; strict, without extension lines.

        Raises:
            FormatError: If it is no checkpoint.
        """
        lines = decode_lines(text)
        if len(lines) != 3 or not _NAME.fullmatch(lines[0]):
            raise FormatError("not a checkpoint of three lines")
        return cls(lines[0], parse_size(lines[1]), parse_root(lines[2]))

    def format(self) -> bytes:
        """Return the text to sign."""
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n".encode()


def open_checkpoint(note: bytes, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint in *note*, signed by *key* and of its origin.

    Raises:
        FormatError: If it is anything else.
    """
    checkpoint = Checkpoint.parse(open_note(note, key))
    if checkpoint.origin != key.name:
        raise FormatError(f"checkpoint of another log: {checkpoint.origin!r}")
    return checkpoint


def decode_lines(text: bytes) -> Sequence[str]:
    """Return the lines of a note's text, without their LFs.

    Raises:
        FormatError: If it is not UTF-8 lines that end in LF.
    """
    try:
        *lines, rest = text.decode("utf-8").split("\n")
    except UnicodeDecodeError as exc:
        raise FormatError("note is not UTF-8") from exc
    if rest or not lines:
        raise FormatError("note does not end in a line feed")
    return lines


def parse_size(text: str) -> int:
    """Return a canonical decimal size.

    Raises:
        FormatError: If it is none.
    """
    if not _SIZE.fullmatch(text):
        raise FormatError(f"not a size: {text!r}")
    return int(text)


def parse_root(text: str) -> bytes:
    """Return a root of 32 bytes from canonical base64.

    Raises:
        FormatError: If it is none.
    """
    root = _decode(text)
    if len(root) != hashlib.sha256().digest_size:
        raise FormatError(f"root of {len(root)} bytes")
    return root


def format_root(root: bytes) -> str:
    """Return *root* in base64."""
    return _encode(root)


def _split_note(note: bytes) -> tuple[bytes, list[bytes]]:
    """Return text and signature lines; C2SP signed-note."""
    at = note.rfind(b"\n\n")
    if at < 0 or not note.endswith(b"\n"):
        raise FormatError("not a signed note")
    lines = note[at + 2 : -1].split(b"\n")
    if len(lines) > MAX_SIGNATURES:
        raise FormatError(f"note with {len(lines)} signatures")
    return note[: at + 1], lines


def _parse_signature(line: bytes) -> tuple[str, bytes, bytes]:
    """Return name, key id and signature of a signature line."""
    if not line.startswith(_DASH):
        raise FormatError("not a signature line")
    try:
        name, space, encoded = line[len(_DASH) :].decode("utf-8").partition(" ")
    except UnicodeDecodeError as exc:
        raise FormatError("not a signature line") from exc
    raw = _decode(encoded)
    if not space or not _NAME.fullmatch(name) or len(raw) <= _ID_BYTES:
        raise FormatError("not a signature line")
    return name, raw[:_ID_BYTES], raw[_ID_BYTES:]


def _split_key(text: str, parts: int) -> list[str]:
    # The base64 at the end may hold plus signs itself.
    found = text.split("+", parts - 1)
    if len(found) != parts or not _NAME.fullmatch(found[-3]):
        raise FormatError("not a key")
    return found


def _decode_key(encoded: str) -> bytes:
    raw = _decode(encoded)
    if len(raw) != len(_ED25519) + SEED_BYTES or not raw.startswith(_ED25519):
        raise FormatError("not an Ed25519 key")
    return raw[len(_ED25519) :]


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decode(text: str) -> bytes:
    """Return the bytes of canonical base64: the only spelling of them."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as exc:
        raise FormatError("not base64") from exc
    if _encode(raw) != text:
        raise FormatError("not canonical base64")
    return raw
