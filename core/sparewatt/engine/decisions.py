"""Keeps the facts that decisions are made from, and makes them for every device."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from sparewatt.clock import Clock
from sparewatt.engine.options import EngineOptions
from sparewatt.errors import StorageError
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.policy import (
    TRANSFERS_ORDER,
    URGENT_RULES,
    Decision,
    Moment,
    Offer,
    Offers,
    Transfers,
    Usage,
    decide,
    strictest,
)
from sparewatt.settings import schema
from sparewatt.settings.intents import Intents
from sparewatt.settings.intents_store import IntentsStore
from sparewatt.settings.store import SettingsStore
from sparewatt.settings.values import Settings

SensorState = Literal["working", "waiting", "lost"]

log = logging.getLogger("sparewatt.engine")


def urgent(decision: Decision) -> bool:
    """Whether the worker must leave within a second, whatever else would let it take its time."""
    return any(match.rule in URGENT_RULES for match in decision.matches)


def run_transfers(decisions: Sequence[Decision]) -> Transfers:
    """What the runs may transfer: as much as any device may. That no coordinator is reached bars nothing: only trying
    can end it. Without a decision finished results are delivered, and nothing is fetched."""
    each_may: list[Transfers] = [
        strictest(tuple(match for match in decision.matches if match.rule != "no_network"))[1] for decision in decisions
    ]
    return min(each_may, key=TRANSFERS_ORDER.index, default="essential")


class DecisionDesk:
    """What the person wants, what the computer says, and what follows from both.

    Args:
        options: of this engine's start; they stand above the settings for as long as it lives.
    """

    def __init__(self, settings: SettingsStore, intents: IntentsStore, clock: Clock, options: EngineOptions) -> None:
        self.settings_store = settings
        self.intents_store = intents
        self.reading: Reading | None = None
        self.sensors: dict[str, SensorState] = {}
        self._clock = clock
        self._options = options
        self._previous: dict[str, Decision] = {}
        self._saving = asyncio.Lock()

    @property
    def settings(self) -> Settings:
        """The person's settings under what this engine was started with."""
        settings = self.settings_store.settings
        if not self._options.on_battery:
            return settings
        texts = {**settings.texts, schema.RUN_ON_BATTERY.key: schema.RUN_ON_BATTERY.text(True)}
        return replace(settings, texts=MappingProxyType(texts))

    @property
    def intents(self) -> Intents:
        return self.intents_store.intents

    async def intend(self, intents: Intents, wake: Callable[[], None]) -> None:
        """The person wants something else just now: it holds at once, and is kept when this returns.

        Raises:
            StorageError: ``settings.write``; it holds nevertheless, until the engine ends.
        """
        self.intents_store.hold(intents)
        wake()
        async with self._saving:
            await asyncio.to_thread(self.intents_store.save)

    async def change(self, revision: int, address: str, text: str) -> None:
        """Set one setting; raises as `SettingsStore.set`."""
        async with self._saving:
            await asyncio.to_thread(self.settings_store.set, revision, address, text)

    @property
    def game_pause_over(self) -> bool:
        """Whether the game that a pause waited for has closed, and the minute after it has passed."""
        closed = self.intents.paused_for_game and self.reading is not None and self.reading.games == ()
        return closed and not any(
            match.rule == "paused_for_game" for decision in self._previous.values() for match in decision.matches
        )

    async def end_game_pause(self) -> None:
        """The next game is none that the pause was about."""
        try:
            await self.intend(Intents(), lambda: None)
        except StorageError as error:
            log.warning("the end of a pause could not be kept: %s", error)

    def moment(self) -> Moment:
        return Moment(monotonic_s=self._clock.monotonic(), unix_s=self._clock.unix())

    def wanted(self, device: Device) -> bool:
        """Whether the engine's start names this device, by id or by kind, or none at all."""
        return not self._options.devices or not {device.device, device.kind}.isdisjoint(self._options.devices)

    def threads(self, cores: int) -> int:
        """CPU threads to lend on a computer with so many cores."""
        wanted = self._options.threads or self.settings.get(schema.CPU_THREADS) or max(1, cores - 1)
        return min(wanted, cores)

    def decide(self, device: str, usage: Usage, offer: Offer, connected: bool | None) -> Decision | None:
        """What a device may do now; None until the computer has said anything."""
        decision = self.preview(device, self.settings, usage, offer, connected)
        if decision is not None:
            self._previous[device] = decision
        return decision

    def preview(
        self, device: str, settings: Settings, usage: Usage, offer: Offer, connected: bool | None
    ) -> Decision | None:
        """What a device might do now under other settings; nothing is kept of it."""
        if self.reading is None:
            return None
        return decide(
            device=device,
            settings=settings,
            intents=self.intents,
            reading=self.reading,
            usage=usage,
            offers=Offers(best=offer, connected=connected),
            previous=self._previous.get(device),
            now=self.moment(),
        )
