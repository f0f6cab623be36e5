"""The letters that the network writes. Apart from it, so that lists are read without PyTorch."""

from __future__ import annotations

ALPHABET = " abcdefghijklmnopqrstuvwxyz'"
"""Labels in DeepSpeech's order; the CTC blank follows them."""
