"""What a collection did, for those who asked for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Collected:
    """What one run over one class did."""

    name: str
    ran: bool = False
    """Whether we got the lock; if not, its holder was told to look again."""
    sealed: int = 0
    """Records added, the collector's own among them."""
    closed: int = 0
    """Calls given the outcome `unknown`."""
    duplicates: int = 0
    conflicts: int = 0
    gaps: int = 0
    damaged: int = 0
    """Spool files with damage that went to quarantine."""
    size: int = 0
    """Leaves in the log."""
    origin: str = ""
    outside: bool = False
    """Whether the checkpoint is kept outside the data directory."""
    refused: list[tuple[Path, str]] = field(default_factory=list)
    """Spool files that were not read, and why."""
    copy_failed: str = ""
    """Why the query copy could not be brought up to the log; it is tried again next time."""

    def add(self, other: Collected) -> None:
        """Take in a later run under the same lock."""
        for name in ("sealed", "closed", "duplicates", "conflicts", "gaps", "damaged"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.size, self.origin, self.outside = other.size, other.origin, other.outside
        self.refused, self.ran = other.refused, True
        self.copy_failed = other.copy_failed
