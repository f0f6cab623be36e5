"""Listening without end: the microphone, the mute switch, and the thread that owns the model."""
