"""What an export amounts to, in figures and as its README: hours, speakers, agreement, licence."""

from __future__ import annotations

from dataclasses import dataclass, field

from stt_service.collector.dataset_layouts import AudioFolder
from stt_service.collector.dataset_manifest import CLIPS, REVOCATIONS, SUMS, Count, Manifest
from stt_service.collector.dataset_split import SPLITS, Split

SPEAKER_BYTES = 8
"""Of a speaker's name that are remembered while counting; two of a million are taken for one in
one of thirty million exports."""


@dataclass(slots=True)
class _Sum:
    clips: int = 0
    seconds: float = 0.0
    speakers: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class Tally:
    """Counts clips; memory grows with the number of speakers only."""

    _sums: dict[Split, _Sum] = field(default_factory=lambda: {split: _Sum() for split in SPLITS})
    _agree: int = 0
    _against: int = 0
    _unanimous: int = 0

    def add(self, split: Split, speaker: str, seconds: float, agree: int, against: int) -> None:
        """Count one clip."""
        one = self._sums[split]
        one.clips += 1
        one.seconds += seconds
        one.speakers.add(bytes.fromhex(speaker[: 2 * SPEAKER_BYTES]))
        self._agree += agree
        self._against += against
        self._unanimous += not against

    def counts(self) -> dict[Split, Count]:
        """Return how much there is in each split."""
        return {
            split: Count(clips=one.clips, seconds=round(one.seconds, 3), speakers=len(one.speakers))
            for split, one in self._sums.items()
        }

    @property
    def clips(self) -> int:
        """All clips."""
        return sum(one.clips for one in self._sums.values())

    @property
    def agreement(self) -> float:
        """Share of all votes that are for the published text, 0..1."""
        votes = self._agree + self._against
        return self._agree / votes if votes else 0.0

    @property
    def unanimous(self) -> float:
        """Share of clips on which nobody heard anything else, 0..1."""
        return self._unanimous / self.clips if self.clips else 0.0


def hours(seconds: float) -> str:
    """Return a length as people say it."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def card(manifest: Manifest, tally: Tally) -> str:
    """Return the README of an export, with the header that Hugging Face reads."""
    counts = manifest.splits
    total = sum(one.seconds for one in counts.values())
    speakers = sum(one.speakers for one in counts.values())
    lines = "\n".join(
        f"| {split} | {one.clips} | {hours(one.seconds)} | {one.speakers} |"
        for split, one in counts.items()
    )
    where = (
        f"asks {manifest.collector} what was withdrawn"
        if manifest.collector
        else "is told with `--from` whom to ask what was withdrawn"
    )
    return f"""{_header(manifest)}
# Speech of those who chose to give it

Utterances that people said to their own devices, and agreed to publish.
At least two people heard each of them and wrote the same; the speaker's own correction counts as one of the two.

| split | clips | length | speakers |
|---|---|---|---|
{lines}

{hours(total)} of {speakers} speakers, language `{manifest.language}`, made {manifest.made:%Y-%m-%d}, layout `{manifest.layout}`.

{tally.agreement:.1%} of all votes are for the published text; on {tally.unanimous:.1%} of the clips nobody heard anything else.

## Splits

No speaker is in two splits, and none ever changes: the split follows from a hash of the speaker's random name.
The same command may have been said by people of different splits.
Who agrees anew after having withdrawn has a new name.

## Licence, and a promise to keep

{manifest.licence}: no rights reserved.
The licence cannot ask it of you, but the people whose voices these are do: **drop what they withdraw, and do not try to find out who they are.**

This copy is good until {manifest.refresh_by}.
Then `stt-service dataset refresh FOLDER` {where}, takes it out of sound, tables and sums, and sets the next date.
`{REVOCATIONS}` lists what is known to be withdrawn; training with stt-service refuses a copy that is too old or holds such a clip.

## Files

`{CLIPS}` has one line for each clip, in every layout; `{SUMS}` the SHA-256 of each file (`sha256sum --check {SUMS}`, or `stt-service dataset verify FOLDER`).
Texts are in lower case, without punctuation, with numbers as words.

## What it is not

Speakers are those who have such a device and chose to give: no sample of any population.
Nothing is known of their age, gender or accent, for nobody was asked.
"""  # noqa: E501 -- one sentence per line


def _header(manifest: Manifest) -> str:
    files = ""
    if manifest.layout == "audiofolder":
        splits = [split for split in SPLITS if manifest.splits[split].clips]
        files = "configs:\n- config_name: default\n  data_files:\n" + "".join(
            f"  - split: {AudioFolder.names[split]}\n    path: {AudioFolder.names[split]}/**\n"
            for split in splits
        )
    return (
        f"---\nlicense: cc0-1.0\nlanguage:\n- {manifest.language.split('-')[0].lower()}\n"
        f"task_categories:\n- automatic-speech-recognition\n{files}---"
    )
