"""What the outputs of <match> become."""

from typing import Any

import pytest

from pyrolens.outputs.cloudwatch_logs import CloudwatchLogs
from pyrolens.outputs.datadog import Datadog
from pyrolens.outputs.es import Es
from pyrolens.outputs.file import File
from pyrolens.outputs.forward import Forward
from pyrolens.outputs.kinesis import Kinesis
from pyrolens.outputs.kinesis_firehose import KinesisFirehose
from pyrolens.outputs.opensearch import Opensearch
from pyrolens.outputs.s3 import S3
from pyrolens.records.event import Event, Record
from tests.config.fluentd.configs import config, match, refused, told
from tests.lent import Lent

T = 1_780_000_000_250_000_000
"""2026-05-28 20:26:40.25 UTC"""


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")


def sent(built: Any, *records: Record, tag: str = "a.b") -> list[Record]:
    """The records as the output gets them."""
    events: list[Event] = [(T, record) for record in records]
    for processor in built.processors:
        events = processor.plugin.compile(Lent())(tag, events)
    return [record for _, record in events]


def test_stdout_and_null() -> None:
    built = match("@type stdout\n<format>\n@type json\n</format>")
    assert (built.plugin.name, built.plugin.log_key) == ("stdout", "text")
    assert sent(built, {"a": "é"}) == [{"text": '{"a":"é"}'}]
    assert match("@type null").plugin.name == "null"


@pytest.mark.parametrize(
    ("body", "folder", "file"),
    [
        ("path /var/log/app", "/var/log", "app.%Y%m%d.log"),
        ("path /var/log/%Y/app\nappend true", "/var/log/%Y", "app.log"),
        ("path /l/${tag}/${tag[1]}.%H\n<buffer tag,time>\ntimekey 1h\n</buffer>", "/l/$TAG", "$TAG[1].%H.log"),
        ("path /l/a\nadd_path_suffix false\n<buffer time>\ntimekey 1m\n</buffer>", "/l", "a.%Y%m%d%H%M"),
        ("path /l/a\npath_suffix .txt\n<buffer []>\n</buffer>", "/l", "a.txt"),
    ],
)
def test_file(body: str, folder: str, file: str) -> None:
    plugin = match(f"@type file\n{body}").plugin
    assert isinstance(plugin, File)
    assert (plugin.path, plugin.file, plugin.enable_strftime, plugin.mkdir) == (folder, file, True, True)


def test_the_text_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    built = match("@type file\npath /x\n<format>\n@type out_file\nutc true\ndelimiter comma\n</format>")
    assert sent(built, {"a": 1}) == [{"text": '2026-05-28T20:26:40Z,a.b,{"a":1}'}]
    built = match("@type file\npath /x\n<format>\n@type csv\nfields a,$.b.c,d\n</format>")
    assert sent(built, {"a": 'x"y', "b": {"c": 1}}) == [{"text": '"x""y","1",""'}]
    built = match("@type file\npath /x\n<format>\n@type ltsv\n</format>\n<inject>\ntag_key t\n</inject>")
    assert sent(built, {"a": "b\tc"}) == [{"text": "a:b c\tt:a.b"}]


def test_forward() -> None:
    body = """@type forward
    transport tls
    tls_insecure_mode true
    require_ack_response true
    ack_response_timeout 30s
    compress gzip
    keepalive true
    connect_timeout 3
    <server>
      host h
      port 5
      username u
      password p
    </server>
    <security>
      self_hostname me
      shared_key k
    </security>"""
    plugin = match(body).plugin
    assert isinstance(plugin, Forward)
    assert (plugin.host, plugin.port, plugin.username, plugin.password) == ("h", 5, "u", "p")
    assert (plugin.self_hostname, plugin.shared_key, plugin.require_ack_response) == ("me", "k", True)
    assert (plugin.deliver_timeout, plugin.compress, plugin.net.keepalive, plugin.net.connect_timeout) == (
        30, "gzip", True, 3,
    )  # fmt: skip
    assert (plugin.tls_on, plugin.tls.verify, plugin.retain_metadata_in_forward_mode) == (True, False, False)
    two = "<server>\nhost a\n</server>\n" * 2
    assert "load balancer" in refused(f"<match>\n@type forward\n{two}</match>")[0].message


def test_cloudwatch_logs() -> None:
    built = match(
        "@type cloudwatch_logs\nregion eu-west-1\nlog_group_name g\nlog_stream_name s\nauto_create_stream true\n"
        "retention_in_days 7\naws_use_sts true\naws_sts_role_arn arn:r\nendpoint http://localhost:1"
    )
    plugin = built.plugin
    assert isinstance(plugin, CloudwatchLogs)
    assert (plugin.log_group_name, plugin.log_stream_name, plugin.auto_create_group) == ("g", "s", True)
    assert (plugin.log_retention_days, plugin.aws.region, plugin.aws.role_arn) == (7, "eu-west-1", "arn:r")
    assert built.processors == []


def test_names_of_groups_and_streams() -> None:
    built = match(
        "@type cloudwatch_logs\nlog_group_name_key group\nremove_log_group_name_key true\n"
        "log_stream_name ${tag[1]}-${k}-%Y\n<buffer tag,k,time>\ntimekey 1d\n</buffer>"
    )
    plugin = built.plugin
    assert (plugin.log_group_template, plugin.log_stream_template, plugin.log_key) == ("$group", "$stream", "text")
    assert sent(built, {"group": "g", "k": 5}) == [{"text": '{"k":5}', "group": "g", "stream": "b-5-2026"}]
    built = match("@type cloudwatch_logs\nuse_tag_as_group true\nlog_stream_name s\nmessage_keys a,b,c")
    assert sent(built, {"a": "x", "b": 1}) == [{"text": "x 1", "group": "a.b"}]
    (problem,) = refused("<match>\n@type cloudwatch_logs\nlog_group_name ${tag}\nlog_stream_name s\n</match>")
    assert problem.message.endswith("tag has to be a chunk key: <buffer tag>")


def test_kinesis() -> None:
    built = match(
        "@type kinesis_firehose\ndelivery_stream_name d\nregion r\ncompression gzip\n"
        "<assume_role_credentials>\nrole_arn arn:r\nrole_session_name s\nexternal_id x\n</assume_role_credentials>"
    )
    plugin = built.plugin
    assert isinstance(plugin, KinesisFirehose)
    assert (plugin.delivery_stream, plugin.packing.compression, plugin.aws.role_arn, plugin.aws.external_id) == (
        "d", "gzip", "arn:r", "x",
    )  # fmt: skip
    built = match(
        "@type kinesis_streams\nstream_name s\npartition_key k\n"
        "<format>\n@type single_value\nmessage_key log\n</format>"
    )
    plugin = built.plugin
    assert isinstance(plugin, Kinesis)
    assert (plugin.stream, plugin.partition_key, plugin.record.log_key, plugin.append_newline) == (
        "s",
        "k",
        "text",
        True,
    )
    assert sent(built, {"log": "line", "k": 7}) == [{"text": "line", "k": "7"}]


def test_s3() -> None:
    built = match(
        "@type s3\ns3_bucket b\ns3_region r\npath logs/${tag}/%Y/\nstore_as gzip\nstorage_class STANDARD_IA\n"
        "use_server_side_encryption aws:kms\nssekms_key_id k\nacl private\n"
        "<buffer tag,time>\ntimekey 3600\nchunk_limit_size 8m\n</buffer>\n<format>\n@type json\n</format>"
    )
    plugin = built.plugin
    assert isinstance(plugin, S3)
    assert (plugin.bucket, plugin.s3_key_format) == ("b", "/logs/$TAG/%Y/%Y%m%d%H_$UUID.gz")
    assert (plugin.compression, plugin.upload_timeout, plugin.total_file_size) == ("gzip", 3600, 8 * 1024 * 1024)
    assert (plugin.sse, plugin.sse_kms_key_id, plugin.canned_acl, plugin.storage_class) == (
        "aws:kms", "k", "private", "STANDARD_IA",
    )  # fmt: skip
    assert (plugin.json_date_key, plugin.retry_limit, built.processors) == ("off", None, [])
    built = match("@type s3\ns3_bucket b\ns3_object_key_format a/%{hex_random}.%{file_extension}\nstore_as text")
    assert (built.plugin.s3_key_format, built.plugin.compression, built.plugin.log_key) == (
        "/a/$UUID.txt", "none", "text",
    )  # fmt: skip


def test_elasticsearch() -> None:
    built = match(
        "@type elasticsearch\nhost h\nport 9201\nscheme https\nssl_verify false\nuser u\npassword p\n"
        "logstash_format true\nlogstash_prefix App\ninclude_tag_key true\nid_key id\nremove_keys a,b"
    )
    plugin = built.plugin
    assert isinstance(plugin, Es)
    assert (plugin.host, plugin.port, plugin.tls_on, plugin.tls.verify) == ("h", 9201, True, False)
    bulk = plugin.bulk
    assert (bulk.http_user, bulk.http_passwd, bulk.logstash_prefix, bulk.write_operation) == ("u", "p", "app", "index")
    assert (bulk.time_key, bulk.time_key_nanos, bulk.include_tag_key, bulk.tag_key, bulk.id_key) == (
        "@timestamp", True, True, "tag", "$id",
    )  # fmt: skip
    assert sent(built, {"a": 1, "b": 2, "c": 3}) == [{"c": 3}]
    plugin = match("@type elasticsearch\nhosts https://me:pw@es.example:443/base\nindex_name Plain").plugin
    assert (plugin.host, plugin.port, plugin.bulk.path, plugin.bulk.http_user) == ("es.example", 443, "/base", "me")
    assert (plugin.bulk.index, plugin.bulk.time_key) == ("plain", "off")


def test_the_time_of_a_document() -> None:
    body = "@type elasticsearch\nlogstash_format true\ntime_key at\n"
    built = match(body)
    assert sent(built, {"at": "2025-01-02T03:04:05+01:00"}, {"at": 1.5}, {"at": "?"}, {"@timestamp": "own"}, {}) == [
        {"at": "2025-01-02T03:04:05+01:00", "@timestamp": "2025-01-02T02:04:05.000000000Z"},
        {"at": 1.5, "@timestamp": "1970-01-01T00:00:01.500000000Z"},
        {"at": "?", "@timestamp": "2026-05-28T20:26:40.250000000Z"},
        {"@timestamp": "own"},
        {},
    ]
    built = match(f"{body}time_key_format %d.%m.%Y\ntime_key_exclude_timestamp true")
    (processor,) = built.processors
    transform = processor.plugin.compile(Lent())
    assert built.plugin.bulk.time_key == "off"
    assert transform("a", [(T, {"at": "03.02.2025"}), (T, {})]) == [
        (1738540800_000_000_000, {"at": "03.02.2025"}),
        (T, {"@timestamp": "2026-05-28T20:26:40.250000000Z"}),
    ]


def test_opensearch() -> None:
    plugin = match(
        "@type opensearch\nindex_name logs-${tag}\n<endpoint>\nurl https://x.eu-west-1.es.amazonaws.com\n"
        "region eu-west-1\nassume_role_arn arn:r\n</endpoint>"
    ).plugin
    assert isinstance(plugin, Opensearch)
    assert (plugin.host, plugin.port, plugin.tls_on) == ("x.eu-west-1.es.amazonaws.com", 443, True)
    assert (plugin.bulk.aws_auth, plugin.aws.region, plugin.aws.role_arn) == (True, "eu-west-1", "arn:r")
    assert (plugin.bulk.index, plugin.bulk.suppress_type_name) == ("logs-$TAG", True)


def test_datadog() -> None:
    built = match(
        "@type datadog\napi_key \"#{ENV['KEY']}\"\nsite datadoghq.eu\ndd_source nginx\ndd_tags a:b\nservice web\n"
        "dd_hostname h\ninclude_tag_key true"
    )
    plugin = built.plugin
    assert isinstance(plugin, Datadog)
    assert (plugin.apikey, plugin.host, plugin.port, plugin.tls_on, plugin.compress) == (
        "s3cret", "http-intake.logs.datadoghq.eu", 443, True, True,
    )  # fmt: skip
    time = "2026-05-28T20:26:40.250Z"
    assert sent(built, {"log": "x", "ddsource": "own"}) == [
        {"log": "x", "ddsource": "own", "ddtags": "a:b", "service": "web", "hostname": "h", "tag": "a.b",
         "@timestamp": time}
    ]  # fmt: skip


def test_buffers() -> None:
    made = config(
        """<match a>
      @type null
      <buffer>
        @type file
        path /tmp/buffers/a
        flush_interval 5s
        flush_thread_count 4
        retry_wait 2s
        retry_max_interval 30
        retry_max_times 7
        total_limit_size 1g
      </buffer>
      <secondary>
        @type secondary_file
        directory /tmp/lost
      </secondary>
    </match>
    <match b>
      @type null
      <buffer>
        flush_mode immediate
        retry_forever true
      </buffer>
    </match>
    <match c>
      @type null
      <buffer>
        retry_timeout 1m
        retry_wait 10
      </buffer>
    </match>
    <match **>
      @type null
    </match>"""
    )
    service = made.service
    assert (service.flush, service.storage_path) == (0.1, "/tmp/buffers/a")
    assert (service.scheduler_base, service.scheduler_cap, service.json_escape_unicode) == (1, 30, False)
    first, second, third, last = (o.plugin for o in made.outputs)
    assert (first.retry_limit, first.workers, first.dead_letter) == ("7", 4, "/tmp/lost/")
    assert (second.retry_limit, third.retry_limit) == ("no_limits", "2")
    assert int(last.retry_limit or 0) > 100
    assert made.outputs[0].total_limit == 1024**3


def test_parameters_from_before_buffer() -> None:
    made = config("<match>\n@type cloudwatch_logs\nlog_group_name g\nlog_stream_name s\nflush_interval 3s\n"
                  "retry_limit 4\nnum_threads 2\n</match>")  # fmt: skip
    (output,) = made.outputs
    assert (made.service.flush, output.plugin.retry_limit, output.plugin.workers) == (3, "4", 2)


def test_parameters_from_before_format_and_inject() -> None:
    built = match("@type s3\ns3_bucket b\nformat json\ninclude_tag_key true\ntag_key t\nflush_interval 9s")
    assert (built.plugin.json_date_key, built.plugin.upload_timeout) == ("off", 9)
    assert sent(built, {"a": 1}) == [{"a": 1, "t": "a.b"}]
    built = match("@type cloudwatch_logs\nlog_group_name g\nlog_stream_name s\ninclude_time_key true\nutc true")
    assert sent(built, {"a": 1}) == [{"a": 1, "time": "2026-05-28T20:26:40Z"}]
    built = match("@type stdout\noutput_type hash")
    assert sent(built, {"a": 1})[0]["text"].endswith('a.b: {"a"=>1}')
    built = match("@type file\npath /x\nformat csv\nfields a,b")
    assert sent(built, {"a": 1}) == [{"text": '"1",""'}]


def test_what_has_no_effect_is_told() -> None:
    said = told("<match>\n@type stdout\nuse_logger true\n<buffer>\nchunk_limit_records 5\ncompress gzip\n"
                "total_limit_size 1m\n</buffer>\n</match>")  # fmt: skip
    assert [line.partition(" has no effect: ")[::2] for line in said] == [
        ("fluent.conf:3:1: <match> stdout: use_logger", "it prints on standard output, apart from the log"),
        (
            "fluent.conf:5:1: <match> stdout, <buffer>: chunk_limit_records",
            "a chunk is what one call of the destination takes",
        ),
        (
            "fluent.conf:7:18: <match> stdout, <buffer>: total_limit_size",
            "memory has one limit for all outputs: four fifths of the container's",
        ),
        ("fluent.conf:6:10: <match> stdout, <buffer>: compress", "what waits is not compressed"),
    ]


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        ("@type s3\ns3_bucket b\naws_key_id x", "does not take aws_key_id: keys come from the task role", ""),
        ("@type kafka2", "there is no @type 'kafka2'", "has the output kafka"),
        ("@type file\npath x\nfromat json", "<match> file has no option 'fromat'", "did you mean 'format'?"),
        ("@type elasticserch", "there is no @type 'elasticserch'", "did you mean 'elasticsearch'?"),
        ("@type stdout\n<buffer>\n@type redis\n</buffer>", "there is no @type 'redis': expected memory or file", ""),
        ("@type stdout\n<buffer>\n@type file\n</buffer>", "<buffer> of @type file needs path", "root_dir"),
        ("@type cloudwatch_logs\nlog_stream_name s", "log_group_name, use_tag_as_group, log_group_name_key", ""),
        ("@type copy", "<match> copy needs <store>", ""),
        ("@type relabel", "<match> relabel needs @label", ""),
        ("@type relabel\n@label @NONE", "there is no <label @NONE>", ""),
        ("@type rewrite_tag_filter", "needs <rule>", ""),
        ("@type datadog", "needs api_key", ""),
        ("@type file\npath /a/${host}\n<buffer host>\n</buffer>", "of placeholders, ${tag}", ""),
        ("@type elasticsearch\nhosts https://[", "hosts: expected a URL such as https://host:9200", ""),
        ("@type opensearch\n<endpoint>\nurl http://h:x\nregion r\n</endpoint>", "url: expected a URL", ""),
        ("@type elasticsearch\nrouting_key x", "does not take routing_key", ""),
        ("@type stdout\n<format>\n@type msgpack\n</format>", "there is no @type 'msgpack'", "output forward"),
    ],
)
def test_what_is_refused(body: str, message: str, hint: str) -> None:
    problems = refused(f"<match **>\n{body}\n</match>")
    assert message in problems[0].message
    assert hint in problems[0].hint
    assert all(p.place is not None and p.place.line > 0 for p in problems)
