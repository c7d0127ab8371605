"""What the routes about login providers take and give."""

from pydantic import BaseModel, ConfigDict, Field


class ProviderOut(BaseModel):
    """A provider people may log in with; a browser goes to `start_url`, with `?next=` if it likes."""

    id: str
    name: str
    start_url: str
    logout_url: str


class StartOut(BaseModel):
    """Where the browser goes next."""

    start_url: str


class LinkIn(BaseModel):
    """Which provider's identity is to become one of the own account."""

    model_config = ConfigDict(extra="forbid")

    provider: str = Field(max_length=32)


class SubjectIn(BaseModel):
    """What a provider calls a person: its `sub`, opaque; never a number of the person."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(min_length=1, max_length=255)


class IdentityOut(BaseModel):
    """An identity of an account; `verified` once the person has logged in with it."""

    id: int
    provider: str
    name: str
    verified: bool
    managed: bool
    linked_ms: int
    last_login_ms: int | None
