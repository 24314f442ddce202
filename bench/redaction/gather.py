"""Makes or reads the samples, in the environment that has their sources.

`python -m bench.redaction.gather ARCHIVES PUBLIC OUT`: one file for each set in OUT, and
`sources.json`, which says what the repositories were at, and which could not be had and why.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tarfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import exrex
import kingfisher_sdk
import phonenumbers
from faker import Faker

from bench.redaction import benign, public, shapes
from bench.redaction.sample import Sample, write

SEED = 20_260_801
PER_RULE = 3
LONGEST_GENERATED = 300
PREFIXED, GENERIC = 500, 300
"""How many secrets are written in the shapes that MCP traffic has."""
PEOPLE = 300

_SYNTH = "data/synth_dataset_v2.json"
_ENTITIES = {
    "CREDIT_CARD": "card",
    "EMAIL_ADDRESS": "e-mail",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SSN",
    "PHONE_NUMBER": "phone",
}


def generated() -> Iterator[Sample]:
    """Yield texts that the rules of Kingfisher's wheel match, generated from their patterns."""
    random.seed(SEED)  # exrex has no generator of its own
    warnings.simplefilter("ignore")  # of patterns that are not written for Python
    rules = kingfisher_sdk.Rules(paths=[], builtins=True, confidence="low", cache=False)
    for rule in sorted(one["id"] for one in rules.metadata()):
        pattern = rules.detail(rule)["detection_regex"]
        plain = re.sub(r"\\[bBAzZ]|\(\?[a-z]+\)|\^|\$", "", pattern)
        try:
            # Verbose patterns, and what Python's `re` cannot read, are left out.
            accepts = re.compile(pattern)
            made = {exrex.getone(plain, limit=8) for _ in range(PER_RULE * 6)}
        except (re.error, ValueError, KeyError, TypeError, IndexError, OverflowError):
            continue
        # Python's `\\w` has letters that no token has.
        for text in [one for one in sorted(made) if one.isascii() and one.isprintable()][:PER_RULE]:
            match = accepts.search(text)
            if match and 8 <= len(text) <= LONGEST_GENERATED:
                groups = [one for one in match.groups() if one]
                secret = max(groups, key=len, default=match[0])
                provider = rule.rpartition(".")[2].partition("-")[0]
                if len(secret) >= 8:
                    yield Sample("Kingfisher, generated", "as found", provider, text, secret)


def sentences(archives: Path) -> Iterator[Sample]:
    """Yield presidio-evaluator's sentences: those with data of a known kind, and those without."""
    [archive] = archives.glob("presidio_evaluator-*.tar.gz")
    with tarfile.open(archive) as files:
        [member] = [one for one in files.getmembers() if one.name.endswith(_SYNTH)]
        data = files.extractfile(member)
        assert data is not None
        for at, entry in enumerate(json.load(data)):
            text = entry["full_text"]
            spans = [one for one in entry["spans"] if one["entity_type"] in _ENTITIES]
            provider = f"sentence {at}"
            for span in spans:
                shape = _ENTITIES[span["entity_type"]]
                yield Sample("presidio-evaluator", shape, provider, text, span["entity_value"])
            if not spans and not benign.is_personal(text):
                yield Sample("sentences", "benign", provider, text)


def worldwide() -> Iterator[Sample]:
    """Yield an example number of each region, as people write it, after a word that says so."""
    forms = phonenumbers.PhoneNumberFormat
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number(region)
        if number is not None:
            for name, form in (("E.164", forms.E164), ("international", forms.INTERNATIONAL)):
                text = phonenumbers.format_number(number, form)
                yield Sample("phonenumbers", name, region, f"Reach me at {text} today.", text)
            text = phonenumbers.format_number(number, forms.NATIONAL)
            yield Sample("phonenumbers", "national, named", region, f"Phone: {text}", text)


def people(rng: random.Random) -> Iterator[Sample]:
    """Yield made-up personal data as it stands in arguments."""
    fake = Faker(["en_US", "en_GB", "de_DE", "fr_FR"])
    Faker.seed(SEED)
    for number in range(PEOPLE):
        kinds = {
            "card": fake.credit_card_number(),
            "IBAN": fake.iban(),
            "SSN": fake["en_US"].ssn(),
            "e-mail": fake.email(),
            "phone": fake.phone_number(),
        }
        for kind, text in kinds.items():
            yield shapes.personal(kind, text, f"{kind} {number}", rng)


def main() -> None:
    """Write every set that can be had."""
    archives, clones, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    clones.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    missing: dict[str, str] = {}
    commits: dict[str, str] = {}
    secrets = list(generated())
    found: list[Sample] = []
    for repository, read in public.REPOSITORIES.items():
        reason = public.clone(repository, clones)
        if reason:
            missing[repository] = reason
            continue
        place = clones / repository.replace("/", "+")
        commits[repository] = public.commit(place)
        found += read(place)
    write(out / "generated.jsonl", secrets)
    write(out / "public.jsonl", found)
    pool = found or secrets
    write(out / "shapes.jsonl", shapes.secrets(pool, PREFIXED, GENERIC, rng))
    both = list(sentences(archives))
    write(out / "sentences.jsonl", (one for one in both if one.secret))
    write(out / "people.jsonl", [*people(rng), *worldwide()])
    plain = [*(one for one in both if not one.secret), *benign.strings(rng)]
    write(out / "benign.jsonl", plain)
    write(out / "scalars.jsonl", benign.values(rng))
    sources = {"missing": missing, "commits": commits}
    (out / "sources.json").write_text(json.dumps(sources), encoding="utf-8")


if __name__ == "__main__":
    main()
