"""What the fleet asks of the database, on both engines."""

from hub.database import Database
from hub.fleet import service
from hub.fleet.rules import Plan
from hub.fleet.steps import Look

ONE, OTHER = ("D703-THPT-02", "a1"), ("D703-THPT-03", "a1")


async def test_the_newest_of_each_agent_counts(database: Database) -> None:
    async with database.write() as session:
        for key, heartbeat_s in ((ONE, 5), (ONE, 6), (OTHER, 7)):
            await service.add_configuration(session, key, {"options": {"heartbeat_s": heartbeat_s}}, "me", 1)
        for at_ms in (1, 2):
            await service.add_request(session, ONE, "update", {"version": f"1.{at_ms}"}, "me", at_ms)
    async with database.read() as session:
        wanted = await service.wanted_configurations(session)
        assert {key: row.version for key, row in wanted.items()} == {ONE: 2, OTHER: 1}
        last = await service.last_requests(session, "update", [ONE, OTHER])
        assert [(key, row.content) for key, row in last.items()] == [(ONE, '{"version":"1.2"}')]
        first = await service.list_requests(session, ONE, None, 1)
        rest = await service.list_requests(session, ONE, (first[0].created_ms, first[0].id), 5)
        assert [row.created_ms for row in (*first, *rest)] == [2, 1]


async def test_a_roll_out_is_seen_by_those_who_see_all_of_it_and_an_aborted_one_leaves_nothing(
    database: Database,
) -> None:
    plan = Plan((50, 100), 0, 60)
    change = {"options": {"log_level": "DEBUG"}}
    async with database.write() as session:
        made = await service.add_rollout(
            session, "configuration", "", plan, change, None, [ONE, OTHER], "me", 1
        )
        await Look(session, lambda key: None, str, 2).run()
        assert len(await service.wanted_configurations(session)) == 1, "the first stage alone"
    async with database.read() as session:
        assert await service.list_rollouts(session, ["D703-THPT-02"], None, 9) == []
        both = await service.list_rollouts(session, ["D703-THPT-02", "D703-THPT-03"], None, 9)
        assert [row.id for row in both] == [made.id]
    async with database.write() as session:
        (rollout,) = await service.running_rollouts(session)
        await service.end_rollout(session, rollout, "aborted", "enough", 3)
    async with database.read() as session:
        assert {row.state for row in await service.members(session, made.id)} == {"skipped"}
        assert await service.running_rollouts(session) == []
