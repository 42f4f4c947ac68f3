"""Services on loopback that a message can be brought to: a web hook, a mail server. They keep what they are given."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hook:
    """A web hook.

    Attributes:
        port: Where it listens.
        posted: What it was given.
        statuses: What it answers, one after the other; the last one for ever.
    """

    port: int = 0
    posted: list[dict] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [200])

    @property
    def url(self) -> str:
        return f"json://pager:{PASSWORD}@127.0.0.1:{self.port}/hooks/{TOKEN}"


PASSWORD, TOKEN = "Geheim-9f3kx2Lq", "Tk8842Zq9Lm3Xx71"
"""Of the URLs: neither may be anywhere."""


@contextmanager
def hook(*statuses: int) -> Iterator[Hook]:
    """Open a web hook that answers so."""
    kept = Hook(statuses=list(statuses) or [200])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(kept.statuses.pop(0) if len(kept.statuses) > 1 else kept.statuses[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_port
    with serving(server, server.serve_forever):
        yield kept


@dataclass
class MailServer:
    """A mail server.

    Attributes:
        port: Where it listens.
        mails: What it took.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)

    @property
    def url(self) -> str:
        return (
            f"mailto://pager:{PASSWORD}@localhost:{self.port}"
            "?mode=insecure&from=runner@example.org&to=lead@example.org"
        )


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Open a mail server that takes every mail."""
    kept = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 here")
            while line := self.rfile.readline():
                self.take(line.strip().upper())

        def take(self, word: bytes) -> None:
            if word.startswith(b"EHLO"):
                self.say("250-here\r\n250 AUTH PLAIN LOGIN")
            elif word.startswith(b"AUTH"):
                self.say("235 welcome")
            elif word == b"DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                kept.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
                self.say("250 taken")
            else:
                self.say("221 bye" if word == b"QUIT" else "250 fine")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.port = server.server_address[1]
    with serving(server, server.serve_forever):
        yield kept


@contextmanager
def serving(server: socketserver.BaseServer, serve: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
