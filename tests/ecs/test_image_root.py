"""The files that the image holds besides the program."""

import os
from pathlib import Path

import pytest

from pyrolens.config import load
from pyrolens.ecs.image import FILES, Image, shipped

VARIABLES = {
    "HOSTNAME": "h", "FLUENT_BIT_METRICS_LOG_REGION": "eu-west-1", "FLUENT_BIT_METRICS_LOG_GROUP": "g",
    "PARSER_NAME": "json", "ECS_CLUSTER": "c", "ECS_TASK_ARN": "a", "ECS_TASK_DEFINITION": "d:1",
}  # fmt: skip
CONFIGS = sorted(path.relative_to(FILES) for path in FILES.rglob("*.conf"))


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_a_config_of_the_image_is_good(path: Path, tmp_path: Path) -> None:
    main, rest = tmp_path / "main.conf", "[INPUT]\n    Name dummy\n[OUTPUT]\n    Name null\n    Match *\n"
    image = Image(tmp_path, {}, tmp_path, lambda text: None)
    if path.name.endswith(("parser.conf", "parsers.conf")):
        main.write_text(f"[SERVICE]\n    Parsers_File {FILES / path}\n{rest}")
    elif path.name == "fluent-bit.conf":
        main.write_text((FILES / path).read_text())
    else:
        main.write_text(f"@INCLUDE {image.local(f'/{path}')}\n{rest}")
    assert [str(problem) for problem in load(str(main), environ=VARIABLES).warnings] == []


def test_what_starts_the_router_can_be_run() -> None:
    scripts = sorted(path.relative_to(FILES) for path in FILES.rglob("*.sh"))
    assert [str(path) for path in scripts] == ["entrypoint.sh", "init/fluent_bit_init_entrypoint.sh"]
    assert all(os.access(FILES / path, os.X_OK) for path in scripts)


def test_nothing_outside_is_shipped() -> None:
    assert shipped("/../image.py") is None
    assert shipped("/fluent-bit/configs/none.conf") is None
    assert shipped("/fluent-bit/parsers/parsers_java.conf") == ""
    assert "Reserve_Data On" in (shipped("/fluent-bit/configs/parse-json.conf") or "")
