"""What a request is refused with: a status of HTTP, the reason, and what to do."""

from __future__ import annotations

from stt_service.errors import SttError


class RefusedError(SttError):
    """A request that is refused; ``status`` is that of HTTP."""

    def __init__(
        self, status: int, message: str, remedy: str = "", *, retry_after: int | None = None
    ) -> None:
        """``retry_after`` are seconds after which the same request may be answered otherwise."""
        super().__init__(message, remedy)
        self.status = status
        self.retry_after = retry_after
