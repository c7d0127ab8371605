"""What is wrong with the database, in one line that names the fix."""

import re

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError


class NewerDatabase(Exception):
    """The schema of the database is one that this hub does not know."""

    def __init__(self, found: str, known: str) -> None:
        super().__init__(f"it was made by a newer hub: its schema is {found}, this one knows up to {known};"
                         " install that version again, or restore a backup made before it"
                         " (docs/installing.md)")  # fmt: skip


# what PostgreSQL and libpq say -> what it means and what to do; {name} and {user} are of the URL
_POSTGRES = (
    (r'database ".*" does not exist',
     'there is no database "{name}"; make it: createdb --owner={user} {name}'),
    (r'role ".*" does not exist', 'there is no role "{user}"; make it: createuser --pwprompt {user}'),
    (r"password authentication failed", 'the password of "{user}" is wrong; correct it in HUB_DATABASE_URL'),
    (r"no password supplied", 'it asks for a password of "{user}"; write user:password@ in HUB_DATABASE_URL'),
    (r"no pg_hba.conf entry|authentication failed",
     '"{user}" may not come from here; allow it in pg_hba.conf'),
    (r"failed to resolve|could not translate", "there is no host {host}; correct it in HUB_DATABASE_URL"),
    (r"Connection refused|No such file|timeout|unreachable|No route",
     "nobody answers at {host}:{port}; start PostgreSQL, or correct HUB_DATABASE_URL"),
    (r"permission denied for (schema|database)",
     '"{user}" may not make tables; make it the owner: ALTER DATABASE "{name}" OWNER TO "{user}"'),
    (r"permission denied", '"{user}" lacks rights on its tables; give them back to it: REASSIGN OWNED'),
    (r"too many (clients|connections)|remaining connection slots",
     "it has no free connection; raise max_connections or end other programs"),
    (r"starting up|shutting down|recovery mode", "it is starting or ending; wait"),
    (r"read-only transaction", "it takes no changes (a standby?); name the primary in HUB_DATABASE_URL"),
    (r"No space left|could not extend", "its disk is full; make room"),
)  # fmt: skip
_SQLITE = (
    (r"unable to open", "it cannot be opened; run this as the hub's account, or correct HUB_DATA_DIR"),
    (r"readonly", "it cannot be written; run this as the hub's account"),
    (r"locked|busy", "another program holds it; end that, or try again"),
    (r"not a database|malformed", "the file is damaged, or is no database; restore a backup: hub restore"),
    (r"disk is full", "the disk is full; make room"),
    (r"disk I/O error", "the disk gives an error; look at it, then restore a backup if need be"),
)


def database_problem(error: BaseException, url: str) -> str:
    """Says in one line what an error of the database at `url` means and what to do; never its password."""
    if isinstance(error, NewerDatabase):
        return str(error)
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = str(cause).strip()
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    for pattern, meaning in _SQLITE if sqlite else _POSTGRES:
        if re.search(pattern, said):
            host = parsed.host or str(parsed.query.get("host", "the local socket"))
            return meaning.format(
                name=parsed.database, user=parsed.username or "", host=host, port=parsed.port or 5432
            )
    # SQLAlchemy's own text would add the statement, its values, and a link
    first = said.splitlines()[0] if said else type(cause).__name__
    return f"{first}; `hub doctor` looks at the rest"


def is_of_database(error: BaseException) -> bool:
    """Tells whether an error is the database's, not a fault of a program that asked it wrongly."""
    return isinstance(error, (NewerDatabase, DBAPIError)) and not isinstance(error, IntegrityError)


def without_password(url: str) -> str:
    """Gives a URL as it may be shown."""
    scheme, slashes, rest = url.partition("://")
    return scheme + slashes + rest.rpartition("@")[2]
