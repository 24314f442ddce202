"""Tamper evidence: Merkle tree, signed notes, segments, verdicts. Pure: no clock, no I/O."""
