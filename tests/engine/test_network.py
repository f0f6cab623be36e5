"""A network runs the same whether or not its weights are packed once."""

import subprocess
import sys

import numpy as np
import pytest

from stt_service.engine import network as module
from stt_service.engine.network import PackedNetwork, PlainNetwork, open_network
from stt_service.engine.tflite import Mapped, parse, with_outputs


def run_twice(network):
    """Two runs, the second with what the first left behind; all that they answer."""
    noise = np.random.default_rng(1)
    cell, hidden = noise.normal(size=(2, 16)).astype(np.float32)
    answers = [
        network.run(noise.normal(size=(16, 19, 26)).astype(np.float32), cell, hidden)
        for _ in range(2)
    ]
    return [array.tolist() for array in (*answers, cell, hidden)]


def test_packing_weights_once_changes_no_bit(tiny_model):
    """Probabilities and state are those of the interpreter with the same kernels."""
    packed = open_network(tiny_model, threads=1, fast=True)
    assert isinstance(packed, PackedNetwork)
    assert run_twice(packed) == run_twice(PlainNetwork(tiny_model, threads=1, fast=True))


def test_networks_do_not_share_what_they_computed(tiny_model):
    """Two of one model, in turn."""
    one, other = (open_network(tiny_model, threads=1, fast=True) for _ in range(2))
    first = run_twice(one)
    assert run_twice(other) == first == run_twice(one)


def test_where_weights_cannot_be_packed_once_the_network_runs_all_the_same(
    tiny_model, monkeypatch, caplog
):
    """Each operator packs its own; the log says so."""

    def refuse(*_, **__):
        raise RuntimeError("no memory that is no file")

    monkeypatch.setattr(module.CompiledModel, "from_buffer", refuse)
    with caplog.at_level("INFO"):
        network = open_network(tiny_model, threads=1, fast=True)
    assert "no memory that is no file" in caplog.text
    monkeypatch.undo()
    assert run_twice(network) == run_twice(PackedNetwork(tiny_model, threads=1))


def test_outputs_can_be_left_out(tiny_model):
    """The file is as it was but for their list."""
    with Mapped(tiny_model) as data:
        whole = parse(data)
        size = len(data)
        less = parse(memoryview(raw := with_outputs(data, [whole.outputs["logits"]])))
    assert len(raw) == size
    assert list(less.outputs) == ["logits"]
    assert less.inputs == whole.inputs
    assert len(less.operators) == len(whole.operators)


@pytest.mark.slow
def test_the_program_ends_in_silence():
    """Libraries take leave in C++, after Python has ended."""
    command = [sys.executable, "-m", "stt_service", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "INFO" not in done.stderr
