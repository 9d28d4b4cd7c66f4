"""A page of one colour. It prints an access line per request to stdout, and what goes wrong to stderr.

COLOR   of the page (default: steelblue)
PORT    to listen on (default: 8080)
"""

import os
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COLOR = os.environ.get("COLOR", "steelblue")
PORT = int(os.environ.get("PORT", "8080"))

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{color}</title>
<body style="margin:0;min-height:100vh;display:grid;place-items:center;background:{color};font:3rem sans-serif">
<main>{text}</main>
</html>
"""


class Handler(BaseHTTPRequestHandler):
    server_version = "color-app/1"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/":
            self.answer(HTTPStatus.OK, PAGE.format(color=COLOR, text=COLOR))
        elif self.path == "/health":
            self.answer(HTTPStatus.OK, "fine\n")
        elif self.path == "/error":
            print(f"ERROR in color-app: the {COLOR} paint ran out", file=sys.stderr, flush=True)
            self.answer(HTTPStatus.INTERNAL_SERVER_ERROR, PAGE.format(color="firebrick", text="out of paint"))
        else:
            self.answer(HTTPStatus.NOT_FOUND, PAGE.format(color="gray", text="nothing here"))

    def answer(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "text/html; charset=utf-8" if text.startswith("<") else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        agent = self.headers.get("User-Agent", "-")
        # printed before the body is sent: who has the answer finds the line in the log
        print(
            f'{self.client_address[0]} - - [{self.log_date_time_string()}] "{self.requestline}" '
            f'{status.value} {len(body)} "-" "{agent}"',
            flush=True,
        )
        self.wfile.write(body)


def main() -> None:
    server = ThreadingHTTPServer(("0.0.0.0", PORT), Handler)
    # shutdown() waits for serve_forever(), so it must not be called from the thread that runs it
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"color-app shows {COLOR} on port {PORT}", flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    print("color-app has stopped", flush=True)


if __name__ == "__main__":
    main()
