from pyrolens.api import Output, Secret, Tls, group, opt, plugin
from pyrolens.service.secrets import secrets_of


@plugin("example")
class Example(Output):
    """An output with secrets."""

    password: Secret = opt("A secret.", default="")
    token: Secret | None = opt("Another.", default=None)
    host: str = opt("Not one.", default="h")
    tls: Tls = group(Tls, "tls.")


def test_all_secrets_are_found() -> None:
    plugins = [Example(password="one"), Example(token="two", host="three", tls=Tls(key_passwd="four"))]
    assert list(secrets_of(plugins)) == ["one", "two", "four"]
