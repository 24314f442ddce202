"""Detectors of secrets that stand where a secret is expected.

After `IDENTIFIED BY` in SQL, after `mysql -p`, in the signature of a URL, in
`<add key="Password" value="x"/>`, in the last word of a `.netrc` line.
"""

from __future__ import annotations

import re
from itertools import islice

from indelible.redact import keys, validators
from indelible.redact.carriers import value_at
from indelible.redact.detectors import REDACTED, TOKEN, Detector, Span

SHORT_FLAGS = {
    "sshpass": "-p",
    "redis-cli": "-a",
    "mongo": "-p",
    "mongosh": "-p",
    "mongodump": "-p",
    "mysql": "-p",
    "mysqldump": "-p",
    "mysqladmin": "-p",
    "mariadb": "-p",
    "sqlcmd": "-P",
    "ldapsearch": "-w",
    "psexec": "-p",
    "PsExec": "-p",
    "psexec.exe": "-p",
    "PsExec.exe": "-p",
    "docker": "-p",
    "podman": "-p",
}
"""Short flags whose value is a password, by program: as the programs' manuals say."""
GLUED = frozenset(["sshpass", "mysql", "mysqldump", "mysqladmin", "mariadb"])
"""Those that take it glued on (`-phunter2`) ..."""
GLUED_ONLY = GLUED - {"sshpass"}
"""... and those that take it in no other way."""
LOGIN_ONLY = frozenset(["docker", "podman"])

_ARGUMENT = re.compile(r"[^\s|;&\"']*(?:\"[^\"\n]*+\"?|'[^'\n]*+'?|[^\s|;&\"'])[^\s|;&\"']*")
_GLUED_FLAG = re.compile(r"[ \t]-p[^\s-]")
_WITHIN = 128
_MAX_WORDS = 12
_REST = re.compile(r"[^|;&\n]*")


def _program(match: re.Match[str]) -> Span | None:
    """Return the password among a program's arguments on a shell's command line."""
    program, text = match["p"], match.string
    flag = SHORT_FLAGS[program]
    rest = _REST.match(text, match.end(), match.end() + _WITHIN)
    end = rest.end() if rest else match.end()
    if program in LOGIN_ONLY and "login" not in text[match.end() : end].split()[:3]:
        return None
    if program in GLUED_ONLY and not _GLUED_FLAG.search(text, match.end() - 1, end):
        return None
    before = ""
    for word in islice(_ARGUMENT.finditer(text, match.end(), end), _MAX_WORDS):
        if before == flag and program not in GLUED_ONLY:
            return None if word[0].startswith("-") else value_at(text, word.start())
        if program in GLUED and word[0].startswith(flag) and len(word[0]) > len(flag):
            return value_at(text, word.start() + len(flag))
        before = word[0]
    return None


def _quoted(match: re.Match[str]) -> Span | None:
    """Return the value that follows: quoted, or with digits and letters."""
    span = value_at(match.string, match.end())
    if span is None or span[0] > match.end():
        return span
    value = match.string[slice(*span)]
    return span if len(value) >= 6 and any(map(str.isalpha, value)) else None


def _credential(match: re.Match[str]) -> Span | None:
    """Return a URL's parameter that signs or opens it."""
    sure = match["key"].lower().endswith(("signature", "sig"))
    return match.span("s") if sure or validators.has_digit(match["s"]) else None


_VALUE_ATTRIBUTE = re.compile(r"(?ai)[^<>]{0,160}?(?<![\w-])value[ ]?=[ ]?(?=\\*[\"'])")
_VALUE_ELEMENT = re.compile(r"[^<>]{0,160}>(?P<s>[^<]++)</")
_VALUE_MEMBER = re.compile(
    r"(?ai)[ \t\r\n]{0,16},[ \t\r\n]{0,16}\\*[\"'](?:value|values|val|v)\\*[\"']"
    r"[ \t\r\n]{0,8}:[ \t\r\n]{0,8}(?:\[[ \t\r\n]{0,8})?"
)


def _attribute(match: re.Match[str]) -> Span | None:
    """Return the value or the text of an XML element that is named by an attribute."""
    if not keys.is_secret(match["key"]):
        return None
    attribute = _VALUE_ATTRIBUTE.match(match.string, match.end())
    if attribute:
        return value_at(match.string, attribute.end())
    element = _VALUE_ELEMENT.match(match.string, match.end())
    return element.span("s") if element and _is_raw(element["s"]) else None


def _pair(match: re.Match[str]) -> Span | None:
    """Return the value beside a name, in JSON that could not be read as such."""
    if not keys.is_sensitive(match["key"]):
        return None
    found = _VALUE_MEMBER.match(match.string, match.end())
    return value_at(match.string, found.end()) if found else None


def _is_raw(value: str) -> bool:
    return any(map(str.isalnum, value)) and not value.strip().startswith("[")


_GAP = r"[ \t\r\n]{1,8}"
_EITHER = "|".join(sorted(map(re.escape, SHORT_FLAGS), key=len, reverse=True))

DETECTORS: tuple[Detector, ...] = (
    Detector(
        "program-password", REDACTED, f"(?:{_EITHER})[ \t](?:[^\n|;&]*[ \t])?-",
        tuple({one.lower(): None for one in SHORT_FLAGS}),
        rf"(?<![\w.-])(?P<p>{_EITHER})[ \t]++(?=-|[^|;&\n]{{0,126}}[ \t]-)",
        ("sshpass -p hunter2 ssh root@h", "mysql -uroot -phunter2 db", "redis-cli -a hunter2 ping",
         "docker login -u me -p hunter2 r", "x | sshpass -phunter2 ssh h", "sqlcmd -P 'a b'"),
        ("mysql -p db", "docker run -p 80:80 x", "mysql -u root db", "redis-cli ping"),
        "the programs' manuals", _program,
    ),
    Detector(
        "sql-password", REDACTED,
        "(?i)(?:password|identified[ \t\r\n]+(?:with[ \t\r\n]+[^ \t\r\n]+[ \t\r\n]+)?(?:by|as))"
        "[ \t\r\n]+[^ \t\r\n]",
        ("password", "identified"),
        rf"(?ai)(?<!\w)(?:password|identified{_GAP}(?:with{_GAP}\S{{1,64}}{_GAP})?(?:by|as)"
        rf"(?:{_GAP}password)?){_GAP}(?=[\"']|[^\s\"'();,]{{0,64}}[0-9])",
        ("CREATE USER bob WITH PASSWORD 'hunter2'", 'ALTER USER bob IDENTIFIED BY "hunter2"',
         "IDENTIFIED WITH mysql_native_password BY 'hunter2'", "USER x IDENTIFIED BY hUnter2;"),
        ("password policy 'x'", "IDENTIFIED BY '[REDACTED]'", "identified by 3 experts"),
        "ISO/IEC 9075", _quoted,
    ),
    Detector(
        "url-credential", TOKEN, "(?i)[?&;](?:x-amz-|x-goog-)?(?:signature|sig|code|key|auth)=",
        ("signature=", "sig=", "code=", "key=", "auth="),
        r"(?ai)[?&;](?P<key>(?:x-amz-|x-goog-)?(?:signature|sig|code|key|auth))="
        r"(?P<s>[A-Za-z0-9%+/=_.~-]{10,}+)",
        ("https://b.s3.amazonaws.com/k?X-Amz-Signature=" + "4f9e1a07b3d8" * 3,
         "https://s/k?a=1&X-Goog-Signature=" + "4f9e1a07b3d8" * 3,
         "https://h/cb?code=Zx9Kq2Lm7Rt4Wv", "https://h/v1?key=Zx9Kq2Lm7Rt4Wv"),
        ("https://h/x?code=404", "https://h/x?key=user_name_field", "f?key=[TOKEN]"),
        "docs.aws.amazon.com/AmazonS3, cloud.google.com/storage, RFC 6749", _credential,
    ),
    Detector(
        "netrc", REDACTED, "(?i)machine[ \t\r\n]+[^ \t\r\n]+[ \t\r\n]+login", ("machine",),
        rf"(?ai)(?<!\w)machine{_GAP}[^ \t\r\n]{{1,255}}{_GAP}login{_GAP}[^ \t\r\n]{{1,255}}{_GAP}"
        rf"password{_GAP}(?P<s>(?!\[)[^ \t\r\n]{{1,256}}+)",
        ("machine h.example login bob password hunter2",), ("the machine login password is old",),
        "www.gnu.org/software/inetutils (.netrc)",
    ),
    Detector(
        "attribute-pair", REDACTED, "(?i)(?:key|name)[ ]?=[ ]?\\\\*[\"']", ("key", "name"),
        r"(?ai)(?<![\w-])(?:key|name)[ ]?=[ ]?(?P<q>\\*[\"'])(?P<key>[\w.: -]{1,64})(?P=q)",
        ('<add key="ApiKey" value="hunter2"/>', '<property name="password">hunter2</property>',
         "<property name='db.password' value='hunter2'/>"),
        ('<input name="q" value="x">', '<add key="ApiKey" value=""/>', '<input name="password">'),
        "W3C XML 1.0", _attribute,
    ),
    Detector(
        "member-pair", REDACTED,
        "(?i)\"(?:name|key|header|field|variable|k|label|id)\\\\*[\"'][ \t\r\n]*:"
        "|'(?:name|key|header|field|variable|k|label|id)\\\\*[\"'][ \t\r\n]*:",
        ("name", "key", "header", "field", "variable", "k", "label", "id"),
        r"(?ai)[\"'](?:name|key|header|field|variable|k|label|id)\\*[\"']"
        r"[ \t\r\n]{0,8}:[ \t\r\n]{0,8}"
        r"\\*[\"'](?P<key>[\w.\- ]{1,64})\\*[\"']",
        ('{"name":"X-Api-Key","value":"hunter2", ', "{'key': 'password', 'value': 'hunter2'"),
        ('{"name":"X-Api-Key","note":"x"', '{"name":"Accept","value":"x"'), "RFC 8259", _pair,
    ),
)  # fmt: skip
