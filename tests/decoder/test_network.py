"""The neural network of an ``.ngram`` file: C and NumPy, and the way through the file."""

import json
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.decoder.network import LARGEST_CODE, quantise
from stt_service.decoder.ngram_build import build
from stt_service.decoder.ngram_counts import count_orders, read_corpus
from stt_service.decoder.ngram_file import encode_ngram, read_ngram, write_ngram
from stt_service.errors import ScorerError
from tests.decoder.kit import PHRASES, draw_network

try:
    from stt_service.decoder import _kernel
except ImportError:  # not compiled: the tests of NumPy still run
    _kernel = None

COMPILED = pytest.mark.skipif(_kernel is None, reason="the extension is not compiled")


@pytest.fixture
def tables():
    corpus = read_corpus(line.split() for line in PHRASES)
    plain = build(corpus, count_orders(corpus, 3)).tables
    return replace(plain, network=draw_network(len(plain.words)))


@COMPILED
@given(
    seed=st.integers(0, 1000),
    count=st.integers(0, 30),
    context=st.integers(1, 7),
    width=st.integers(1, 20),
    units=st.integers(1, 40),
)
@settings(max_examples=100, deadline=None)
def test_c_and_numpy_expect_the_same(seed, count, context, width, units):
    """To rounding, whichever words the contexts share."""
    network = draw_network(12, context, width, units, seed)
    contexts = np.random.default_rng(seed).integers(0, 12, (count, context), np.int32)
    mine, other = network.expect(contexts), network.expect_in_numpy(contexts)
    assert mine.shape == other.shape == (count, width)
    assert np.allclose(mine, other, rtol=1e-4, atol=1e-4)


def test_what_is_expected_and_scored_by_hand():
    """The layer's rectified sums, the vector, and its product with each word's own."""
    network = replace(
        draw_network(3, context=2, width=1, units=2),
        codes=np.array([[0], [2], [-4]], np.int8),
        scale=np.array([1.0, 0.5, 0.25], np.float32),
        bias=np.array([-9.0, -5.0, -2.0], np.float32),
        inner=np.array([[1.0, 1.0], [3.0, -1.0]], np.float32),
        inner_bias=np.array([0.5, 0.25], np.float32),
        outer=np.array([[0.25], [1.0]], np.float32),
        outer_bias=np.array([1.0], np.float32),
    )
    # Vectors are 0, 1 and -1; after (1, 2) the sums are -1.5 and 2.25, after (2, 1) 2.5 and -1.75.
    expected = network.expect(np.array([[1, 2], [2, 1]], np.int32))
    assert expected.tolist() == [[3.25], [1.625]]
    assert network.score(expected, np.array([1, 2], np.int32)).tolist() == [-1.75, -3.625]
    assert network.score(2 * expected[:1], np.array([1], np.int32)).tolist() == [0.0]  # not 1.5


@COMPILED
def test_c_trusts_no_array():
    """What does not fit, or is no word, is an exception, not a read outside of memory."""
    one = draw_network(5, context=2, width=3, units=4)
    good = [
        one.codes, one.scale, one.inner, one.inner_bias, one.outer, one.outer_bias,
        np.zeros((2, 2), np.int32), np.zeros((2, 3), np.float32),
    ]  # fmt: skip
    _kernel.expect(*good)
    for i, array in enumerate(good):
        for bad in (array[:-1], array.astype(np.float64), array[..., None], array.ravel()[:0]):
            with pytest.raises(TypeError):
                _kernel.expect(*good[:i], bad, *good[i + 1 :])
    for word in (-1, 5):
        with pytest.raises(IndexError):
            _kernel.expect(*good[:6], np.full((2, 2), word, np.int32), good[7])
    locked = good[7].copy()
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _kernel.expect(*good[:7], locked)


def test_vectors_are_off_by_half_a_step_at_most():
    """Each word has a scale of its own, so rare words' small vectors are as exact."""
    vectors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    vectors *= np.logspace(-3, 1, 50, dtype=np.float32)[:, None]
    vectors[7] = 0
    codes, scale = quantise(vectors)
    assert np.abs(codes).max() <= LARGEST_CODE
    step = np.abs(vectors).max(axis=1, keepdims=True) / LARGEST_CODE
    assert (np.abs(codes * scale[:, None] - vectors) <= 0.6 * step + 1e-7).all()


def test_a_file_keeps_its_network(tables, tmp_path):
    """Vectors to the bit, other weights in half precision."""
    path = tmp_path / "home.ngram"
    write_ngram(path, tables)
    before, after = tables.network, read_ngram(path).network
    assert np.array_equal(after.codes, before.codes)
    assert after.share == before.share
    for name in ("scale", "bias", "inner", "inner_bias", "outer", "outer_bias"):
        assert np.allclose(getattr(after, name), getattr(before, name), rtol=1e-3, atol=1e-6)
    assert read_ngram(path).words == tables.words


def forge(content, change):
    """The file with another header and body, checksums made to fit."""
    length = struct.unpack_from("<I", content, 12)[0]
    header = json.loads(content[20 : 20 + length])
    body = bytearray(content[-(-(20 + length) // 16) * 16 :])
    change(header, body)
    header["body_crc"] = zlib.crc32(body)
    text = json.dumps(header).encode()
    start = struct.pack("<8sIII", b"STTNGRAM", 1, len(text), zlib.crc32(text)) + text
    return start + bytes(-len(start) % 16) + body


TOLD = ["words", "context", "width", "units", "share"]


@given(
    name=st.sampled_from(TOLD),
    value=st.sampled_from([None, -1, 0, 1, 5, 10**9, 1.5, "many", float("nan"), [3]]),
)
@settings(max_examples=80, deadline=None)
def test_a_forged_network_is_refused_or_harmless(tmp_path_factory, name, value):
    """Sizes that do not fit the sections are damage, as a share beyond 0 to 1 is."""
    corpus = read_corpus(line.split() for line in PHRASES)
    plain = build(corpus, count_orders(corpus, 3)).tables
    content = encode_ngram(replace(plain, network=draw_network(len(plain.words))))
    path = tmp_path_factory.mktemp("forged") / "forged.ngram"
    path.write_bytes(forge(content, lambda header, _: header["network"].update({name: value})))
    if (name, value) == ("width", 5):  # true, as it happens
        network = read_ngram(path).network
        assert network.expect(np.zeros((1, network.context), np.int32)).shape[0] == 1
        return
    with pytest.raises(ScorerError, match=r"forged\.ngram"):
        read_ngram(path)


def test_a_weight_that_is_no_number_is_refused(tables, tmp_path):
    """It would make every hypothesis' score none."""

    def spoil(header, body):
        offset = header["sections"]["net_inner"][1]
        body[offset : offset + 2] = np.array([np.nan], "<f2").tobytes()

    path = tmp_path / "spoilt.ngram"
    path.write_bytes(forge(encode_ngram(tables), spoil))
    with pytest.raises(ScorerError, match=r"spoilt\.ngram"):
        read_ngram(path)


def test_a_network_of_more_words_than_the_file_has_is_refused(tables, tmp_path):
    """Its numbers are those of the file's words."""
    path = tmp_path / "large.ngram"
    write_ngram(path, replace(tables, network=draw_network(len(tables.words) + 1)))
    with pytest.raises(ScorerError, match="network"):
        read_ngram(path)
