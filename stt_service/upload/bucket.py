"""Puts utterances into a bucket that speaks S3, and takes them out again.

    send:    NAME.flac, then NAME.json: an utterance is there when both are
    delete:  NAME.json and NAME.flac, in all their versions, then HEAD: 404, twice

The same again is harmless: it writes the same bytes under the same names. Keys come from where all
programs for S3 look for them: the environment, ``~/.aws``, the machine's role.
"""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from stt_service.errors import ConfigError
from stt_service.upload.api import Answer, Parcel, RevokedError, Target

SCHEME = "s3://"
SECONDS = 60.0
"""That the network or the bucket may take over one step."""
NO_VERSIONS = ("NotImplemented", "MethodNotAllowed")
"""What servers answer that know no versions."""
REFUSED = ("ExpiredToken", "NoSuchBucket", "InvalidRegion", "AuthorizationHeaderMalformed")
"""Errors of 4xx other than 403 that are about the bucket, and not about one utterance."""
SKEWED = "RequestTimeTooSkewed"
"""The clock is wrong, which mends itself on a board without one."""


class BucketTarget(Target):
    """A bucket, or a part of it. For one thread."""

    def __init__(
        self, url: str, *, endpoint: str | None = None, authority: Path | None = None
    ) -> None:
        """``url`` is ``s3://BUCKET/PREFIX``, ``endpoint`` the server where it is not Amazon's.

        Raises :exc:`ConfigError` for what is no bucket, or when `botocore` is not installed.
        """
        self._bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
        if not url.startswith(SCHEME) or not self._bucket:
            raise ConfigError(f"upload.target: {url!r} is no bucket", "Write s3://BUCKET/PREFIX")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.name = url
        if importlib.util.find_spec("botocore") is None:
            raise ConfigError(
                "a bucket needs the library botocore", "pip install 'stt-service[s3]'"
            )
        self._how = (endpoint, authority)
        self._opened: tuple[Any, Any] | None = None

    def close(self) -> None:
        if self._opened is not None:
            self._opened[0].close()

    def _open(self) -> tuple[Any, Any]:
        # Not before something is sent: looking for keys may ask the network.
        if self._opened is None:
            self._opened = _connect(*self._how)
        return self._opened

    @property
    def _client(self) -> Any:  # noqa: ANN401 -- the library has no types
        return self._open()[0]

    @property
    def _errors(self) -> Any:  # noqa: ANN401
        return self._open()[1]

    def join(self, pseudonym: str, token: str) -> Answer:  # noqa: ARG002 -- a bucket has no members
        """As :meth:`Target.join`: nothing is asked; the keys let this device in or not."""
        return Answer(200)

    def send(self, parcel: Parcel, token: str, still: Callable[[], bool]) -> Answer:  # noqa: ARG002
        """As :meth:`Target.send`: the sound, then what is known of it."""
        meta = json.dumps(dict(parcel.meta), sort_keys=True).encode()
        answer = Answer(None)
        for ending, kind, data in (("flac", "audio/flac", parcel.flac), ("json", _JSON, meta)):
            answer = self._put(f"{self._prefix}{parcel.id}.{ending}", kind, data, still)
            if answer.status != 200:
                return answer
        return answer

    def delete(self, utterance: str, token: str) -> Answer:  # noqa: ARG002
        try:
            proofs = [self._remove(f"{self._prefix}{utterance}.{end}") for end in ("json", "flac")]
            gone = [self._is_gone(f"{self._prefix}{utterance}.{end}") for end in ("json", "flac")]
        except (self._errors.ClientError, self._errors.BotoCoreError) as error:
            return self._answer(error)
        if not all(gone):
            return Answer(None, "the bucket has deleted it, and has it still")
        said, moment = proofs[-1]
        return Answer(200, receipt=f"{said}; HEAD 404", deleted=moment)

    def _put(self, key: str, kind: str, data: bytes, still: Callable[[], bool]) -> Answer:
        body = _Watched(data, still)
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=kind)
        except (self._errors.ClientError, self._errors.BotoCoreError) as error:
            if body.revoked:  # which the library has wrapped
                raise RevokedError from error
            return self._answer(error)
        return Answer(200)

    def _remove(self, key: str) -> tuple[str, str]:
        """Delete all versions; return the bucket's answer and its time."""
        answer: dict[str, Any] = {}
        for version in self._versions(key):
            answer = self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=version)
        answer = answer or self._client.delete_object(Bucket=self._bucket, Key=key)
        meta = answer["ResponseMetadata"]
        date = meta["HTTPHeaders"].get("date", "")
        try:
            moment = parsedate_to_datetime(date).astimezone(UTC)
        except ValueError:
            moment = datetime.now(UTC)
        said = f"DELETE {meta['HTTPStatusCode']} {meta.get('RequestId', '')}".strip()
        return said, moment.isoformat(timespec="seconds").replace("+00:00", "Z")

    def _versions(self, key: str) -> list[str]:
        """Return the ids of all versions, deletions among them; none where none are kept."""
        try:
            pages = self._client.get_paginator("list_object_versions")
            found = [
                one
                for page in pages.paginate(Bucket=self._bucket, Prefix=key)
                for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            ]
        except self._errors.ClientError as error:
            if error.response.get("Error", {}).get("Code") in NO_VERSIONS:
                return []
            raise
        # A bucket that never kept versions calls the only one "null".
        return [one["VersionId"] for one in found if one["Key"] == key]

    def _is_gone(self, key: str) -> bool:
        try:
            self._client.head_object(Bucket=self._bucket, Key=key)
        except self._errors.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return True
            raise
        return False

    def _answer(self, error: Exception) -> Answer:
        if not isinstance(error, self._errors.ClientError):
            refused = (self._errors.NoCredentialsError, self._errors.PartialCredentialsError)
            return Answer(403 if isinstance(error, refused) else None, str(error)[:200])
        told = error.response.get("Error", {})
        meta = error.response.get("ResponseMetadata", {})
        code, status = told.get("Code", ""), meta.get("HTTPStatusCode")
        reason = f"{code}: {told.get('Message', '')}"[:200]
        after = meta.get("HTTPHeaders", {}).get("retry-after", "")
        if code == SKEWED:
            status = None
        elif code in REFUSED:
            status = 403
        wait = float(after) if after.isascii() and after.isdigit() and len(after) < 10 else None
        return Answer(status, reason, wait)


_JSON = "application/json"


class _Watched(io.BytesIO):
    """A body that ends in the middle when its consent does."""

    def __init__(self, data: bytes, still: Callable[[], bool]) -> None:
        super().__init__(data)
        self._still = still
        self.revoked = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Return a piece. Raises :exc:`RevokedError`."""
        if not self._still():
            self.revoked = True
            raise RevokedError
        return super().read(size)


def _connect(endpoint: str | None, authority: Path | None) -> tuple[Any, Any]:
    """Return a client and its module of errors. Raises :exc:`ConfigError`."""
    import botocore.exceptions  # noqa: PLC0415 -- an extra
    import botocore.session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    session = botocore.session.get_session()
    config = Config(
        connect_timeout=SECONDS,
        read_timeout=SECONDS,
        retries={"total_max_attempts": 1},  # the queue tries again, and asks for the consent first
        # What other servers than Amazon's do not know is not used; a body that is not what was
        # signed is refused by all of them.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"payload_signing_enabled": True},
    )
    try:
        client = session.create_client(
            "s3",
            region_name=session.get_config_variable("region") or "us-east-1",
            endpoint_url=endpoint,
            verify=str(authority) if authority else None,
            config=config,
        )
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise ConfigError(f"upload.endpoint: {error}", "Write https://HOST") from error
    return client, botocore.exceptions
