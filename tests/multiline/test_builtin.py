"""Traces as the languages print them: each is one record, and what stands around it is not."""

import pytest

from pyrolens.multiline.builtin import BUILTIN
from pyrolens.multiline.joiner import Joiner

JAVA = """\
Exception in thread "main" java.lang.RuntimeException: outer
\tat com.shop.A.a(A.java:1)
\tSuppressed: java.lang.Exception: close
\t\tat com.shop.B.b(B.java:2)
Caused by: java.sql.SQLTimeoutException: lock wait timeout exceeded
\tat com.mysql.jdbc.Execute.run(Execute.java:17)
\t... 31 more"""
CSHARP = """\
System.InvalidOperationException: outer ---> System.Exception: inner
   at Shop.Cart.Total() in /src/Cart.cs:line 12
   --- End of inner exception stack trace ---
--- End of stack trace from previous location where exception was thrown ---
   at Shop.Program.Main(String[] args) in /src/Program.cs:line 5"""
NODE = """\
TypeError: Cannot read properties of undefined (reading 'price')
    at total (/app/cart.js:12:5)
    at Object.<anonymous> (/app/index.js:3:1)
    at eval at run (/app/x.js:1:1)"""
GO = """\
panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.handle(0xc000010250, 0x1, 0x1)
\t/src/app/main.go:23 +0x1d
created by main.start
\t/src/app/main.go:9 +0x20"""
GO_SIGNAL = """\
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45e2f1]

goroutine 17 [chan receive, 3 minutes]:
net/http.(*conn).serve(0xc0000a0000)
\t/usr/local/go/src/net/http/server.go:1930 +0x8"""
RUBY = """\
/app/lib/cart.rb:12:in `total': undefined method `price' for nil:NilClass (NoMethodError)
\tfrom /app/lib/cart.rb:30:in `checkout'
\tfrom /app/bin/run:5:in '<main>'"""


@pytest.mark.parametrize(
    ("name", "trace"),
    [("java", JAVA), ("java", CSHARP), ("java", NODE), ("go", GO), ("go", GO_SIGNAL), ("ruby", RUBY)],
)
def test_traces(name: str, trace: str) -> None:
    joins = Joiner([BUILTIN[name]], lambda name: None, "log")
    lines = ["before", *trace.split("\n"), "after"]
    assert [j.record["log"] for n, line in enumerate(lines) for j in joins.feed("", n, {"log": line})] == [
        "before",
        trace,
        "after",
    ]


def test_a_panic_of_a_server() -> None:
    joins = Joiner([BUILTIN["go"]], lambda name: None, "log")
    trace = "2026/05/28 09:12:31 http: panic serving 10.0.0.1: boom\ngoroutine 7 [running]:\nmain.main()\n\t/x.go:1"
    for line in trace.split("\n"):
        assert joins.feed("", 1, {"log": line}) == []
    assert [j.record["log"] for j in joins.flush("")] == [trace]
