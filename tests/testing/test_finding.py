"""Which files are tests, and what each is about."""

from pathlib import Path

import pytest

from pyrolens.problems import ConfigError
from pyrolens.testing.finding import find_tests, subject_of
from pyrolens.testing.suite import read_suite

TESTS = "tests: [{name: a, given: {tag: x, lines: y}}]\n"
CONFIG = "[OUTPUT]\n    Name stdout\n"
TASK = '{"containerDefinitions": []}'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(**files: str) -> None:
    for name, text in files.items():
        path = Path(name.replace("__", "/").replace("_", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def subject(file: str = "a.pyrolens.yaml") -> str:
    return subject_of(read_suite(file))


def test_folders_are_searched_and_files_are_taken_as_they_are() -> None:
    write(a_pyrolens_yaml="", b__c_pyrolens_yml="", b__d_yaml="", node_modules="")
    Path(".hidden").mkdir()
    Path(".hidden/x.pyrolens.yaml").touch()
    assert find_tests(["."]) == ["a.pyrolens.yaml", "b/c.pyrolens.yml"]
    assert find_tests(["b", "b/d.yaml", "b"]) == ["b/c.pyrolens.yml", "b/d.yaml"]


def test_what_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"error\[no-file\]: none is not there"):
        find_tests(["none"])
    with pytest.raises(ConfigError, match=r"there is no test file in \.\n  hint: their names end with"):
        find_tests(["."])


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"a_conf": CONFIG, "b_conf": CONFIG}, "a.conf"),
        ({"a_conf": CONFIG, "b_json": TASK}, "a.conf"),
        ({"b_conf": CONFIG, "c_json": TASK}, "c.json"),
        ({"b_conf": CONFIG, "c_json": "{}"}, "b.conf"),
        ({"b_yaml": "pipeline:\n", "c_yaml": "x: 1"}, "b.yaml"),
    ],
)
def test_the_subject_is_found_beside_it(files: dict[str, str], found: str) -> None:
    write(a_pyrolens_yaml=TESTS, **files)
    assert subject() == found


def test_the_subject_may_be_named() -> None:
    write(a_pyrolens_yaml=TESTS, x__router_conf=CONFIG)
    Path("a.pyrolens.yaml").write_text(f"subject: x/router.conf\n{TESTS}")
    assert subject() == "x/router.conf"
    Path("a.pyrolens.yaml").write_text(f"subject: x/ruter.conf\n{TESTS}")
    with pytest.raises(ConfigError) as caught:
        subject()
    assert str(caught.value) == (
        "a.pyrolens.yaml:1:1: error[no-file]: subject: x/ruter.conf is not there\n"
        "    subject: x/ruter.conf\n"
        "    ^^^^^^^\n"
        "  hint: did you mean 'router.conf'?"
    )


def test_which_subject_is_not_guessed() -> None:
    write(a_pyrolens_yaml=TESTS)
    with pytest.raises(ConfigError, match="no task definition and no config beside it"):
        subject()
    write(b_conf=CONFIG, c_conf=CONFIG)
    with pytest.raises(ConfigError, match=r"any of b\.conf, c\.conf\n  hint: say which: `subject: b\.conf`"):
        subject()
