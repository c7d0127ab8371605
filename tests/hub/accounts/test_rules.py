"""Roles, and how failed logins slow down."""

from hypothesis import given
from hypothesis import strategies as st

from hub.accounts.rules import (
    HOMES,
    ROLES,
    WALL_ROLE,
    home_of,
    may_grant,
    password_fault,
    permissions_of,
    permitted,
    within,
)
from hub.accounts.throttle import PER_ACCOUNT, PER_CODE, PER_PAIR, LoginThrottle
from hub.web.principal import PERMISSIONS, PermissionName, Schools

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
        throttle.withdrawn(f"person{n}", "10.0.0.1")
        throttle.succeeded(f"person{n}", "10.0.0.1")
    assert throttle.wait_s("person1", "10.0.0.1", T0 + 1_000) == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=300))
def test_memory_is_bounded_and_waits_are_never_negative(tries: list[tuple[int, int]]) -> None:
    throttle = LoginThrottle(size=10)
    for step, (name, address) in enumerate(tries):
        throttle.failed(str(name), str(address), T0 + step)
        assert 0 <= throttle.wait_s(str(name), str(address), T0 + step) <= 300
    assert all(len(table) <= 10 for table in (throttle.pairs, throttle.addresses, throttle.accounts))


def test_a_right_password_without_a_code_clears_nothing() -> None:
    throttle = LoginThrottle()
    for _ in range(PER_PAIR.free + 3):
        throttle.failed("lan", "10.0.0.1", T0)
    before = throttle.wait_s("lan", "10.0.0.1", T0)
    throttle.failed("lan", "10.0.0.1", T0)
    throttle.withdrawn("lan", "10.0.0.1")
    assert throttle.wait_s("lan", "10.0.0.1", T0) == before > 0


def test_codes_are_slowed_down_by_account_wherever_they_come_from() -> None:
    throttle = LoginThrottle()
    for _ in range(PER_CODE.free):
        throttle.codes.add("lan", T0)
    assert throttle.code_wait_s("lan", T0) == 0
    for _ in range(20):
        throttle.codes.add("lan", T0)
    assert throttle.code_wait_s("lan", T0) == PER_CODE.limit_s
    throttle.codes.forget("lan")
    assert throttle.code_wait_s("lan", T0) == 0


UNITS = st.sampled_from(["a", "b", "c", "d"])
REACH = st.none() | st.frozensets(UNITS)
GRANTS = st.lists(st.tuples(st.sampled_from(sorted(ROLES)), REACH), max_size=4)


def everything(held: dict[PermissionName, Schools]) -> set[tuple[str, str]]:
    """All single rights; the unit `*` stands for what nobody has named."""
    return {
        (name, unit)
        for name, where in held.items()
        for unit in (["a", "b", "c", "d", "*"] if where is None else where)
    }


@given(GRANTS, st.sampled_from(sorted(ROLES)), REACH)
def test_nobody_gives_more_than_they_have(held: list[tuple[str, Schools]], role: str, where: Schools) -> None:
    own = permitted(held)
    given_rights = everything(permitted([(role, where)]))
    assert may_grant(own, role, where) == (
        given_rights <= everything(own) and set(permitted([(role, where)])) <= set(own)
    )


@given(GRANTS, GRANTS)
def test_a_token_may_what_both_it_and_its_account_may(
    own: list[tuple[str, Schools]], limit: list[tuple[str, Schools]]
) -> None:
    both = everything(permitted(own)) & everything(permitted(limit))
    assert everything(within(permitted(own), permitted(limit))) == both


def test_a_role_of_a_newer_version_is_given_by_nobody_who_may_less_than_everything() -> None:
    assert not may_grant(permitted([("operations", None)]), "of-a-newer-version", None)
    assert may_grant(permitted([("administrator", None)]), "of-a-newer-version", None)


def test_everybody_lands_on_the_page_of_the_role_that_permits_most() -> None:
    assert set(HOMES) == set(ROLES)
    assert home_of(["technician", "administrator"]) == "/org"
    assert home_of(["contributor"]) == "/school"
    assert home_of([]) == "/account"


def test_passwords_that_everybody_tries_are_refused() -> None:
    for weak in (
        "short",
        "aaaaaaaaaaaaaaaa",
        "matkhau123",
        "Mật khẩu 1",
        "lan.nguyen1",
        "1234567890",
        "x" * 300,
    ):
        assert password_fault(weak, "lan.nguyen"), weak
    for good in ("ba con trâu ăn cỏ", "vW9-kk3Tz0p", "cà phê sữa đá 5h"):
        assert not password_fault(good, "lan.nguyen"), good
