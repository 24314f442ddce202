"""Signed notes: the example of Go's sumdb/note, that of the C2SP specification, and forgeries."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.errors import FormatError
from indelible.seal.note import (
    Checkpoint,
    SigningKey,
    VerifierKey,
    open_checkpoint,
    open_note,
    split_text,
)

# golang.org/x/mod/sumdb/note, package documentation.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = (
    b"If you think cryptography is the answer to your problem,\n"
    b"then you don't know what your problem is.\n"
)
GO_SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpR"
    "Zb6KE6RyyBwJnAM=\n"
).encode()
GO_NOTE = GO_TEXT + b"\n" + GO_SIGNATURE

# C2SP signed-note, its example.
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuw"
    "HjG1Yu72IneyaQM=\n"
).encode()

seeds = st.binary(min_size=32, max_size=32)
names = st.from_regex(r"[a-z0-9./-]{1,40}", fullmatch=True)


@pytest.mark.requirement("seal.signed-note")
def test_the_example_of_go():
    key = SigningKey.parse(GO_SKEY)
    assert key.format() == GO_SKEY
    assert key.verifier.format() == GO_VKEY
    assert VerifierKey.parse(GO_VKEY) == key.verifier
    assert key.sign(GO_TEXT) == GO_NOTE
    assert open_note(GO_NOTE, key.verifier) == GO_TEXT


@pytest.mark.requirement("seal.signed-note")
def test_the_example_of_the_specification():
    assert open_note(SPEC_NOTE, VerifierKey.parse(SPEC_VKEY)) == b"This is an example message.\n"


def test_a_private_key_does_not_show_itself():
    key = SigningKey.parse(GO_SKEY)
    assert repr(key) == "SigningKey(name='PeterNeumann')"
    assert base64.b64encode(key.seed).decode() not in repr(key)


def test_signatures_of_other_keys_are_ignored():
    key, other = VerifierKey.parse(GO_VKEY), VerifierKey.parse(SPEC_VKEY)
    unknown = "— someone.else AAAAAAAAAAAA\n".encode()
    for note in (GO_NOTE + unknown, GO_TEXT + b"\n" + unknown + GO_SIGNATURE):
        assert open_note(note, key) == GO_TEXT
    with pytest.raises(FormatError, match="no signature"):
        open_note(GO_NOTE, other)


@pytest.mark.parametrize("at", range(len(GO_NOTE)))
def test_no_bit_of_a_note_can_be_changed(at):
    for bit in (0, 3, 5, 7):
        edited = bytearray(GO_NOTE)
        edited[at] ^= 1 << bit
        with pytest.raises(FormatError):
            open_note(bytes(edited), VerifierKey.parse(GO_VKEY))


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n",
        b"\n\n",
        GO_TEXT,
        GO_NOTE[:-1],
        GO_NOTE + b"\n",
        GO_NOTE + b"x\n",
        GO_TEXT + b"\n" + "— a b c\n".encode(),
        GO_TEXT + b"\n" + b"\xff\n",
        GO_TEXT + b"\n" + "— ".encode() + b"\xff AAAAAAAA\n",
        GO_TEXT + b"\n" + GO_SIGNATURE * 101,
    ],
)
def test_what_is_no_note(note):
    with pytest.raises(FormatError):
        open_note(note, VerifierKey.parse(GO_VKEY))


def test_manglings_of_keys_are_not_accepted():
    for text, parse in ((GO_VKEY, VerifierKey.parse), (GO_SKEY, SigningKey.parse)):
        for start in range(len(text)):
            for end in range(start + 1, len(text) + 1, 7):
                if (start, end) != (0, len(text)):
                    with pytest.raises(FormatError):
                        parse(text[start:end])
        for at in range(len(text)):
            with pytest.raises(FormatError):
                parse(text[:at] + chr(ord(text[at]) + 1) + text[at + 1 :])
    for text in (
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "",
        "a+b+\u1234",
    ):
        with pytest.raises(FormatError):
            VerifierKey.parse(text)


@given(seeds, names)
def test_keys_read_as_they_were_written(seed, name):
    key = SigningKey(name, seed)
    assert SigningKey.parse(key.format()) == key
    assert VerifierKey.parse(key.verifier.format()) == key.verifier


@given(seeds, names, st.integers(0, 10**18), seeds)
def test_checkpoints_read_as_they_were_written(seed, name, size, root):
    key = SigningKey(name, seed)
    checkpoint = Checkpoint(name, size, root)
    assert Checkpoint.parse(checkpoint.format()) == checkpoint
    assert open_checkpoint(key.sign(checkpoint.format()), key.verifier) == checkpoint
    assert split_text(key.sign(checkpoint.format())) == checkpoint.format()


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"log\n01\n{ROOT}\n",
        f"log\n-1\n{ROOT}\n",
        f"log\n+1\n{ROOT}\n",
        f"log\n1_0\n{ROOT}\n",
        f"log\n\u0661\n{ROOT}\n",
        f"log\n{'9' * 20}\n{ROOT}\n",
        f"log\n1\n{ROOT[:-4]}\n",
        f"log\n1\n{ROOT[:-2]}B=\n",
        f"log\n1\n{ROOT}\nmore\n",
        f"log\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"lo g\n1\n{ROOT}\n",
        f"log\r\n1\n{ROOT}\n",
        "",
    ],
)
def test_what_is_no_checkpoint(text):
    with pytest.raises(FormatError):
        Checkpoint.parse(text.encode())


def test_a_checkpoint_of_another_origin_is_refused():
    key = SigningKey("log/a", bytes(32))
    with pytest.raises(FormatError, match="another log"):
        open_checkpoint(key.sign(Checkpoint("log/b", 1, bytes(32)).format()), key.verifier)


def test_a_text_without_a_line_feed_cannot_be_signed():
    with pytest.raises(ValueError, match="line feed"):
        SigningKey("log", bytes(32)).sign(b"text")


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_nothing_but_our_own_error(data):
    for parse in (
        lambda: open_note(data, VerifierKey.parse(GO_VKEY)),
        lambda: Checkpoint.parse(data),
    ):
        with contextlib.suppress(FormatError):
            parse()
