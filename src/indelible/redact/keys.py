"""The key rule: does a member's name say that its value must not be kept?

Names are split into words in every convention, so that `creditCard`,
`credit_card`, `CREDIT-CARD` and `creditcard` are one name. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import Any

from indelible.redact.detectors import MARKER
from indelible.redact.fold import fold

MAX_KEY = 96
"""Names longer than this are judged by their last characters, and are data besides."""


class Kind(Enum):
    """What a member's name says about it."""

    PLAIN = "plain"  # a short identifier: neither sensitive nor able to hold a secret
    DATA = "data"  # may itself be data: scanned like a value
    SENSITIVE = "sensitive"  # its value is replaced, or has to be asked
    WEAK = "weak"  # plain, and sensitive if its value looks drawn at random
    VALUE = "value"  # its sibling `name` or `key` says what it is


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_FLAG = re.compile(r"--?[A-Za-z][\w-]{0,63}")
VALUE_NAMES = frozenset("value val values v stringvalue string_value".split())
_NAME_NAMES = frozenset("name key header field variable k label id type path".split())
_FORM_NAMES = frozenset(["selector", "element", "locator"])
_KEY_PARTS = frozenset("d k p q dp dq qi oth".split())
# Members that only their value or their siblings can judge.
_ASK = frozenset(["auth", "_auth", "kty", *_FORM_NAMES])
_SECRET_FLAGS = frozenset(["pat", "bearer"])
_HEADER_LISTS = frozenset(["headers", "rawheaders", "header"])
_PAIR_NAME = re.compile(r"[A-Za-z][\w.-]{1,63}")
_FORM_VALUES = VALUE_NAMES | {"text"}
_LONGEST_LABEL = 16
_VALUES_BESIDE = dict.fromkeys(_NAME_NAMES, VALUE_NAMES) | dict.fromkeys(_FORM_NAMES, _FORM_VALUES)
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$-]{0,14}")

# One of these words anywhere in a name makes its value a secret ...
_SECRET_WORDS = frozenset(
    "password passwords passwd passphrase passcode pwd passwort kennwort senha contrasena"
    " contraseña parola пароль 密码 密碼 パスワード 비밀번호"
    " secret secrets token tokens credential credentials creds cred"
    " authorization cookie cookies setcookie jwt apikey apikeys apitoken authtoken accesstoken"
    " cvv cvc cvv2 pin otp totp mfacode".split()
)
# ... and one of these makes it personal, or a secret whose name means much else in text.
_PERSONAL_WORDS = frozenset(
    "pw psw ssn sin itin email emails phone phones telephone mobile cellphone phonenumber"
    " creditcard cardnumber iban passport dob birthdate".split()
)
_SECRET_PAIRS = frozenset(
    f"{first} {last}"
    for last, firsts in {
        "key": "api access private secret signing encryption decryption auth authentication"
        " authorization master service account storage session deploy license subscription"
        " admin app application consumer client root shared ssh pgp gpg webhook hmac crypto"
        " bot anon role sas integration rest ingest write",
        "keys": "api access private secret signing encryption ssh",
        "string": "connection",
        "code": "auth authorization verification mfa otp security recovery backup access pass",
        "codes": "recovery backup",
        "word": "pass",
        "phrase": "pass recovery seed mnemonic",
        "header": "auth",
        "signature": "sas",
    }.items()
    for first in firsts.split()
)
_PERSONAL_PAIRS = frozenset(
    "credit card|debit card|card number|card no|card num|phone number|phone no|e mail|mail address"
    "|social security|tax id|national id|passport number|account number|bank account"
    "|routing number|of birth|date birth|birth date|cell phone|security number|driver license"
    "|driving licence"
    "|contact number|fax number|tel number".split("|")
)
# Names without separators: what they end in.
_SECRET_TAILS = tuple(
    "password passwd passphrase passcode secret token apikey accesskey secretkey privatekey"
    " authkey signingkey encryptionkey masterkey accountkey sharedkey credentials credential"
    " connectionstring accesskeyid pwd setcookie apisecret".split()
)
_PERSONAL_TAILS = ("creditcard", "cardnumber", "phonenumber", "emailaddress", "securitynumber")

# A name that ends in one of these is about a secret, not the secret itself.
_ABOUT = frozenset(
    "count counts counter limit limits max min maximum minimum size length len type types kind"
    " format name names policy policies expiry expires expiration expired expire ttl lifetime age"
    " index status state url uri endpoint path file filename dir template templates version usage"
    " used budget total rate enabled disabled required supported valid verified present set"
    " column label hint description title prefix strength rotation provider manager issuer"
    " audience scope scopes method mode algorithm encoding at in after before on time timestamp"
    " date created updated changed rotated per ratio cost price tokenizer window ref arn"
    " second seconds minute hour day error errors callback exception".split()
)
# What kind of token or key it is, when that kind is no secret.
_HARMLESS_BEFORE = frozenset(
    "max min num number n total prompt completion input output cached cache reasoning thinking"
    " remaining used estimated avg average page next previous prev continuation continue sync"
    " cursor pagination progress stop special pad eos bos unk sep cls mask start end first last"
    " skip delta position new text audio image generated budget count per".split()
)
_HARMLESS_NAMES = frozenset(
    "tokenizer tokenize tokenized tokenization secretary passage passenger cookieconsent"
    " nexttoken pagetoken nextpagetoken continuationtoken progresstoken maxtokens mintokens"
    " stoptoken synctoken prevtoken previoustoken totaltokens numtokens".split()
)
_LAST_PASS_BEFORE = frozenset("first second last single two one multi boarding ski by com".split())

# A name that ends in one of these is a secret's if its value looks like one ...
_WEAK_WORDS = frozenset("key keys api auth access private apikey license licence crumb".split())
_WEAK_TAILS = ("key", "auth")
# ... and these are those of a password, which may be short.
_SHORT_WORDS = frozenset(
    "pw psw pswd paswd psswd passwrd paswrd pasword pssword pswrd psword psswrd paasword passwort"
    " rootpw userpw".split()
)
_SHORT_TAILS = ("pass", "pw")
# Keys of other kinds.
_OTHER_KEYS = frozenset(
    "primary foreign public partition sort cache object composite unique index row hash"
    " idempotency group routing registry hot short translation message event file join map dict"
    " lookup natural business surrogate issue project column field search s3 redis shard host"
    " answer item list node etag dedup deduplication foreground resource storage_object meta"
    " document doc entity record id data parent child secondary range random control".split()
)

# Services whose keys have no mark, and whose names mean nothing else.
SERVICES = frozenset(
    "adafruit airtable algolia amplitude apify artifactory asana beamer bitfinex"
    " bitly bittrex braintree bugsnag calendly clarifai clearbit cloudflare cloudinary"
    " codacy cohere coinbase configcat confluent contentful coveralls datadog deepgram deepl"
    " deepseek diffbot discord docusign droneci dropbox duffel dynatrace etsy eventbrite"
    " facebook fastly finicity finnhub flickr foursquare freemius freshbooks freshdesk"
    " friendli giphy gitea gitter gocardless gumroad heroku hubspot ibm infura intercom"
    " ipinfo ipstack jfrog jotform kaggle klaviyo kraken kucoin larksuite launchdarkly"
    " linkedin lokalise looker mailchimp mailgun mailjet mandrill mapbox mapquest mattermost"
    " meraki messagebird mixpanel netlify newrelic newsapi nytimes okta onesignal openai"
    " openweather openweathermap opsgenie optimizely pagerduty pastebin paystack pinecone"
    " pipedrive plaid plivo polymarket postmark privateai pubnub pusher quandl rapidapi"
    " retell ringcentral rollbar salesforce saucelabs scraperapi scrapingbee sendbird"
    " sendgrid sendinblue shippo shodan shutterstock signalfx skyscanner snyk sonarqube"
    " splunk squarespace storyblok strava sumologic surveymonkey telnyx todoist travisci"
    " trello twilio twitch twitter typeform unsplash uploadcare vimeo virustotal vonage"
    " wandb weatherapi webex webflow wistia woocommerce yandex yelp zapier zendesk zerotier"
    " zhipu zoho".split()
)

# Every name `is_secret` accepts holds one of these, lower-cased and ASCII: the text
# rules' gate stands on it (tested over the spelling table).
STEMS = tuple(
    "pass pwd secret token key cred authoriz cookie jwt cvv cvc pin otp ssn senha kennwort"
    " parola contrasena connection code phrase header signature card iban itin mfacode word auth"
    " api access private licen crumb pw psw pswd paswd psswd paswrd pasword pssword pswrd psword"
    " psswrd paasword".split()
)
# The same for what `is_sensitive` accepts besides.
PERSONAL_STEMS = tuple(
    "pw psw sin mail phone mobile birth dob passport debit social tax national account routing bank"
    " licen number".split()
)


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Return the words of *name*, lower-cased, digits dropped."""
    folded = MARKER.sub(" ", fold(name))
    split = _WORDS if folded.isascii() else _LETTERS
    return tuple(word.casefold() for word in split.findall(folded))


@lru_cache(maxsize=4096)
def kind(name: str) -> Kind:
    """Return what *name*, at most `MAX_KEY` characters, says about its member."""
    if is_sensitive(name) or name.lower() in _ASK:
        return Kind.SENSITIVE
    if is_weak(name) or is_service(name):
        return Kind.WEAK if is_plain(name) else Kind.SENSITIVE
    if name.lower() in VALUE_NAMES:
        return Kind.VALUE
    return Kind.PLAIN if is_plain(name) else Kind.DATA


def is_plain(name: str) -> bool:
    """Return whether *name* is too short and simple to hold a secret itself."""
    return _IDENTIFIER.fullmatch(name) is not None


def names_sensitive(members: Mapping[Any, object]) -> bool:
    """Return whether an object like ``{"name": …, "value": …}`` names something sensitive."""
    return bool(sensitive_siblings(members))


def sensitive_siblings(members: Mapping[Any, object]) -> frozenset[str]:
    """Return the names, lower-cased, of the members whose siblings say that they are sensitive."""
    found: frozenset[str] = frozenset()
    for label, name in members.items():
        if not isinstance(label, str) or len(label) > _LONGEST_LABEL:
            continue
        lowered = label.lower()
        if lowered == "kty":
            found |= _KEY_PARTS
        elif isinstance(name, str) and len(name) <= MAX_KEY:
            values = _VALUES_BESIDE.get(lowered)
            # A text that redaction has made short enough for a name is none.
            if values and is_sensitive(name) and not MARKER.search(name):
                found |= values
    return found


@lru_cache(maxsize=1024)
def is_pair_name(item: str) -> bool:
    """Return whether *item* is a name, as of a header, whose value, the next item, is sensitive."""
    return _PAIR_NAME.fullmatch(item) is not None and is_sensitive(item)


def is_named_pair(items: Sequence[object]) -> bool:
    """Return whether *items* are a name and a value that it makes sensitive."""
    if len(items) != 2:
        return False
    name = items[0]
    return isinstance(name, str) and len(name) <= MAX_KEY and is_pair_name(name)


def is_header_list(name: str) -> bool:
    """Return whether a list called *name* holds names and values in turn."""
    return name.lower() in _HEADER_LISTS


@lru_cache(maxsize=1024)
def is_value(item: str) -> bool:
    """Return whether a word after a flag is its value, and no other flag: a PEM key is one."""
    return not item.startswith("-") or item.startswith("-----")


def is_secret_flag(item: str) -> bool:
    """Return whether *item* is a command-line flag whose value, the next item, is a secret."""
    if _FLAG.fullmatch(item) is None:
        return False
    return item.lstrip("-").lower() in _SECRET_FLAGS or is_secret(item)


def is_sensitive(name: str) -> bool:
    """Return whether a member called *name* must not be kept: a secret or personal."""
    return is_secret(name) or _is_personal(words(name[-MAX_KEY:]))


def is_weak(name: str) -> bool:
    """Return whether *name*, an identifier, is that of a credential if its value looks like one."""
    if not _PAIR_NAME.fullmatch(name):
        return False
    parts = words(name)
    last = parts[-1] if parts else ""
    return (last in _WEAK_WORDS or last.endswith(_WEAK_TAILS)) and not _is_other_key(parts)


def is_service(name: str) -> bool:
    """Return whether *name* is that of a service, whose key would look drawn at random."""
    return _PAIR_NAME.fullmatch(name) is not None and "".join(words(name)) in SERVICES


def is_qualified(name: str) -> bool:
    """Return whether *name* says more than "key"."""
    parts = words(name[-MAX_KEY:])
    return len(parts) > 1 or len("".join(parts)) > 4


def is_short_password(name: str) -> bool:
    """Return whether *name* may be short for that of a password."""
    parts = words(name[-MAX_KEY:])
    return bool(parts) and (parts[-1] in _SHORT_WORDS or parts[-1].endswith(_SHORT_TAILS))


def is_harmless_key(name: str) -> bool:
    """Return whether *name* is that of a key that opens nothing."""
    return _is_other_key(words(name[-MAX_KEY:]))


def _is_other_key(parts: tuple[str, ...]) -> bool:
    return len(parts) > 1 and not _OTHER_KEYS.isdisjoint(parts[-3:-1])


def is_secret(name: str) -> bool:
    """Return whether *name* is that of a credential, as it may stand in free text too."""
    return _is_secret(words(name[-MAX_KEY:]))


@lru_cache(maxsize=4096)
def _is_secret(parts: tuple[str, ...]) -> bool:
    """Return whether a name of these words is that of a credential."""
    joined = "".join(parts)
    if not parts or joined in _HARMLESS_NAMES or parts[-1] in _ABOUT:
        return False
    if parts[-1] == "pass":
        return len(parts) == 1 or parts[-2] not in _LAST_PASS_BEFORE
    if any(pair in _SECRET_PAIRS for pair in _pairs(parts)):
        return True
    if any(word in _SECRET_WORDS for word in parts):
        return not _is_harmless_token(parts)
    if len(parts) > 1 and parts[-1] in ("token", "tokens"):
        return not _is_harmless_token(parts)
    return parts[-1].endswith(_SECRET_TAILS)


def _is_harmless_token(parts: tuple[str, ...]) -> bool:
    """Return whether the only secret-like word is a token that counts or pages."""
    loud = [word for word in parts if word in _SECRET_WORDS]
    if any(word not in ("token", "tokens") for word in loud):
        return False
    at = parts.index(loud[0]) if loud else len(parts) - 1
    return at > 0 and parts[at - 1] in _HARMLESS_BEFORE


@lru_cache(maxsize=4096)
def _is_personal(parts: tuple[str, ...]) -> bool:
    """Return whether a name of these words is that of personal data."""
    if not parts or parts[-1] in _ABOUT:
        return False
    if any(word in _PERSONAL_WORDS for word in parts):
        return True
    if any(pair in _PERSONAL_PAIRS for pair in _pairs(parts)):
        return True
    return parts[-1].endswith(_PERSONAL_TAILS)


def _pairs(parts: tuple[str, ...]) -> list[str]:
    """Return each word with its next, as text."""
    return [f"{first} {last}" for first, last in pairwise(parts)]
