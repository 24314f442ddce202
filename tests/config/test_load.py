"""Reading a configuration: precedence, origins, and one clear error for what is wrong."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indelible.capture.policy import DEV, OnFailure, failure_policy
from indelible.config.decode import build, from_table, keys, value_of, variable_of
from indelible.config.lines import line_of
from indelible.config.load import load, loaded_from, parse, sha256
from indelible.config.schema import schema
from indelible.config.sections import Config
from indelible.config.write import format_toml
from indelible.errors import ConfigError, UsageError
from tests.config.written import CHARACTERS, configs, takes_text, write

FLAG = {("failure", "profile"): ("compliance", "--profile")}


def parsed(text: str) -> Config:
    return build(parse(text.encode(), "f.toml")[0])


@pytest.mark.requirement("config.round-trip")
@given(configs())
def test_any_configuration_is_written_and_read_back_the_same(config) -> None:
    assert parsed(format_toml(config)) == config
    assert parsed(format_toml(config, {("state", "directory"): "env\nx = 1"})) == config
    assert loaded_from(config, {}).config == config


@pytest.mark.requirement("config.schema")
@given(configs())
def test_the_schema_takes_what_is_written(config) -> None:
    jsonschema.validate(tomllib.loads(format_toml(config)), schema())


@settings(max_examples=30)
@given(configs(), configs())
def test_two_configurations_have_one_hash_only_if_they_are_the_same(one, other) -> None:
    assert (sha256(one) == sha256(other)) == (one == other)


def test_the_order_of_tools_counts() -> None:
    one, other = '[tools."a*"]\nlevel="args"\n', '[tools."*b"]\nlevel="none"\n'
    assert sha256(parsed(one + other)) != sha256(parsed(other + one))


@pytest.mark.requirement("config.hostile-file")
@given(
    st.binary(max_size=200)
    | st.text(CHARACTERS, max_size=60).map(lambda t: f"[failure]\nprofile = {t}".encode())
    | st.text(CHARACTERS, max_size=60).map(lambda t: f'[tools."{t}"]\neffect = "read"'.encode())
)
@example(b"a = " + b"[" * 200_000)
@example(b"a = " + b"9" * 5_000)
@example(b".".join([b"a"] * 50_000) + b" = 1")
@example(b'[tools]\n"" = {}')
@example(b"\xef\xbb\xbf[capture]")
@example(b"[capture]\r\nread = 'none'\r\n")
def test_any_bytes_are_a_configuration_or_an_error(data) -> None:
    refused = None
    try:
        assert isinstance(build(parse(data, "f.toml")[0]), Config)
    except ConfigError as error:
        refused = error
    if refused is not None:
        assert str(refused).startswith("f.toml")
        assert str(refused).isprintable()
        assert refused.hint


@pytest.mark.requirement("config.one-error")
@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("\n[failur]\n", "f.toml:2: failur: unknown key", "did you mean failure?"),
        (
            '[failure]\n# profil\n\nprofil = "dev"',
            "f.toml:4: failure.profil: unknown key",
            "did you mean failure.profile?",
        ),
        (
            '[capture]\nread = "metadat"',
            "f.toml:2: capture.read: 'metadat' is none of none, metadata, args, result",
            'did you mean "metadata"?',
        ),
        (
            '[tools."a.*"]\nefect = "read"',
            'f.toml:2: tools."a.*".efect: unknown key',
            'did you mean tools."a.*".effect?',
        ),
        (
            '[failure]\nkeep = "disk"',
            "f.toml:2: failure.keep: 'disk' is not there yet; now: os",
            "schema",
        ),
        (
            '[identity]\ntrusted_proxies = [\n  "10.0.0.1/8",\n]',
            "f.toml:2: identity.trusted_proxies: 10.0.0.1/8 has host bits set",
            "schema",
        ),
        ("[state]\ndirectory = 'a/b'", "f.toml:2: state.directory: 'a/b' is no absolute", ""),
        ("[identity]\nactor = ['token', 'token']", "f.toml:2: identity.actor: an item", ""),
        ("tools = 3", "f.toml:1: tools: 3 where a table belongs", "[tools]"),
        ("[tools]\nx = 1", "f.toml:2: tools.x: 1 where a table belongs", "[tools."),
        ("[capture]\nresults = []", "f.toml:2: capture.results: a list is none of", ""),
        ("[server]\nversion = 3", "f.toml:2: server.version: 3 is no text", ""),
        ('[server]\nname = "\\u202e"', "f.toml:2: server.name: it has characters", ""),
        ("[server\n", "f.toml: no TOML: ", "toml.io"),
        (
            "[identity.headers]\nid = 'x y'",
            "f.toml:2: identity.headers.id: 'x y' is no name",
            "",
        ),
        ('[tools.a]\ntarget="path"', "f.toml:2: tools.a.target: 'path' names no argument", ""),
    ],
)
def test_what_is_wrong_is_said_with_line_key_and_nearest_name(text, says, hint) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text.encode(), "f.toml")
    assert str(caught.value).startswith(says)
    assert hint in caught.value.hint
    assert isinstance(caught.value, UsageError)


@given(configs())
def test_the_line_of_every_key_is_found(config) -> None:
    text = format_toml(config)
    values = from_table(tomllib.loads(text))
    lines = text.split("\n")
    for path in values:
        line = line_of(text, path)
        # A name that stands in many lines is looked for in the first of them only.
        assert line is None or lines[line - 1].startswith(f"{path[-1]} = ")
    assert line_of(text, ("failure", "profile"))


@pytest.mark.requirement("config.precedence")
def test_a_flag_is_stronger_than_a_variable_than_a_file_than_a_default(tmp_path) -> None:
    file = write(
        tmp_path / "indelible.toml",
        '[capture]\nread = "args"\nwrite = "args"\n[server]\nname = "a"\nversion = "1"\n',
    )
    environment = {"INDELIBLE_CAPTURE__READ": "metadata", "INDELIBLE_SERVER__NAME": "b"}
    flags = {("server", "name"): ("c", "--server")}

    loaded = load(environment=environment, directory=str(tmp_path), flags=flags)

    assert loaded.config.capture.read == "metadata"
    assert loaded.config.capture.write == "args"
    assert loaded.config.capture.destructive == "result"
    assert (loaded.config.server.name, loaded.config.server.version) == ("c", "1")
    assert dict(loaded.origins) == {
        ("capture", "read"): "env INDELIBLE_CAPTURE__READ",
        ("capture", "write"): str(file),
        ("server", "name"): "flag --server",
        ("server", "version"): str(file),
    }
    shown = format_toml(loaded.config, loaded.origins)
    assert 'read = "metadata"  # env INDELIBLE_CAPTURE__READ\n' in shown
    assert 'destructive = "result"  # default\n' in shown


def test_a_profile_silences_the_classes_of_weaker_sources(tmp_path) -> None:
    write(tmp_path / "indelible.toml", '[failure]\nprofile="dev"\ndestructive="proceed"\n')
    plain = load(environment={}, directory=str(tmp_path)).config.failure
    flagged = load(environment={}, directory=str(tmp_path), flags=FLAG).config.failure
    both = {"INDELIBLE_FAILURE__WRITE": "spool"}
    varied = load(environment=both, directory=str(tmp_path)).config.failure

    assert failure_policy(plain).of("destructive") is OnFailure.PROCEED
    assert failure_policy(flagged).of("destructive") is OnFailure.REFUSE
    assert (varied.write, varied.destructive) == ("spool", "proceed")


def test_each_class_has_its_own_policy() -> None:
    policy = failure_policy(parsed('[failure]\nundeclared="refuse"\nwrite="proceed"').failure)
    effects = ("read", "undeclared", "write", "destructive")
    assert [policy.of(effect).value for effect in effects] == [
        "proceed",
        "refuse",
        "proceed",
        "spool",
    ]
    assert all(failure_policy(Config().failure).of(e) == DEV.of(e) for e in effects)


@pytest.mark.requirement("config.environment")
@pytest.mark.parametrize("key", list(keys()), ids=lambda key: ".".join(key.path))
def test_every_key_has_its_variable(key) -> None:
    name = variable_of(key.path)
    text = {"state": "/x", "actor": "os-user", "trusted_proxies": "::1", "keep": "os"}
    words = [text.get(key.path[-1], text.get(key.path[0], "")), "args", "redacted", "refuse"]
    words += ["compliance", "x-name", "https://idp.example", "/x", "RS256", "true", "20", "ignore"]
    word = next(w for w in words if w and takes_text(key.kind, w))

    loaded = load(environment={name: word})

    assert loaded.origins == {key.path: f"env {name}"}
    assert value_of(loaded.config, key.path) == key.kind.read_text(word)


def test_a_list_in_a_variable_is_parted_by_commas() -> None:
    name = "INDELIBLE_IDENTITY__TRUSTED_PROXIES"
    loaded = load(environment={name: "10.0.0.0/8, ::1"}).config.identity
    assert loaded.trusted_proxies == ("10.0.0.0/8", "::1")
    assert load(environment={name: ""}).config.identity.trusted_proxies == ()


@pytest.mark.parametrize(
    ("name", "says", "hint"),
    [
        ("INDELIBLE_CAPTURE__REED", "unknown variable INDELIBLE_CAPTURE__REED", "_CAPTURE__READ?"),
        ("INDELIBLE_TOOLS__X__LEVEL", "unknown variable", "in a file only"),
        ("INDELIBLE_X__Y", "unknown variable", ""),
        ("INDELIBLE_CAPTURE__READ", "INDELIBLE_CAPTURE__READ: 'x' is none of", ""),
    ],
)
def test_a_wrong_variable_is_an_error(name, says, hint) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environment={name: "x"})
    assert str(caught.value).startswith(says)
    assert hint in caught.value.hint


def test_variables_without_two_underscores_are_no_keys() -> None:
    environment = {"INDELIBLE_TRACEBACK": "1", "INDELIBLE_STATE_DIR": "s", "XINDELIBLE_A__B": "1"}
    loaded = load(environment=environment)
    assert loaded.config == dataclasses.replace(
        Config(), state=dataclasses.replace(Config().state, directory="s")
    )
    assert loaded.origins == {("state", "directory"): "env INDELIBLE_STATE_DIR"}


def test_the_directory_by_its_key_is_stronger_than_by_its_short_name() -> None:
    environment = {"INDELIBLE_STATE_DIR": "/short", "INDELIBLE_STATE__DIRECTORY": "/key"}
    assert load(environment=environment).config.state.directory == "/key"


def test_a_configuration_given_as_it_is_still_yields_to_flags() -> None:
    config = parsed('[failure]\nprofile="dev"\n[tools.x]\nlevel="none"')
    loaded = loaded_from(config, FLAG)
    assert loaded.config.failure.profile == "compliance"
    assert loaded.config.tools == config.tools


def test_the_hash_is_of_the_values_alone(tmp_path) -> None:
    write(tmp_path / "a" / "indelible.toml", '# a comment\n[capture]\nread = "args"\n')
    write(tmp_path / "b" / "indelible.toml", 'capture = { read = "args" }')
    one, other = (load(environment={}, directory=str(tmp_path / d)) for d in "ab")
    named = load(environment={"INDELIBLE_CAPTURE__READ": "args"})
    assert sha256(one.config) == sha256(other.config) == sha256(named.config)
    assert Path(str(one.source.file)).parent.name == "a"
