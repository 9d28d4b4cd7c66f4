from pyrolens.ecs.init_sources import ignores_firelens, sources, unused


def test_files_come_in_the_order_of_their_numbers() -> None:
    environ = {
        "aws_fluent_bit_init_s3_10": "j",
        "aws_fluent_bit_init_file_2": "c",
        "aws_fluent_bit_init_s3_2": "b",
        "AWS_FLUENT_BIT_INIT_S3_1": "a",
        "aws_fluent_bit_init_s3": "l",
        "aws_fluent_bit_init_File_x": "k",
        "MY_aws_fluent_bit_init_ssm_3": "d",
        "PATH": "/bin",
    }
    assert "".join(s.value for s in sources(environ)) == "abcdjlk"


def test_the_generated_config_is_left_out_when_a_variable_says_so() -> None:
    assert ignores_firelens({"aws_fluent_bit_init_ignore_FireLens_config": "On"})
    assert not ignores_firelens({"aws_fluent_bit_init_ignore_firelens": "1"})


def test_what_looks_as_if_it_was_meant_is_told() -> None:
    environ = {
        "aws_fluentbit_init_s3_1": "arn",
        "aws_fluent_bit_init_ignore_firelens": "yes",
        "aws_fluent_bit_init_s3_1": "arn",
        "PATH": "/fluent-bit-init",
        "FLUENT_HOST": "127.0.0.1",
    }
    assert [name for name, _ in unused(environ)] == ["aws_fluent_bit_init_ignore_firelens", "aws_fluentbit_init_s3_1"]
