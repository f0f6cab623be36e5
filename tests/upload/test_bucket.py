"""A bucket as target: a real worker, a real S3 server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("botocore", reason="a bucket needs the extra 's3'")
pytest.importorskip("moto.server", reason="the test's bucket is served by moto")

import boto3
import httpx
from moto import server

from stt_service.errors import ConfigError
from stt_service.upload.bucket import BucketTarget
from stt_service.upload.worker import Worker
from tests.upload.conftest import NOW, Device

KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class Bucket:
    """A bucket that is there, and somebody who may look into it."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        httpx.post(f"{self.endpoint}/moto-api/reset")  # all servers of one process share theirs
        self.client: Any = boto3.client("s3", endpoint_url=self.endpoint)
        self.client.create_bucket(Bucket="voices")

    def names(self) -> set[str]:
        found = self.client.list_object_versions(Bucket="voices")
        return {one["Key"] for one in (*found.get("Versions", ()), *found.get("DeleteMarkers", ()))}

    def read(self, name: str) -> bytes:
        return bytes(self.client.get_object(Bucket="voices", Key=name)["Body"].read())

    def worker(self, device: Device, place: str = "s3://voices/home") -> Worker:
        target = BucketTarget(place, endpoint=self.endpoint)
        return Worker(device.queue, device.utterances, target, clock=lambda: NOW)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield Bucket(running.get_host_and_port()[1])
    running.stop()


def test_sound_and_what_is_known_of_it_arrive(device: Device, bucket: Bucket) -> None:
    """Byte by byte; sending it again changes nothing."""
    device.give("publish")
    kept = device.keep(1)
    worker = bucket.worker(device)
    assert worker.step().did == "sent"
    assert bucket.names() == {f"home/{kept.id}.flac", f"home/{kept.id}.json"}
    assert bucket.read(f"home/{kept.id}.flac") == device.utterances.sound(kept)
    meta = json.loads(bucket.read(f"home/{kept.id}.json"))
    assert (meta["audio_sha256"], meta["consent"]["scope"]) == (kept.audio_sha256, "publish")
    assert "deletion_token" not in meta


@pytest.mark.parametrize("versions", [False, True])
def test_a_withdrawal_empties_the_bucket(device: Device, bucket: Bucket, versions: bool) -> None:
    """In all versions; the receipt has the bucket's answer, and that nothing is there any more."""
    if versions:
        bucket.client.put_bucket_versioning(
            Bucket="voices", VersioningConfiguration={"Status": "Enabled"}
        )
    device.give("upload")
    names = {device.keep(number).id for number in range(3)}
    worker = bucket.worker(device)
    assert [worker.step().did for _ in range(4)] == ["sent"] * 3 + ["idle"]
    device.utterances.withdraw("owner", "asked")
    assert [worker.step().did for _ in range(4)] == ["deleted"] * 3 + ["idle"]
    assert bucket.names() == set()
    receipts = device.queue.receipts()
    assert {one.utterance for one in receipts} == names
    assert all(one.receipt.startswith("DELETE 204") for one in receipts)
    assert all(one.receipt.endswith("; HEAD 404") for one in receipts)
    assert all(one.deleted.endswith("Z") for one in receipts)


def test_what_never_arrived_is_receipted_too(device: Device, bucket: Bucket) -> None:
    """The device cannot know that it did not."""
    device.give("upload")
    kept = device.keep(1)
    device.queue.begin(kept, bucket.worker(device).target.name)
    device.utterances.delete([kept])
    assert bucket.worker(device).step().did == "deleted"


def test_a_withdrawal_while_it_is_sent_keeps_it_from_arriving(
    device: Device, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever piece it is that is on its way."""
    device.give("upload")
    kept = device.keep(1)
    worker = bucket.worker(device)
    plain, asked = device.queue.still, []

    def still(one: object) -> bool:
        asked.append(one)
        if len(asked) == 2:
            device.utterances.withdraw("owner", "asked")
        return plain(kept)

    monkeypatch.setattr(worker.queue, "still", still)
    assert worker.step().did == "revoked"
    assert worker.step().did == "deleted"
    assert bucket.names() == set()


def test_a_bucket_that_is_not_there_stops_everything(device: Device, bucket: Bucket) -> None:
    """It is no fault of the utterance."""
    device.give("upload")
    device.keep(1)
    step = bucket.worker(device, "s3://nowhere").step()
    assert step.did == "paused"
    assert "NoSuchBucket" in step.reason


def test_without_keys_nothing_is_sent(
    device: Device, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is said."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    device.give("upload")
    device.keep(1)
    step = bucket.worker(device).step()
    assert step.did == "paused"
    assert "credentials" in step.reason


def test_a_server_that_is_away_is_asked_again(device: Device, bucket: Bucket) -> None:
    """As a collector is."""
    device.give("upload")
    device.keep(1)
    target = BucketTarget("s3://voices", endpoint="http://127.0.0.1:1")
    worker = Worker(device.queue, device.utterances, target, clock=lambda: NOW)
    assert worker.step().did == "failed"
    pause = device.queue.paused()
    assert pause is not None
    assert pause.until is not None


@pytest.mark.parametrize("place", ["s3://", "s3:///prefix", "voices"])
def test_what_is_no_bucket_is_a_mistake(place: str, tmp_path: Path) -> None:
    """It names the key."""
    with pytest.raises(ConfigError, match=r"upload\.target"):
        BucketTarget(place)
