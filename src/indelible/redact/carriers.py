"""Detectors of secrets that only their surroundings give away.

`password = x`, `--token x`, `Authorization: Bearer x`, `scheme://user:x@host`,
`<secret>x</secret>`: a loose head is found first, its value is then read by an
anchored, bounded step.
"""

from __future__ import annotations

import re

from indelible.redact import keys, opaque, validators
from indelible.redact.detectors import MARKER, REDACTED, SUFFIX, TOKEN, Detector

_QUOTE = re.compile(r"\"{3}|'{3}|\\*[\"'`]")
_BRACKET = re.compile(r"[\[\]{}]")
# A comma, semicolon or ampersand belongs to the value unless space, the end or a name and
# an operator follow it; a quote does if a letter or digit follows.
_BARE = re.compile(
    r"(?:[^\s,;&\"'`<>\\]|\\(?![\"'`nrt])|[\"'`](?=[A-Za-z0-9])"
    r"|[,;&](?!\s|$|[\w.-]{1,40}\s?[=:]))+"
)
_END = re.compile(r"[\s\"'`,;&<>)\]}\\]|$")
_LITERALS = frozenset(
    "null none nil true false undefined str string bytes int integer bool boolean float number"
    " object optional any array list dict".split()
)
_PROSE = frozenset(
    "must the is a an was are should will can cannot not has have may to of for and or if in on"
    " be with your this that please see expired invalid missing required too wrong".split()
)
_SCHEME = re.compile(
    r"(?:bearer|basic|token|digest|apikey|negotiate|aws4-hmac-sha256)[ \t]+", re.IGNORECASE
)
_LINE = re.compile(r"[^\r\n\"'`<>\\]+")
_WORD_BEFORE = re.compile(r"[A-Za-z]+[ ]$")
_SECOND_WORDS = frozenset("key keys code codes string value phrase word header".split())
_CALL = re.compile(
    r"[A-Za-z_]+[._][A-Za-z_.]*\(|[A-Za-z_][\w.]{0,63}\([^()\n]{0,80}\)(?=[\s;,.)\]}]|$)", re.ASCII
)
# What stands for a value that is elsewhere: `${X}`, `$X`, `{{ x }}`, `os.environ['X']`.
_REFERENCE = re.compile(
    r"(?:\$\{\{?[ ]?[A-Za-z_][\w. ]{0,63}\}?\}|\$[A-Z_][A-Z0-9_]{2,63}"
    r"|\{\{[ ]?[A-Za-z_][\w. ]{0,63}\}\}"
    r"|(?:os\.environ|process\.env|import\.meta\.env|ENV)"
    r"(?:\[[\"'][A-Za-z_]\w{0,63}[\"']\]|\.[A-Z_]\w{0,63}))"
    r"(?=[\s;,.)\]}\"'`<>\\]|$)",
    re.ASCII,
)
_BLOCK = re.compile(r"[|>][+-]?[0-9]?[ \t]*\r?\n(?P<s>(?:[ \t]+[^\r\n]*(?:\r?\n|$))+)")
_NEXT_LINE = re.compile(r"[ \t]*\r?\n[ \t]*(?P<s>[^\s:=\"'`<>{}\[\]]{6,128})[ \t]*(?=[\r\n]|$)")
_RUN = re.compile(r"\\{0,8}[\"'`]{0,3}(?P<s>[^\s\"'`,;&<>?\\]{6,512}+)")
_ANNOTATION = re.compile(r"[A-Za-z][\w.]{0,24}(?:\[[^\]\n]{0,40}\])?\??[ \t]{0,4}=[ \t]{0,4}(?!=)")
_WHOLE_LINE = frozenset(["authorization", "proxyauthorization", "cookie", "setcookie"])


def value_at(text: str, at: int) -> tuple[int, int] | None:
    """Return the stretch of the value that begins at *at*, quotes left outside, or None.

    A value that is a marker already, a literal like ``null`` or has no letter
    and no digit is none.
    """
    quote = _QUOTE.match(text, at)
    if quote:
        start, end = quote.end(), _closing(text, quote[0], quote.end())
    elif text[at : at + 1] in ("[", "{"):
        start, end = at, _balanced(text, at)
        if not _END.match(text, end):
            more = _BARE.match(text, end)
            end = more.end() if more else end
    else:
        bare = _BARE.match(text, at)
        if bare is None:
            return None
        start, end = at, bare.end()
        if bare[0][-1] in ".)]}":  # the sentence's, not the secret's
            end = start + len(bare[0].rstrip(".)]}")) or end
    value = text[start:end].removesuffix(SUFFIX)
    if quote is None and value.lower().rstrip(":") in _LITERALS:
        return None
    return (start, start + len(value)) if _is_raw(value) else None


def _is_raw(value: str) -> bool:
    """Return whether *value* can be a secret: no marker and not only punctuation."""
    value = value.removesuffix(SUFFIX).strip()
    return not MARKER.fullmatch(value) and any(map(str.isalnum, value))


def _closing(text: str, quote: str, at: int) -> int:
    """Return where the string opened by *quote* ends: at the same quote, else at the end."""
    while (found := text.find(quote, at)) >= 0:
        if text[found - 1] != "\\":
            return found
        at = found + 1
    return len(text)


def _balanced(text: str, at: int) -> int:
    """Return the end of the bracketed value at *at*, or of the text if it is cut short."""
    depth = 0
    for bracket in _BRACKET.finditer(text, at):
        depth += 1 if bracket[0] in "[{" else -1
        if depth == 0:
            return bracket.end()
    return len(text)


def _names_secret(text: str, start: int, key: str) -> bool:
    """Return whether *key*, with the word before it if need be, is that of a credential."""
    if keys.is_secret(key):
        return True
    if key.lower() not in _SECOND_WORDS:
        return False
    before = _WORD_BEFORE.search(text, max(0, start - 24), start)
    return before is not None and keys.is_secret(before[0] + key)


def _assignment(match: re.Match[str]) -> tuple[int, int] | None:
    """Return the value of ``key = value`` where the key is that of a credential."""
    text, key, operator = match.string, match["key"][-keys.MAX_KEY :], match["op"].strip()
    if not _names_secret(text, match.start(), key):
        return _unsure(text, match.end(), key)
    if operator == ",":
        span = value_at(text, match.end())
        return span if span and validators.has_digit(text[slice(*span)]) else None
    if operator in (":", "=") and _fills_line(keys.words(key)):
        return _header(text, match.end())
    if operator == ":" and (below := _below(text, match.end())):
        return below
    typed = _ANNOTATION.match(text, match.end()) if operator == ":" else None
    at = typed.end() if typed else match.end()
    span = value_at(text, at)
    if span is None or _REFERENCE.match(text, span[0]):
        return None
    value = text[slice(*span)]
    quoted = span[0] > at
    if not quoted and operator != "=" and value.lower().rstrip(".,") in _PROSE:
        return None
    if operator[0] in "iIwW" and not quoted and not re.search(r"[0-9]|\w\W\w|[a-z][A-Z]", value):
        return None
    plural_count = key.lower().endswith("tokens") and value.isdecimal()
    called = not quoted and _CALL.match(text, span[0])
    return None if plural_count or called else span


def _unsure(text: str, at: int, key: str) -> tuple[int, int] | None:
    """Return the value of a name that may be that of a credential, if it looks like one."""
    short = keys.is_short_password(key)
    if not (short or keys.is_weak(key)):
        return None
    found = _RUN.match(text, at)
    if found is None:
        return None
    value = found["s"].rstrip(".,;:)]}")
    span = (found.start("s"), found.start("s") + len(value))
    if short:
        telling = len(value) >= 6 and validators.has_digit(value) and any(map(str.isalpha, value))
        return span if telling and not _CALL.match(text, span[0]) else None
    return span if opaque.is_opaque(value, digests=keys.is_qualified(key)) else None


def _below(text: str, at: int) -> tuple[int, int] | None:
    """Return the value that begins on the next line: a YAML block, or one word with a digit."""
    block = _BLOCK.match(text, at)
    if block:
        start, end = block.start("s"), block.start("s") + len(block["s"].rstrip())
        start += len(text[start:end]) - len(text[start:end].lstrip())
        return (start, end) if _is_raw(text[start:end]) else None
    line = _NEXT_LINE.match(text, at)
    return line.span("s") if line and validators.has_digit(line["s"]) else None


def _fills_line(name: tuple[str, ...]) -> bool:
    """Return whether values of this name hold spaces: header fields, phrases of words."""
    return "".join(name) in _WHOLE_LINE or name[-1:] in (("passphrase",), ("phrase",))


def _header(text: str, at: int) -> tuple[int, int] | None:
    """Return what a credential header carries up to the end of its line, its scheme kept."""
    quote = _QUOTE.match(text, at)
    at = quote.end() if quote else at
    scheme = _SCHEME.match(text, at)
    at = scheme.end() if scheme else at
    if _REFERENCE.match(text, at):
        return None
    line = _LINE.match(text, at)
    if line is None:
        return value_at(text, at) if quote is None else None
    value = line[0].removesuffix(SUFFIX).rstrip()
    return (at, at + len(value)) if _is_raw(value) else None


def _member(match: re.Match[str]) -> tuple[int, int] | None:
    """Return the value of a JSON-like member with a sensitive name, in text that is no JSON."""
    if not keys.is_sensitive(match["key"]):
        return None
    return value_at(match.string, match.end())


def _flag(match: re.Match[str]) -> tuple[int, int] | None:
    """Return the value after a credential's command-line flag."""
    return value_at(match.string, match.end()) if keys.is_secret(match["key"]) else None


def _element(match: re.Match[str]) -> tuple[int, int] | None:
    """Return the text of an XML element whose name is that of a credential."""
    named = keys.is_secret(match["key"])
    return match.span("s") if named and _is_raw(match["s"]) else None


_BEARER_PROSE = frozenset(
    "token tokens authentication auth authorization authorisation of scheme header headers is and"
    " or realm error credentials with not was the schemes format in for from".split()
)


def _authorization(match: re.Match[str]) -> tuple[int, int] | None:
    """Return the credentials after an authorization scheme (RFC 9110 section 11)."""
    scheme, value = match["scheme"], match["s"]
    if _REFERENCE.match(match.string, match.start("s")):
        return None
    if scheme.lower() == "bearer":
        telling = validators.has_digit(value) or len(value) >= 20
        spoken = value.lower().rstrip(".:") in _BEARER_PROSE
        return match.span("s") if telling or (scheme[0] == "B" and not spoken) else None
    if scheme.lower() == "basic":
        plain = validators.decode_base64(value)
        return match.span("s") if plain and b":" in plain else None
    return match.span("s") if validators.has_digit(value) and len(value) >= 12 else None


_HOST_AFTER = re.compile(r"[\w.\-\[\]:%*]++(?:[/?#,;\s\"'`<>)\\|]|$)|(?:tcp|unix)\(")
_PORT_AND_PATH = re.compile(r"[0-9]{1,5}[/?#]")


def _url_password(match: re.Match[str]) -> tuple[int, int] | None:
    """Return the password of a URL's user information (RFC 3986 section 3.2.1)."""
    text, start = match.string, match.end()
    at = text.find("@", start, start + 512)
    for _ in range(8):
        if at < 0:
            break
        value = text[start:at]
        if value and _HOST_AFTER.match(text, at + 1):
            if _PORT_AND_PATH.match(value):
                return None
            spaced = any(map(str.isspace, value)) or "://" in value
            return None if spaced or MARKER.fullmatch(value) else (start, at)
        at = text.find("@", at + 1, start + 512)
    return None


def _url_user(match: re.Match[str]) -> tuple[int, int] | None:
    """Return a URL's user where it is a key: long with digits, or with no password beside it."""
    user = match["s"]
    return match.span("s") if validators.has_digit(user) and len(user) >= 16 else None


_SECRET_STEMS = "(?:" + "|".join(keys.STEMS) + ")"
_STEMS = tuple(keys.STEMS)
_MEMBER_STEMS = (*keys.STEMS, *keys.PERSONAL_STEMS)
_BEARER = "a1B2c3D4e5F6"

DETECTORS: tuple[Detector, ...] = (
    Detector(
        "url-password", TOKEN, "://[^ /\n]*:[^\n]*@", ("://",), r"://[^\s/?#@:\"'<>]*+:",
        ("postgres://app:hunter2@db:5432/x", "redis://:p%40ss@cache", "amqp://u:p@ss/w@h/v"),
        ("http://localhost:8080/a@b", "https://example.com/", "see ://x"),
        "RFC 3986 section 3.2.1", _url_password,
    ),
    Detector(
        "url-user", TOKEN, "://[^ /\n]*@", ("://",),
        r"://(?P<s>[^\s/?#@:\"'<>]{16,}+)(?::[^\s@/]*)?@",
        ("https://4f9e1a07b3d86c25@sentry.example.com/1",), ("https://alice@example.com/",),
        "RFC 3986 section 3.2.1", _url_user,
    ),
    Detector(
        "go-dsn-password", TOKEN, r":[^\n]*@(?:tcp|unix)\(", ("@tcp(", "@unix("),
        r"(?<![\w.-])[\w.-]++:(?P<s>[^\s@:]{1,256}+)@(?:tcp|unix)\(",
        ("root:hunter2@tcp(db:3306)/x",), ("tcp(db)",), "github.com/go-sql-driver/mysql",
    ),
    Detector(
        "authorization", TOKEN,
        "(?i)(?:bearer|basic|token|apikey|splunk|ssws|hawk|digest|negotiate)[ \t]+[^ \n]{4}",
        tuple("bearer basic token apikey splunk ssws hawk digest negotiate".split()),
        r"(?ai)(?<![\w-])(?P<scheme>bearer|basic|token|apikey|splunk|ssws|hawk|digest|negotiate)"
        r"[ \t]+(?P<s>(?!\[)[^\s\"'`<>,;)\]}\\]{4,}+)",
        (f"Bearer {_BEARER}", "Bearer opaquevalue", "Basic " + "YWxhZGRpbjpvcGVuc2VzYW1l",
         "Authorization: Token " + _BEARER),
        ("Bearer authentication is required", "basic training", "the bearer of news"),
        "RFC 9110 section 11, RFC 6750, RFC 7617", _authorization,
    ),
    Detector(
        "assignment", REDACTED,
        "(?i)" + _SECRET_STEMS + "[A-Za-z0-9_.-]*(?: [A-Za-z0-9_.-]+)?"
        "[\"'`\\\\\\]]*[ \t]*(?:[:=,]|!=|->|(?:is|was)[ \t])", _STEMS,
        r"(?a)(?<![\w.\-])(?P<key>[\w.\-]++)[\"'`\\\]]{0,6}"
        r"(?P<op>[ \t]{0,64}(?:=>|:=|[!=]?=|->|:(?!:|//)|(?<=[\"'`]),(?=[ \t]{0,4}[\"'])"
        r"|(?i:(?<=[ \t])(?:is|was)(?=[ \t])))[ \t]*)"
        r"(?:\s*(?=\\*[\"']))?",
        ("password=hunter2", '{"db_password": "hunter2"}', "api key: x9", "password is hunter2",
         'cfg["token"] = "abc"', "AWS_SECRET_ACCESS_KEY=ab/cd+ef", r'{\"secret\": \"s\"}',
         "Cookie: a=b; c=d", "pin: 1234", "password -> x1", "Password:\nhunter2",
         "password: |\n  hunter2\n", "password" + " " * 40 + "= hunter2",
         'password = """hunter2"""'),
        ("max_tokens=100", "password=[REDACTED]", "token: null", "token::new", "monkey: banana",
         "token = getToken()", "api_key = os.environ['API_KEY']", "token=${GITHUB_TOKEN}",
         "if password == None:", "password: {{ vault_password }}", "secret:\n  name: x1",
         "the password must be long", "passwords: 12"[:9]),
        "OWASP logging cheat sheet: data to exclude", _assignment,
    ),
    Detector(
        "member", REDACTED,
        "(?i)(?:" + "|".join(_MEMBER_STEMS) + ")[A-Za-z0-9_. -]*\\\\*[\"'][ \t\r\n]*:",
        _MEMBER_STEMS,
        r"(?a)(?<!\\)(?P<q>\\*+[\"'])(?P<key>[\w.\- ]{1,64})(?P=q)[ \t\r\n]{0,8}:[ \t\r\n]{0,64}",
        ('{"phone": "12", ', r'x {\"e-mail\" : \"y\"}', "{'ssn': 12", '"dateOfBirth": [1, 2'),
        ('"phone_type": "x"', '"email": "[EMAIL]"', '"note": "x"'), "RFC 8259", _member,
    ),
    Detector(
        "flag", REDACTED, "(?i)-[A-Za-z0-9_-]*" + _SECRET_STEMS
        + "[A-Za-z0-9_-]*(?:[ \t]|\\\\*[\"'][ ]?,)", _STEMS,
        r"(?a)(?<![\w-])-{1,2}(?P<key>[A-Za-z][\w-]*+)"
        r"(?:[ \t]+|\\*[\"'][ ]?,[ ]?(?=\\*[\"'][^-]))(?=[^\s-])",
        ("run --token abc", "--db-password 'a b' x", '["--token", "abc", '),
        ("--max-tokens 5", "--token -v", '["--token", "-v"'),
        "POSIX.1 utility conventions", _flag,
    ),
    Detector(
        "curl-user", REDACTED, "-u|--user", ("-u",),
        r"(?<![\w-])(?:-u|--user)[ =]?[\"']?[^\s:\"'=]{1,64}:(?P<s>(?!\[)[^\s\"']{1,256}+)",
        ("curl -u alice:hunter2 https://x",), ("curl -u alice https://x", "sort -u a"),
        "curl.se/docs/manpage.html",
    ),
    Detector(
        "element", REDACTED, "(?i)<[A-Za-z0-9_:.-]*" + _SECRET_STEMS, _STEMS,
        r"(?a)<(?P<key>[\w:.\-]++)(?:\s[^<>]{0,200})?>(?:<!\[CDATA\[)?(?P<s>[^<]++)",
        ("<password><![CDATA[hunter2]]></password>",
         "<password>hunter2</password>", '<c:apiKey x="1">abc'),
        ("<token></token>", "<p>secret</p>"), "W3C XML 1.0", _element,
    ),
)  # fmt: skip
