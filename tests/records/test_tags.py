import pytest

from pyrolens.records.tags import anchored_regex, glob

TAGS = ["app", "app.web", "app.web.1", "sys.web", "APP.web", "webapp.web", "app-web", "app.{web,db}"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", TAGS),
        ("app.web", ["app.web"]),
        ("app.*", ["app.web", "app.web.1", "app.{web,db}"]),
        ("*.web", ["app.web", "sys.web", "APP.web", "webapp.web"]),
        ("app**1", ["app.web.1"]),
        ("a*w*b", ["app.web", "app-web"]),
        ("app.{web,db}", ["app.{web,db}"]),
        ("", []),
    ],
)
def test_glob(pattern: str, expected: list[str]) -> None:
    assert list(filter(glob(pattern), TAGS)) == expected


@pytest.mark.parametrize(
    ("pattern", "tag", "expected"),
    [
        ("web", "app.web", False),
        ("web", "webapp.web", True),
        ("app", "app.web", True),
        ("^app$", "app.web", False),
        (".*web$", "app.web", True),
        ("^(?!sys)", "app", False),
        ("^(?!sys).", "app", True),
        ("(?i)^APP", "app.web", True),
        ("/APP/i", "app.web", True),
        ("zzz|app", "app", True),
    ],
)
def test_anchored_regex(pattern: str, tag: str, expected: bool) -> None:
    assert anchored_regex(pattern)(tag) is expected


def test_a_pattern_that_does_not_compile() -> None:
    with pytest.raises(ValueError, match="without its"):
        anchored_regex("(t")
