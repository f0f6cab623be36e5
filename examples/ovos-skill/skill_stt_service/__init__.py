"""Hands what a running stt-service hears to OVOS; pauses it while OVOS speaks."""

from threading import Thread

from ovos_bus_client.message import Message
from ovos_workshop.skills.ovos import OVOSSkill

from stt_service.client import Client, ClientError, Disconnected, Where
from stt_service.server.commands import PauseCommand, ResumeCommand
from stt_service.server.messages import Final, Rejected, SpeechStarted

CONTEXT = {"client_name": "stt-service", "source": "audio", "destination": ["skills"]}
LEAST_CONFIDENCE = 0.5


class SttServiceSkill(OVOSSkill):
    """One thread reads transcripts; the bus calls the handlers in its own."""

    def initialize(self) -> None:
        """Connect, and follow what OVOS says aloud."""
        where = Where(
            self.settings.get("url", "ws://127.0.0.1:8765"),
            self.settings.get("token") or None,
            ("speech_started", "final", "rejected"),
        )
        self.client = Client(where)
        self.add_event("recognizer_loop:audio_output_start", self.handle_speaking)
        self.add_event("recognizer_loop:audio_output_end", self.handle_silence)
        Thread(target=self.listen, name="stt-service", daemon=True).start()

    def listen(self) -> None:
        """Hand on what is heard, until the skill is shut down."""
        try:
            for message in self.client.messages():
                self.take(message)
        except ClientError as error:
            self.log.error("stt-service: %s", error)

    def take(self, message: object) -> None:
        """Translate one message for the bus."""
        if isinstance(message, SpeechStarted):
            self.tell("recognizer_loop:record_begin", {})
        elif isinstance(message, Final):
            self.tell("recognizer_loop:record_end", {})
            if message.confidence >= self.settings.get("confidence", LEAST_CONFIDENCE):
                data = {"utterances": [message.text], "lang": self.lang}
                self.tell("recognizer_loop:utterance", data)
        elif isinstance(message, Rejected):
            self.tell("recognizer_loop:record_end", {})
        elif isinstance(message, Disconnected):
            self.log.warning("stt-service: %s; trying again", message.reason)

    def tell(self, kind: str, data: dict) -> None:
        """Put a message on the bus as the listener of OVOS would."""
        self.bus.emit(Message(kind, data, dict(CONTEXT)))

    def handle_speaking(self, _message: Message) -> None:
        """OVOS speaks: do not listen to it."""
        self.order(PauseCommand(type="pause"))

    def handle_silence(self, _message: Message) -> None:
        """OVOS has ended."""
        self.order(ResumeCommand(type="resume"))

    def order(self, command: PauseCommand | ResumeCommand) -> None:
        """Send a command where there is a connection; without one nothing is heard anyway."""
        try:
            self.client.send(command)
        except ClientError as error:
            self.log.debug("stt-service: %s", error)

    def shutdown(self) -> None:
        """Leave."""
        self.client.close()
        super().shutdown()
