import base64

from pyrolens.api import Output, Secret, Tls, group, opt, plugin
from pyrolens.service.secrets import secrets_of


@plugin("example")
class Example(Output):
    """An output with secrets."""

    password: Secret = opt("A secret.", default="")
    token: Secret | None = opt("Another.", default=None)
    http_user: str | None = opt("Whose password it is.", default=None)
    host: str = opt("Not one.", default="h")
    tls: Tls = group(Tls, "tls.")


def test_all_secrets_are_found() -> None:
    plugins = [Example(password="one"), Example(token="two", host="three", tls=Tls(key_passwd="four"))]
    found = list(secrets_of(plugins))
    assert [text for text in found if text in ("one", "two", "three", "four", "h")] == ["one", "two", "four"]


def test_also_as_basic_authentication_sends_them() -> None:
    assert list(secrets_of([Example(password="one", http_user="me")])) == [
        "one", *(base64.b64encode(text).decode() for text in (b"one", b"one:", b"me:one")),
    ]  # fmt: skip
