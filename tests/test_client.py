"""The client, plain and asynchronous, against a running server."""

from __future__ import annotations

import asyncio

import pytest

from stt_service.client import AsyncClient, Client, ClientError, Disconnected, Where
from stt_service.server.commands import ListenCommand, MuteCommand
from stt_service.server.messages import Final, Hello
from tests.fakes_server import TOKEN, final, running


def test_it_reconnects_with_the_state() -> None:
    """After the daemon was restarted, without losing its caller."""
    with running() as stage:
        port = stage.server.port
        client = Client(f"http://127.0.0.1:{port}")
        messages = client.messages()
        assert isinstance(next(messages), Hello)
        next(messages)
        stage.hub.publish(final("yes"))
        message = next(messages)
        assert isinstance(message, Final)
        assert message.text == "yes"
    assert isinstance(next(messages), Disconnected)
    with running(port=port) as stage:
        while isinstance(message := next(messages), Disconnected):
            pass
        assert isinstance(message, Hello)
        client.close()
        assert list(messages) is not None


def test_asyncio_likewise() -> None:
    """Commands go the same way."""

    async def follow(url: str) -> list[str]:
        client = AsyncClient(Where(url, kinds=("mute",)))
        types = []
        async for message in client.messages():
            assert not isinstance(message, Disconnected)
            types.append(message.type)
            if message.type == "hello":
                await client.send(MuteCommand(type="mute", reason="test"))
            if len(types) == 3:
                break
        return types

    with running() as stage:
        types = asyncio.run(asyncio.wait_for(follow(stage.ws), 10))
        assert types[0] == "hello"
        assert set(types[1:]) == {"mute", "done"}
        assert stage.control.now.mute_reasons == ("test",)


def test_one_command_is_carried_out() -> None:
    """Or it is said why not."""
    with running(token=TOKEN) as stage:
        url = stage.ws
        Client(Where(stage.ws, TOKEN)).ask(ListenCommand(type="listen"))
        assert stage.control.told == [("listen",)]
        with pytest.raises(ClientError, match="401") as caught:
            Client(Where(stage.ws)).ask(ListenCommand(type="listen"))
        assert "STT_SERVICE_TOKEN" in caught.value.remedy
        with pytest.raises(ClientError, match="401"):
            next(Client(Where(stage.ws)).messages())
    with pytest.raises(ClientError, match="no daemon"):
        Client(Where(url)).ask(ListenCommand(type="listen"))


@pytest.mark.parametrize("url", ["", "8765", "ftp://a", "ws://", "kitchen:8765"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """With how to write one."""
    with pytest.raises(ClientError, match="no address"):
        Where(url)
