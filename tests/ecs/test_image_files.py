from pathlib import Path

import pytest

from pyrolens.ecs.image_files import find
from pyrolens.problems import ConfigError

EXTRA = "/fluent-bit/etc/extra.conf"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)


@pytest.mark.parametrize(
    "copy",
    [
        "COPY router.conf /fluent-bit/etc/extra.conf",
        "copy --chown=0:0 router.conf \\\n  /fluent-bit/etc/extra.conf",
        "ADD ./router.conf /fluent-bit/etc/extra.conf",
    ],
)
def test_the_dockerfile_says_which_file_it_is(copy: str, tmp_path: Path) -> None:
    write(tmp_path, Dockerfile=f"FROM x\n{copy}\n", router_conf="", extra_conf="not this one")
    assert find(EXTRA, tmp_path, {}) == tmp_path / "router.conf"


def test_a_dockerfile_may_copy_into_a_folder_or_a_whole_folder(tmp_path: Path) -> None:
    write(tmp_path, router__Dockerfile="FROM x\nCOPY a.conf extra.conf /fluent-bit/etc/\n", router__extra_conf="")
    assert find(EXTRA, tmp_path, {}) == tmp_path / "router" / "extra.conf"
    write(tmp_path, web__Dockerfile="FROM x\nCOPY . /srv\n", web__app_py="")
    assert find("/srv/app.py", tmp_path, {}) == tmp_path / "web" / "app.py"


def test_without_a_dockerfile_the_only_file_of_that_name_is_taken(tmp_path: Path) -> None:
    write(
        tmp_path, Dockerfile="FROM x\nCOPY --from=build /extra.conf /fluent-bit/etc/extra.conf\n", conf__extra_conf=""
    )
    assert find(EXTRA, tmp_path, {}) == tmp_path / "conf" / "extra.conf"


def test_the_user_has_the_last_word(tmp_path: Path) -> None:
    write(tmp_path, extra_conf="", mine_conf="")
    assert find(EXTRA, tmp_path, {EXTRA: str(tmp_path / "mine.conf")}) == tmp_path / "mine.conf"
    with pytest.raises(ConfigError, match=r"none\.conf, given for /fluent-bit/etc/extra\.conf, is no file"):
        find(EXTRA, tmp_path, {EXTRA: str(tmp_path / "none.conf")})


def test_a_file_that_is_not_known_or_not_sure_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no local file is known") as caught:
        find(EXTRA, tmp_path, {})
    assert caught.value.problems[0].hint == f"say which: --file {EXTRA}=./extra.conf"
    write(tmp_path, a__extra_conf="", b__extra_conf="")
    with pytest.raises(ConfigError, match=r"may be any of these local files: a/extra\.conf, b/extra\.conf"):
        find(EXTRA, tmp_path, {})
