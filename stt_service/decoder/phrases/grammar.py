"""Phrases built for one alphabet: the automaton the search follows, and the way back to meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import Literal

from stt_service.decoder.alphabet import SPACE, Alphabet
from stt_service.decoder.api import Grammar, LanguageModel, Lexicon, Parse
from stt_service.decoder.phrases.automaton import Automaton, determinise
from stt_service.decoder.phrases.bias import DEFAULT_WEIGHT, PhraseMixture
from stt_service.decoder.phrases.book import PhraseBook
from stt_service.decoder.phrases.closure import vocabulary
from stt_service.decoder.phrases.network import Match
from stt_service.decoder.phrases.parts import Parts, compile_book
from stt_service.decoder.phrases.readers import Source, read_phrases
from stt_service.decoder.phrases.spelling import Speller, UnspellableError
from stt_service.decoder.phrases.trie import build_trie
from stt_service.decoder.phrases.walk import Walker
from stt_service.errors import PhrasesError

MAX_WORDS = 200_000
"""Different words of one grammar; the largest English dictionaries have as many."""
MAX_SPOKEN_LETTERS = 10_000
"""Letters of a sentence to be understood; longer ones are none of the phrases."""

Mode = Literal["strict", "bias"]


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """One sentence that two templates claim with different meanings."""

    sentence: str
    first: Parse
    """What :meth:`PhraseGrammar.parse` answers."""
    second: Parse
    first_place: str
    second_place: str


class PhraseGrammar(Grammar):
    """Phrases built by :func:`build_grammar`; may be shared by any number of streams."""

    def __init__(
        self,
        book: PhraseBook,
        mode: Mode,
        weight: float,
        speller: Speller,
        parts: Parts,
        automaton: Automaton,
    ) -> None:
        self.id = book.id
        self.mode = mode
        self.warnings = tuple(parts.warnings)
        """What was left out of the grammar and why, in file order."""
        self._weight = weight
        self._templates = book.templates
        self._speller = speller
        self._parts = parts
        self._automaton = automaton
        self.lexicon = automaton.lexicon if mode == "strict" else self._word_lexicon()

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of every sentence."""
        parts = self._parts
        words = {word for sentence in parts.plain for word in sentence.split()}
        if parts.start is not None:
            codes = vocabulary(parts.network, parts.start, MAX_WORDS)
            words.update(map(self._speller.alphabet.decode, codes))
        if len(words) > MAX_WORDS:
            raise PhrasesError(
                f"{self.id}: the sentences have more than {MAX_WORDS} different words",
                "Put spaces between the parts of words that templates glue together",
            )
        return frozenset(words)

    @property
    def intents(self) -> tuple[str, ...]:
        """The intents that sentences may have, in file order."""
        kept = sorted({*self._parts.plain.values(), *self._parts.starts})
        return tuple(dict.fromkeys(self._templates[i].intent for i in kept))

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of slots that sentences may fill, sorted."""
        fixed = (
            self._templates[i].slots for i in (*self._parts.plain.values(), *self._parts.starts)
        )
        return tuple(
            sorted({*self._parts.network.slot_names.values(), *chain.from_iterable(fixed)})
        )

    def parse(self, text: str) -> Parse | None:
        if len(text) > MAX_SPOKEN_LETTERS:
            return None
        try:
            spelled = self._speller.sentence(text)
        except UnspellableError:
            return None
        if not spelled:
            return None
        plain = self._parts.plain.get(spelled)
        match = None
        if self._parts.start is not None:
            codes = self._speller.encode(spelled)
            match = self._parts.network.match(self._parts.start, codes)
        if match is not None and (plain is None or match.template < plain):
            return self._meaning(match, spelled)
        return None if plain is None else self._meaning(Match(plain, ()), spelled)

    def mix(self, language: LanguageModel | None) -> LanguageModel:
        return PhraseMixture(
            self.id, self._speller.alphabet, self._walker, self.words, language, self._weight
        )

    def sentence_count(self) -> int:
        """How many different sentences there are."""
        return self._walker.sentence_count()

    def sentences(self, limit: int | None = None) -> Iterator[str]:
        """The sentences in the order of the alphabet, at most ``limit``."""
        decode = self._speller.alphabet.decode
        return map(decode, islice(self._walker.sentences(), limit))

    def ambiguities(self) -> Iterator[Ambiguity]:
        """One example for each place where templates claim one sentence with different meanings."""
        for sentence, first, second in self._parts.repeated:
            yield from self._differ(sentence, Match(first, ()), Match(second, ()))
        decode, parts = self._speller.alphabet.decode, self._parts
        plain = self._automaton.plain
        claims = {
            state: templates
            for state, templates in self._automaton.templates.items()
            if len(templates) + (state in plain) > 1
        }
        for state, codes in self._walker.shortest(set(claims)).items():
            sentence = decode(codes)
            readings = [
                match
                for template in claims[state]
                if (match := parts.network.match(parts.starts[template], codes))
            ]
            if state in plain:
                readings.append(Match(parts.plain[sentence], ()))
            readings.sort(key=lambda match: match.template)
            for other in readings[1:]:
                yield from self._differ(sentence, readings[0], other)

    @cached_property
    def _walker(self) -> Walker:
        space = self._speller.alphabet.space
        assert space is not None, "checked when the grammar was built"
        return Walker(self._automaton.lexicon, space)

    def _differ(self, sentence: str, one: Match, other: Match) -> Iterator[Ambiguity]:
        first, second = self._meaning(one, sentence), self._meaning(other, sentence)
        if first != second:
            places = (self._templates[match.template].place for match in (one, other))
            yield Ambiguity(sentence, first, second, *places)

    def _meaning(self, match: Match, spelled: str) -> Parse:
        template = self._templates[match.template]
        slots = dict(template.slots)
        heard: dict[str, list[str]] = {}
        for slot in match.slots:
            value = spelled[slot.begin : slot.end].strip() if slot.value is None else slot.value
            heard.setdefault(slot.name, []).append(value)
        slots.update((name, SPACE.join(values)) for name, values in heard.items())
        return Parse(template.intent, slots)

    def _word_lexicon(self) -> Lexicon:
        """The spellings of the words, each ended by the space label, as in DeepSpeech's own."""
        encode = self._speller.encode
        trie = build_trie([encode(word + SPACE) for word in sorted(self.words)])
        return trie.lexicon(restarts=True)


def build_grammar(
    source: Source,
    alphabet: Alphabet,
    mode: Mode = "strict",
    weight: float = DEFAULT_WEIGHT,
) -> PhraseGrammar:
    """Build phrases from files or folders (``Path``) or from the text of one (``str``).

    ``weight`` (0..1) is the share of the phrases in bias mode. Sentences that the alphabet cannot
    spell are left out and named in :attr:`PhraseGrammar.warnings`. Raises :exc:`PhrasesError`
    naming file, template and remedy.
    """
    if alphabet.space is None:
        raise PhrasesError(
            "the model's alphabet has no space, so phrases cannot be spelled in it",
            "Use a model whose words are parted by spaces",
        )
    if not 0 < weight < 1:
        raise PhrasesError(f"the weight of phrases is {weight}", "Choose one between 0 and 1")
    book = read_phrases(source)
    speller = Speller(alphabet, book.language)
    parts = compile_book(book, speller, alphabet.space)
    if not parts.plain and parts.start is None:
        reason = parts.warnings[0] if parts.warnings else "all templates are empty"
        raise PhrasesError(
            f"{book.id}: no sentence is left for this model: {reason}",
            "Write the words in the letters of the model's alphabet",
        )
    trie = build_trie([speller.encode(sentence) for sentence in parts.plain])
    automaton = determinise(parts.network, parts.start, trie)
    return PhraseGrammar(book, mode, weight, speller, parts, automaton)
