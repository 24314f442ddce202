"""What is sent: prose, for the ordinary case."""

from __future__ import annotations

PROSE = (
    "the quarterly numbers are in; please file the summary with the other notes from last week",
    "could you look at why the second build of this morning took so much longer than the first",
    "the harbour was quiet, two boats were out, and nobody had seen the third one since Tuesday",
    "move the meeting to the afternoon, tell everybody who was invited, and keep the small room",
    "write a short note about the change, what it is for, and what we are going to measure next",
    "she read the letter twice, put it back into its envelope, and went out to water the garden",
    "list what is still open, oldest first, and say for each of them who is waiting for an answer",
    "the recipe wants butter and patience; we had some of the one and very little of the other",
)
"""About ninety characters each: the length of an ordinary short argument."""


def prose(number: int) -> str:
    """Return an argument of about a hundred characters, not the one before."""
    return f"{PROSE[number % len(PROSE)]}, thank you"


def paragraphs(size: int) -> dict[str, str]:
    """Return an object of prose, *size* characters in all, no string long enough to be cut."""
    piece = "; ".join(PROSE[:4])
    return {f"part {number}": piece for number in range(max(1, size // (len(piece) + 8)))}
