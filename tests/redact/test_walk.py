"""What the scrubber keeps and what it replaces: the guide, planted secrets, the bounds."""

from __future__ import annotations

import base64
import copy
import json
import math

import pytest

from indelible.model.canonical import encode
from indelible.model.event import Unreadable
from indelible.redact import gate
from indelible.redact.walk import Note, Scrubbed, scrubber

PURE = scrubber(prefer_re2=False)
FAST = scrubber()
FAST.load()


@pytest.fixture(params=[PURE, FAST], ids=["pure", "re2"])
def scrub(request: pytest.FixtureRequest):
    return request.param


def nested(depth: int, inner: object) -> object:
    for _ in range(depth):
        inner = [inner]
    return inner


class TestTheGuide:
    @pytest.mark.requirement("redact.nested-password")
    @pytest.mark.requirement("redact.guide-keys")
    @pytest.mark.parametrize(
        "key", ["email", "password", "token", "secret", "ssn", "phone", "creditCard", "creditcard"]
    )
    @pytest.mark.parametrize("value", ["x", 7, 1.5, ["a"], {"b": "c"}, ""])
    def test_a_sensitive_key_is_redacted_whatever_its_type_and_depth(
        self, scrub, key, value
    ) -> None:
        assert {"a": [{key: "[REDACTED]"}]} == scrub.value({"a": [{key: value}]}).value

    @pytest.mark.parametrize("value", [None, True, False])
    def test_booleans_and_null_under_a_sensitive_key_are_kept(self, scrub, value) -> None:
        assert Scrubbed({"password": value}) == scrub.value({"password": value})

    @pytest.mark.requirement("redact.guide-values")
    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("mail bob@example.com now", "mail [EMAIL] now"),
            ("card 4111-1111-1111-1111.", "card [CARD]."),
            ("card 4111 1111 1111 1111", "card [CARD]"),
            ("use ghp_abc123", "use [TOKEN]"),
            ("use sk-abc123", "use [TOKEN]"),
            ("use xoxb-123-abc", "use [TOKEN]"),
            ("Authorization: Bearer abc", "Authorization: Bearer [TOKEN]"),
            ("sent Bearer opaque", "sent Bearer [TOKEN]"),
        ],
    )
    def test_its_value_patterns(self, scrub, text, kept) -> None:
        assert kept.replace("[TOKEN]", "") == scrub.value(text).value.replace(
            "[TOKEN]", ""
        ).replace("[REDACTED]", "")

    @pytest.mark.requirement("redact.truncation-last")
    def test_strings_over_500_keep_200_and_say_so(self, scrub) -> None:
        kept = "word " * 40 + " ... [TRUNCATED]"
        assert kept == scrub.value("word " * 101).value
        assert "word " * 100 == scrub.value("word " * 100).value

    @pytest.mark.requirement("redact.error-text")
    def test_error_text_is_at_most_500_characters_with_its_suffix(self, scrub) -> None:
        text = scrub.text("no such file " * 100).value
        assert len(text) == 500
        assert text.endswith(" ... [TRUNCATED]")
        assert scrub.text("no such file").value == "no such file"


PLANTED = {
    "nested password": ({"db": {"conn": {"password": "N3sted-pw!"}}}, "N3sted-pw!"),
    "key in free text": ({"q": "use sk-proj-Abc123Def456Ghi789 here"}, "Abc123Def456Ghi789"),
    "json in a string": ({"body": '{"user":"x","password":"Str1ng-pw"}'}, "Str1ng-pw"),
    "dsn password": ({"url": "postgres://app:Dsn-pw-77@db:5432/x"}, "Dsn-pw-77"),
    "aws key": ({"content": [{"text": "id AKIAIOSFODNN7EXAMPLE"}]}, "IOSFODNN7EXAMPLE"),
    "aws secret": (
        {"t": "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
        "K7MDENG",
    ),
    "e-mail": ({"to": "alice.jones@example.org"}, "alice.jones"),
    "flag list": ({"args": ["--token", "abcdefgh1"]}, "abcdefgh1"),
    "header pair": ({"headers": [{"name": "X-Api-Key", "value": "abcdefgh1"}]}, "abcdefgh1"),
    "yaml": ({"file": "db:\n  password: hunter2-abc\n  port: 1"}, "hunter2-abc"),
    "python": ({"src": 'cfg["api_key"] = "hunter2-abc"'}, "hunter2-abc"),
    "query": ({"u": "https://x.org/a?access_token=hunter2abc&b=1"}, "hunter2abc"),
    "cookie": ({"h": "Cookie: sid=hunter2abc; b=hunter2abd"}, "hunter2ab"),
    "pem": ({"k": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg"}, "MIIEvQIBADANBg"),
    "long pem": ({"k": "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEvQIB\n" * 900}, "MIIEvQIB"),
    "cut json": ({"k": '{"phone": "12 34 5678", "x": "' + "y" * 5000}, "12 34 5678"),
    "two cards": ({"k": "4111 1111 1111 1111 5555 5555 5555 4444"}, "5555 4444"),
    "ascii soft hyphen": ({"k": "ghp_abc\u00addefghijklm"}, "defghijklm"),
    "fullwidth": ({"k": "ｂｏｂ.smith＠example.com"}, "ｓｍｉｔｈ"),
    "base64": ({"k": base64.b64encode(b'{"password":"hunter2"}').decode()}, "InBhc3N3b3Jk"),
    "percent": ({"k": "u=bob.smith%40example.com"}, "bob.smith"),
    "escape": ({"k": "bob.smith\\u0040example.com"}, "bob.smith"),
    "keys": ({"alice.jones@example.org": 1}, "alice.jones"),
    "long key": ({"sk-proj-Abc123Def456Ghi789" + "0" * 300: 1}, "Abc123Def456"),
    "duplicate keys": ({"j": '{"password":"hunter2-abc","password":null}'}, "hunter2-abc"),
    "integer card": ({"n": 4111111111111111}, "4111111111111111"),
    "pair": ({"headers": [["X-Api-Key", "abcdefgh1"], ["Accept", "x"]]}, "abcdefgh1"),
    "flat headers": ({"rawHeaders": ["Host", "h", "X-Api-Key", "abcdefgh1"]}, "abcdefgh1"),
    "values": ({"name": "X-Api-Key", "values": ["abcdefgh1"]}, "abcdefgh1"),
    "shouting": ({"NAME": "password", "VALUE": "abcdefgh1"}, "abcdefgh1"),
    "short names": ({"k": "password", "v": "abcdefgh1"}, "abcdefgh1"),
    "label": ({"label": "Password", "value": "abcdefgh1"}, "abcdefgh1"),
    "id": ({"id": "password", "value": "abcdefgh1"}, "abcdefgh1"),
    "selector": ({"selector": "input[name=password]", "value": "abcdefgh1"}, "abcdefgh1"),
    "form field": ({"element": "Password field", "text": "abcdefgh1"}, "abcdefgh1"),
    "json patch": ({"op": "add", "path": "/spec/password", "value": "abcdefgh1"}, "abcdefgh1"),
    "docker auth": ({"auths": {"r": {"auth": "Ym9iOlMzY3IzdHZhbHVl"}}}, "Ym9iOlMzY3IzdHZhbHVl"),
    "jwk d": ({"kty": "RSA", "n": "x", "d": "Zx9Kq2Lm7Rt4"}, "Zx9Kq2Lm7Rt4"),
    "jwk k": ({"keys": [{"kty": "oct", "k": "Zx9Kq2Lm7Rt4"}]}, "Zx9Kq2Lm7Rt4"),
    "key in lines": (
        {"lines": ["-----BEGIN RSA PRIVATE KEY-----", "MIIEowIB", "-----END RSA PRIVATE KEY-----"]},
        "MIIEowIB",
    ),
    "float card": ({"n": 4111111111111111.0}, "4111111111111111"),
    "sql": ({"q": "CREATE USER bob WITH PASSWORD 'S3cr3tvalue'"}, "S3cr3tvalue"),
    "signed url": ({"u": "https://s/k?X-Amz-Signature=4f9e1a07b3d86c25"}, "4f9e1a07b3d86c25"),
    "program": ({"c": "sudo mysql -uroot -pS3cr3tvalue db"}, "S3cr3tvalue"),
    "yaml block": ({"t": "a: 1\npassword: |\n  S3cr3tvalue\nb: 2"}, "S3cr3tvalue"),
    "next line": ({"t": "Password:\nS3cr3tvalue"}, "S3cr3tvalue"),
    "netrc": ({"t": "machine h login bob password S3cr3tvalue"}, "S3cr3tvalue"),
    "xml pair": ({"t": '<add key="Password" value="S3cr3tvalue"/>'}, "S3cr3tvalue"),
    "long json pair": (
        {"t": json.dumps({"name": "X-Api-Key", "value": "S3cr3tvalue", "pad": "p" * 3000})},
        "S3cr3tvalue",
    ),
    "long json flag": ({"t": json.dumps(["--token", "S3cr3tvalue", "p" * 3000])}, "S3cr3tvalue"),
    "phrase": ({"t": "wallet seed phrase: correct horse battery staple"}, "staple"),
    "glued marker": ({"n": "password=[REDACTED]hunter2-abc"}, "hunter2-abc"),
}


# What gives it away is lost when the value is only part of a text.
ONLY_STRUCTURED = frozenset(
    "integer card|float card|keys|fullwidth|long pem|pair|flat headers|shouting"
    "|selector|form field|json patch|docker auth|jwk d|jwk k|yaml block|next line|long json flag"
    "|long json pair".split("|")
)


@pytest.mark.requirement("redact.json-in-strings")
@pytest.mark.parametrize("case", PLANTED)
def test_planted_secrets_are_gone_from_value_notes_and_error_text(scrub, case) -> None:
    value, secret = PLANTED[case]
    before = copy.deepcopy(value)
    result = scrub.value(value, "/args")
    assert value == before
    assert result.count >= 1
    assert secret not in encode(result.value).decode()
    assert secret not in repr(result)
    echoed = scrub.text(f"call failed with {json.dumps(value)}")
    if case not in ONLY_STRUCTURED:
        assert secret not in str(echoed.value), echoed.value


def test_notes_say_where_and_by_which_rule(scrub) -> None:
    value = {"a/b": [{"password": "x"}, "mail bob@example.com"], "bob@example.com": {"token": 1}}
    assert (
        Note("/args/a~1b/0/password", "key"),
        Note("/args/a~1b/1", "email"),
        Note("/args", "email"),
        Note("/args/[EMAIL]/token", "key"),
    ) == scrub.value(value, "/args").notes


def test_keys_that_become_the_same_stay_apart(scrub) -> None:
    kept = scrub.value({"a@example.com": 1, "b@example.com": 2}).value
    assert {"[EMAIL]": 1, "[EMAIL] #2": 2} == kept


def test_json_in_a_string_is_untouched_unless_something_was_redacted(scrub) -> None:
    untouched = '{ "a" : [1,  2], "b": "c" }'
    assert untouched == scrub.value(untouched).value
    twice = json.dumps(json.dumps({"password": "hunter2", "n": 1}))
    assert json.loads(json.loads(scrub.value(twice).value)) == {"password": "[REDACTED]", "n": 1}


class TestBounds:
    @pytest.mark.parametrize(
        ("value", "kept"),
        [
            (math.nan, "NaN"),
            (math.inf, "Infinity"),
            (-math.inf, "-Infinity"),
            (2**53, str(2**53)),
            (2**53 - 1, 2**53 - 1),
            (-(2**60), str(-(2**60))),
            (1 << 5000, "[UNREDACTABLE]"),
            ("a\ud800b", "a\ufffdb"),
            (Unreadable.TOO_LARGE, "[UNREDACTABLE]"),
            (object(), "[UNREDACTABLE]"),
            (b"bytes", "[UNREDACTABLE]"),
            ({1: "a"}, {"1": "a"}),
            (("a", 1), ["a", 1]),
        ],
    )
    def test_what_json_cannot_hold(self, scrub, value, kept) -> None:
        result = scrub.value({"x": value}).value
        assert {"x": kept} == result
        encode(result)

    def test_unknown_objects_are_never_asked_for_their_text(self, scrub) -> None:
        class Spy:
            def __repr__(self) -> str:
                raise AssertionError

            __str__ = __repr__

        assert scrub.value([Spy()]).value == ["[UNREDACTABLE]"]

    @pytest.mark.requirement("redact.never-raw")
    def test_depth(self, scrub) -> None:
        assert scrub.value(nested(32, 1)).value == nested(32, 1)
        assert scrub.value(nested(33, 1)).value == nested(32, "[UNREDACTABLE]")
        encode(scrub.value(nested(900, 1)).value)

    @pytest.mark.requirement("redact.never-raw")
    def test_nodes(self, scrub) -> None:
        kept = scrub.value([0] * 5000).value
        assert kept == [0] * 2000 + ["... [TRUNCATED 3000 more]"]
        assert scrub.value(kept).value == kept
        kept = scrub.value({f"k{n}": n for n in range(3000)}).value
        assert kept["... [TRUNCATED]"] == "1000 more"
        assert scrub.value(kept).value == kept

    def test_text(self, scrub) -> None:
        kept = scrub.value(["word " * 90] * 300).value
        assert kept[0] == "word " * 90
        assert kept[-1] == "[UNREDACTABLE]"

    def test_matches(self, scrub) -> None:
        assert scrub.value("a@b.co " * 65).value == "[UNREDACTABLE]"
        assert "a@b.co" not in scrub.value("a@b.co " * 64).value

    def test_work(self, scrub) -> None:
        kept = scrub.value(["mail bob@example.com, x=1"] * 1999)
        assert kept.value[0] == "mail [EMAIL], x=1"
        assert kept.value[-1] == "[UNREDACTABLE]"
        assert kept.notes[-1].rule == "email"

    def test_output(self, scrub) -> None:
        for text in ("\x01" * 400, "\U0001f600" * 400, '"\\' * 200, "é" * 500):
            assert len(encode(scrub.value([text] * 1999).value)) < 256 * 1024
            keys = {f"{text[:100]}{n}": text for n in range(1900)}
            assert len(encode(scrub.value(keys).value)) < 256 * 1024


class TestCommandLines:
    @pytest.mark.parametrize(
        ("argv", "kept"),
        [
            (["x", "--token", "abc"], ["x", "--token", "[REDACTED]"]),
            (["x", "--api-key=abc d"], ["x", "--api-key=[REDACTED]"]),
            (["env", "DB_PASSWORD=a b", "x"], ["env", "DB_PASSWORD=[REDACTED]", "x"]),
            (["x", "redis://:pw@h/0"], ["x", "redis://:[TOKEN]@h/0"]),
            (["x", "--port", "80", "-p", "81"], ["x", "--port", "80", "-p", "81"]),
            (["/usr/bin/mysql", "-phunter2", "-p", "db"],
             ["/usr/bin/mysql", "-p[REDACTED]", "-p", "db"]),
            (["sshpass", "-p", "hunter2", "ssh"], ["sshpass", "-p", "[REDACTED]", "ssh"]),
            (["docker", "login", "-p", "pw"], ["docker", "login", "-p", "[REDACTED]"]),
            (["docker", "run", "-p", "80:80"], ["docker", "run", "-p", "80:80"]),
            (["curl", "-u", "bob:pw", "https://x"], ["curl", "-u", "bob:[REDACTED]", "https://x"]),
            (["x", "-H", "X-Api-Key: abc"], ["x", "-H", "X-Api-Key: [REDACTED]"]),
            (["npx", "-y", "@modelcontextprotocol/server-filesystem", "/srv"],
             ["npx", "-y", "@modelcontextprotocol/server-filesystem", "/srv"]),
            (["env", "A=b", "sshpass", "-p", "pw", "ssh"],
             ["env", "A=b", "sshpass", "-p", "[REDACTED]", "ssh"]),
            (["sudo", "-n", "mysql", "-phunter2"], ["sudo", "-n", "mysql", "-p[REDACTED]"]),
            (["sh", "-c", "sshpass -p hunter2 ssh h"], ["sh", "-c", "sshpass -p [REDACTED] ssh h"]),
            (["java", "-DapiKey=pw", "-Dname=x"], ["java", "-DapiKey=[REDACTED]", "-Dname=x"]),
            (["x", "--auth", "me:pw"], ["x", "--auth", "me:[REDACTED]"]),
            (["x", "--auth", "oauth"], ["x", "--auth", "oauth"]),
            (["x", "--pat", "pw", "--bearer", "pw"],
             ["x", "--pat", "[REDACTED]", "--bearer", "[REDACTED]"]),
            (["x", "--pat=pw"], ["x", "--pat=[REDACTED]"]),
            (["x", "--max-tokens", "5"], ["x", "--max-tokens", "5"]),
            ([], []),
        ],
    )  # fmt: skip
    def test_argv(self, scrub, argv, kept) -> None:
        before = list(argv)
        assert kept == scrub.argv(argv).value
        assert argv == before
        assert kept == scrub.argv(kept).value

    def test_a_long_command_line_is_cut(self, scrub) -> None:
        assert scrub.argv(["a"] * 600).value[-1] == "... [TRUNCATED 88 more]"


BENIGN = [
    "The quick brown fox jumps over the lazy dog.",
    "550e8400-e29b-41d4-a716-446655440000",
    "2026-11-24T04:13:07.123456+02:00",
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
    "1732421048000",
    "978-3-16-148410-0",
    "/usr/local/lib/python3.11/site-packages/hypothesis/strategies/_internal/core.py",
    "https://example.com/path/to?page=2&sort=desc#top",
    "http://localhost:8080/a@b",
    "SELECT id, name FROM users WHERE created_at > '2026-01-01' LIMIT 10",
    "risk-adjusted task-list disk-usage",
    "npm install @types/node@20.1.0",
    "git clone git@github.com:acme/tool.git",
    "max_tokens=100, temperature=0.5",
    "def get_token(self): return self._token",
    "Bearer authentication is required",
    "icon@2x.png",
    "192.168.1.100:8443",
    "total 1,234,567.89 EUR",
    "x = 3.141592653589793238",
    "const token = getToken()",
    "api_key = os.environ['API_KEY']",
    "token: process.env.API_TOKEN,",
    "Authorization: Bearer ${TOKEN}",
    "password: {{ vault_password }}",
    "if password == None:",
    "secret:\n  name: db-secret-1\n",
    "password:\n- one\n- two",
    "it costs $5 or $6, not $1$",
    '<input name="password" type="password">',
    "mysql -u root -p db",
    "docker run -p 8080:80 nginx",
    "https://example.com/?code=404&key=some_name",
    "the machine login password is old",
    "order 4111.1111.1111.1112",
    "a1b2c3d4e5f64111111111111111111a",
    "{}",
    "",
]


@pytest.mark.parametrize("text", BENIGN)
def test_benign_text_is_not_altered(scrub, text) -> None:
    assert Scrubbed({"v": text}) == scrub.value({"v": text})
    assert scrub.is_clean(text)


@pytest.mark.parametrize(
    "value",
    [
        {"path": "/etc/token", "text": "some words", "content": "x"},
        {"columns": ["id", "email"], "rows": [["a", "b"], ["c", "d"]]},
        {"lines": ["-----BEGIN CERTIFICATE-----", "MIIEowIB", "-----END CERTIFICATE-----"]},
        {"d": "x", "k": "y", "auth": "oauth"},
        {"selector": "#name", "text": "Bob"},
        {"type": "string", "value": "x"},
        {"t": 1732421048123.0, "u": -4111111111111111.0 / 7},
    ],
)
def test_benign_values_are_not_altered(scrub, value) -> None:
    assert Scrubbed(value) == scrub.value(value)


def test_is_clean_says_whether_a_name_may_stand_in_a_header(scrub) -> None:
    assert scrub.is_clean("delete_file")
    assert not scrub.is_clean("send to bob@example.com")
    assert not scrub.is_clean("x" * 501)


def test_a_progress_token_is_kept(scrub) -> None:
    value = {"name": "t", "arguments": {"q": "x"}, "_meta": {"progressToken": 7}}
    assert Scrubbed(value) == scrub.value(value)


def test_a_clean_value_costs_one_look_at_the_gate() -> None:
    class Counting(gate.PureGate):
        calls = 0

        def fired(self, text: str):
            self.calls += 1
            return super().fired(text)

    counting = Counting()
    from indelible.redact.walk import Scrubber

    value = {"q": "hello", "a": ["x", "y"], "n": 1}
    result = Scrubber(counting).value(value)
    assert result == Scrubbed(value)
    assert result.value is not value
    assert counting.calls == 1


def test_a_scrubber_redacts_before_load_and_alike_after() -> None:
    fresh = scrubber()
    before = fresh.value({"q": "mail bob@example.com", "password": "x"})
    fresh.load()
    fresh.load()
    assert before == fresh.value({"q": "mail bob@example.com", "password": "x"})


def test_hundreds_of_names_that_become_the_same_stay_apart(scrub) -> None:
    kept = scrub.value({f"user{n}@example.com": n for n in range(400)}).value
    assert list(kept.values()) == list(range(400))
    assert "[EMAIL] #400" in kept
