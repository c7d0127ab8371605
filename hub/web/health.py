"""Is the process alive, can it do its work, and what does it count: `/healthz`, `/readyz`, `/metrics`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from hub.database import Database
from hub.web.access import public

CHECK_TIMEOUT_S = 2.0

router = APIRouter(tags=["health"], dependencies=[Depends(public)])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class CheckResult(BaseModel):
    """What one check found; `detail` says why it is not ok. What is not `needed` may fail."""

    name: str
    ok: bool
    detail: str = ""
    needed: bool = True


class Readiness(BaseModel):
    """All checks together."""

    ready: bool
    checks: list[CheckResult]


@dataclass(frozen=True, slots=True)
class Check:
    """Something the hub depends on; `run` gives what is wrong, or an empty string."""

    name: str
    run: Callable[[], Awaitable[str]]
    needed: bool = True


def database_check(database: Database) -> Check:
    """Asks the database for a row."""

    async def run() -> str:
        try:
            await database.ping()
        except (SQLAlchemyError, OSError) as error:
            return f"does not answer: {type(error).__name__}"
        return ""

    return Check("database", run)


@router.get("/healthz")
async def healthz() -> Health:
    """Says that the process answers; asks nobody else."""
    return Health()


async def checked(request: Request) -> list[CheckResult]:
    """Runs all checks at once, each within its time."""
    checks: list[Check] = request.app.state.checks

    async def result(check: Check) -> CheckResult:
        try:
            wrong = await asyncio.wait_for(check.run(), CHECK_TIMEOUT_S)
        except TimeoutError:
            wrong = f"no answer within {CHECK_TIMEOUT_S:g} s"
        return CheckResult(name=check.name, ok=not wrong, detail=wrong, needed=check.needed)

    return list(await asyncio.gather(*map(result, checks)))


@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(results: Annotated[list[CheckResult], Depends(checked)], response: Response) -> Readiness:
    """Says whether database, broker and ingest are there and fresh; 503 and the reason if not."""
    ready = all(result.ok or not result.needed for result in results)
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, checks=results)


@router.get("/metrics", response_class=Response)
async def metrics() -> Response:
    """Gives the process's counters for Prometheus; no names of people, schools or rooms are in them."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
