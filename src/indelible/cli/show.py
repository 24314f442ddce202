"""``indelible show``: one entry in full, and the proof that it is in the signed tree."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from indelible.cli.options import SUMMARIES, json_option, state_option
from indelible.cli.reading import fresh_place
from indelible.cli.table import took
from indelible.cli.terminal import json_text, line, visible
from indelible.errors import TamperedError
from indelible.model.canonical import Json
from indelible.model.flat import Fields
from indelible.query.search import find, proofs
from indelible.seal.merkle import verify_inclusion
from indelible.seal.note import Checkpoint, VerifierKey, open_checkpoint
from indelible.store.keys import read_public
from indelible.store.reader import Proof
from indelible.store.state import State

_LAST = ("log", "leaves", "redactions", "erased")


@click.command(short_help=SUMMARIES["show"])
@click.argument("wanted", metavar="ID")
@click.option("--proof", "with_proof", is_flag=True, help="Prove that it is sealed, and check it.")
@json_option
@state_option
def show(wanted: str, with_proof: bool, as_json: bool, state: Path | None) -> int:  # noqa: FBT001
    """Show the entry that ID names.

    ID is a callId, a recordId, a requestId, the first eight or more characters
    of one of them, or the number of a leaf.
    """
    place = fresh_place(state)
    shown: list[Fields] = []
    with place.reading() as readable:
        for entry in find(readable, place.user, wanted):
            checked = _check(readable, entry) if with_proof else []
            if as_json:
                proven: Fields = {"proofs": [_proof_json(*one) for one in checked]}
                shown.append(entry | proven if with_proof else entry)
            else:
                _print(entry, checked, with_proof=with_proof)
    if as_json:
        click.echo(json_text(shown[0] if len(shown) == 1 else shown))
    return place.exit_code


def _print(
    entry: Fields, checked: list[tuple[str, Proof, Checkpoint]], *, with_proof: bool
) -> None:
    _print_entry(entry)
    for one in checked:
        _print_proof(*one)
    if with_proof and not checked:
        click.echo("\nproof: none yet, it is not sealed; `indelible collect --once` seals it")
    click.echo()


def _check(state: State, entry: Fields) -> list[tuple[str, Proof, Checkpoint]]:
    """Return the proofs of *entry*, each checked here and now.

    Raises:
        TamperedError: If one does not hold.
    """
    checked = []
    for kind, proof in proofs(state, entry).items():
        key = _key(state, entry)
        checkpoint = open_checkpoint(proof.checkpoint, key)
        holds = verify_inclusion(
            proof.leaf_hash,
            proof.index,
            size=checkpoint.size,
            proof=proof.hashes,
            expected=checkpoint.root,
        )
        if not holds:
            raise TamperedError(
                "the proof does not lead to the signed root",
                where=f"leaf #{proof.index} of {checkpoint.origin}",
                hint="indelible verify",
            )
        checked.append((kind, proof, checkpoint))
    return checked


def _key(state: State, entry: Fields) -> VerifierKey:
    """Return the public key of the log that *entry* is in."""
    for name in state.classes():
        key = read_public(state.log(name).vkey)
        if key is not None and key.name == entry.get("log"):
            return key
    raise TamperedError(
        "the log's public key is gone",
        where=f"{state.keys}",
        hint="restore it from the copy beside the outside checkpoint, then: indelible verify",
    )


def _print_entry(entry: Fields) -> None:
    """Print every field on a line of its own; what has parts, part by part."""
    for key in [*(key for key in entry if key not in _LAST), *_LAST]:
        value = entry.get(key)
        if key == "redactions" and isinstance(value, list):
            _print_redactions(value)
        elif key == "erased":
            if value:
                click.echo("body erased:  what it held reads as -; its hash is still in the log")
        elif key == "leaves" and value is None:
            _field(key, "not sealed yet")
        elif key == "durationMs" and isinstance(value, int):
            _field(key, took(value))
        elif isinstance(value, dict) and value:
            for part, inner in value.items():
                _field(f"{key}.{part}", inner)
        else:
            _field(key, value)


def _print_redactions(notes: list[Json]) -> None:
    if not notes:
        _field("redactions", "none")
    for note in notes:
        parts = note if isinstance(note, dict) else {"path": note}
        _field("redacted", f"{parts.get('path')}  by rule {parts.get('rule')}")


def _field(name: str, value: Json) -> None:
    click.echo(f"{visible(name):<21} {'-' if value is None else line(value)}")


def _print_proof(kind: str, proof: Proof, checkpoint: Checkpoint) -> None:
    """Print a proof so that a person can follow it with nothing but SHA-256."""
    click.echo(f"\nproof of `{visible(kind)}`: checked here, it holds")
    click.echo(f"  leaf #{proof.index} of {proof.size} in {visible(checkpoint.origin)}")
    click.echo(f"  leaf hash  {proof.leaf_hash.hex()}  = SHA-256(00 + the leaf line)")
    click.echo("  going up, each step SHA-256(01 + left + right) with:")
    for side, sibling in zip(_sides(proof.index, proof.size), proof.hashes, strict=True):
        click.echo(f"    {side:<5}    {sibling.hex()}")
    click.echo(f"  root       {checkpoint.root.hex()}")
    click.echo("  the same root in base64, signed with the log's key:")
    for row in proof.checkpoint.decode("utf-8", "replace").splitlines():
        click.echo(f"    {visible(row)}".rstrip())


def _sides(index: int, size: int) -> list[str]:
    """Return on which side of the path each sibling stands (RFC 9162 section 2.1.3.2)."""
    sides = []
    node, last = index, size - 1
    while last:
        if node & 1 or node == last:
            sides.append("left")
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            sides.append("right")
        node >>= 1
        last >>= 1
    return sides


def _proof_json(kind: str, proof: Proof, checkpoint: Checkpoint) -> Fields:
    return {
        "record": kind,
        "leafIndex": proof.index,
        "treeSize": proof.size,
        "leafHash": proof.leaf_hash.hex(),
        "path": [sibling.hex() for sibling in proof.hashes],
        "root": checkpoint.root.hex(),
        "rootBase64": base64.b64encode(checkpoint.root).decode("ascii"),
        "origin": checkpoint.origin,
        "checkpoint": proof.checkpoint.decode("utf-8", "replace"),
        "holds": True,
    }
