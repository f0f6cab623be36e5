"""``stt-service scorer``."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stt_service.cli.scorer import scorer_group
from stt_service.decoder.ngram_file import read_ngram
from stt_service.decoder.ngram_scorer import open_ngram
from stt_service.errors import ScorerError
from tests.cli.conftest import Run
from tests.decoder.scorer_files import ENGLISH, package


def call(*arguments: object, stdin: str = "") -> Result:
    result = CliRunner().invoke(scorer_group, [str(a) for a in arguments], input=stdin)
    if isinstance(result.exception, ScorerError):
        raise result.exception
    return result


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Sentences, one of them with a digit."""
    path = tmp_path / "home.txt"
    path.write_text("Turn on the light.\nTurn off the light.\nstop\nset it to 5\n")
    return path


def test_build_makes_a_scorer_and_says_what_it_left_out(text: Path, tmp_path: Path) -> None:
    """The smoothing and its reason, the lines with digits, the size."""
    out = tmp_path / "home.ngram"
    result = call("build", text, "-o", out, "--order", 2, "--alpha", 0.5)
    assert result.exit_code == 0
    assert "left out 1 of 4 lines" in result.stderr
    assert "'set it to 5'" in result.stderr
    assert "witten-bell instead of Kneser-Ney" in result.stderr
    assert f"{out.stat().st_size:,} bytes" in result.stdout
    scorer = open_ngram(out, ENGLISH)
    assert (scorer.alpha, scorer.language.order) == (0.5, 2)
    assert scorer.language.knows("light")


def test_build_reads_standard_input(tmp_path: Path) -> None:
    """``-`` is a file name as everywhere."""
    out = tmp_path / "in.ngram"
    call("build", "-", "-o", out, stdin="yes\nno\n")
    assert read_ngram(out).words[3:] == ("no", "yes")


def test_arpa_goes_both_ways(text: Path, tmp_path: Path) -> None:
    """Text to ARPA to n-gram file: the same n-grams."""
    arpa, one, two = tmp_path / "a.arpa", tmp_path / "one.ngram", tmp_path / "two.ngram"
    call("build", text, "-o", arpa)
    call("build", text, "-o", one)
    call("build", "--arpa", arpa, "-o", two)
    assert read_ngram(one).counts == read_ngram(two).counts


def test_a_vocabulary_may_be_a_number_or_a_list(text: Path, tmp_path: Path) -> None:
    """Other words become the unknown one."""
    out, names = tmp_path / "v.ngram", tmp_path / "names"
    call("build", text, "-o", out, "--vocabulary", 2)
    assert len(read_ngram(out).words) == 3 + 2
    names.write_text("Light\nlamp\n")
    call("build", text, "-o", out, "--vocabulary", names)
    assert read_ngram(out).words[3:] == ("light",)


def test_pruning_leaves_rare_ngrams_out(text: Path, tmp_path: Path) -> None:
    """``--prune '0 1'``: pairs seen once go."""
    out = tmp_path / "p.ngram"
    call("build", text, "-o", out, "--order", 2, "--prune", "0 1")
    pairs = read_ngram(out)
    assert 0 < pairs.counts[1] < 6


def test_a_text_of_digits_is_refused(tmp_path: Path) -> None:
    """Rather than building a model of nothing."""
    with pytest.raises(ScorerError, match="2 of 3 lines have digits"):
        call("build", "-", "-o", tmp_path / "x.ngram", stdin="5\n6\nfive\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", "-o", "x.ngram"],
        ["build", "a.txt", "--arpa", "b.arpa", "-o", "x.ngram"],
        ["build", "a.txt", "-o", "x.bin"],
        ["build", "--arpa", "b.arpa", "--order", "2", "-o", "x.ngram"],
        ["build", "a.txt", "-o", "x.ngram", "--prune", "few"],
    ],
)
def test_contradictions_are_usage_errors(arguments: list[str]) -> None:
    """Exit status 2 and a line that says what is meant."""
    assert call(*arguments).exit_code == 2


@pytest.mark.parametrize("name", ["missing.txt", "missing.arpa"])
def test_missing_files_are_named(tmp_path: Path, name: str) -> None:
    """Text and ARPA alike."""
    source = [tmp_path / name] if name.endswith("txt") else ["--arpa", tmp_path / name]
    with pytest.raises(ScorerError, match=name):
        call("build", *source, "-o", tmp_path / "x.ngram")


def test_info_describes_both_formats(text: Path, tmp_path: Path) -> None:
    """An own file and a DeepSpeech package."""
    out, scorer = tmp_path / "home.ngram", tmp_path / "home.scorer"
    call("build", text, "-o", out)
    assert "witten-bell, 3 sentences" in call("info", out).stdout
    scorer.write_bytes(package())
    shown = call("info", scorer).stdout
    assert "DeepSpeech scorer 6, KenLM trie" in shown
    assert "alpha 0.5, beta 1.25" in shown


def test_a_vocabulary_that_is_not_there_is_named_once(run: Run, tmp_path: Path) -> None:
    """In words, without the number of the system's error."""
    text = tmp_path / "text.txt"
    text.write_text("hello there\n", encoding="utf-8")
    done = run(
        "scorer", "build", text, "-o", tmp_path / "y.ngram", "--vocabulary", tmp_path / "gone"
    )
    assert done.status == 1
    assert "gone cannot be read: No such file or directory. Pass" in done.err
