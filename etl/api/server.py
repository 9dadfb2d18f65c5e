"""The web server: uvicorn, on a socket that is opened before, so that its address is known also with a free port."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from etl.errors import ConfigurationError

_END_SECONDS = 10
"""How long answers that are being sent may take when the server ends."""
_BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    :param port: 0: any free one.
    :raises ConfigurationError: the port is in use, or the host is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"The API cannot listen on {host}, port {port}: {error.strerror}.",
            remedy="Give another --port (0: a free one), or a --host of this machine.",
        ) from None
    # Connections inherit it. asyncio sets it for its own sockets only; without it the body of a short answer waits 40 ms for
    # the client to acknowledge the head.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def address(listening: socket.socket) -> str:
    """The URL of what listens there."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(application: FastAPI) -> uvicorn.Server:
    """A server; `run(sockets=[listen(…)])` serves until SIGINT or SIGTERM, or until its `should_exit` is set."""
    # No access log: requests name sensors. uvicorn's own lines go where the lines of other libraries go.
    return uvicorn.Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            ws="none",
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_END_SECONDS,
        )
    )
