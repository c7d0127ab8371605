"""Saved views as the API takes and gives them."""

from pydantic import BaseModel, ConfigDict, Field

from hub.views.rules import MAX_QUERY_CHARACTERS


class ViewIn(BaseModel):
    """What to save: the page and the filters of its address, such as `kind=projector&presence=dead`."""

    model_config = ConfigDict(extra="forbid")

    page: str = Field(max_length=16)
    query: str = Field("", max_length=MAX_QUERY_CHARACTERS)


class ViewOut(BaseModel, from_attributes=True):
    """A saved view of the asker."""

    name: str
    page: str
    query: str
    changed_ms: int
