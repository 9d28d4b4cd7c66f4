from pyrolens.records import remembered
from pyrolens.records.remembered import Remembered


def test_it_asks_once() -> None:
    asked: list[str] = []
    answers = Remembered(lambda name: asked.append(name) or name == "a")  # type: ignore[func-returns-value]
    assert [answers["a"], answers["b"], answers["a"]] == [True, False, True]
    assert asked == ["a", "b"]


def test_it_forgets_when_there_are_too_many() -> None:
    answers = Remembered(bool)
    for n in range(remembered.MOST + 5):
        assert answers[n] is (n > 0)
    assert len(answers) == 5
