"""``indelible show``: one entry in full, and the proof that it is in the signed tree."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path

import click

from indelible.cli.moment import Zone
from indelible.cli.options import (
    SUMMARIES,
    collect_option,
    json_option,
    state_option,
    utc_option,
)
from indelible.cli.previous import Previous, previous, print_previous
from indelible.cli.reading import fresh_place
from indelible.cli.table import took
from indelible.cli.terminal import json_text, line, visible
from indelible.errors import FormatError, TamperedError
from indelible.model.canonical import Json
from indelible.model.flat import Fields
from indelible.query.original import original
from indelible.query.search import Proven, is_what_is_sealed, proofs
from indelible.seal.merkle import verify_inclusion
from indelible.seal.note import Checkpoint, VerifierKey, open_checkpoint
from indelible.store.keys import read_public
from indelible.store.state import State

INCOMPLETE = 5
"""Exit code where a body is missing: what it held cannot be proved."""

_LAST = ("log", "leaves", "redactions", "erased")
_PLAIN_NAME = re.compile(r"[\w-]+")
"""A field's name that needs no quotes; with a dot in it, it would look like two."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A proof that was checked: the header is under the signed root."""

    kind: str
    proven: Proven
    checkpoint: Checkpoint


@click.command(short_help=SUMMARIES["show"])
@click.argument("wanted", metavar="ID")
@click.option("--proof", "with_proof", is_flag=True, help="Prove that it is sealed, and check it.")
@collect_option
@json_option
@utc_option
@state_option
def show(
    *,
    wanted: str,
    with_proof: bool,
    utc: bool,
    no_collect: bool,
    as_json: bool,
    state: Path | None,
) -> int:
    """Show the entry that ID names.

    ID is a callId, a recordId, a requestId, the first eight or more characters
    of one of them, or the number of a leaf.

    Below the entry stands what its arguments have that those of the same
    actor's call of the same tool before it had not, and the other way round.

    With --proof, exit 3 says that header or body is not what was sealed, and 5
    that a body is missing.

    \b
      indelible show 01a20bee-4652-7697
      indelible show '#21' --proof
    """  # noqa: D301 — click wants the backspace itself
    place = fresh_place(state, sealing=not no_collect)
    shown: list[Fields] = []
    bodies_missing = False
    with place.trail() as trail:
        found = [original(place.state, entry) for entry in trail.find(wanted)]
        place.put_on_record("show", [wanted], len(found))
        for entry in found:
            checked = _check(place.state, entry) if with_proof else []
            bodies_missing |= any(one.proven.body_matches is None for one in checked)
            before = previous(trail, entry)
            if as_json:
                proven: Fields = {"proofs": [_proof_json(one) for one in checked]}
                whole = entry | {"previous": before.as_json() if before else None}
                shown.append(whole | proven if with_proof else whole)
            else:
                _print(entry, checked, before, Zone(utc=utc), with_proof=with_proof)
    if as_json:
        click.echo(json_text(shown[0] if len(shown) == 1 else shown))
    return place.exit_code or (INCOMPLETE if bodies_missing else 0)


def _print(
    entry: Fields, checked: list[Checked], before: Previous | None, zone: Zone, *, with_proof: bool
) -> None:
    _print_entry(entry)
    if before is not None:
        print_previous(before, zone)
    for one in checked:
        _print_proof(one)
    if with_proof:
        for kind in _unsealed(entry):
            click.echo(
                f"\nproof of `{visible(kind)}`: none yet, it is not sealed; "
                "`indelible collect --once` seals it"
            )
    click.echo()


def _unsealed(entry: Fields) -> list[str]:
    """Return the kinds of the records of *entry* that are not sealed."""
    leaves = entry.get("leaves")
    if isinstance(leaves, dict):
        return [kind for kind, leaf in leaves.items() if leaf is None]
    return [str(entry.get("kind"))]


def _check(state: State, entry: Fields) -> list[Checked]:
    """Return the proofs of *entry*, each checked here and now: header and body.

    Raises:
        TamperedError: If one does not hold, or something else is shown than it proves.
    """
    try:
        return _checked(state, entry)
    except FormatError as error:
        leaves = entry.get("leaves")
        raise TamperedError(
            f"it cannot be proved: {error}",
            where=", ".join(f"leaf #{one}" for one in _sealed_leaves(leaves)),
            hint="indelible verify names the place",
        ) from error


def _sealed_leaves(leaves: Json) -> list[int]:
    found = leaves.values() if isinstance(leaves, dict) else ()
    return [one for one in found if isinstance(one, int)]


def _checked(state: State, entry: Fields) -> list[Checked]:
    checked = []
    proven = proofs(state, entry)
    for kind, one in proven.items():
        proof = one.proof
        key = _key(state, entry)
        checkpoint = open_checkpoint(proof.checkpoint, key)
        where = f"leaf #{proof.index} of {checkpoint.origin}"
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
                where=where,
                hint="indelible verify",
            )
        if one.body_matches is False:
            raise TamperedError(
                f"the body of `{kind}` is not the one that its signed header commits to",
                where=where,
                hint="indelible verify names the file; arguments, result or actor were changed",
            )
        checked.append(Checked(kind, one, checkpoint))
    if checked and not is_what_is_sealed(entry, proven):
        raise TamperedError(
            "what the files show of this entry is not what is sealed",
            where=", ".join(f"leaf #{one.proven.proof.index}" for one in checked),
            hint="indelible verify names the place",
        )
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
            label = " (shape only)" if key == "result" and _is_shape(entry) else ""
            for part, inner in value.items():
                _field(f"{_name(key)}.{_name(part)}{label}", inner)
        else:
            _field(_name(key), value)


def _is_shape(entry: Fields) -> bool:
    """Whether the result that is kept is nothing but its shape: counts by kind of block."""
    result = entry.get("result")
    if not isinstance(result, dict) or entry.get("effect") == "destructive":
        return False
    counts = dict(result)
    blocks = counts.pop("content", {})
    counts |= blocks if isinstance(blocks, dict) else {"content": blocks}
    return all(isinstance(one, int) for one in counts.values())


def _name(field: str) -> str:
    """Return the name of a field, in quotes unless it is a plain word."""
    return field if _PLAIN_NAME.fullmatch(field) else json.dumps(field, ensure_ascii=False)


def _print_redactions(notes: list[Json]) -> None:
    if not notes:
        _field("redactions", "none")
    for note in notes:
        parts = note if isinstance(note, dict) else {"path": note}
        _field("redacted", f"{parts.get('path')}  by rule {parts.get('rule')}")


def _field(name: str, value: Json) -> None:
    click.echo(f"{visible(name):<21} {'-' if value is None else line(value)}")


def _print_proof(one: Checked) -> None:
    """Print a proof so that a person can follow it with nothing but SHA-256."""
    proof, checkpoint = one.proven.proof, one.checkpoint
    if one.proven.body_matches:
        told = "checked here, header and body hold"
    else:
        told = "checked here, the header holds; its body is missing, so nothing proves what it held"
    click.echo(f"\nproof of `{visible(one.kind)}`: {told}")
    click.echo(f"  leaf #{proof.index} of {proof.size} in {visible(checkpoint.origin)}")
    click.echo(f"  leaf hash  {proof.leaf_hash.hex()}  = SHA-256(00 + the leaf line)")
    commitment = one.proven.record.header.get("bodyHash")
    click.echo(f"  body hash  {line(commitment)}  = SHA-256(salt + body), in the header")
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


def _proof_json(one: Checked) -> Fields:
    proof, checkpoint = one.proven.proof, one.checkpoint
    return {
        "record": one.kind,
        "leafIndex": proof.index,
        "treeSize": proof.size,
        "leafHash": proof.leaf_hash.hex(),
        "path": [sibling.hex() for sibling in proof.hashes],
        "root": checkpoint.root.hex(),
        "rootBase64": base64.b64encode(checkpoint.root).decode("ascii"),
        "origin": checkpoint.origin,
        "checkpoint": proof.checkpoint.decode("utf-8", "replace"),
        "bodyHash": one.proven.record.header.get("bodyHash"),
        "body": "holds" if one.proven.body_matches else "missing",
        "holds": one.proven.body_matches is True,
    }
