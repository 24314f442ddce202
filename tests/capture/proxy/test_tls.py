"""TLS on both sides; several servers from the configuration."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.capture.proxy.rig import Server, Wire, body, ok, outcome, post, proxy, says
from tests.capture.sdks.talking import tool
from tests.config.written import write

CALL = json.dumps(tool(7, "x")).encode()
REPLY = b'{"jsonrpc":"2.0","id":7,"result":{}}'


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with certificates that sign themselves: `server` and `client`."""
    place = tmp_path_factory.mktemp("pem")
    for name in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(key, hashes.SHA256())
        )
        (place / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (place / f"{name}.key").write_bytes(secret)
    return place


def server_side(pem: Path, *, asks: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem / "server.pem", pem / "server.key")
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pem / "client.pem")
    return context


@pytest.mark.requirement("proxy.tls")
def test_tls_on_both_sides_with_a_certificate_for_the_server(pem: Path, tmp_path: Path) -> None:
    options = [
        *("--tls-cert", str(pem / "server.pem"), "--tls-key", str(pem / "server.key")),
        *("--upstream-ca", str(pem / "server.pem")),
        *("--upstream-cert", str(pem / "client.pem"), "--upstream-key", str(pem / "client.key")),
    ]
    with Server(says(ok(REPLY)), tls=server_side(pem, asks=True)) as server:
        url = f"https://127.0.0.1:{server.port}/mcp"
        with proxy(tmp_path, url, *options) as run:
            assert f"listening on https://127.0.0.1:{run.port} for {url}" in run.stderr.read_text()
            trusting = ssl.create_default_context(cafile=str(pem / "server.pem"))
            plain = socket.create_connection(("127.0.0.1", run.port), 30)
            with trusting.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                wire = Wire(secure)
                wire.send(post(CALL))
                assert body(wire.message()) == REPLY
            assert outcome(run.trail.one(7)) == ("ok", None)


@pytest.mark.requirement("proxy.tls")
def test_a_server_that_nobody_vouches_for_gets_no_request(pem: Path, tmp_path: Path) -> None:
    with Server(says(ok(REPLY)), tls=server_side(pem)) as server:
        with proxy(tmp_path, f"https://127.0.0.1:{server.port}") as run:
            answer = run.ask(post(CALL))
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert b"could not be reached" in answer
        assert server.requests == []
        assert outcome(run.trail.one(7)) == ("error", "abandoned")


@pytest.mark.requirement("proxy.several")
def test_one_process_stands_before_several_servers(tmp_path: Path) -> None:
    with Server(says(ok(REPLY))) as one, Server(says(ok(REPLY))) as other:
        rules = "".join(
            f'[proxy.{name}]\nupstream = "http://127.0.0.1:{server.port}"\nlisten = "127.0.0.1:0"\n'
            for name, server in (("crm", one), ("erp", other))
        )
        file = write(tmp_path / "indelible.toml", rules)
        with proxy(tmp_path / "p", "", "--config", str(file), count=2) as run:
            for port in run.ports:
                wire = Wire(socket.create_connection(("127.0.0.1", port), 30))
                wire.send(post(CALL))
                assert body(wire.message()) == REPLY
                wire.close()
            calls = run.trail.calls()
            assert {(call["server"], outcome(call)) for call in calls} == {
                *(("crm", ("ok", None)), ("erp", ("ok", None))),
            }
            assert [len(server.requests) for server in (one, other)] == [1, 1]


@pytest.mark.parametrize(
    ("words", "says_so"),
    [
        ([], "nothing to do"),
        (["crm"], "no proxy 'crm' is configured"),
        (["--upstream", "http://h"], "has no listen"),
        (["--listen", "127.0.0.1:0"], "what is started by name is configured"),
        (["--upstream", "h", "--listen", "127.0.0.1:0"], "no http or https URL"),
        (["--upstream", "http://h", "--listen", "0.0.0.0:0"], "clear text"),
        (
            ["--upstream", "http://h", "--listen", "127.0.0.1:0", "--tls-cert", "x"],
            "belong together",
        ),
    ],
)
def test_what_cannot_be_started_says_why(words: list[str], says_so: str, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from indelible.cli.commands import indelible

    nothing = write(tmp_path / "none.toml", "")
    words = ["proxy", *words, "--config", str(nothing), "--state", str(tmp_path / "state")]
    done = CliRunner().invoke(indelible, words)
    assert says_so in str(done.exception)
