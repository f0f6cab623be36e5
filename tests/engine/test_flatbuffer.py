"""FlexBuffer options and vectors of FlatBuffers, whole and damaged."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stt_service.engine.flatbuffer import DamagedError, Table, flex_scalars

flexbuffers = pytest.importorskip("flatbuffers.flexbuffers")

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(-1e38, 1e38),
)


@given(st.dictionaries(st.text("abcxyz_", min_size=1, max_size=12), SCALARS, max_size=12))
def test_options_are_read_as_they_were_written(options):
    """Every width of every scalar comes back."""
    assert flex_scalars(memoryview(flexbuffers.Dumps(options))) == options


def test_no_options_are_no_entries():
    """An operator may do without."""
    assert flex_scalars(memoryview(b"")) == {}


def test_entries_that_are_no_scalars_are_left_out():
    """Strings and lists are of no use here."""
    raw = flexbuffers.Dumps({"a": "text", "b": 5, "c": [1, 2]})
    assert flex_scalars(memoryview(raw)) == {"b": 5}


@given(st.binary(max_size=60))
@example(b"\x09\x24\x01")
def test_garbage_is_damage(raw):
    """Nothing but entries or DamagedError, whatever the bytes."""
    with contextlib.suppress(DamagedError):
        assert isinstance(flex_scalars(memoryview(raw)), dict)


@given(st.binary(max_size=80), st.integers(0, 8))
def test_no_table_reads_outside_of_the_buffer(raw, field):
    """Every kind of field is bounds-checked."""
    data = memoryview(raw)
    for read in (
        lambda table: table.integer(field),
        lambda table: table.raw(field),
        lambda table: table.integers(field, 100),
        lambda table: table.table(field),
        lambda table: [one.integer(0) for one in table.tables(field, 100)],
    ):
        with contextlib.suppress(DamagedError):
            read(Table.root(data))
