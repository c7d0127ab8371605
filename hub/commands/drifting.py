"""Which devices are otherwise than wanted, in memory; what ingest's alarms are told of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from hub.commands.board import Sees
from hub.commands.rules import Wish, judged
from hub.commands.storing import Key, Pending, deadband_of

MAX_TOLD = 5_000


class Drifting:
    """Everything that is wanted, with since when it is otherwise."""

    def __init__(self) -> None:
        self.wishes: dict[tuple[Key, str], Wish] = {}
        self._metrics: dict[Key, set[str]] = defaultdict(set)

    def load(self, wishes: Mapping[tuple[Key, str], Wish]) -> None:
        """Takes what the database has; since when something differs is remembered here alone."""
        before = self.wishes
        self.wishes = {
            name: replace(wish, differs_ms=before[name].differs_ms) if name in before else wish
            for name, wish in wishes.items()
        }
        self._metrics = defaultdict(set)
        for key, metric in self.wishes:
            self._metrics[key].add(metric)

    def want(self, ended: Iterable[Pending], until_ms: int) -> None:
        """Notes what commands that reached their devices wanted."""
        for pending in ended:
            wish = Wish(pending.life.value, until_ms, deadband_of(pending.kind, pending.metric))
            self.wishes[pending.key, pending.metric] = wish
            self._metrics[pending.key].add(pending.metric)

    def forget(self, now_ms: int) -> bool:
        """Drops the wishes whose day is over; tells whether there were any."""
        over = [name for name, wish in self.wishes.items() if wish.until_ms <= now_ms]
        for name in over:
            del self.wishes[name]
        return bool(over)

    def judge(
        self, sight: Sees, changed: Collection[Key] | None, busy: Collection[tuple[Key, str]], now_ms: int
    ) -> dict[tuple[Key, str], Wish]:
        """Looks at the devices that changed, at all for None; gives the wishes whose drift is to be noted.

        While a command about the metric is under way nothing is judged. Take them with `took`.
        """
        names = (
            list(self.wishes)
            if changed is None
            else [(key, metric) for key in changed for metric in self._metrics.get(key, ())]
        )
        noted = {}
        for name in names:
            wish = self.wishes.get(name)
            if wish is None or name in busy:
                continue
            seen = sight.seen(*name)
            new = judged(wish, seen.value, seen.is_good and seen.present, now_ms)
            if new.drift_ms != wish.drift_ms:
                noted[name] = new
            elif new is not wish:
                self.wishes[name] = new
        return noted

    def took(self, noted: Mapping[tuple[Key, str], Wish]) -> None:
        """Takes over what is written down."""
        self.wishes.update(noted)

    def statement(self) -> list[dict[str, Any]]:
        """Gives everything that drifts now: whoever hears it knows that nothing else does."""
        drifting = [(wish.drift_ms, name, wish) for name, wish in self.wishes.items() if wish.drift_ms]
        drifting.sort(key=lambda each: each[0])
        return [
            {"group": key[0], "node": key[1], "device": key[2], "metric": metric, "wanted": wish.value,
             "since_ms": since_ms}
            for since_ms, (key, metric), wish in drifting[:MAX_TOLD]
        ]  # fmt: skip
