"""Patterns and texts to try, made by hypothesis."""

from hypothesis import strategies as st

ATOMS = st.sampled_from(
    [*"aab c1", "ab", "ERROR", r"\w", r"\d", r"\s", ".", "[ab]", "[^a]", r"[^b\n]", r"\W", r"\S", "[a-c]",
     "[[:alpha:]]", "é", "ß", r"\h", "K", "ss", "^", "$", r"\b", r"\A", r"\z", r"\Z", r"\B", r"\n", r"\x00"]
)  # fmt: skip
QUANTIFIERS = st.sampled_from(
    ["", "", "", "*", "+", "?", "*?", "+?", "??", "++", "*+", "{2}", "{1,2}", "{,1}", "{2,}?"]
)
BRACKETS = st.sampled_from(
    ["(%s)", "(?:%s)", "(?=%s)", "(?!%s)", "(?>%s)", "(?i:%s)", "(?m:%s)", "^(?=.*%s)", "^(?!.*%s).*$", "^.*%s"]
)


def _more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bracketed = st.builds(lambda bracket, text: bracket % text, BRACKETS, inner)
    piece = st.builds(lambda atom, quantifier: atom + quantifier, ATOMS | bracketed, QUANTIFIERS)
    sequence = st.lists(piece, min_size=1, max_size=3).map("".join)
    return st.lists(sequence, min_size=1, max_size=2).map("|".join)


PATTERNS = st.recursive(ATOMS, _more, max_leaves=8)
TEXTS = st.lists(st.text(alphabet="aab c1\nKkßsSé\x00\udcff", max_size=8) | st.just("an ERROR 404 x"), max_size=20)
