"""What layers are found to hear, against the network computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.features import mfcc  # noqa: E402
from training.model import DeepSpeech, ModelConfig  # noqa: E402
from training.moments import input_moments  # noqa: E402


def test_moments_are_those_of_what_the_layers_are_given() -> None:
    """Of two recordings of different lengths: padding counts for nothing."""
    torch.manual_seed(1)
    config = ModelConfig(dense1=12, dense2=10, dense3=9, lstm=8, dense5=7)
    model = DeepSpeech(config).eval()
    rng = np.random.default_rng(2)
    audios = [rng.standard_normal(n).astype(np.float32) * 0.1 for n in (4000, 9000)]
    moments = input_moments(model, audios)

    arrays = model.folded()
    heard = []
    for audio in audios:
        features = np.pad(mfcc(audio), ((config.n_context, config.n_context), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(features, config.n_window, axis=0)
        x = windows.transpose(0, 2, 1).reshape(len(windows), -1)
        heard.append(np.clip(x @ arrays["layer1.weight"].T + arrays["layer1.bias"], 0.0, 20.0))
    rows = np.concatenate(heard)
    np.testing.assert_allclose(
        moments["layer2.weight"], rows.T @ rows / len(rows), rtol=1e-3, atol=1e-6
    )
    assert moments["lstm.weight_hh"].shape == (8, 8)
    assert set(moments) == {n for n in arrays if arrays[n].ndim == 2} - {"layer1.weight"}
    # Listening is over: another pass adds nothing.
    before = moments["layer6.weight"].copy()
    model(torch.zeros(1, 5, 26), torch.tensor([5]))
    np.testing.assert_array_equal(moments["layer6.weight"], before)
