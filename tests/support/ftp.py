"""A real FTP server on 127.0.0.1, for what is moved to another machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer


@contextlib.contextmanager
def ftp_server(folder: Path, user: str, password: str) -> Iterator[str]:
    """Serves a folder for as long as the block lasts; yields host:port."""
    folder.mkdir(parents=True)
    rights = DummyAuthorizer()
    rights.add_user(user, password, str(folder), perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": rights, "auth_failed_timeout": 0})
    server = ThreadedFTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"timeout": 0.1, "handle_exit": False}, daemon=True)
    thread.start()
    try:
        yield "{}:{}".format(*server.socket.getsockname()[:2])
    finally:
        server.close_all()
        thread.join(10)
