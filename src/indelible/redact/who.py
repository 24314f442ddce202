"""An actor as it is kept: who asked is what a record is for, and no secret is anybody's name.

So an id stays as it is even where it is an e-mail address or a number, and only
secrets are taken out of it. Everything else that names the actor is scrubbed like
any other text.
"""

from __future__ import annotations

from indelible.model.canonical import Json
from indelible.model.event import Actor
from indelible.redact.personal import DETECTORS as PERSONAL
from indelible.redact.walk import Scrubbed, Scrubber

ID_CHARS = 512
NAME_CHARS = 256
_PERSONAL = frozenset(detector.name for detector in PERSONAL)


def kept_actor(actor: Actor, scrubber: Scrubber) -> tuple[dict[str, Json], list[Scrubbed]]:
    """Return an actor as a body holds it, and what was taken out of it."""
    removed: list[Scrubbed] = []

    def is_id(text: str | None) -> Json:
        return None if text is None else _keep(_id(text, scrubber), removed)

    def is_text(text: str | None) -> Json:
        return None if text is None else _keep(scrubber.text(text, limit=NAME_CHARS), removed)

    known: dict[str, Json] = {
        "id": is_id(actor.id),
        "provenance": actor.provenance,
        "name": is_text(actor.name),
        "issuer": is_text(actor.issuer),
        "clientId": is_id(actor.client_id),
        "tenant": is_text(actor.tenant),
        "ip": actor.ip,
    }
    if actor.chain:
        known["chain"] = [
            {"id": is_id(who)} | ({"issuer": is_text(issuer)} if issuer is not None else {})
            for who, issuer in actor.chain
        ]
    return {key: value for key, value in known.items() if value is not None}, removed


def _keep(scrubbed: Scrubbed, removed: list[Scrubbed]) -> Json:
    if scrubbed.count:
        removed.append(scrubbed)
    return scrubbed.value


def _id(text: str, scrubber: Scrubber) -> Scrubbed:
    found = scrubber.text(text, limit=ID_CHARS)
    personal = found.notes and all(note.rule in _PERSONAL for note in found.notes)
    return Scrubbed(text) if personal else found
