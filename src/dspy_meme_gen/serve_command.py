"""`memespy serve`: the service over HTTP, until it is told to end."""

import argparse
import os
import signal
import socket
import sys
from dataclasses import replace
from typing import Any

from dspy_meme_gen.logs import log_to_stderr
from dspy_meme_gen.settings import Settings, variable_of

__all__ = ["add_serve"]


def add_serve(commands: Any) -> None:  # noqa: ANN401 - argparse does not name the type of its subparsers
    """The command and its options."""
    serve = commands.add_parser(
        "serve",
        help="serve memes over HTTP, with a page to try it",
        description="Serve memes over HTTP until SIGTERM or Ctrl-C, which drain it. SIGHUP brings in a new server process without refusing "
        "a single connection: install the new version, then send it.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s, this machine alone)")
    serve.add_argument("--port", type=_port, default=8081, help="the port (default: %(default)s; 0 takes any that is free)")
    serve.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    serve.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    serve.set_defaults(command=_serve)


def _port(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; expected a whole number from 0 to 65535")
    return number


def _serve(options: argparse.Namespace) -> int:
    settings = _for_serving(Settings.from_environment())
    log_to_stderr(settings.log_level)
    try:
        from dspy_meme_gen.api.rolling import SIGNALS, Roll  # noqa: PLC0415 - a meme on the command line needs no web server
        from dspy_meme_gen.api.serving import listen, serve  # noqa: PLC0415
    except ImportError as error:
        print(f"memespy: serve needs {error.name}, which is not installed: pip install 'greenroom[memespy]'", file=sys.stderr)
        return 2
    if options.fd is not None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        serve(settings, socket.socket(fileno=options.fd), ready=lambda: _say_ready(options.ready_fd))
        return 0
    try:
        listening = listen(options.host, options.port)
    except OSError as error:
        print(f"memespy: {error.strerror}", file=sys.stderr)
        return 2
    host, port = listening.getsockname()[:2]
    print(f"memespy: http://{f'[{host}]' if ':' in host else host}:{port}/ (Ctrl-C ends it)", flush=True)
    return Roll(listening).run()


def _for_serving(settings: Settings) -> Settings:
    """Pictures are drawn on the processors that the serving process leaves, unless the environment says how many may draw."""
    if variable_of("image_processes") in os.environ:
        return settings
    processes = min(8, max(1, (os.cpu_count() or 2) - 1))
    return replace(settings, image_processes=processes, image_workers=max(settings.image_workers, processes + 1))


def _say_ready(ready_fd: int | None) -> None:
    if ready_fd is not None:
        os.write(ready_fd, b"1")
        os.close(ready_fd)
