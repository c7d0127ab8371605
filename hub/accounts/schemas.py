"""What logging in takes and gives."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class LogIn(BaseModel):
    """Who wants to log in."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1, max_length=256)


class GrantOut(BaseModel):
    """A role in a unit and everything below it; `*` is everything."""

    role: str
    unit: str


class SessionOut(BaseModel):
    """Who is asking and what is permitted somewhere; `everywhere` names what is permitted in all schools."""

    username: str
    name: str
    kind: Literal["session", "api", "wall"]
    language: str
    grants: list[GrantOut]
    permissions: list[str]
    everywhere: list[str]
