"""Benchmarks: loopback and pipes only, bounded, compared programs interleaved in one run."""
