"""How often one may try a password or a code; in memory, bounded, with the time as an argument."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """After `free` failures each further one doubles the wait, from 1 s up to `limit_s`."""

    free: int
    limit_s: int


PER_PAIR = Allowance(free=5, limit_s=300)
PER_ADDRESS = Allowance(free=30, limit_s=300)
# a stranger must not be able to lock a person out for long from many addresses
PER_ACCOUNT = Allowance(free=50, limit_s=30)
# who tries codes has the password already: that is no stranger any more
PER_CODE = Allowance(free=5, limit_s=300)

_FORGET_MS = 3_600_000


class Failures:
    """Counts failures by key; the least recently failed are forgotten when there are more than `size`."""

    def __init__(self, allowance: Allowance, size: int) -> None:
        self._allowance = allowance
        self._size = size
        self._failed: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failed)

    def until_ms(self, key: str, now_ms: int) -> int:
        """Gives when the next try may be made; `now_ms` is now."""
        count, last_ms = self._failed.get(key, (0, 0))
        if count <= self._allowance.free or now_ms - last_ms >= _FORGET_MS:
            return now_ms
        pause_s: int = min(self._allowance.limit_s, 2 ** min(count - self._allowance.free - 1, 16))
        return max(now_ms, last_ms + pause_s * 1000)

    def add(self, key: str, now_ms: int) -> None:
        """Notes a failure."""
        count, last_ms = self._failed.pop(key, (0, 0))
        self._failed[key] = (count + 1 if now_ms - last_ms < _FORGET_MS else 1, now_ms)
        if len(self._failed) > self._size:
            self._failed.popitem(last=False)

    def take_back(self, key: str) -> None:
        """Takes the last failure back."""
        count, last_ms = self._failed.pop(key, (0, 0))
        if count > 1:
            self._failed[key] = (count - 1, last_ms)

    def forget(self, key: str) -> None:
        """Forgets all failures of a key."""
        self._failed.pop(key, None)


class LoginThrottle:
    """Remembers failed logins by account, by address and by both, and wrong codes, at most `size` of each."""

    def __init__(self, size: int = 10_000) -> None:
        self.pairs = Failures(PER_PAIR, size)
        self.addresses = Failures(PER_ADDRESS, size)
        self.accounts = Failures(PER_ACCOUNT, size)
        self.codes = Failures(PER_CODE, size)

    def wait_s(self, username: str, address: str, now_ms: int) -> int:
        """Gives the whole seconds to wait before the next try; 0 is now."""
        until_ms = max(table.until_ms(key, now_ms) for table, key in self._tables(username, address))
        return -(-(until_ms - now_ms) // 1000)

    def failed(self, username: str, address: str, now_ms: int) -> None:
        """Notes a failed try."""
        for table, key in self._tables(username, address):
            table.add(key, now_ms)

    def withdrawn(self, username: str, address: str) -> None:
        """Takes the last failed try back: the password was right, and something else is still to come."""
        for table, key in self._tables(username, address):
            table.take_back(key)

    def succeeded(self, username: str, address: str) -> None:
        """Forgets the failures of this account from this address; elsewhere the last one was withdrawn."""
        self.pairs.forget(_pair(username, address))

    def code_wait_s(self, username: str, now_ms: int) -> int:
        """Gives the whole seconds to wait before the next code of an account may be tried."""
        return -(-(self.codes.until_ms(username, now_ms) - now_ms) // 1000)

    def _tables(self, username: str, address: str) -> tuple[tuple[Failures, str], ...]:
        return (
            (self.pairs, _pair(username, address)),
            (self.addresses, address),
            (self.accounts, username),
        )


def _pair(username: str, address: str) -> str:
    return f"{username}\n{address}"
