"""Accounts and their roles as a spreadsheet: a row is a person in a role at a unit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.rules import ROLES, covers, may_grant
from hub.accounts.service import create_account
from hub.accounts.tables import Account, Grant
from hub.folding import folded
from hub.organisation.tree import Tree
from hub.organisation.trees import load, scope
from hub.sheets import By, Change, Column, Sheet, Tell, Trouble, Values, merged, outside
from hub.web.principal import PermissionName, Schools

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
_ROLE_WORDS: Mapping[str, tuple[str, ...]] = {
    "administrator": ("Quản trị hệ thống",),
    "operations": ("Trực ca vận hành", "Vận hành"),
    "technician": ("Kỹ thuật viên",),
    "school_admin": ("Quản trị trường", "School admin"),
    "contributor": ("Cộng tác viên",),
    "budget_viewer": ("Kế hoạch – tài chính", "Kế hoạch tài chính", "Budget viewer"),
    "inspector": ("Thanh tra",),
}


@dataclass(frozen=True, slots=True)
class _Facts:
    tree: Tree
    today: date
    own: Mapping[PermissionName, Schools]
    taken: frozenset[str]
    """Accounts whose every grant is elsewhere: their names are taken, and nothing else is known of them."""


class UserSheet(Sheet):
    """People in roles at units; new ones come in without a password, which an administrator sets."""

    id, vi, en = "users", "Người dùng", "Users"
    permission = "accounts.write"
    key = ("username", "role", "unit")
    columns = (
        Column("username", "Tên đăng nhập", "Username", "code", required=True, example="nguyen.an",
               also=("Tài khoản",)),
        Column("name", "Họ và tên", "Name", required=True, example="Nguyễn Văn An", also=("Họ tên", "Tên"),
               max_characters=200),
        Column("role", "Vai trò", "Role", "choice", required=True, example="school_admin",
               choices={name: _ROLE_WORDS.get(name, ()) for name in ROLES}),
        Column("unit", "Mã đơn vị", "Unit", "code", required=True, example="24052101", also=("Đơn vị",)),
        Column("language", "Ngôn ngữ", "Language", "choice", example="vi",
               choices={"vi": ("Tiếng Việt", "Vietnamese"), "en": ("Tiếng Anh", "English")}),
    )  # fmt: skip

    def prepare(self, values: Values, seen: dict[object, object]) -> None:
        """Usernames have small letters."""
        values["username"] = values["username"].lower()

    async def facts(self, session: AsyncSession, by: By) -> _Facts:
        """Gives the tree, what the importer may, and names that are taken elsewhere."""
        names = frozenset((await session.execute(select(Account.username))).scalars())
        if by.scope is not None:
            mine = select(Account.username).join(Grant).where(Grant.unit_code.in_(by.scope))
            taken = names - frozenset((await session.execute(mine)).scalars())
        else:
            taken = frozenset()
        return _Facts(await load(session), by.today, by.own, taken)

    async def existing(self, session: AsyncSession, scope: Schools) -> AsyncIterator[Values]:
        """Gives grants by username."""
        query = select(Account.username, Account.name, Account.language, Grant.role, Grant.unit_code).join(
            Grant
        )
        if scope is not None:
            query = query.where(Grant.unit_code.in_(scope))
        for row in await session.execute(query.order_by(Account.username, Grant.role, Grant.unit_code)):
            yield {"username": row.username, "name": row.name, "role": row.role, "unit": row.unit_code,
                   "language": row.language}  # fmt: skip

    def check(self, values: Values, before: Values | None, facts: _Facts) -> Iterable[Trouble]:
        """Nobody gives more than they have, and nobody changes who can do more than they."""
        username, unit = values["username"], values["unit"]
        if not _USERNAME.fullmatch(username):
            yield Trouble("username", username, "a username has small letters without marks, digits, . _ @ -",
                          "write such as nguyen.an", "bad_code")  # fmt: skip
        if username in facts.taken:
            yield Trouble("username", username, "this username cannot be used", "choose another", "taken")
        where = scope(facts.tree, unit, facts.today)
        if where == frozenset() or not covers(facts.own.get("accounts.write", frozenset()), where):
            yield outside("unit", unit)
        elif not may_grant(facts.own, values["role"], where):
            yield Trouble("role", values["role"], "this role permits more there than you may yourself",
                          "choose a role that permits no more than your own", "beyond_own")  # fmt: skip

    async def apply(self, session: AsyncSession, changes: Sequence[Change], by: By, tell: Tell) -> None:
        """Adds accounts and grants, and corrects names and languages."""
        known = {row.username: row.id for row in await session.execute(select(Account.username, Account.id))}
        for done, change in enumerate(changes, 1):
            values = merged(change, self.columns)
            username, name, language = values["username"], values["name"], values["language"] or "vi"
            if username not in known:
                known[username] = await create_account(
                    session, username, name, "", [], language, now_ms=by.now_ms
                )
            elif "name" in change.values:
                await session.execute(
                    update(Account)
                    .where(Account.id == known[username])
                    .values(name=name, language=language, search=folded(f"{username} {name}"))
                )
            if change.before is None:
                session.add(Grant(account_id=known[username], role=values["role"], unit_code=values["unit"]))
            tell(done)
        await session.flush()

    def touched(self, values: Values) -> Iterable[tuple[str, str]]:
        """A school's administrator is one of its managers."""
        return ((values["unit"], "managers"),) if values["role"] == "school_admin" else ()
