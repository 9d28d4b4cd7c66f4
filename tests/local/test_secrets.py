from pathlib import Path

import pytest

from pyrolens.ecs.init import InitError
from pyrolens.local.embedded_aws import Where
from pyrolens.local.secrets import Secrets, read_environment, read_secrets
from pyrolens.problems import ConfigError
from tests.remote.aws import embedded, put_object


def test_a_file_counts_before_the_environment_and_the_variable_before_the_arn() -> None:
    secrets = Secrets({"A": "file", "arn:x": "arn"}, {"A": "environment", "B": "environment"}, from_aws=False)
    assert [secrets.find(n, "arn:x") for n in "AC"] == ["file", "arn"]
    assert [secrets.find(n, "arn:y") for n in "BC"] == ["environment", None]


def test_secrets_and_files_of_aws() -> None:
    with embedded() as aws:
        aws.client("ssm", Where("eu-west-1")).put_parameter(Name="/key", Value="s3cret", Type="SecureString")
        put_object(aws, "conf", "x.env", "A=b")
        secrets = Secrets({}, aws.environment, from_aws=True)
        assert secrets.find("A", "/key") == "s3cret"
        assert secrets.fetch("arn:aws:s3:::conf/x.env") == b"A=b"
        with pytest.raises(ConfigError, match="secret A: ssm:/none cannot be read: ParameterNotFound"):
            secrets.find("A", "/none")
        with pytest.raises(InitError, match="NoSuchKey"):
            secrets.fetch("s3://conf/none")


def test_a_file_of_secrets(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("# mine\nA = b=c\narn:aws:ssm:r:1:parameter/x=y\n\n")
    assert read_secrets(str(file)) == {"A": " b=c", "arn:aws:ssm:r:1:parameter/x": "y"}
    file.write_text('{"A": "b"}')
    assert read_secrets(str(file)) == {"A": "b"}
    file.write_text('{"A": 1}')
    with pytest.raises(ConfigError, match="expected a JSON object of texts"):
        read_secrets(str(file))
    with pytest.raises(ConfigError, match="No such file"):
        read_secrets(str(tmp_path / "none"))


def test_variables_of_a_file() -> None:
    assert read_environment(b"A=1\r\n#B=2\nno line\nC=\n") == {"A": "1", "C": ""}
