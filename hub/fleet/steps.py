"""What the sender does when it looks: answers, drift, roll-outs, what is due to be sent; never commits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from devices.sections import canonical
from hub.audit.trail import Entry, record
from hub.fleet import rules, service
from hub.fleet.rules import Member, Reported
from hub.fleet.service import Key
from hub.fleet.shown import reported, value_of
from hub.fleet.tables import AgentConfiguration, AgentPackage, AgentRequest, Rollout, RolloutAgent
from hub.live.documents import Mirrored

CONTROL = "hub:control"
RESULT_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to be sent now, once the transaction has committed."""

    key: Key
    text: str


class Look:
    """One look at everything, in one transaction; `busy` says that something is under way."""

    def __init__(
        self,
        session: AsyncSession,
        seen: Callable[[Key], Mirrored | None],
        url_of: Callable[[str], str],
        now_ms: int,
    ) -> None:
        self._session, self._seen, self._url_of, self._now_ms = session, seen, url_of, now_ms
        self.busy = False

    async def run(self) -> list[Outgoing]:
        """Does all of it; gives what is to be sent."""
        for request in await service.open_requests(self._session):
            self._answer(request)
        wanted = await service.wanted_configurations(self._session)
        await self._configurations(wanted)
        for rollout in await service.running_rollouts(self._session):
            self.busy = True
            while await self._advance(rollout):
                pass
        return await self._due()

    def _reported(self, key: Key) -> Reported:
        return reported(self._seen(key))

    # -- answers -------------------------------------------------------------------------------------

    def _answer(self, request: AgentRequest) -> None:
        told = answer_of(self._seen((request.group_code, request.node)), request.id)
        if told is not None and (state := rules.answered(request.state, str(told.get("state")))):
            request.state = state
            request.detail = str(told.get("detail") or "")[:2000]
            if state == "taken":
                request.taken_ms = self._now_ms
                request.next_ms = self._now_ms + rules.wait_ms("taken", 0)
            else:
                request.ended_ms = self._now_ms
                request.result = canonical(_own_fields(told))[:RESULT_MOST]
        elif over := rules.ended(request.state, request.expires_ms, self._now_ms):
            service.end(request, *over, self._now_ms)

    # -- configurations ------------------------------------------------------------------------------

    async def _configurations(self, wanted: Mapping[Key, AgentConfiguration]) -> None:
        asked = await service.last_requests(self._session, "configure", list(wanted))
        for key, row in wanted.items():
            said, last = self._reported(key), asked.get(key)
            before = row.state
            if last is not None and json.loads(last.content)["version"] != row.version:
                last = None
            if last is not None and row.state == "pending" and last.state in {"refused", "failed"}:
                if last.state == "refused":
                    _set(row, "refused", last.detail, self._now_ms)
                elif last.detail.startswith("rolled_back"):
                    _set(row, "rolled_back", last.detail, self._now_ms)
            state = rules.config_state((row.version, row.hash, row.state), said)
            if state == "in_step" and last is not None and last.state == "taken":
                state = "pending"  # it tries it out: only its "done" says that it stays
            if state != row.state:
                _set(row, state, rules.drift(before, row.version, said), self._now_ms)
            if row.state != "pending" or not said.present:
                continue
            self.busy = True
            is_open = last is not None and last.state in rules.OPEN
            again_ms = 0 if last is None or row.detail else rules.again_ms(last.ended_ms or 0, last.detail)
            if not is_open and self._now_ms >= again_ms:
                content = service.configure_content(row)
                await service.add_request(self._session, key, "configure", content, row.by, self._now_ms)

    # -- roll-outs -----------------------------------------------------------------------------------

    async def _advance(self, rollout: Rollout) -> bool:
        """Takes a roll-out one step further; true if there may be another one at once."""
        members = await service.members(self._session, rollout.id)
        package = await service.find_package(self._session, rollout.package) if rollout.package else None
        for member in members:
            if member.stage <= rollout.stage and member.state == "waiting":
                await self._begin(rollout, member)
            if member.state == "pending":
                await self._follow(rollout, member, package)
        facts = [
            Member(each.stage, each.state, self._reported((each.group_code, each.node)).present)  # type: ignore[arg-type]
            for each in members
        ]
        verdict = rules.judge(service.plan_of(rollout), facts, rollout.stage, rollout.stage_ms, self._now_ms)
        if verdict.step == "next":
            rollout.stage, rollout.stage_ms = rollout.stage + 1, self._now_ms
            return True
        if verdict.step in {"done", "abort"}:
            state = "done" if verdict.step == "done" else "aborted"
            await service.end_rollout(self._session, rollout, state, verdict.why, self._now_ms)
            entry = Entry(
                CONTROL, "loop", f"rollout.{verdict.step}", f"rollout:{rollout.id}", text=verdict.why
            )
            await record(self._session, entry)
        return False

    async def _begin(self, rollout: Rollout, member: RolloutAgent) -> None:
        key = (member.group_code, member.node)
        self._put(member, "pending", "")
        if rollout.kind != "configuration":
            return
        change = json.loads(rollout.change)
        wanted = (await service.wanted_configurations(self._session, key)).get(key)
        before = json.loads(wanted.content) if wanted is not None else {}
        if change.get("set") and before.get("devices") is None:
            self._put(member, "skipped", "the hub does not know its devices: give it a configuration first")
            return
        content, note = rules.changed(before, change), f"roll-out {rollout.id}"
        made = await service.add_configuration(self._session, key, content, rollout.by, self._now_ms, note)
        member.version = made.version
        if wanted is None or wanted.hash != made.hash:
            request = service.configure_content(made)
            await service.add_request(self._session, key, "configure", request, rollout.by, self._now_ms)

    async def _follow(self, rollout: Rollout, member: RolloutAgent, package: AgentPackage | None) -> None:
        key = (member.group_code, member.node)
        if rollout.kind == "update":
            await self._follow_update(rollout, member, package)
            return
        wanted = (await service.wanted_configurations(self._session, key)).get(key)
        if wanted is None or wanted.version != member.version:
            self._put(member, "skipped", "somebody wants another configuration of it meanwhile")
        elif wanted.state == "in_step":
            self._put(member, "in_step", "")
        elif wanted.state in {"refused", "rolled_back"}:
            self._put(member, "failed", wanted.detail or wanted.state)

    async def _follow_update(
        self, rollout: Rollout, member: RolloutAgent, package: AgentPackage | None
    ) -> None:
        key = (member.group_code, member.node)
        if package is None:
            self._put(member, "failed", "the package is gone")
            return
        said = self._reported(key)
        last = (await service.last_requests(self._session, "update", [key])).get(key)
        if last is not None and (
            last.created_ms < rollout.created_ms or json.loads(last.content)["version"] != package.version
        ):
            last = None
        if said.version == package.version and (last is None or last.state not in rules.OPEN):
            self._put(member, "in_step", "")
        elif last is not None and last.state in {"refused", "failed"}:
            self._put(member, "failed", last.detail or last.state)
        elif (last is None or last.state == "expired") and said.present:
            content = {
                "version": package.version, "url": self._url_of(package.version),
                "sha256": package.sha256, "signature": package.signature,
            }  # fmt: skip
            await service.add_request(self._session, key, "update", content, rollout.by, self._now_ms)

    def _put(self, member: RolloutAgent, state: str, detail: str) -> None:
        member.state, member.detail, member.state_ms = state, detail, self._now_ms

    # -- sending -------------------------------------------------------------------------------------

    async def _due(self) -> list[Outgoing]:
        """Writes down as sent what goes out now: one unheard request an agent at a time, if it is there."""
        found: list[Outgoing] = []
        waiting: set[Key] = set()
        for request in await service.open_requests(self._session):
            self.busy = True
            key = (request.group_code, request.node)
            document = self._seen(key)
            if key in waiting or document is None or document.presence.state != "born":
                continue
            if request.state != "taken":
                waiting.add(key)
            if request.next_ms > self._now_ms:
                continue
            if request.state == "queued":
                request.state, request.sent_ms = "sent", self._now_ms
            request.next_ms = self._now_ms + rules.wait_ms(request.state, request.tries)
            request.tries += 1
            content = {**json.loads(request.content), "id": request.id, "kind": request.kind}
            found.append(Outgoing(key, canonical({**content, "expires_ms": request.expires_ms})))
        return found


def answer_of(document: Mirrored | None, request_id: str) -> dict[str, Any] | None:
    """Gives what an agent answered to this request, if that is the last thing it answered."""
    text = None if document is None else value_of(document, "Agent/Result")
    if not isinstance(text, str) or request_id not in text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("id") == request_id else None


def _own_fields(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in {"id", "state", "detail", "again"}}


def _set(row: AgentConfiguration, state: str, detail: str, now_ms: int) -> None:
    row.state, row.detail, row.state_ms = state, detail, now_ms
