"""What building phrases costs: CPU seconds, states, and memory above the interpreter's own.

python -m bench.phrases [FILE|NAME ...]

Each grammar is built in a process of its own, so that memory is its own as well. The bar is
10,000 plain sentences in less than 2 s.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

from stt_service.cli.phrases import ENGLISH
from stt_service.decoder.phrases import build_grammar
from stt_service.decoder.phrases.library import find

ROOT = Path(__file__).parents[1]
READY = (ROOT / "examples/phrases/coffee.yaml", "home")
SYLLABLES = [c + v for c in "bdfgklmnprstvw" for v in ("a", "e", "i", "o", "u", "al", "en", "or")]


def plain_sentences(count: int = 10_000) -> str:
    """Different sentences of three to eight words out of 3,000, the same ones each time."""
    rng = random.Random(10_000)
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(3000)]
    found: set[str] = set()
    while len(found) < count:
        found.add(" ".join(rng.choices(words, k=rng.randint(3, 8))))
    return "\n".join(sorted(found))


def with_skip_words() -> str:
    """The same plain sentences with words around them that do not count."""
    sentences = ", ".join(plain_sentences().split("\n"))
    intents = f"intents: {{Any: {{data: [{{sentences: [{sentences}]}}]}}}}"
    return f"{intents}\nskip_words: [please, can you]"


def ten_million() -> str:
    """Four slots: 13 million sentences."""
    names = [
        a + b for a in ("red", "big", "old", "new", "top") for b in ("lamp", "fan", "plug", "door")
    ]
    lists = ", ".join(f"{slot}: {{values: [{', '.join(names)}]}}" for slot in "abc")
    sentence = "(turn|switch) (on|off) [the] {a} {b} [and] {c} to {0..100:level} percent"
    return f"intents: {{Set: {{data: [{{sentences: ['{sentence}']}}]}}}}\nlists: {{{lists}}}"


def six_slots() -> str:
    """Six slots of fifty values: 15,625 million sentences."""
    values = ", ".join(SYLLABLES[:50])
    sentence = " ".join(f"{{v:s{i}}}" for i in range(6))
    intents = f"intents: {{Six: {{data: [{{sentences: ['{sentence}']}}]}}}}"
    return f"{intents}\nlists: {{v: {{values: [{values}]}}}}"


GENERATED = {
    "plain": plain_sentences,
    "skip-words": with_skip_words,
    "ten-million": ten_million,
    "six-slots": six_slots,
}


def measure(name: str) -> None:
    """Build one grammar and print its row."""
    source = GENERATED[name]() if name in GENERATED else find(name)
    build_grammar("warm up (a|b)", ENGLISH)  # imports are not what is measured
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    grammar = build_grammar(source, ENGLISH)
    took = time.process_time() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    lexicon = grammar.lexicon
    arrays = (
        lexicon.first_arc,
        lexicon.arc_count,
        lexicon.arc_label,
        lexicon.arc_target,
        lexicon.accepting,
    )
    size = sum(array.nbytes for array in arrays)
    title = name if name in GENERATED else Path(name).name
    print(
        f"| {title} | {grammar.sentence_count():,} | {took:.2f} | {len(lexicon.first_arc):,} "
        f"| {size / 1e6:.2f} | {grown / 1024:.0f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="phrase files besides the usual ones")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.one)
        return
    print("| phrases | sentences | build, CPU s | states | lexicon, MB | peak memory, MiB |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in [*GENERATED, *map(str, READY), *options.files]:
        subprocess.run([sys.executable, "-m", "bench.phrases", "--one", name], check=True)


if __name__ == "__main__":
    main()
