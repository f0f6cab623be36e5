"""Who speaks: the free English voices that Debian has, Kokoro's, and the personas made of them.

A *persona* is a voice with a vocal tract length and a pitch of its own; it is the speaker of a
manifest. All voices may be used for any purpose: espeak-ng's are formant rules (GPL 3, which does
not reach what a program says), flite's and festival's were built by CMU and others from recordings
under BSD-like terms (``/usr/share/doc/PACKAGE/copyright``), Kokoro's are under the Apache License.
MBROLA's are left out: no commercial use. A voice whose program or package is missing is left out
too.
"""

from __future__ import annotations

import importlib.util
import random
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stt_service.errors import SttError

FESTIVAL_VOICES = Path("/usr/share/festival/voices")
"""Where Debian's packages put festival's voices, in a folder per language."""


@dataclass(frozen=True)
class Voice:
    """One synthetic voice."""

    engine: str
    """``espeak-ng``, ``flite``, ``festival`` or ``kokoro``."""
    name: str
    """The engine's name for it."""
    share: float
    """How often it speaks, relative to the others."""
    personas: int
    """Speakers made of it."""
    left_out: bool = False
    """Whether it never speaks for training, so that it can tell how strangers are understood."""

    @property
    def installed(self) -> bool:
        """Whether it can speak here."""
        if self.engine == "kokoro":
            return importlib.util.find_spec("kokoro_onnx") is not None
        if self.engine == "festival":
            found = any(FESTIVAL_VOICES.glob(f"*/{self.name}"))
            return found and shutil.which("festival") is not None
        return shutil.which(self.engine) is not None


@dataclass(frozen=True)
class Persona:
    """A speaker."""

    speaker: str
    """Name in the manifest."""
    voice: Voice
    """The voice it is made of."""
    tract: float
    """Factor on all frequencies: above 1 for a shorter vocal tract."""
    pitch: float
    """Factor on the voice's own pitch."""


_ACCENTS = (
    "en-us", "en-us", "en-us", "en-us-nyc", "en-gb", "en-gb", "en-gb-scotland", "en-gb-x-rp",
    "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029",
)  # fmt: skip
_VARIANTS = (
    "adam", "Alex", "Andrea", "Andy", "anika", "Annie", "antonio", "aunty", "belinda",
    "benjamin", "boris", "caleb", "david", "Denis", "Diogo", "ed", "edward", "edward2", "f1", "f2",
    "f3", "f4", "f5", "Gene", "Gene2", "grandma", "grandpa", "gustave", "Henrique", "Hugo", "iven",
    "iven2", "iven3", "iven4", "Jacky", "john", "klatt", "klatt2", "klatt3", "klatt4",
    "linda", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "marcelo", "Marco", "Mario",
    "max", "michel", "miguel", "Mike", "Mr serious", "norbert", "Nguyen", "pablo", "paul", "pedro",
    "quincy", "RicishayMax", "rob", "robert", "sandro", "shelby", "travis", "Tweaky", "victor",
    "whisper", "zac", "Michael", "steph", "steph2", "steph3",
)  # fmt: skip
"""espeak-ng's variants but for robots, demons and those that an earlier model understood worst."""
_LEFT_OUT_VARIANTS = ("Michael", "steph", "steph2", "steph3", "victor")

_ESPEAK_SHARE = 0.0055
"""Share of one espeak-ng variant: some forty percent for all of them."""


def _espeak() -> list[Voice]:
    dice = random.Random(11)
    voices = []
    for variant in _VARIANTS:
        left_out = variant in _LEFT_OUT_VARIANTS
        for accent in sorted({*dice.sample(_ACCENTS, 3)} - {"en-029"} | {"en-us"}):
            share = _ESPEAK_SHARE / 3 * (0.3 if variant.startswith("whisper") else 1.0)
            voices.append(
                Voice("espeak-ng", f"{accent}+{variant}", share, 1 if left_out else 2, left_out)
            )
    voices += [Voice("espeak-ng", accent, _ESPEAK_SHARE, 3) for accent in sorted(set(_ACCENTS))]
    return voices


VOICES: tuple[Voice, ...] = (
    # Voices built from recordings sound more like people: they speak most.
    Voice("flite", "slt", 0.16, 16),
    Voice("flite", "rms", 0.16, 16),
    Voice("flite", "awb", 0.12, 14),
    Voice("flite", "kal16", 0.05, 8),
    Voice("festival", "cmu_us_slt_arctic_hts", 0.08, 10),
    Voice("festival", "kal_diphone", 0.06, 8),
    Voice("festival", "ked_diphone", 0.03, 1, left_out=True),
    *_espeak(),
)

_AMERICAN = (
    "af_alloy", "af_aoede", "af_bella", "af_heart", "af_jessica", "af_kore", "af_nicole", "af_nova",
    "af_river", "af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam",
    "am_michael", "am_onyx", "am_puck", "am_santa",
)  # fmt: skip
_BRITISH = (
    "bf_alice", "bf_emma", "bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_george",
    "bm_lewis",
)  # fmt: skip
_FOREIGN = (
    "ef_dora", "em_alex", "ff_siwis", "hf_alpha", "hf_beta", "hm_omega", "hm_psi", "if_sara",
    "im_nicola", "jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo", "pf_dora",
    "pm_alex", "zf_xiaobei", "zf_xiaoni", "zf_xiaoxiao", "zf_xiaoyi", "zm_yunjian", "zm_yunxi",
    "zm_yunxia", "zm_yunyang",
)  # fmt: skip
"""Kokoro's voices of other languages: they read English with an accent."""
_LEFT_OUT_KOKORO = ("af_sarah", "am_michael", "bf_isabella", "bm_lewis")
_BLENDS = 60


def _kokoro() -> list[Voice]:
    names = [name for name in (*_AMERICAN, *_BRITISH) if name not in _LEFT_OUT_KOKORO]
    voices = [Voice("kokoro", name, 0.02, 4) for name in names]
    voices += [Voice("kokoro", name, 0.008, 2) for name in _FOREIGN]
    dice = random.Random(12)
    pairs = dice.sample([(a, b) for a in names for b in names if a < b], _BLENDS)
    voices += [Voice("kokoro", f"{a}+{b}", 0.005, 2) for a, b in pairs]
    voices += [Voice("kokoro", name, 0.02, 1, left_out=True) for name in _LEFT_OUT_KOKORO]
    return voices


KOKORO_VOICES: tuple[Voice, ...] = tuple(_kokoro())
"""Kokoro's voices, and means of two of them."""

TRACT = (0.86, 1.2)
"""Range of vocal tract factors; a man's formants times 1.2 are a woman's."""
PITCH = (0.8, 1.3)
"""Range of pitch factors."""


def personas(*, left_out: bool, voices: Sequence[Voice] = VOICES) -> list[Persona]:
    """Return the speakers that can speak here: those for training, or those never heard there.

    The same at every call. The first of a voice is the voice itself, unchanged.
    Raises :exc:`~stt_service.errors.SttError` when there is none.
    """
    result = []
    for voice in voices:
        if voice.left_out != left_out or not voice.installed:
            continue
        stem = re.sub(r"\W+", "_", f"{voice.engine}_{voice.name}").lower()
        dice = random.Random(stem)
        for number in range(voice.personas):
            tract = 1.0 if number == 0 else round(dice.uniform(*TRACT), 3)
            pitch = 1.0 if number == 0 else round(dice.uniform(*PITCH), 2)
            result.append(Persona(f"{stem}_{number}", voice, tract, pitch))
    if not result:
        raise SttError(
            "no synthetic voice is installed",
            "Run: apt-get install espeak-ng flite festival "
            "festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts",
        )
    return result


def shares(people: Sequence[Persona]) -> list[float]:
    """Return how often each speaks: its voice's share, in equal parts."""
    return [person.voice.share / person.voice.personas for person in people]
