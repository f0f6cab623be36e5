"""Why a request is not served, beyond what its words say: errors with a status of their own."""

from __future__ import annotations

from fastapi import Request

from stt_service.errors import SttError
from stt_service.server.security import Access


class RefusedError(SttError):
    """Answered with ``status`` and, for programs, the code ``problem``."""

    def __init__(
        self, status: int, problem: str, message: str, remedy: str = "Use the token to control"
    ) -> None:
        super().__init__(message, remedy)
        self.status = status
        self.problem = problem


class NotFoundError(RefusedError):
    """There is no such thing, or no more."""

    def __init__(self, message: str) -> None:
        super().__init__(404, "not-found", message, "Load the list again")


def may_control(request: Request) -> None:
    """Raise :exc:`RefusedError` for a client that may only watch."""
    access: Access = request.state.access
    if not access.recognise:
        raise RefusedError(403, "forbidden", "this client may only watch")
