"""Whose token a call through the proxy came with."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.capture.issuer import AUDIENCE, OTHER_RSA_KEY, RSA_KEY, public
from tests.capture.proxy.rig import Pair, Server, ok, post, proxy, says
from tests.hostile.session import until


def token_of(key: Any, **changes: Any) -> str:
    said = {"sub": "ann", "iss": "https://i", "aud": AUDIENCE, "exp": int(time.time()) + 600}
    return jwt.encode(said | changes, key, "RS256", {"kid": "rsa"})


@pytest.mark.requirement("actor.verifier")
@pytest.mark.requirement("actor.unverified")
def test_an_actor_is_verified_by_the_issuers_keys_and_asserted_without_them(
    tmp_path: Path,
) -> None:
    keys = json.dumps({"keys": [public("RS256", RSA_KEY, kid="rsa")]}).encode()
    config = tmp_path / "indelible.toml"
    good, forged = token_of(RSA_KEY), token_of(OTHER_RSA_KEY)
    with Server(says(ok(keys))) as issuer, Server(says(b"")) as server:
        config.write_text(
            f'[identity.verifier]\njwks_url = "http://127.0.0.1:{issuer.port}/jwks"\n'
            f'audience = ["{AUDIENCE}"]\n'
        )
        config.chmod(0o600)
        with proxy(tmp_path / "proxy", server.port, "--config", str(config)) as run:
            known: list[tuple[str, str]] = []
            for lines in (
                [f"Authorization: Bearer {good}"],
                [f"Authorization: bearer {good}"],
                [f"Authorization: Bearer {forged}"],
                [f"Authorization: Bearer {good}", f"Authorization: Bearer {good}"],
                ["Authorization: Bearer opaque"],
                [],
            ):
                pair = Pair(server, run)
                sent, _ = pair.ask(post(pair.call, *(x.encode() for x in lines)), ok(pair.reply))
                assert all(x.encode() in sent for x in lines)
                actor = run.trail.one(pair.id)["actor"]
                known.append((actor["id"].partition(":")[0], actor["provenance"]))
            assert known == [
                ("ann", "verified"),
                ("ann", "verified"),
                ("ann", "asserted"),
                ("anonymous", "unknown"),
                ("fingerprint", "asserted"),
                ("anonymous", "unknown"),
            ]
            assert len(issuer.requests) == 1
            run.stop()
            until(lambda: run.process.poll() is not None)
            assert run.stderr.read_text().count("a token is not verified") == 2
    kept = b"".join(p.read_bytes() for p in (tmp_path / "proxy").rglob("*") if p.is_file())
    assert good.encode() not in kept
    assert good.rpartition(".")[2].encode() not in kept
