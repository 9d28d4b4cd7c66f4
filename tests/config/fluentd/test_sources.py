"""What the sections <source> become."""

import pytest

from pyrolens.inputs.forward import Forward
from pyrolens.inputs.http import Http
from pyrolens.inputs.tail import Tail
from pyrolens.inputs.tcp import Tcp
from pyrolens.inputs.udp import Udp
from tests.config.fluentd.configs import config, refused, source, told


def test_forward() -> None:
    body = """@type forward
    @id in
    @log_level fatal
    bind 127.0.0.1
    port 1234
    add_tag_prefix up
    chunk_size_limit 2m
    <security>
      self_hostname me
      shared_key "#{ENV['KEY']}"
      user_auth true
      <user>
        username u
        password p
      </user>
    </security>
    <transport tls>
      cert_path /c.pem
      private_key_path /k.pem
      client_cert_auth true
      ca_path /ca.pem
      version TLSv1_3
    </transport>"""
    plugin = source(body).plugin
    assert isinstance(plugin, Forward)
    assert (plugin.alias, plugin.log_level, plugin.listen, plugin.port) == ("in", "error", "127.0.0.1", 1234)
    assert (plugin.tag_prefix, plugin.buffer_max_size) == ("up.", 2 * 1024 * 1024)
    assert (plugin.shared_key, plugin.self_hostname) == ("s3cret", "me")
    assert [(pair.key, pair.value) for pair in plugin.security_users] == [("u", "p")]
    tls = plugin.tls_options
    assert (plugin.tls, tls.crt_file, tls.key_file, tls.ca_file, tls.verify_client_cert, tls.min_version) == (
        True, "/c.pem", "/k.pem", "/ca.pem", True, "TLSv1.3",
    )  # fmt: skip


def test_unix() -> None:
    plugin = source("@type unix\npath /tmp/x.sock").plugin
    assert isinstance(plugin, Forward)
    assert (plugin.unix_path, plugin.tag) == ("/tmp/x.sock", None)


def test_tail() -> None:
    made = config(
        """<source>
      @type tail
      path /var/log/*.log, /x.log
      exclude_path ["/var/log/a.log"]
      tag app.*
      pos_file /tmp/p.pos
      path_key p
      refresh_interval 1m
      max_line_size 2k
      encoding UTF-8
      <parse>
        @type multiline
        format_firstline /^\\d/
        format1 /(?<m>.*)/
      </parse>
    </source>"""
    )
    plugin = made.inputs[0].plugin
    assert isinstance(plugin, Tail)
    assert plugin.path == ["/var/log/*.log", "/x.log"]
    assert (plugin.exclude_path, plugin.db, plugin.path_key) == (["/var/log/a.log"], "/tmp/p.pos.db", "p")
    assert (plugin.refresh_interval, plugin.buffer_max_size, plugin.read_from_head) == (60, 2048, False)
    assert list(made.multiline_parsers) == plugin.multiline_parser
    assert [p.plugin.name for p in made.inputs[0].processors] == ["parse"]


def test_what_tail_needs() -> None:
    body = "@type tail\npath /x-%Y.log\ntag a"
    assert [p.message for p in refused(f"<source>\n{body}\n</source>")] == ["<source> tail needs <parse>"]
    body += "\n<parse>\n@type json\n</parse>"
    (problem,) = refused(f"<source>\n{body}\n</source>")
    assert "paths with times" in problem.message
    assert str(problem.place) == "fluent.conf:3:6"


def test_parameters_from_before_parse() -> None:
    made = source("@type tail\npath /x\ntag a\nformat /^(?<a>\\d+)$/\ntypes a:integer\ntime_key t")
    assert len(made.processors) == 1
    assert refused("<source>\n@type tail\npath /x\ntag a\nformat nonsense\n</source>")[0].code == "unknown-plugin"


def test_tcp_and_udp() -> None:
    parse = "<parse>\n@type none\n</parse>"
    tcp = source(f'@type tcp\ntag a\nport 5\ndelimiter "\\0"\nsource_address_key from\n{parse}').plugin
    assert isinstance(tcp, Tcp)
    assert (tcp.tag, tcp.port, tcp.payload.separator, tcp.source_address_key) == ("a", 5, "\\x00", "from")
    udp = source(f"@type udp\ntag a\nmessage_length_limit 1k\n{parse}").plugin
    assert isinstance(udp, Udp)
    assert (udp.tag, udp.port) == ("a", 5160)


def test_http() -> None:
    plugin = source("@type http\nuse_204_response\nbody_size_limit 1m\nkeepalive_timeout 3").plugin
    assert isinstance(plugin, Http)
    assert (plugin.port, plugin.successful_response_code, plugin.path_separator) == (9880, 204, ".")
    assert plugin.http.buffer_max_size == 1024 * 1024
    (problem,) = refused("<source>\n@type http\ncors_allow_origins *\n</source>")
    assert problem.message.startswith("<source> http does not take cors_allow_origins")


def test_sample() -> None:
    made = source('@type sample\ntag a\nrate 3\nsample [{"a":1},{"a":2}]')
    assert (made.plugin.name, made.plugin.rate, made.plugin.dummy) == ("dummy", 3, '{"a": 1}')
    assert refused('<source>\n@type sample\ntag a\nsample "x"\n</source>')[0].place.line == 4  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        ("port 1", "<source> needs @type", "such as @type forward"),
        ("type forward", "<source> needs @type", "write @type, not type"),
        ("@type forwrd", "<source>: there is no @type 'forwrd'", "did you mean 'forward'?"),
        ("@type systemd", "<source>: there is no @type 'systemd'", "use the input systemd, with the router's config"),
        ("@type forward\nprot 1", "<source> forward has no option 'prot'", "did you mean 'port'?"),
        ("@type forward\n<securty>\n</securty>", "<source> forward has no section <securty>", "'security'"),
        ("@type forward\nsource_address_key a", "<source> forward does not take source_address_key", ""),
        ("@type http\nadd_remote_addr maybe", "add_remote_addr is 'maybe': expected true, false, yes or no", ""),
    ],
)
def test_what_is_refused(body: str, message: str, hint: str) -> None:
    (problem,) = refused(f"<source>\n{body}\n</source>")
    assert message in problem.message
    assert hint in problem.hint
    assert problem.place is not None
    assert problem.place.file == "fluent.conf"


def test_a_secret_from_the_environment_is_not_shown() -> None:
    (problem,) = refused("<source>\n@type forward\nport \"#{ENV['KEY']}\"\nbind\nresolve_hostname\nadd_tag_prefix x\n"
                         "skip_invalid_event \"#{ENV['KEY']}\"\nchunk_size_limit 1m\n<security>\nself_hostname a\n"
                         "shared_key x\nuser_auth \"#{ENV['KEY']}\"\n</security>\n</source>")  # fmt: skip
    assert "s3cret" not in str(problem)
    assert "#{ENV['KEY']}" in str(problem)


def test_options_without_effect_are_told() -> None:
    said = told("<source>\n@type forward\nbacklog 5\nport 12x\n</source>")
    assert [line.partition(":")[2].partition(" ")[2] for line in said] == [
        "<source> forward: backlog has no effect: the kernel keeps as many connections as it likes",
        "<source> forward: port is '12x': a whole number is expected here, so this counts as 12",
    ]
