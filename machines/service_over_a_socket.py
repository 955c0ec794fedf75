"""The service machine over a real socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from greenroom.errors import UsageError
from machines.service import ServiceMachine
from machines.socket_server import SocketServer
from machines.statistics import Statistics

if TYPE_CHECKING:
    from machines.server import Server


class ServiceOverASocketMachine(ServiceMachine):
    """The same behind uvicorn: it needs real threads."""

    statistics: ClassVar[Statistics] = Statistics()

    def new_server(self) -> Server:
        """Uvicorn on a port of its own."""
        if not self.on_threads:
            raise UsageError("a socket needs real threads and real time: run this machine with --actors=threads")
        return SocketServer()
