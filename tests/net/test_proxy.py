import pytest

from pyrolens.net.proxy import Proxy, from_environment, read_proxy


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://p.example:3128", Proxy("p.example", 3128)),
        ("p.example:3128", Proxy("p.example", 3128)),
        ("http://p.example", Proxy("p.example", 80)),
        ("https://p.example", Proxy("p.example", 443, True)),
        ("http://u:p%40ss@p.example:1", Proxy("p.example", 1, False, "Basic dTpwQHNz")),
    ],
)
def test_read_proxy(url: str, proxy: Proxy) -> None:
    assert read_proxy(url) == proxy


@pytest.mark.parametrize("url", ["socks5://p:1", "http://", "http://p:x", ""])
def test_not_a_proxy(url: str) -> None:
    with pytest.raises(ValueError, match="expected http://host:port"):
        read_proxy(url)


@pytest.mark.parametrize(
    ("host", "tls", "environ", "proxied"),
    [
        ("a.example", False, {}, None),
        ("a.example", False, {"HTTP_PROXY": "http://p:1"}, "p"),
        ("a.example", False, {"http_proxy": "http://p:1"}, "p"),
        ("a.example", False, {"HTTPS_PROXY": "http://p:1"}, None),
        ("a.example", True, {"HTTP_PROXY": "http://p:1"}, "p"),
        ("a.example", True, {"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "q"),
        ("a.example", False, {"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ("a.example", False, {"HTTP_PROXY": "http://p:1", "NO_PROXY": "b.example, a.example"}, None),
        ("a.example", False, {"HTTP_PROXY": "http://p:1", "NO_PROXY": "example"}, None),
        ("a.example", False, {"HTTP_PROXY": "http://p:1", "NO_PROXY": ".example"}, None),
        ("a.example", False, {"HTTP_PROXY": "http://p:1", "NO_PROXY": "ample"}, "p"),
        ("A.EXAMPLE", False, {"HTTP_PROXY": "http://p:1", "no_proxy": "a.example"}, None),
        ("169.254.170.2", False, {"HTTP_PROXY": "http://p:1", "NO_PROXY": "169.254.0.0/16"}, None),
        ("10.0.0.1", False, {"HTTP_PROXY": "http://p:1", "NO_PROXY": "169.254.0.0/16"}, "p"),
        ("a.example", False, {"HTTP_PROXY": "http://p:1", "NO_PROXY": "a.example/16"}, "p"),
    ],
)
def test_which_proxy(host: str, tls: bool, environ: dict[str, str], proxied: str | None) -> None:
    found = from_environment(host, tls, environ)
    assert (found.host if found else None) == proxied


def test_a_broken_proxy_is_named() -> None:
    with pytest.raises(ValueError, match="HTTP_PROXY is not a proxy"):
        from_environment("a", False, {"HTTP_PROXY": "socks://x"})
