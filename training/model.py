"""The DeepSpeech network: padded feature batches in, one row of raw logits per 20 ms frame out.

Three dense layers look at a window of frames, one unidirectional LSTM carries the past, two more
dense layers name the letter. Batch normalisation and the normalisation of the features exist only
while training: ``DeepSpeech.folded`` hands out plain weights without them, which compute the same.

Shapes use B for utterances, T for frames (20 ms each), C for context and H for the LSTM's width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training import recurrence
from training.letters import ALPHABET

Array = npt.NDArray[np.float32]

FORGET_BIAS = 1.0
"""Initial bias of the forget gate: an LSTM that starts by remembering learns sooner."""


@dataclass(frozen=True)
class ModelConfig:
    """Everything that decides the network's shape; stored in each checkpoint as a plain dict."""

    n_input: int = 26
    """MFCC coefficients per frame."""
    n_context: int = 9
    """Frames seen on either side of the current one."""
    dense1: int = 512
    """Units of the first dense layer."""
    dense2: int = 512
    """Units of the second dense layer."""
    dense3: int = 512
    """Units of the third dense layer."""
    lstm: int = 512
    """Units (cells) of the LSTM."""
    dense5: int = 512
    """Units of the dense layer after the LSTM."""
    alphabet: str = ALPHABET
    """One character per label, in output order, without the blank."""
    relu_clip: float = 20.0
    """Upper limit of the clipped ReLU."""

    @property
    def n_window(self) -> int:
        """Frames in one context window."""
        return 2 * self.n_context + 1

    @property
    def n_output(self) -> int:
        """Labels and the blank."""
        return len(self.alphabet) + 1

    @property
    def blank(self) -> int:
        """Index of the CTC blank: the last output."""
        return len(self.alphabet)

    def to_dict(self) -> dict[str, Any]:
        """Return the plain dict that goes into checkpoints."""
        return asdict(self)


class Dense(nn.Module):
    """Linear, batch normalisation, ReLU clipped at ``clip``; ``[N, in] -> [N, out]``."""

    def __init__(self, n_in: int, n_out: int, clip: float) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.norm = nn.BatchNorm1d(n_out)
        self.clip = clip

    def forward(self, x: Tensor) -> Tensor:
        """Map rows of frames to rows of activations."""
        # The norm runs on float32 statistics whatever autocast chose for the product.
        normed: Tensor = self.norm(self.linear(x))
        return nn.functional.hardtanh(normed, 0.0, self.clip)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return weight ``[out, in]`` and bias ``[out]`` with the norm folded in."""
        assert self.norm.running_var is not None
        assert self.norm.running_mean is not None
        scale = self.norm.weight.double() / torch.sqrt(
            self.norm.running_var.double() + self.norm.eps
        )
        weight = self.linear.weight.double() * scale[:, None]
        bias = (self.linear.bias.double() - self.norm.running_mean.double()) * scale
        return weight, bias + self.norm.bias.double()


class DeepSpeech(nn.Module):
    """The network under training. Owned by the training loop's thread.

    ``feature_mean`` and ``feature_scale`` (``[26]`` each) are buffers set once from the training
    data by :meth:`set_feature_statistics`.
    """

    feature_mean: Tensor
    feature_scale: Tensor

    def __init__(self, config: ModelConfig | Mapping[str, Any], dropout: float = 0.0) -> None:
        super().__init__()
        if not isinstance(config, ModelConfig):
            config = ModelConfig(**config)
        self.config = config
        clip = config.relu_clip
        self.layer1 = Dense(config.n_window * config.n_input, config.dense1, clip)
        self.layer2 = Dense(config.dense1, config.dense2, clip)
        self.layer3 = Dense(config.dense2, config.dense3, clip)
        # torch's gate order: input, forget, cell, output.
        self.lstm = nn.LSTM(config.dense3, config.lstm)
        self.layer5 = Dense(config.lstm, config.dense5, clip)
        self.layer6 = nn.Linear(config.dense5, config.n_output)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("feature_mean", torch.zeros(config.n_input))
        self.register_buffer("feature_scale", torch.ones(config.n_input))
        with torch.no_grad():
            hidden = config.lstm
            cast(Tensor, self.lstm.bias_ih_l0)[hidden : 2 * hidden] = FORGET_BIAS
            cast(Tensor, self.lstm.bias_hh_l0)[hidden : 2 * hidden] = 0.0

    def set_feature_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Set mean and standard deviation (``[26]``) of the raw features over the training data."""
        self.feature_mean.copy_(mean)
        self.feature_scale.copy_(1.0 / std.clamp_min(1e-3))

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return raw logits ``[T, B, labels + 1]`` of padded raw features ``[B, T, 26]``.

        Frames at and after ``lengths`` (``[B]``, in frames) are taken as raw zeros, as are the
        frames before the start: this is what the DeepSpeech runtime feeds at both ends.
        Logits of padding frames mean nothing.
        """
        batch, frames, _ = features.shape
        valid = torch.arange(frames, device=features.device)[None, :] < lengths[:, None]
        context = self.config.n_context
        padded = nn.functional.pad(features * valid[:, :, None], (0, 0, context, context))
        # Normalise after the padding, so that a pad is a raw zero and folding stays exact.
        padded = (padded - self.feature_mean) * self.feature_scale
        windows = padded.unfold(1, self.config.n_window, 1).transpose(2, 3)  # [B, T, window, 26]
        valid = valid.transpose(0, 1)
        # Only real frames go through the dense layers: batch statistics must not see padding.
        x = windows.transpose(0, 1)[valid].flatten(1)
        # Random numbers are dear on a processor: dropout only around the LSTM.
        x = self.dropout(self.layer3(self.layer2(self.layer1(x))))
        sequence = x.new_zeros((frames, batch, x.shape[1]))
        sequence[valid] = x
        sequence = recurrence.run(self.lstm, sequence)
        x = self.layer6(self.layer5(self.dropout(sequence[valid])))
        logits = x.new_zeros((frames, batch, x.shape[1]), dtype=torch.float32)
        logits[valid] = x.float()
        return cast(Tensor, logits)

    @torch.no_grad()
    def folded(self) -> dict[str, Array]:
        """Return plain float32 arrays that compute the same as this network in evaluation.

        ``layerN.weight [out, in]``, ``layerN.bias [out]`` for N in 1, 2, 3, 5, 6;
        ``lstm.weight_ih [4H, in]``, ``lstm.weight_hh [4H, H]``, ``lstm.bias [4H]`` in torch's gate
        order (input, forget, cell, output), forget bias included. The inputs of layer 1 are the
        raw features of the window's frames, oldest frame first, 26 coefficients each.
        """
        arrays: dict[str, Tensor] = {}
        for name in ("layer1", "layer2", "layer3", "layer5"):
            layer = getattr(self, name)
            arrays[f"{name}.weight"], arrays[f"{name}.bias"] = layer.folded()
        scale = self.feature_scale.double().repeat(self.config.n_window)
        mean = self.feature_mean.double().repeat(self.config.n_window)
        weight = arrays["layer1.weight"] * scale[None, :]
        arrays["layer1.bias"] = arrays["layer1.bias"] - weight @ mean
        arrays["layer1.weight"] = weight
        lstm = {name: value.detach().double() for name, value in self.lstm.named_parameters()}
        arrays["lstm.weight_ih"] = lstm["weight_ih_l0"]
        arrays["lstm.weight_hh"] = lstm["weight_hh_l0"]
        arrays["lstm.bias"] = lstm["bias_ih_l0"] + lstm["bias_hh_l0"]
        arrays["layer6.weight"] = self.layer6.weight
        arrays["layer6.bias"] = self.layer6.bias
        return {
            name: value.detach().cpu().numpy().astype(np.float32) for name, value in arrays.items()
        }


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=np.float32)


def forward_folded(
    arrays: Mapping[str, Array],
    features: Array,
    *,
    n_context: int = 9,
    relu_clip: float = 20.0,
) -> Array:
    """Run folded weights over one utterance's features ``[T, 26]``; raw logits ``[T, labels + 1]``.

    The reference in plain NumPy that exported models are compared with; slow and simple.
    """
    frames = features.shape[0]
    padded = np.pad(features.astype(np.float32), ((n_context, n_context), (0, 0)))
    x = np.stack([padded[t : t + 2 * n_context + 1].reshape(-1) for t in range(frames)])
    for name in ("layer1", "layer2", "layer3"):
        x = np.clip(x @ arrays[f"{name}.weight"].T + arrays[f"{name}.bias"], 0.0, relu_clip)
    gates = x @ arrays["lstm.weight_ih"].T + arrays["lstm.bias"]
    width = arrays["lstm.weight_hh"].shape[1]
    h = np.zeros(width, dtype=np.float32)
    c = np.zeros(width, dtype=np.float32)
    outputs = np.empty((frames, width), dtype=np.float32)
    for t in range(frames):
        i, f, g, o = np.split(gates[t] + arrays["lstm.weight_hh"] @ h, 4)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        outputs[t] = h
    x = np.clip(outputs @ arrays["layer5.weight"].T + arrays["layer5.bias"], 0.0, relu_clip)
    return np.asarray(x @ arrays["layer6.weight"].T + arrays["layer6.bias"], dtype=np.float32)
