"""Other tools, each as its documentation says one uses it, in an environment of their own.

`python -m bench.redaction.rivals NAME SAMPLES…` reads the samples of all files and prints,
for each, its redacted form as JSON; `--time` prints what latencies it has instead.

A tool for text gets a value as one line of JSON, as a log would have it; a tool that knows
objects gets the object.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.redaction.latency import latencies
from bench.redaction.sample import as_text, read

Tool = Callable[[Any], Any]
"""Returns a value, text or JSON, redacted."""


def detect_secrets() -> Tool:
    """Scan a file: what its documentation shows; `scan_line` takes every word for a secret."""
    import tempfile

    from detect_secrets import SecretsCollection
    from detect_secrets.settings import default_settings

    place = Path(tempfile.mkdtemp()) / "line.txt"

    def redact(value: Any) -> str:
        text = as_text(value)
        place.write_text(text, encoding="utf-8", errors="replace")
        with default_settings():
            found = SecretsCollection()
            found.scan_file(str(place))
        for _, secret in found:
            if secret.secret_value:
                text = text.replace(secret.secret_value, "[SECRET]")
        return text

    return redact


def presidio() -> Tool:
    """Run its recognisers for English that need no language model; its engine drops no score."""
    from presidio_analyzer import PatternRecognizer, RecognizerRegistry, RecognizerResult
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    kinds = (PatternRecognizer, PhoneRecognizer)
    patterns = [one for one in registry.recognizers if isinstance(one, kinds)]

    def redact(value: Any) -> str:
        text = as_text(value)
        found: list[RecognizerResult] = []
        for one in patterns:
            found += one.analyze(text, one.supported_entities, None) or []
        spans = sorted((one.start, one.end) for one in found)
        for start, end in reversed(_merged(spans)):
            text = f"{text[:start]}[PII]{text[end:]}"
        return text

    return redact


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for start, end in spans:
        if out and start < out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def scrubadub() -> Tool:
    """Clean text with its default detectors."""
    from scrubadub import Scrubber

    scrubber = Scrubber()
    return lambda value: scrubber.clean(as_text(value))


def logfire() -> Tool:
    """Scrub a span's attribute with its default pattern; it takes the whole of a string."""
    from logfire._internal.scrubbing import Scrubber

    scrubber = Scrubber(None)
    return lambda value: scrubber.scrub_value(("attributes", "value"), value)[0]


def cpex_pii_filter() -> Tool:
    """Mask objects with everything that its configuration can detect by default."""
    from cpex_pii_filter import PIIDetectorRust

    detector = PIIDetectorRust({})

    def redact(value: Any) -> Any:
        if isinstance(value, str):
            return detector.mask(value, detector.detect(value))
        return detector.process_nested(value, "")[1]

    return redact


def depii() -> Tool:
    """Redact text or objects with its defaults."""
    from depii import redact, redact_obj

    return lambda value: redact(value) if isinstance(value, str) else redact_obj(value)


_GUIDE_KEYS = {"email", "password", "token", "secret", "ssn", "phone", "creditCard"}
_GUIDE_VALUES = (
    (re.compile(r"\b[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}\b"), "[EMAIL]"),
    (re.compile(r"\b\d{4}[- ]?\d{4}[- ]?\d{4}[- ]?\d{4}\b"), "[CARD]"),
    (re.compile(r"\b(ghp_|sk-|Bearer |xoxb-)\S+"), "[TOKEN]"),
)


def guide() -> Tool:
    """Do what the guide's sample does: these keys, these three patterns, one level deep."""

    def redact(value: Any) -> Any:
        if isinstance(value, str):
            for pattern, label in _GUIDE_VALUES:
                value = pattern.sub(label, value)
            return value
        if not isinstance(value, dict):
            return value
        return {
            key: "[REDACTED]"
            if key.lower() in _GUIDE_KEYS
            else redact(one)
            if isinstance(one, str)
            else one
            for key, one in value.items()
        }

    return redact


TOOLS: dict[str, Callable[[], Tool]] = {
    "detect-secrets": detect_secrets,
    "presidio": presidio,
    "scrubadub": scrubadub,
    "logfire": logfire,
    "cpex-pii-filter": cpex_pii_filter,
    "depii": depii,
    "guide": guide,
}


def main() -> None:
    """Redact, or measure."""
    name, *files = [one for one in sys.argv[1:] if one != "--time"]
    logging.disable()
    tool = TOOLS[name]()
    if "--time" in sys.argv:
        print(json.dumps(latencies(tool)))
        return
    for path in files:
        for sample in read(Path(path)):
            try:
                print(json.dumps(tool(sample.value)))
            except Exception:  # noqa: BLE001 - a rival that fails has let it through
                print(json.dumps(sample.value))


if __name__ == "__main__":
    main()
