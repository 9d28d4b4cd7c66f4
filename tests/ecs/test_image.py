from pathlib import Path

import pytest

from pyrolens.config import load
from pyrolens.ecs.image import Image
from pyrolens.problems import ConfigError

HEAD = "[INPUT]\n    Name dummy\n[OUTPUT]\n    Name null\n    Match *\n"


class Made:
    def __init__(self, tmp_path: Path, files: dict[str, str], **given: str) -> None:
        self.folder, self.into = tmp_path / "task", tmp_path / "generated"
        self.into.mkdir()
        for name, text in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.said: list[str] = []
        self.image = Image(self.folder, given, self.into, self.said.append)

    def text(self, path: str = "/extra.conf") -> str:
        return self.image.local(path).read_text()


def test_what_names_no_file_of_the_image_is_read_where_it_is(tmp_path: Path) -> None:
    made = Made(tmp_path, {"extra.conf": HEAD})
    assert made.image.local("/extra.conf") == made.folder / "extra.conf"
    assert list(made.into.iterdir()) == []


def test_the_parsers_of_the_image_are_there(tmp_path: Path) -> None:
    text = f"[SERVICE]\n    Parsers_File /fluent-bit/parsers/parsers.conf\n{HEAD}[FILTER]\n    Name parser\n"
    text += "    Match *\n    Key_Name log\n    Parser json\n"
    made = Made(tmp_path, {"extra.conf": text})
    read = made.image.local("/extra.conf")
    assert [f.label for f in load(str(read)).filters] == ["parser.0"]
    assert made.said[1] == "/fluent-bit/parsers/parsers.conf is not needed: its parsers are always there"
    assert made.image.original(f"{read}:3: error") == f"{made.folder}/extra.conf:3: error"


def test_a_config_of_the_image_is_one_of_ours(tmp_path: Path) -> None:
    made = Made(tmp_path, {"extra.conf": f"@INCLUDE /fluent-bit/configs/parse-json.conf\n{HEAD}"})
    config = load(str(made.image.local("/extra.conf")))
    assert [f.label for f in config.filters if f.matches and f.matches("event_log")] == ["parser.0"]
    assert (config.service.flush, config.service.grace) == (1, 28)
    assert made.said[1] == "/fluent-bit/configs/parse-json.conf is a file of our own"


@pytest.mark.parametrize("key", ["Streams_File", "script"])
def test_other_files_of_the_image(tmp_path: Path, key: str) -> None:
    files = {"extra.conf": f"[SERVICE]\n    {key} /etc/a\n", "b": "", "Dockerfile": "COPY b /etc/a\n"}
    made = Made(tmp_path, files)
    assert made.text() == f"[SERVICE]\n    {key} {made.folder}/b\n"


def test_a_file_that_the_image_gets_from_here_counts_before_that_of_its_base(tmp_path: Path) -> None:
    files = {
        "extra.conf": "[SERVICE]\n    Parsers_File /fluent-bit/parsers/parsers.conf  \n",
        "own.conf": "[PARSER]\n    Name own\n    Format json\n",
        "Dockerfile": "COPY own.conf /fluent-bit/parsers/parsers.conf\n",
    }
    made = Made(tmp_path, files)
    assert made.text() == f"[SERVICE]\n    Parsers_File {made.folder}/own.conf  \n"


def test_included_files_are_followed_and_relative_ones_are_beside_the_main_file(tmp_path: Path) -> None:
    files = {
        "extra.conf": "@include more.conf\n@INCLUDE conf/*.conf\n[SERVICE]\n    Parsers_File ${PARSERS}\n",
        "more.conf": "[SERVICE]\n    parsers_file parsers.conf\n",
        "image/parsers.conf": "[PARSER]\n    Name own\n    Format json\n",
        "image/Dockerfile": "COPY parsers.conf /fluent-bit/etc/\n",
    }
    made = Made(tmp_path, files)
    more = made.into / "1-more.conf"
    assert made.text() == f"@include {more}\n@INCLUDE conf/*.conf\n[SERVICE]\n    Parsers_File ${{PARSERS}}\n"
    assert more.read_text() == f"[SERVICE]\n    parsers_file {made.folder}/image/parsers.conf\n"


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    made = Made(tmp_path, {"extra.conf": f"@INCLUDE /extra.conf\n{HEAD}"})
    with pytest.raises(ConfigError, match="is read twice"):
        load(str(made.image.local("/extra.conf")))


def test_a_file_that_is_nowhere_is_told_with_its_place(tmp_path: Path) -> None:
    made = Made(tmp_path, {"extra.conf": f"{HEAD}@INCLUDE /opt/more.conf\n"})
    with pytest.raises(ConfigError) as error:
        made.image.local("/extra.conf")
    (problem,) = error.value.problems
    assert (str(problem.place), problem.message) == (
        f"{made.folder}/extra.conf:6",
        "/opt/more.conf is in the router's image, and no local file is known for it",
    )


def test_a_pattern_takes_the_files_of_its_folder_in_their_order(tmp_path: Path) -> None:
    made = Made(
        tmp_path,
        {
            "extra.conf": "@INCLUDE parts/*.conf\n[SERVICE]\n    Parsers_File parsers.conf\n",
            "parts/1.conf": "@INCLUDE in.conf\n",
            "parts/2.conf": "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser own\n",
            "parts/10.conf": "[OUTPUT]\n    Name null\n    Match *\n",
            "in.conf": "[INPUT]\n    Name dummy\n",
            "parsers.conf": "[PARSER]\n    Name own\n    Format json\n",
        },
    )
    config = load(str(made.image.local("/extra.conf")))
    labels = [config.inputs[0].label, *(f.label for f in config.filters), config.outputs[0].label]
    assert labels == ["dummy.0", "parser.0", "null.0"]
    places = [str(b.section.place) for b in config.filters if b.section]
    assert [made.image.original(place) for place in places] == [f"{made.folder}/parts/2.conf:1:1"]
