"""Which capture device is meant, and what stays of it when it is plugged in elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from stt_service.audio.devices import Device, Wanted, hardware, usb_ids
from stt_service.errors import DeviceLostError


def device(index: int, name: str, *, default: bool = False, usb: str | None = None) -> Device:
    return Device(index, name, 2, 48_000.0, default=default, usb=usb)


INSIDE = device(0, "bcm2835: - (hw:0,0)")
CAMERA = device(1, "USB Camera: Audio (hw:1,0)", usb="046d:0825")
ARRAY = device(2, "ReSpeaker 4 Mic Array: USB Audio (hw:2,0)", usb="2886:0018")
USUAL = device(3, "default", default=True)
ALL = [INSIDE, CAMERA, ARRAY, USUAL]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("default", USUAL),
        ("0", INSIDE),
        ("2", ARRAY),
        ("046d:0825", CAMERA),
        ("046D:0825", CAMERA),
        ("respeaker", ARRAY),
        ("usb", CAMERA),
        ("hw:2,0", ARRAY),
    ],
)
def test_a_device_is_meant_by_index_usb_id_or_part_of_its_name(name: str, meant: Device) -> None:
    """Index 0 is an index; of several names the first one counts."""
    assert Wanted(name).find(ALL) == meant


def test_a_whole_name_goes_before_a_part() -> None:
    """`usb` is the device of that name where there is one."""
    exact = device(9, "usb")
    assert Wanted("usb").find([*ALL, exact]) == exact


@pytest.mark.parametrize("name", ["2", "2886:0018", "respeaker", "default"])
def test_the_same_device_is_found_under_its_new_index(name: str) -> None:
    """Plugged in elsewhere it has another number and another card, and even an index finds it."""
    moved = device(0, "ReSpeaker 4 Mic Array: USB Audio (hw:5,0)", usb="2886:0018")
    other = device(2, "another (hw:2,0)", usb="1111:2222")
    before = [CAMERA, Device(2, ARRAY.name, 2, 48_000.0, default=True, usb=ARRAY.usb)]
    wanted = Wanted(name)
    wanted.find(before)
    assert wanted.find([moved, CAMERA, other]) == moved


def test_an_index_never_means_another_device_later() -> None:
    """Nobody is listened to by accident."""
    wanted = Wanted("2")
    wanted.find(ALL)
    with pytest.raises(DeviceLostError):
        wanted.find([INSIDE, CAMERA, device(2, "the neighbour's (hw:2,0)")])


def test_the_default_one_may_be_replaced() -> None:
    """Whoever asked for no particular one gets the next."""
    wanted = Wanted()
    wanted.find(ALL)
    assert wanted.find([INSIDE, CAMERA]) == INSIDE


def test_what_is_not_there_is_said_with_what_is() -> None:
    """Or that there is nothing at all."""
    with pytest.raises(DeviceLostError, match=r"no microphone jabra.*bcm2835.*ReSpeaker"):
        Wanted("jabra").find(ALL)
    with pytest.raises(DeviceLostError, match="there is no microphone"):
        Wanted().find([])


def test_usb_ids_come_from_alsa(tmp_path: Path) -> None:
    """Cards without one are not on USB."""
    for card, text in (("card0", None), ("card1", "046D:0825\n")):
        (tmp_path / card).mkdir()
        if text:
            (tmp_path / card / "usbid").write_text(text)
    (tmp_path / "cards").write_text(" 0 [Headphones]: bcm2835\n")
    assert usb_ids(tmp_path) == {1: "046d:0825"}
    before = hardware(tmp_path)
    (tmp_path / "cards").write_text(" 0 [Headphones]: bcm2835\n 1 [U0x46d]: USB-Audio\n")
    assert hardware(tmp_path) != before
    assert hardware(tmp_path / "none") == ""
