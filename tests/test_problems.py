import pytest

from pyrolens.problems import Place, Problem, without_secret


def told(line: str, what: str) -> list[str]:
    """What is printed of a problem at `what` of the line."""
    place = Place("x.conf", 1, line.index(what) + 1, len(what), line)
    return str(Problem("code", "wrong", place)).splitlines()[1:]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("    Splunk_Token hush", "    Splunk_Token ***"),
        ("http_passwd: hush", "http_passwd: ***"),
        ('"apikey": "hush",', '"apikey": ***'),
        ('{"Name":"datadog","apikey":"hush","x":1}', '{"Name":"datadog","apikey":"***","x":1}'),
        ('{"options":{"http_Passwd" : "a\\"hush","x":1}}', '{"options":{"http_Passwd" : "***","x":1}}'),
        ('[{"name":"DD_API_KEY","value":"hush"},{"name":"A"}]', '[{"name":"DD_API_KEY","value":"***"},{"name":"A"}]'),
        ('{"value":"hush","name":"DD_API_KEY"}', '{"value":"***","name":"DD_API_KEY"}'),
        ("Options: {Name: datadog, apikey: hush, TLS: on}", "Options: {Name: datadog, apikey: ***, TLS: on}"),
        ("- {Name: DD_API_KEY, Value: hush}", "- {Name: DD_API_KEY, Value: ***}"),
        ("    Header Authorization Bearer hush", "    Header Authorization ***"),
        ("header: X-Api-Key hush", "header: X-Api-Key ***"),
        ("URI /in?token=hush&a=b", "URI /in?token=***&a=b"),
        ("Endpoint https://joe:hush@example.com/", "Endpoint https://joe:***@example.com/"),
        ("Match app.*", "Match app.*"),
        ('"secrets":[{"name":"A","valueFrom":"arn"}]', '"secrets":[{"name":"A","valueFrom":"arn"}]'),
    ],
)  # fmt: skip
def test_what_is_secret_by_its_name_is_not_shown(line: str, shown: str) -> None:
    assert without_secret(line) == shown


def test_the_caret_stands_under_what_it_points_at_behind_a_secret() -> None:
    assert told('{"apikey":"a-long-secret","Match":"*"}', '"Match"') == [
        '    {"apikey":"***","Match":"*"}',
        "                    ^^^^^^^",
    ]
    assert told('{"apikey":"a-long-secret","Match":"*"}', "secret") == [
        '    {"apikey":"***","Match":"*"}',
        "                 ^",
    ]


@pytest.mark.parametrize("before", [0, 30, 100, 500, 985])
def test_of_a_long_line_only_what_is_around_the_place_is_shown(before: int) -> None:
    line, caret = told("x" * before + "HERE" + "y" * (990 - before), "HERE")
    begin = caret.index("^")
    assert (line[begin : begin + 4], caret.strip()) == ("HERE", "^^^^")
    assert len(line) == 4 + 160
    assert line.count("…") == (before > 60) + (before < 985)


def test_carets_do_not_go_on_behind_a_long_line() -> None:
    line, caret = told("Tag " + "x" * 100_000, "x" * 100_000)
    assert (len(line), len(caret)) == (164, 164)


def test_what_a_terminal_would_act_on_is_not_printed() -> None:
    assert told("\ufeff[INPUT]\x1b[2J", "[INPUT]") == ["    �[INPUT]�[2J", "     ^^^^^^^"]


def test_a_message_that_quotes_something_huge_is_cut() -> None:
    assert len(str(Problem("code", "x" * 100_000, None, "y" * 100_000))) < 5000
