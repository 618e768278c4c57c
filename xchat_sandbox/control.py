"""The control endpoints: what a test asks the sandbox about itself. They need no token and are not logged."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from xchat_sandbox.json_wire import AsciiJSONResponse
from xchat_sandbox.limits import RateLimits
from xchat_sandbox.operations import Service
from xchat_sandbox.request_log import CONTROL_PATH, RequestLog


class Control:
    """Reads and resets the state of a sandbox.

    :param service: what the operations work on.
    :param limits: the rate limits.
    :param log: the request log.
    """

    def __init__(self, service: Service, limits: RateLimits, log: RequestLog) -> None:
        self._service = service
        self._limits = limits
        self._log = log

    def requests(self) -> list[dict[str, Any]]:
        """Tell what was asked of the operations, and of paths that do not exist.

        :returns: a dict for each request, oldest first: ``method``, ``path``, ``path_raw`` if it differs,
            ``query`` as received, ``status``, and ``body`` if it was JSON.
        """
        return self._log.entries()

    def read_marks(self) -> dict[str, str]:
        """Tell what was marked as read.

        :returns: the furthest sequence id for each conversation id, whoever marked it.
        """
        return self._service.read_marks.furthest()

    def conversations(self) -> list[dict[str, Any]]:
        """Tell what can be asked for.

        :returns: a dict for each conversation.
        """
        return self._service.conversations.overview()

    def reset(self) -> None:
        """Put everything back to the seed: read marks, rate limits and the log."""
        self._service.read_marks.reset()
        self._limits.reset()
        self._log.clear()

    def routes(self) -> list[Route]:
        """Make the HTTP form of the above.

        :returns: the routes.
        """

        async def requests(_request: Request) -> Response:
            return AsciiJSONResponse({"requests": self.requests()})

        async def read_marks(_request: Request) -> Response:
            return AsciiJSONResponse(self.read_marks())

        async def conversations(_request: Request) -> Response:
            return AsciiJSONResponse({"conversations": self.conversations()})

        async def reset(_request: Request) -> Response:
            self.reset()
            return Response(status_code=204)

        return [
            Route(f"{CONTROL_PATH}/requests", requests),
            Route(f"{CONTROL_PATH}/read-marks", read_marks),
            Route(f"{CONTROL_PATH}/conversations", conversations),
            Route(f"{CONTROL_PATH}/reset", reset, methods=["POST"]),
        ]
