"""Every fault that stt-service raises on purpose.

* :exc:`SttError` -- base: what went wrong, and what to do about it

  * :exc:`ConfigError` -- a setting is unknown, mistyped or out of range
  * :exc:`AudioError` -- a recording or a device cannot be read

    * :exc:`DeviceLostError` -- a microphone is not there, or delivers nothing
    * :exc:`DeviceBusyError` -- another program holds the microphone
    * :exc:`DeviceSilentError` -- a microphone delivers nothing but zeros

  * :exc:`ModelError` -- an acoustic model is missing, damaged or of another kind

    * :exc:`DownloadError` -- a model could not be fetched whole

  * :exc:`ScorerError` -- a language model is missing, damaged or does not fit the model
  * :exc:`PhrasesError` -- a phrase file cannot be understood
  * :exc:`EngineError` -- a recognition library failed

    * :exc:`StreamClosedError` -- a stream was used after it had ended

  * :exc:`StoreError` -- what is kept cannot be read or written

    * :exc:`ConsentError` -- the consent ledger is damaged, or nobody can agree to that

  * :exc:`CollectorError` -- the collector's database or its sound cannot be used
  * :exc:`DatasetError` -- an exported dataset is damaged, outdated, or holds what was withdrawn

Expected outcomes (a rejected utterance, a retry) are values, not exceptions.
"""

from __future__ import annotations


class SttError(Exception):
    """A fault with its remedy.

    ``message`` names the file, key or field; ``remedy`` says what the user can do.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


class ConfigError(SttError):
    """A setting is unknown, mistyped or out of range."""


class AudioError(SttError):
    """A recording or a device cannot be read."""


class DeviceLostError(AudioError):
    """A microphone is not there, has gone, or delivers nothing."""


class DeviceBusyError(AudioError):
    """Another program holds the microphone."""


class DeviceSilentError(AudioError):
    """A microphone delivers nothing but zeros: it is switched off, or the wrong one."""


class ModelError(SttError):
    """An acoustic model is missing, damaged or of another kind."""


class DownloadError(ModelError):
    """A model could not be fetched whole."""


class ScorerError(SttError):
    """A language model is missing, damaged or does not fit the acoustic model."""


class PhrasesError(SttError):
    """A phrase file cannot be understood."""


class EngineError(SttError):
    """A recognition library failed.

    ``code`` is the library's own status number, or None.
    """

    def __init__(self, message: str, remedy: str = "", *, code: int | None = None) -> None:
        super().__init__(message, remedy)
        self.code = code


class StreamClosedError(EngineError):
    """A stream was used after ``finish`` or ``close``."""


class StoreError(SttError):
    """What is kept cannot be read or written."""


class ConsentError(StoreError):
    """The consent ledger is damaged, or nobody can agree to that."""


class CollectorError(SttError):
    """The collector's database or its sound cannot be used."""


class DatasetError(SttError):
    """An exported dataset is damaged, outdated, or holds what was withdrawn."""
