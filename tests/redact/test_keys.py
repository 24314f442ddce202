"""The key rule knows a name in every spelling, and what is only about a secret."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.redact import gate, keys

SENSITIVE = """
email password token secret ssn phone creditCard
Password PASSWORD passWord user_password userPassword USER-PASSWORD dbPassword db.password
password1 password_hash passwd PGPASSWORD MYSQL_PWD passphrase passcode pass db_pass smtpPass
credit_card CREDIT-CARD credit.card CreditCardNumber creditcard card_number cardNumber
x-api-key X-API-Key apiKey APIKey apikey api_key API_KEY openai.api.key OPENAI_API_KEY
GITHUB_PERSONAL_ACCESS_TOKEN accessToken access_token authToken auth_token refresh_token idToken
bearerToken csrf_token sessionToken token2 githubtoken
client_secret clientSecret CLIENT-SECRET clientsecret secretKey secret_access_key awsSecretAccessKey
privateKey private_key ssh_private_key signing_key encryptionKey accountKey AccountKey
credentials userCredentials creds authorization Authorization proxy-authorization cookie Set-Cookie
jwt pin cvv cvc otp otp_code connectionString connection_string
emailAddress email_address userEmail e-mail eMail contact.email emails phoneNumber phone_number
PHONE mobilePhone mobile telephone social_security_number socialSecurityNumber SSN iban
passportNumber date_of_birth dob ｐａｓｓｗｏｒｄ pass\u200bword contraseña пароль 密码
""".split()

HARMLESS = """
max_tokens maxTokens min_tokens token_count tokenCount num_tokens total_tokens prompt_tokens
completion_tokens input_tokens outputTokens cached_tokens tokens_used tokens_per_second
next_page_token nextPageToken page_token pagination_token continuationToken nextToken progressToken
stop_token eos_token pad_token token_type token_url token_limit token_budget tokenizer
secret_name secretName password_policy password_file password_expiry password_enabled
public_key primary_key foreign_key sort_key partition_key cache_key key keys key_name keyboard
monkey author authority authors bypass compass passenger first_pass path name title id value
email_count email_enabled phone_type card_type discard cardinality cookie_policy
shipping mapping pinned spinner opinion cotton query limit offset status
""".split()


@pytest.mark.requirement("redact.guide-keys")
@pytest.mark.parametrize("name", SENSITIVE)
def test_is_sensitive(name: str) -> None:
    assert keys.is_sensitive(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_is_harmless(name: str) -> None:
    assert not keys.is_sensitive(name)


COMPOUND = "credit card|api key|access token|client secret|user password|phone number|private key"


@given(st.sampled_from(COMPOUND.split("|")), st.sampled_from(["_", "-", ".", " ", "__"]), st.data())
def test_every_case_and_separator_is_the_same_name(name: str, between: str, data) -> None:
    first, last = name.split()
    styles = [str.lower, str.upper, str.title]
    style = data.draw(st.sampled_from(styles))
    assert keys.is_sensitive(style(first) + between + style(last))
    assert keys.is_sensitive(first + last.title())
    assert keys.is_sensitive(first.title() + last.title())


@pytest.mark.parametrize("name", [*SENSITIVE, *COMPOUND.split("|")])
def test_the_gate_fires_wherever_a_secret_name_may_assign_in_text(name: str) -> None:
    index = next(n for n, d in enumerate(gate.DETECTORS) if d.name == "assignment")
    if keys.is_secret(name) and re.fullmatch(r"[\w. -]+", name, re.ASCII):
        for engine in (gate.PureGate(), gate.load()):
            assert index in engine.fired(f"{name}=x")


def test_long_names_are_judged_by_their_end() -> None:
    assert keys.is_sensitive("x" * 500 + "_password")
    assert not keys.is_sensitive("password_" + "x" * 500)
