"""Detectors of credentials that carry their own mark: the published provider formats.

The patterns are ours, written from the formats that the providers document.
Lengths are minimums and runs are taken whole, so that a longer format of
tomorrow leaves no half of a secret behind.
"""

from __future__ import annotations

import re

from indelible.redact import validators
from indelible.redact.detectors import TOKEN, Check, Detector

_ALNUM = "[A-Za-z0-9]"
_WORD = "[A-Za-z0-9_-]"
_DOTTED = "[A-Za-z0-9_.-]"
_HEX = "[0-9A-Fa-f]"
_BASE64 = "[A-Za-z0-9+/=_-]"
_UPPER = "[A-Z0-9]"

_FREE = "(?:^|[^A-Za-z0-9])"
_SAMPLE = "4f9e1a07b3d86c25"

# name, marks, alphabet of the rest, its least length, source
_MARKED: tuple[tuple[str, str, str, int, str], ...] = (
    ("github", "ghp_ gho_ ghu_ ghs_ ghr_", "[A-Za-z0-9_]", 3, "docs.github.com/authentication"),
    ("github-fine-grained", "github_pat_", "[A-Za-z0-9_]", 3, "docs.github.com/authentication"),
    (
        "gitlab",
        "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct-",
        _DOTTED,
        8,
        "docs.gitlab.com/security/tokens",
    ),
    (
        "slack",
        "xoxb- xoxa- xoxp- xoxe- xoxo- xoxr- xoxs- xoxc- xoxd- xapp- xwfp- xoxe.xoxb- xoxe.xoxp-",
        "[A-Za-z0-9%-]",
        3,
        "api.slack.com/authentication/token-types",
    ),
    (
        "stripe",
        "sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_ sk_prod_",
        _ALNUM,
        6,
        "docs.stripe.com/keys",
    ),
    ("gitlab-runner", "GR1348941", _WORD, 8, "docs.gitlab.com/security/tokens"),
    ("webhook-signing", "whsec_", _BASE64, 12, "docs.stripe.com/webhooks"),
    ("google-api-key", "AIza", _WORD, 24, "cloud.google.com/docs/authentication/api-keys"),
    ("google-oauth-secret", "GOCSPX-", _WORD, 16, "developers.google.com/identity"),
    ("google-access-token", "ya29.", _DOTTED, 16, "developers.google.com/identity"),
    ("google-refresh-token", "1//0", _WORD, 20, "developers.google.com/identity"),
    ("aws-session-token", "IQoJb3JpZ2lu FwoGZXIvYXdz", _BASE64, 40, "docs.aws.amazon.com/STS"),
    ("aws-bedrock-key", "ABSKQmVkcm9ja0FQSUtleS", _BASE64, 20, "docs.aws.amazon.com/bedrock"),
    ("huggingface", "hf_ api_org_", _ALNUM, 16, "huggingface.co/docs/hub/security-tokens"),
    ("replicate", "r8_", _ALNUM, 20, "replicate.com/docs/reference/http"),
    ("groq", "gsk_", _ALNUM, 20, "console.groq.com/docs"),
    ("xai", "xai-", _ALNUM, 20, "docs.x.ai"),
    ("perplexity", "pplx-", _ALNUM, 20, "docs.perplexity.ai"),
    ("nvidia", "nvapi-", _WORD, 20, "docs.nvidia.com/nim"),
    ("tavily", "tvly-", _WORD, 16, "docs.tavily.com"),
    ("langsmith", "lsv2_pt_ lsv2_sk_", "[A-Za-z0-9_]", 16, "docs.smith.langchain.com"),
    ("langfuse", "pk-lf-", _WORD, 16, "langfuse.com/docs"),
    ("pinecone", "pcsk_", "[A-Za-z0-9_]", 20, "docs.pinecone.io"),
    ("cerebras", "csk-", _ALNUM, 24, "inference-docs.cerebras.ai"),
    ("together", "tgp_v1_", _WORD, 16, "docs.together.ai"),
    ("jina", "jina_", _WORD, 24, "jina.ai"),
    ("firecrawl", "fc-", _HEX, 28, "docs.firecrawl.dev"),
    ("e2b", "e2b_", _HEX, 20, "e2b.dev/docs"),
    ("elevenlabs", "sk_", _HEX, 32, "elevenlabs.io/docs"),
    ("npm", "npm_", _ALNUM, 20, "docs.npmjs.com/about-access-tokens"),
    ("pypi", "pypi-", _WORD, 20, "PyPI/help/#apitoken"),
    ("rubygems", "rubygems_", _HEX, 20, "guides.rubygems.org/api-key-scopes"),
    ("cargo", "cio", _ALNUM, 32, "doc.rust-lang.org/cargo"),
    ("docker", "dckr_pat_ dckr_oat_", _WORD, 16, "docs.docker.com/security/access-tokens"),
    ("vault", "hvs. hvb. hvr.", _WORD, 16, "developer.hashicorp.com/vault/docs/concepts/tokens"),
    ("pulumi", "pul-", _HEX, 32, "www.pulumi.com/docs"),
    ("doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", _DOTTED, 16, "docs.doppler.com"),
    ("1password", "ops_eyJ", _BASE64, 20, "developer.1password.com/docs/service-accounts"),
    ("age-key", "AGE-SECRET-KEY-1", _UPPER, 20, "age-encryption.org/v1"),
    ("openssh-body", "b3BlbnNzaC1rZXktdjE", _BASE64, 20, "openssh PROTOCOL.key"),
    ("digitalocean", "dop_v1_ doo_v1_ dor_v1_", _HEX, 20, "docs.digitalocean.com/reference/api"),
    ("heroku", "HRKU-", _WORD, 20, "devcenter.heroku.com"),
    ("fly", "fo1_ fm1r_ fm1a_ fm2_", "[A-Za-z0-9+/=_,-]", 20, "fly.io/docs/security/tokens"),
    ("netlify", "nfp_ nfc_ nfo_ nfu_", _ALNUM, 20, "docs.netlify.com"),
    ("supabase", "sbp_ sb_secret_", "[A-Za-z0-9_-]", 16, "supabase.com/docs/guides/api/api-keys"),
    ("planetscale", "pscale_tkn_ pscale_pw_ pscale_oauth_", _DOTTED, 16, "planetscale.com/docs"),
    ("neon", "napi_", _ALNUM, 24, "neon.tech/docs"),
    ("databricks", "dapi dose dkea", _HEX, 30, "docs.databricks.com/dev-tools/auth/pat"),
    ("linear", "lin_api_ lin_oauth_ lin_wh_", _ALNUM, 16, "developers.linear.app"),
    ("notion", "ntn_", _ALNUM, 20, "developers.notion.com"),
    ("atlassian", "ATATT3xFf ATCTT3xFf ATBB", "[A-Za-z0-9_=-]", 20, "support.atlassian.com"),
    ("figma", "figd_ figu_ figo_", _WORD, 16, "www.figma.com/developers/api"),
    ("shopify", "shpat_ shpca_ shppa_ shpss_", _HEX, 20, "shopify.dev/docs/apps/auth"),
    ("square", "sq0atp- sq0csp- sq0idp-", _WORD, 16, "developer.squareup.com"),
    ("grafana", "glc_ glsa_", "[A-Za-z0-9+/=_]", 16, "grafana.com/docs"),
    ("new-relic", "NRAK- NRII- NRRA- NRJS-", _WORD, 16, "docs.newrelic.com/docs/apis"),
    ("sentry", "sntrys_ sntryu_", "[A-Za-z0-9+/=_-]", 16, "docs.sentry.io/account/auth-tokens"),
    ("posthog", "phx_ phc_ phs_", _ALNUM, 20, "posthog.com/docs/api"),
    ("contentful", "CFPAT-", _WORD, 16, "www.contentful.com/developers"),
    ("prefect", "pnu_ pnb_", _ALNUM, 24, "docs.prefect.io"),
    ("sonar", "sqp_ sqa_ squ_", _HEX, 30, "docs.sonarsource.com"),
    ("buildkite", "bkua_ bkat_ bkaj_", _ALNUM, 20, "buildkite.com/docs/apis"),
    ("circleci", "CCIPAT_ CCIPRJ_", "[A-Za-z0-9_]", 16, "circleci.com/docs"),
    ("artifactory", "AKCp cmVmdGtuOjAx", _ALNUM, 16, "jfrog.com/help"),
    ("openshift", "sha256~", _WORD, 24, "docs.redhat.com/openshift"),
    ("postman", "PMAK-", _WORD, 20, "learning.postman.com"),
    ("hubspot", "pat-na1- pat-na2- pat-eu1- pat-ap1-", _WORD, 16, "developers.hubspot.com"),
    ("tailscale", "tskey-", _WORD, 10, "tailscale.com/kb/1085/auth-keys"),
    ("dynatrace", "dt0c01. dt0s01. dt0s16.", _DOTTED, 24, "docs.dynatrace.com"),
    ("razorpay", "rzp_live_ rzp_test_", _ALNUM, 10, "razorpay.com/docs/api"),
    ("shippo", "shippo_live_ shippo_test_", _HEX, 16, "docs.goshippo.com"),
    ("flutterwave", "FLWSECK-", _WORD, 16, "developer.flutterwave.com"),
    ("duffel", "duffel_live_ duffel_test_", _WORD, 16, "duffel.com/docs"),
    ("sourcegraph", "sgp_", "[A-Za-z0-9_]", 32, "docs.sourcegraph.com"),
    ("brevo", "xkeysib- xsmtpsib-", _WORD, 24, "developers.brevo.com"),
    ("mailgun", "key-", _HEX, 32, "documentation.mailgun.com"),
    ("alibaba", "LTAI", _ALNUM, 12, "www.alibabacloud.com/help/ram"),
    ("tencent", "AKID", _ALNUM, 28, "www.tencentcloud.com/document"),
    ("intra42", "s-s4t2ud- s-s4t2af-", _HEX, 32, "api.intra.42.fr"),
    ("readme", "rdme_", _ALNUM, 32, "docs.readme.com"),
    (
        "plaid",
        "access-sandbox- access-production- access-development-",
        _WORD,
        20,
        "plaid.com/docs",
    ),
    ("typeform", "tfp_", _DOTTED, 32, "www.typeform.com/developers"),
    ("frame-io", "fio-u-", _WORD, 32, "developer.frame.io"),
    ("easypost", "EZAK EZTK", _ALNUM, 40, "docs.easypost.com"),
    ("harness", "pat.harness.", _DOTTED, 16, "developer.harness.io"),
)


def _marked(name: str, marks: str, alphabet: str, least: int, source: str) -> Detector:
    """Return the detector of tokens that begin with one of *marks*."""
    prefixes = tuple(marks.split())
    either = "(?:" + "|".join(map(re.escape, prefixes)) + ")"
    # A short or letters-only mark also ends ordinary words ("audio1//0", "specific-").
    glued = all(len(prefix) > 3 and not prefix.isalnum() for prefix in prefixes)
    body = (_SAMPLE.upper() if alphabet == _UPPER else _SAMPLE) * 4
    return Detector(
        name=name,
        label=TOKEN,
        gate=("" if glued else _FREE) + either + alphabet + "{3}",
        literals=tuple(prefix.lower() for prefix in prefixes),
        pattern=("" if glued else "(?<![A-Za-z0-9])") + f"{either}{alphabet}{{{least},}}+",
        examples=tuple(prefix + body[: max(least, 24)] for prefix in prefixes),
        counterexamples=(prefixes[0] + body[:2] + " ok", "nothing to see here"),
        source=source,
    )


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
    marks = tuple(literals.split())
    return Detector(name, TOKEN, gate, marks, pattern, examples, counterexamples, source, check)


def _sk_key(match: re.Match[str]) -> tuple[int, int] | None:
    """Return an `sk-` key: a digit, capitals or a known infix tell it from a word with dashes."""
    body = match[0][3:]
    telling = validators.has_digit(body) or body != body.lower() or "-" not in body
    known = body.startswith(("proj-", "ant-", "or-", "svcacct-", "admin-", "live-", "test-", "lf-"))
    return match.span() if telling or known else None


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
        "twilio", _FREE + "(?:AC|SK)[0-9a-f]{8}", "ac sk",
        r"(?<![A-Za-z0-9])(?:AC|SK)[0-9a-f]{32}(?![A-Za-z0-9])", ("SK" + _H32, "AC" + _H32 + "."),
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
        "cloudflare-origin", r"v1\.0-[0-9a-f]{8}", "v1.0-",
        r"(?<![A-Za-z0-9])v1\.0-[0-9a-f]{20,}+-[0-9a-f]{60,}+", ("v1.0-" + _H32 + "-" + _H32 * 4,),
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
        "password-hash", r"\$(?:2[abxy]|[1567y]|apr1|argon2[a-z]*)\$[A-Za-z0-9./$=,+-]{4}",
        "$2a$ $2b$ $2x$ $2y$ $1$ $5$ $6$ $7$ $y$ $apr1$ $argon2",
        r"(?<![A-Za-z0-9_$])\$(?:2[abxy]|[1567y]|apr1|argon2(?:id|i|d))\$"
        r"[A-Za-z0-9./$=,+-]{20,}+",
        ("$2b$12$" + _MIXED + _MIXED[:16], "root:$6$saltsalt$" + _MIXED + ":19000:0"),
        "man 5 crypt, RFC 9106", counterexamples=("costs $5$ or $6$ each", "$1$2"),
    ),
    _shaped(
        "meta-or-square", "EAA[A-Za-z0-9_-]{4}", "eaa",
        r"(?<![A-Za-z0-9])EAA[A-Za-z0-9_-]{50,}+", ("EAAG" + _MIXED * 3,),
        "developers.facebook.com, developer.squareup.com",
    ),
)  # fmt: skip

DETECTORS: tuple[Detector, ...] = (*_SHAPED, *(_marked(*row) for row in _MARKED))
