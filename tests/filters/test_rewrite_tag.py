import pytest

from pyrolens.api import OptionError, Record
from pyrolens.filters import rewrite_tag
from pyrolens.filters.rewrite_tag import RewriteTag, Rule, read_storage
from tests.filters.trial import NOW, misfits, records, run
from tests.lent import Lent


def rules(*texts: str) -> RewriteTag:
    return RewriteTag(rule=[Rule.read(text) for text in texts])


def log(*texts: str) -> list[Record]:
    return [{"log": text} for text in texts]


def test_a_record_moves() -> None:
    env = Lent()
    assert run(rules("$log ERROR err.$TAG false"), log("ERROR 1", "ok", "ERROR 2"), env) == [(NOW + 1, {"log": "ok"})]
    assert env.emitted == [("err.app.web", [(NOW, {"log": "ERROR 1"}), (NOW + 2, {"log": "ERROR 2"})], 2)]


def test_a_record_is_kept_too() -> None:
    env = Lent()
    given = log("ERROR 1", "ok")
    assert records(rules("$log ERROR err.x true"), given, env) == given
    assert env.emitted == [("err.x", [(NOW, given[0])], 0)]


def test_the_first_rule_that_matches_counts() -> None:
    env = Lent()
    plugin = rules("$log pay pay.x true", "$log ERROR err.x off", "$log . all.x no")
    assert records(plugin, log("ERROR pay", "ERROR", "x", "")) == log("ERROR pay", "")
    records(plugin, log("ERROR pay", "ERROR", "x", "", "pay"), env)
    assert [(tag, [r["log"] for _, r in batch], moved) for tag, batch, moved in env.emitted] == [
        ("pay.x", ["ERROR pay", "pay"], 0),
        ("err.x", ["ERROR"], 1),
        ("all.x", ["x"], 1),
    ]


def test_two_rules_of_one_new_tag_keep_the_order() -> None:
    env = Lent()
    records(rules("$log b t.x false", "$log a t.x true"), log("a1", "b1", "a2"), env)
    assert [(tag, [r["log"] for _, r in batch], moved) for tag, batch, moved in env.emitted] == [
        ("t.x", ["a1", "b1", "a2"], 1)
    ]


def test_new_tags_of_the_record_and_the_match() -> None:
    env = Lent()
    given: list[Record] = [{"log": "cart WARN", "svc": "S"}, {"log": "order INFO", "svc": 5}, {"log": "none"}]
    assert records(rules(r"$log ^(\w+)\s(\w+) l.$2.$1.$svc.$TAG[1] false"), given, env) == [{"log": "none"}]
    assert [tag for tag, _, _ in env.emitted] == ["l.WARN.cart.S.web", "l.INFO.order.5.web"]


def test_a_pattern_without_groups_leaves_nothing_for_a_group() -> None:
    env = Lent()
    records(rules("$log ERROR t.$0.x false"), log("ERROR"), env)
    assert [tag for tag, _, _ in env.emitted] == ["t..x"]


@pytest.mark.parametrize(("keep", "left"), [("false", []), ("true", log("x"))])
def test_an_empty_new_tag_loses_the_record_unless_it_is_kept(keep: str, left: list[Record]) -> None:
    env = Lent()
    assert records(rules(f"$log x $nope {keep}"), log("x"), env) == left
    assert env.emitted == []


def test_keep_is_on_yes_or_true() -> None:
    read = {word: Rule.read(f"$a b c {word}").keep for word in ("On", "YES", "truE", "1", "keep", "off")}
    assert read == {"On": True, "YES": True, "truE": True, "1": False, "keep": False, "off": False}


def test_words_of_a_rule() -> None:
    assert Rule.read('  $log  "GET /"   t.x  false more') == Rule("$log", "GET /", "t.x", keep=False)
    with pytest.raises(ValueError, match="expected four words"):
        Rule.read("$log x t.y")


def test_many_old_tags_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite_tag, "MOST_TAGS", 2)
    env = Lent()
    transform = rules("$log x n.$TAG false").compile(env)
    for n in range(5):
        transform(f"t{n}", [(NOW, {"log": "x"})])
    assert [tag for tag, _, _ in env.emitted] == [f"n.t{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$log ERR[OR a.b false", "the pattern 'ERR[OR' does not compile: a [ without its ] (at character 4)"),
        ("$log['x ERR a.b false", "'$log['x' is no accessor: expected $key, $key['sub'] or $key[0]"),
        ("$log ERR a.$svc:b false", "'$svc:b' is no accessor: expected $key, $key['sub'] or $key[0]"),
    ],
)
def test_refused(text: str, message: str) -> None:
    assert misfits(rules(text)) == [("rule", message)]
    with pytest.raises(OptionError):
        rules(text).compile(Lent())


def test_storage() -> None:
    assert read_storage("Memory") == "memory"
    with pytest.raises(ValueError, match="expected memory or filesystem"):
        read_storage("disk")
