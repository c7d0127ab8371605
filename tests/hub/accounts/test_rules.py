"""Roles, and how failed logins slow down."""

from hypothesis import given
from hypothesis import strategies as st

from hub.accounts.rules import PER_ACCOUNT, PER_PAIR, ROLES, WALL_ROLE, LoginThrottle, permissions_of
from hub.web.principal import PERMISSIONS

T0 = 1_700_000_000_000


def test_roles_are_the_seven_and_every_permission_belongs_to_one() -> None:
    assert set(ROLES) == {
        "operations",
        "technician",
        "school_admin",
        "contributor",
        "budget_viewer",
        "inspector",
        "administrator",
    }
    assert frozenset().union(*ROLES.values()) == PERMISSIONS


def test_a_wall_and_an_unknown_role_change_nothing() -> None:
    assert not {name for name in permissions_of(WALL_ROLE) if not name.endswith(".read")}
    assert permissions_of("of-a-newer-version") == frozenset()


def test_five_tries_are_free_and_then_the_wait_doubles() -> None:
    throttle = LoginThrottle()
    waits = []
    for _ in range(PER_PAIR.free + 12):
        throttle.failed("lan", "10.0.0.1", T0)
        waits.append(throttle.wait_s("lan", "10.0.0.1", T0))
    assert waits[: PER_PAIR.free + 4] == [0] * PER_PAIR.free + [1, 2, 4, 8]
    assert waits[-1] == PER_PAIR.limit_s
    assert throttle.wait_s("lan", "10.0.0.1", T0 + PER_PAIR.limit_s * 1000) == 0
    assert throttle.wait_s("lan", "10.0.0.2", T0) == 0
    assert throttle.wait_s("other", "10.0.0.1", T0) == 0


def test_nobody_is_locked_out_for_long_by_strangers() -> None:
    throttle = LoginThrottle()
    for n in range(500):
        throttle.failed("lan", f"10.0.{n // 250}.{n % 250}", T0)
    assert 0 < throttle.wait_s("lan", "192.168.0.1", T0) <= PER_ACCOUNT.limit_s


def test_success_forgets_and_a_busy_school_behind_one_address_is_not_slowed() -> None:
    throttle = LoginThrottle()
    for n in range(1_000):
        throttle.failed(f"person{n}", "10.0.0.1", T0 + n)
        throttle.succeeded(f"person{n}", "10.0.0.1")
    assert throttle.wait_s("person1", "10.0.0.1", T0 + 1_000) == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=300))
def test_memory_is_bounded_and_waits_are_never_negative(tries: list[tuple[int, int]]) -> None:
    throttle = LoginThrottle(size=10)
    for step, (name, address) in enumerate(tries):
        throttle.failed(str(name), str(address), T0 + step)
        assert 0 <= throttle.wait_s(str(name), str(address), T0 + step) <= 300
    assert all(len(table) <= 10 for table in throttle._failures)
