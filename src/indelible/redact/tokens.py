"""Detectors of credentials that carry their own mark: the published provider formats.

The patterns are ours, written from the formats that the providers document.
Lengths are minimums and runs are taken whole, so that a longer format of
tomorrow leaves no half of a secret behind.
"""

from __future__ import annotations

import re

from indelible.redact import marks, validators
from indelible.redact.detectors import TOKEN, Check, Detector

_FREE = "(?:^|[^A-Za-z0-9])"
_SAMPLE = "4f9e1a07b3d86c25"

# Parts of a longer token, as where one is a JWT behind a mark.
_MORE_PARTS = r"(?:\.[A-Za-z0-9_-]{16,}+)*"
_GLUED = ("github",)
"""Short marks that end no word."""


def _marked(name: str, row: str, alphabet: str, least: int, source: str) -> Detector:
    """Return the detector of tokens that begin with one of the marks in *row*."""
    prefixes = tuple(row.split())
    either = "(?:" + "|".join(map(re.escape, prefixes)) + ")"
    # A short or letters-only mark also ends ordinary words ("audio1//0", "specific-").
    glued = name in _GLUED or all(len(one) > 4 and not one.isalnum() for one in prefixes)
    shortest = all(one.isalnum() and len(one) < 5 for one in prefixes)
    body = (_SAMPLE.upper() if alphabet == marks.UPPER else _SAMPLE) * 4
    return Detector(
        name=name,
        label=TOKEN,
        gate=("" if glued else _FREE) + either + alphabet + "{3}",
        literals=tuple(prefix.lower() for prefix in prefixes),
        # In base64, `/` and `+` come before anything.
        pattern=("" if glued else f"(?<![A-Za-z0-9{'+/' if shortest else ''}])")
        + f"{either}(?P<body>{alphabet}{{{least},}}+){_MORE_PARTS}",
        examples=tuple(prefix + body[: max(least, 24)] for prefix in prefixes),
        counterexamples=(prefixes[0] + body[:2] + " ok", "nothing to see here"),
        source=source,
        check=_after_mark,
    )


def _after_mark(match: re.Match[str]) -> tuple[int, int] | None:
    """Return the token, unless words follow the mark or it is only the end of a word."""
    body, start = match["body"], match.start()
    if match.string[start - 1 : start].isalnum() and not (
        len(body) >= 16 and validators.has_digit(body)
    ):
        return None
    words = body == body.lower() and not validators.has_digit(body)
    return None if words and not body.isalnum() else match.span()


def _shaped(  # noqa: PLR0917 - a row of the table
    name: str,
    gate: str,
    literals: str,
    pattern: str,
    examples: tuple[str, ...],
    source: str,
    *,
    check: Check | None = None,
    counterexamples: tuple[str, ...] = ("nothing to see here",),
) -> Detector:
    """Return a detector of tokens whose shape is more than a mark and a run."""
    found = tuple(literals.split())
    return Detector(name, TOKEN, gate, found, pattern, examples, counterexamples, source, check)


def _sk_key(match: re.Match[str]) -> tuple[int, int] | None:
    """Return an `sk-` key: a digit, capitals or a known infix tell it from a word with dashes."""
    body = match[0][3:]
    telling = validators.has_digit(body) or body != body.lower() or "-" not in body
    known = body.startswith(("proj-", "ant-", "or-", "svcacct-", "admin-", "live-", "test-", "lf-"))
    return match.span() if telling or known else None


def _with_digits(match: re.Match[str]) -> tuple[int, int] | None:
    """Return *match* unless it is words, or a zeroed buffer in base64."""
    return match.span() if validators.has_digit(match[0]) else None


def _mixed(match: re.Match[str]) -> tuple[int, int] | None:
    """Return *match* if it has both cases: it is no digest."""
    return match.span() if match[0] not in (match[0].lower(), match[0].upper()) else None


def _bootstrap(match: re.Match[str]) -> tuple[int, int] | None:
    """Return a bootstrap token: digits and letters in both parts."""
    parts = (match["id"], match["s"])
    plain = any(part.isdigit() or not validators.has_digit(part) for part in parts)
    return None if plain else match.span()


def _second_random(match: re.Match[str]) -> tuple[int, int] | None:
    """Return *match* if its second part has digits and is no digest itself."""
    part = match[0].partition(".")[2]
    digest = part == part.lower() and set(part) <= set("0123456789abcdef")
    return match.span() if validators.has_digit(part) and not digest else None


def _pem(match: re.Match[str]) -> tuple[int, int]:
    """Return the private key from its BEGIN to its END line, or to the end of the text."""
    text = match.string
    end = text.find("-----END", match.end())
    close = text.find("-----", end + 8) if end >= 0 else -1
    return match.start(), close + 5 if close >= 0 else len(text)


_H32 = "4f9e1a07b3d86c25" * 2
_MIXED = "Zx9Kq2Lm7Rt4Wv8Yb3Nc6Hd1Jf5Gs0PaEuTi"
_JWT = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJhbGljZSJ9." + _MIXED

_SHAPED: tuple[Detector, ...] = (
    _shaped(
        "private-key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY", "private",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        (
            "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN OPENSSH " + "PRIVATE KEY-----\\nb3Blb",
        ),
        "RFC 7468, openssh PROTOCOL.key", check=_pem,
        counterexamples=("-----BEGIN CERTIFICATE-----\nMIIabc", "-----BEGIN PRIVATE"),
    ),
    _shaped(
        "private-key-body", "MI(?:I[A-Za-z0-9+/]{3}IBA|GHAgEAMBMG)|MHcCAQEE|MC4CAQAwBQYDK2V",
        "mii mighageambmg mhccaqee mc4caqawbqydk2v",
        r"(?<![A-Za-z0-9+/])(?:MII[A-Za-z0-9+/]{3}IBA(?:A[JK]|DAN)|MHcCAQEE|MIGHAgEAMBMG"
        r"|MC4CAQAwBQYDK2V)(?:[A-Za-z0-9+/=]|\\[nr]|[\r\n][ \t]*){20,}+",
        ("key: MIIEvQIBADAN" + _MIXED, "MHcCAQEE" + _MIXED + "\\n" + _MIXED),
        "RFC 5208, RFC 5915, RFC 8017",
        counterexamples=("MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYD",),
    ),
    _shaped(
        "putty-key", "PuTTY-User-Key-File-[23]", "putty-user",
        r"PuTTY-User-Key-File-[23]:[\s\S]*+", ("PuTTY-User-Key-File-2" + ": ssh-rsa\nabc",),
        "the.earth.li/~sgtatham/putty (appendix C)",
    ),
    _shaped(
        "jwt", "eyJ[A-Za-z0-9_-]{4}", "eyj",
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+){0,4}",
        (_JWT,), "RFC 7519", check=validators.jwt, counterexamples=("eyJhIjoxfQ and more",),
    ),
    _shaped(
        "jwt-like", r"ey[A-Za-z0-9_-]{15}[A-Za-z0-9_-]*\.ey[A-Za-z0-9_-]{4}", "ey",
        r"(?<![A-Za-z0-9_-])ey[A-Za-z0-9_-]{15,}+\.ey[A-Za-z0-9_-]{8,}+(?:[.\\/][A-Za-z0-9_-]*+){0,4}",
        ("eyA" + "1ZXWmv5R8rysmZi54Nag.eyA" + "1ZXWmv5R8rysmZi54Nag." + _MIXED,), "RFC 7515",
        counterexamples=("eyewitness-accounts-of-it.eyewitness", "eyeglasses.eyewear"),
        check=_with_digits,
    ),
    _shaped(
        "authress", r"\.acc[_-][a-z0-9-]{6}", ".acc_ .acc-",
        r"(?<![A-Za-z0-9_.-])[a-z0-9_]{5,40}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}"
        r"\.[A-Za-z0-9+/_=-]{30,}+",
        ("sc_4f9e1a07.b3d8.acc-6c254f9e1a07." + _MIXED,), "authress.io/knowledge-base",
    ),
    _shaped(
        "aws-key-pair", "A[KS]IA[A-Z0-9]{4}", "akia asia",
        r"A[KS]IA[A-Z0-9]{16}[^A-Za-z0-9/+]{1,40}(?P<s>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
        ("AKIA" + "Z" * 15 + "7, " + (_MIXED + "wJal")[:40],), "docs.aws.amazon.com/IAM",
    ),
    _shaped(
        "aws-key-id", "A(?:KI|SI|BI|CC|GP|ID|IP|NP|NV|PK|RO)A[A-Z0-9]{4}",
        "akia asia abia acca agpa aida aipa anpa anva apka aroa",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|APKA|AROA)"
        r"[A-Z0-9]{16}(?![A-Za-z0-9])",
        ("AKIA" + "IOSFODNN7EXAMPLE", "id=ASIA" + "Y34FZKBOKMUTVV7A."), "docs.aws.amazon.com/IAM",
        counterexamples=("AKIASHORT", "AIDATHATISFARTOOLONGFORANID0"),
    ),
    _shaped(
        "sk-key", _FREE + "sk-[A-Za-z0-9_-]{3}", "sk-", r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{6,}+",
        ("sk-proj-" + _MIXED, "sk-ant-api03-" + _MIXED, "use sk-" + "abc123def."),
        "platform.openai.com, docs.anthropic.com", check=_sk_key,
        counterexamples=("risk-adjusted-returns", "sk-learn-like", "task-1234567"),
    ),
    _shaped(
        "azure-ad-secret", "[0-9]Q~[A-Za-z0-9_~.-]{4}", "q~",
        r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{28,}+",
        ("aB18Q~" + _MIXED[:34],), "learn.microsoft.com/entra",
    ),
    _shaped(
        "azure-account-key", "[A-Za-z0-9+/]==", "==",
        r"(?<![A-Za-z0-9+/])(?<!sha512-)[A-Za-z0-9+/]{86}==", ((_MIXED * 3)[:86] + "==",),
        "learn.microsoft.com/azure/storage",
        counterexamples=("YWJjZGVmZw==", "sha512-" + (_MIXED * 3)[:86] + "=="),
    ),
    _shaped(
        "azure-service-key", "(?:JQQJ99|ACDb|AzSe|AzFu|APIM|AIoT|AZDO)[A-Za-z0-9+/]{4}",
        "jqqj99 acdb azse azfu apim aiot azdo",
        r"(?<![A-Za-z0-9+/])(?=[A-Za-z0-9+/]{32,}+)[A-Za-z0-9+/]*?"
        r"(?:JQQJ99|ACDb|AzSe|AzFu|APIM|AIoT|AZDO)[A-Za-z0-9+/]{4,}+=*",
        ((_MIXED * 2)[:52] + "JQQJ99" + "BAACYeBjFXJ3",), "learn.microsoft.com/azure",
    ),
    _shaped(
        "azure-sas", "(?i)sig=[A-Za-z0-9%+/=_-]{4}", "sig=",
        r"(?ai)(?<![A-Za-z0-9])sig=(?P<s>[A-Za-z0-9%+/=_-]{24,}+)",
        ("https://a.blob.core.windows.net/c?sv=1&sig=" + "Zx9%2B" * 6,),
        "learn.microsoft.com/azure/storage", counterexamples=("sig=none",),
    ),
    _shaped(
        "slack-webhook", r"hooks\.slack\.com/", "hooks.slack.com/",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<s>[A-Za-z0-9+/_-]{16,}+)",
        ("https://hooks.slack.com/" + "services/T00/B00/" + _MIXED,), "api.slack.com/messaging",
        counterexamples=("https://hooks.slack.com/services/",),
    ),
    _shaped(
        "discord-webhook", "/api/webhooks/[0-9]", "/api/webhooks/",
        r"/api/webhooks/[0-9]{10,20}/(?P<s>[A-Za-z0-9_-]{20,}+)",
        ("https://discord.com/api/webhooks/123456789012/" + _MIXED,), "discord.com/developers",
    ),
    _shaped(
        "teams-webhook", r"webhook\.office\.com/", "webhook.office.com/",
        r"webhook\.office\.com/(?P<s>[^\s\"'<>]{20,}+)",
        ("https://x.webhook.office.com/webhookb2/" + _H32,), "learn.microsoft.com/microsoftteams",
    ),
    _shaped(
        "discord-bot", r"\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{6}", ".",
        r"(?<![A-Za-z0-9_.-])[MNO][A-Za-z0-9_-]{22,30}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{26,}+",
        ("M" + _MIXED[:25] + ".GhIjKl." + _MIXED[:30],), "discord.com/developers",
    ),
    _shaped(
        "telegram-bot", "[0-9]:AA[A-Za-z0-9_-]{6}", ":aa",
        r"(?<![A-Za-z0-9])(?:bot)?[0-9]{6,12}:AA[A-Za-z0-9_-]{30,}+",
        ("1234567890:AA" + _MIXED[:33],), "core.telegram.org/bots/api",
    ),
    _shaped(
        "twilio", _FREE + "(?:AC|SK)[0-9a-fA-F]{8}", "ac sk",
        r"(?<![A-Za-z0-9])(?:AC|SK)(?:[0-9a-f]{32}|[0-9A-F]{32})(?![A-Za-z0-9])",
        ("SK" + _H32, "AC" + _H32 + "."),
        "www.twilio.com/docs/iam", counterexamples=("ACdeadbeef",),
    ),
    _shaped(
        "sendgrid", r"SG\.[A-Za-z0-9_-]{6}", "sg.",
        r"(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+",
        ("SG." + _MIXED[:22] + "." + _MIXED,), "docs.sendgrid.com/ui/account-and-settings/api-keys",
    ),
    _shaped(
        "mailchimp", "[0-9a-f]-us[0-9]", "-us",
        r"(?<![A-Za-z0-9])[0-9a-f]{32}-us[0-9]{1,2}(?![A-Za-z0-9])", (_H32 + "-us12",),
        "mailchimp.com/developer",
    ),
    _shaped(
        "terraform", r"\.atlasv1\.", ".atlasv1.",
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{8,}+\.atlasv1\.[A-Za-z0-9_=-]{20,}+",
        ("Zx9Kq2Lm7Rt4Wv.atlasv1." + _MIXED,), "developer.hashicorp.com/terraform/cloud-docs",
    ),
    _shaped(
        "resend", _FREE + "re_[A-Za-z0-9]+_", "re_",
        r"(?<![A-Za-z0-9])re_[A-Za-z0-9]{6,}_[A-Za-z0-9]{16,}+", ("re_9aBcDeFg_" + _MIXED[:24],),
        "resend.com/docs", counterexamples=("re_compile_all",),
    ),
    _shaped(
        "airtable", r"pat[A-Za-z0-9]+\.[0-9a-f]", "pat",
        r"(?<![A-Za-z0-9])pat[A-Za-z0-9]{14}\.[0-9a-f]{40,}+",
        ("pat" + _MIXED[:14] + "." + _H32 * 2,), "airtable.com/developers",
    ),
    _shaped(
        "cloudflare-origin", r"v1\.0-[0-9a-z]{8}", "v1.0-",
        r"(?<![A-Za-z0-9])v1\.0-[0-9a-z]{20,}+-[0-9a-f]{60,}+", ("v1.0-" + _H32 + "-" + _H32 * 4,),
        "developers.cloudflare.com/ssl/origin-configuration/origin-ca",
    ),
    _shaped(
        "launchdarkly", _FREE + "(?:sdk|api|mob)-[0-9a-f]{8}-", "sdk- api- mob-",
        r"(?<![A-Za-z0-9])(?:sdk|api|mob)-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
        ("sdk-4f9e1a07-b3d8-4c25-9abc-4f9e1a07b3d8",), "docs.launchdarkly.com",
    ),
    _shaped(
        "dropbox", _FREE + r"sl\.[A-Za-z0-9_.-]{6}", "sl.",
        r"(?<![A-Za-z0-9])sl\.(?:u\.)?[A-Za-z0-9_-]{60,}+", ("sl." + _MIXED * 3,),
        "www.dropbox.com/developers",
    ),
    _shaped(
        "password-hash",
        r"\$(?:2[abxy]|[156789yPHS]|apr1|sha1|md5|scrypt|argon2[a-z]*|pbkdf2[a-z0-9-]*)\$"
        "[A-Za-z0-9./$=,+-]{4}",
        "$2a$ $2b$ $2x$ $2y$ $1$ $5$ $6$ $7$ $8$ $9$ $y$ $p$ $h$ $s$ $apr1$ $sha1$ $md5$ $scrypt$"
        " $argon2 $pbkdf2",
        r"(?<![A-Za-z0-9_$])\$(?:2[abxy]|[156789yPHS]|apr1|sha1|md5|scrypt|argon2(?:id|i|d)"
        r"|pbkdf2(?:-sha[0-9]{1,3})?)\$[A-Za-z0-9./$=,+-]{20,}+",
        ("$2b$12$" + _MIXED + _MIXED[:16], "root:$6$saltsalt$" + _MIXED + ":19000:0",
         "$8$TnGXsaltsalt$" + _MIXED, "$pbkdf2-sha256$29000$" + _MIXED),
        "man 5 crypt, RFC 9106, hashcat.net/wiki (example hashes)",
        counterexamples=("costs $5$ or $6$ each", "$1$2"),
    ),
    _shaped(
        "kerberos-hash", r"\$krb5[a-z]+\$[0-9]+\$", "$krb5",
        r"\$krb5(?:asrep|tgs|pa|db)\$[0-9]{1,2}\$[^\s\"'<>]{16,}+",
        ("$krb5asrep$23$" + "user@example.com:" + _H32 + "$" + _H32,), "RFC 4120, hashcat.net/wiki",
    ),
    _shaped(
        "salesforce", r"00D[A-Za-z0-9]+![A-Za-z0-9_.]{8}", "00d",
        r"(?<![A-Za-z0-9])00D[A-Za-z0-9]{12,15}![A-Za-z0-9_.]{40,}+",
        ("00D5e0000012345!" + _MIXED * 2,), "developer.salesforce.com/docs",
    ),
    _shaped(
        "new-relic-license", "[0-9a-z]{4}NRAL", "nral",
        r"(?<![A-Za-z0-9])[0-9a-z]{32,40}NRAL(?![A-Za-z0-9])", (_H32 + "4f9eNRAL",),
        "docs.newrelic.com/docs/apis",
    ),
    _shaped(
        "maxmind", "_mmk", "_mmk", r"(?<![A-Za-z0-9])[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk",
        ("Zx9Kq2_" + _MIXED[:29] + "_mmk",), "dev.maxmind.com",
    ),
    _shaped(
        "1password-secret-key", "A3-[A-Z0-9]{6}-", "a3-",
        r"(?<![A-Za-z0-9])A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,5}(?![A-Za-z0-9])",
        ("A3-" + "ASWWYB-798JRYLJVD4-23DC2-86TVM-H43EB",), "support.1password.com/secret-key",
    ),
    _shaped(
        "twitter-bearer", "A{20}", "aaaaaaaaaaaaaaaaaaaa",
        r"(?<![A-Za-z0-9])A{20,}[A-Za-z0-9%]{60,}+", ("A" * 22 + "MLheAAAAAAA0%2B" + _MIXED * 2,),
        "docs.x.com/resources/fundamentals/authentication",
        counterexamples=("A" * 40, "A" * 120 + "!"), check=_with_digits,
    ),
    _shaped(
        "clickhouse", "4b1d[A-Za-z0-9]{8}", "4b1d",
        r"(?<![A-Za-z0-9])4b1d[A-Za-z0-9]{38}(?![A-Za-z0-9])",
        ("4b1d" + (_MIXED * 2)[:38],), "clickhouse.com/docs/cloud/manage", check=_mixed,
        counterexamples=("4b1d" + "07b3d86c25" * 3 + "07b3d86c",),
    ),
    _shaped(
        "kubernetes-bootstrap", r"[a-z0-9]\.[a-z0-9]{16}", ".",
        r"(?<![A-Za-z0-9_.@/-])(?P<id>[a-z0-9]{6})\.(?P<s>[a-z0-9]{16})(?![A-Za-z0-9_.-])",
        ("07401b." + "f395accd246ae52d",), "kubernetes.io/docs/reference/access-authn-authz",
        counterexamples=("module.internationalized", "123456.1234567890123456"), check=_bootstrap,
    ),
    _shaped(
        "hex-and-secret", r"[0-9a-f]{8}\.[A-Za-z0-9_-]{16}", ".",
        r"(?<![A-Za-z0-9_.@/-])[0-9a-f]{32}\.[A-Za-z0-9_-]{16,24}(?![A-Za-z0-9_.-])",
        (f"{_H32}." + _MIXED[:16],), "docs.bigmodel.cn/api-reference, docs.ollama.com/api",
        counterexamples=(f"{_H32}.{_H32}", f"{_H32}.internationalized"), check=_second_random,
    ),
    _shaped(
        "firebase", "AAAA[A-Za-z0-9_-]+:", "aaaa",
        r"(?<![A-Za-z0-9_-])AAAA[A-Za-z0-9_-]{7}:[A-Za-z0-9_-]{100,}+",
        ("AAAAZx9Kq2L:" + _MIXED * 3,), "firebase.google.com/docs/cloud-messaging",
    ),
    _shaped(
        "automation-webhook",
        r"(?:hooks\.zapier\.com|maker\.ifttt\.com|hook\.[a-z0-9]+\.make\.com)/",
        "hooks.zapier.com/ maker.ifttt.com/ .make.com/",
        r"(?:hooks\.zapier\.com/hooks/(?:catch|standard)/|hook\.[a-z0-9]{2,8}\.make\.com/"
        r"|maker\.ifttt\.com/[a-z0-9_/{}-]{1,80}?/key/|maker\.ifttt\.com/use/)(?P<s>[A-Za-z0-9_/-]{12,}+)",
        ("https://hooks.zapier.com/hooks/catch/" + "1234567/abc12de/",
         "https://maker.ifttt.com/trigger/x/with/key/" + _MIXED,
         "https://hook.eu1.make.com/" + _MIXED), "help.zapier.com, ifttt.com/maker_webhooks",
        counterexamples=("https://hooks.zapier.com/docs",),
    ),
    _shaped(
        "chat-webhook",
        r"(?:feishu\.cn|larksuite\.com|dingtalk\.com|weixin\.qq\.com|googleapis\.com/v1/spaces)/",
        "feishu.cn/ larksuite.com/ dingtalk.com/ weixin.qq.com/ googleapis.com/v1/spaces/",
        r"(?:(?:feishu\.cn|larksuite\.com)/open-apis/bot/(?:v2/)?hook/"
        r"|dingtalk\.com/robot/send\?access_token=|weixin\.qq\.com/cgi-bin/webhook/send\?key="
        r"|googleapis\.com/v1/spaces/[A-Za-z0-9_-]{4,32}/messages\?key=)(?P<s>[^\s\"'<>]{16,}+)",
        ("https://open.feishu.cn/open-apis/bot/v2/hook/" + _MIXED,), "open.feishu.cn/document",
        counterexamples=("https://open.feishu.cn/document/",),
    ),
    _shaped(
        "zoho", r"1000\.[0-9a-f]{8}", "1000.",
        r"(?<![A-Za-z0-9])1000\.[0-9a-f]{32}\.[0-9a-f]{32}", (f"1000.{_H32}.{_H32}",),
        "www.zoho.com/accounts/protocol/oauth",
    ),
    _shaped(
        "ebay", "(?:PRD|SBX)-[0-9a-f]{6}", "prd- sbx-",
        r"(?<![A-Za-z0-9-])(?:[A-Za-z0-9]{1,10}-){0,2}(?:PRD|SBX)-[0-9a-f]{8,12}"
        r"(?:-[0-9a-f]{8,12}|(?:-[0-9a-f]{4}){3,4})(?![A-Za-z0-9-])",
        ("Zx9Kq2Lm-Rt4Wv8Yb-PRD-4f9e1a07b-3d86c254", "SBX-4f9e1a07b3d8-4c25-9abc-4f9e-1a07"),
        "developer.ebay.com/api-docs",
    ),
    _shaped(
        "clickup", _FREE + "pk_[0-9]+_", "pk_", r"(?<![A-Za-z0-9])pk_[0-9]{5,10}_[A-Za-z0-9]{24,}+",
        ("pk_1234567_" + _MIXED[:32],), "developer.clickup.com/docs/authentication",
    ),
    _shaped(
        "meta-or-square", "EAA[A-Za-z0-9_-]{4}", "eaa",
        r"(?<![A-Za-z0-9])EAA[A-Za-z0-9_-]{50,}+", ("EAAG" + _MIXED * 3,),
        "developers.facebook.com, developer.squareup.com",
    ),
)  # fmt: skip

DETECTORS: tuple[Detector, ...] = (*_SHAPED, *(_marked(*row) for row in marks.MARKED))
