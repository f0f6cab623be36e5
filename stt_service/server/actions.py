"""What each command that changes something does to the listener."""

from __future__ import annotations

from dataclasses import replace

from stt_service.listener.api import Control
from stt_service.server import commands


def act(control: Control, command: commands.Command, reason: str) -> None:
    """Carry a command out; ``reason`` names the client's own pause. May take a while.

    Raises :exc:`SttError` for what cannot be done.
    """
    match command:
        case commands.MuteCommand():
            control.mute(command.reason)
        case commands.UnmuteCommand():
            control.unmute(command.reason)
        case commands.PauseCommand():
            control.pause(reason, command.seconds)
        case commands.ResumeCommand():
            control.resume(reason)
        case commands.ListenCommand():
            control.listen()
        case commands.SetPhrasesCommand():
            wishes = control.state().wishes
            control.wish(
                replace(wishes, phrases=command.phrases or None, phrases_mode=command.mode)
            )
        case commands.SetHotWordsCommand():
            control.wish(replace(control.state().wishes, hot_words=command.hot_words))
        case commands.PingCommand() | commands.SubscribeCommand():
            raise AssertionError("these concern the connection alone")
