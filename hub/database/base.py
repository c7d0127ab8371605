"""The declarative base every feature's `tables.py` builds on, and the column types they share."""

from typing import Annotated

from sqlalchemy import BigInteger, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase, mapped_column

# SQLite numbers rows by itself only for INTEGER keys; PostgreSQL wants 64 bits said
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

RowId = Annotated[int, mapped_column(_ROW_ID, primary_key=True, autoincrement=True)]
Milliseconds = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """Base of all tables; constraints are named, so that migrations can change them on any engine."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
