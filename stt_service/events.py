"""The frozen values that cross every border of the program.

Times are seconds on the stream's own clock, which is its sample count divided by the sample
rate: 0.0 is the first sample that was fed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word."""

    word: str
    """The word as the model's alphabet spells it."""
    start: float
    """Seconds; onset of its first letter."""
    end: float
    """Seconds; end of its last letter, that letter included."""
    confidence: float
    """0..1, calibrated: of words with 0.8, about 80 % are right."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the n-best hypotheses."""

    text: str
    """Words joined by single spaces."""
    confidence: float
    """0..1, on the same scale as :attr:`Transcript.confidence`."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What has been heard so far of an utterance that has not ended."""

    text: str
    """The best hypothesis now, words joined by single spaces."""
    stable: str
    """Whole words at the head of :attr:`text` that no later audio can change."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The final result of one utterance."""

    text: str
    """Words joined by single spaces; empty when nothing was heard."""
    confidence: float
    """0..1, calibrated, for the utterance as a whole."""
    words: tuple[Word, ...]
    """The words of :attr:`text` with their times."""
    alternatives: tuple[Alternative, ...]
    """Best first; the first is :attr:`text` itself."""
    rejected: bool
    """True when the recogniser does not vouch for :attr:`text`: noise, or none of the phrases."""
    start: float
    """Seconds; the first sample fed."""
    end: float
    """Seconds; the sample after the last one fed."""
    model: str
    """Id of the acoustic model."""
    scorer: str | None
    """Id of the language model or of the phrase file, None where none took part."""
    engine: str
    """``litert``, ``deepspeech`` or ``coqui``."""
    intent: str | None = None
    """Name of the intent whose template matched, with phrases only."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """Slot name to value, with phrases only."""


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """Somebody has begun to speak."""

    utterance: str
    """Id, unique as long as anybody may remember it; the same in all events of the utterance."""
    start: float
    """Seconds; the first sample of the utterance, pre-roll included."""


@dataclass(frozen=True, slots=True)
class UtterancePartial:
    """What has been heard so far of an utterance; sent when it has changed."""

    utterance: str
    partial: Partial
    end: float
    """Seconds; the sample after the last one heard."""
    start: float = 0.0
    """Seconds; that of its :class:`UtteranceStarted`, for those who have missed it."""


@dataclass(frozen=True, slots=True)
class UtteranceFinal:
    """What was said. Exactly one final or one rejected follows each start."""

    utterance: str
    transcript: Transcript
    """Its times are on the clock of the source, not of the utterance."""


@dataclass(frozen=True, slots=True)
class UtteranceRejected:
    """What was heard is not vouched for: noise, a click, none of the phrases."""

    utterance: str
    transcript: Transcript
    reason: str
    """``rejected`` by the recogniser; too little ``confidence`` or ``length``; ``muted`` meanwhile;
    ``silence`` after an order to listen; a ``fault`` of the recogniser."""


@dataclass(frozen=True, slots=True)
class WakeHeard:
    """The wake phrase was said: what follows is meant for the machine."""

    phrase: str
    """As it stands in the settings."""
    end: float
    """Seconds; the end of its last word."""


@dataclass(frozen=True, slots=True)
class Level:
    """How loud it is, a few times a second."""

    rms_db: float
    """Decibels below full scale (0 is a full-scale square wave), -100 at least."""
    peak_db: float
    """Likewise, of the loudest sample."""
    clipped: int
    """Samples at full scale since the last level."""
    speech: bool
    """Whether the voice detector heard speech."""


@dataclass(frozen=True, slots=True)
class MuteChanged:
    """Whether the microphone is listened to."""

    muted: bool
    reasons: tuple[str, ...]
    """Who or what mutes it, each counted once; empty when nobody does."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something does not work; it is being retried."""

    code: str
    """Stable, for programs: ``microphone-lost``, ``microphone-busy``, ``microphone-silent``,
    ``overflow``, ``source``, ``model``, ``engine``, ``settings``, ``state``,
    ``store``."""
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What did not work works again."""

    code: str
    """That of the fault."""
    message: str


@dataclass(frozen=True, slots=True)
class ReadyChanged:
    """Whether what is said now would be recognised."""

    ready: bool
    """The model is open and the source delivers."""
    source: str
    """Name of the microphone, file or command."""
    model: str | None
    """Id of the acoustic model, None until one is open."""


Heard = UtteranceStarted | UtterancePartial | UtteranceFinal | UtteranceRejected
LiveEvent = Heard | WakeHeard | Level | MuteChanged | Fault | Recovered | ReadyChanged
