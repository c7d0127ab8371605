"""`hub import`, `hub user` and `hub token`: what is written into the database by hand."""

import sys
from typing import Annotated

import typer

from hub import clock
from hub.commands.configured import in_database

users = typer.Typer(no_args_is_help=True, help="Accounts of people.")
tokens = typer.Typer(no_args_is_help=True, help="Tokens of programs and wall screens.")


def import_province(
    schools: Annotated[int | None, typer.Option(min=1, help="Only so many, evenly chosen [all].")] = None,
) -> None:
    """Bring the database up to date and fill in the province's schools and offices; again is harmless."""
    from hub.organisation.service import seed_province

    codes = in_database(lambda session: seed_province(session, clock.today(), schools))
    print(f"{len(codes)} schools are in the database.")


@users.command("add")
def add_user(
    username: str,
    role: Annotated[str, typer.Option(help="For example operations or technician.")],
    unit: Annotated[str, typer.Option(help="Code of the school, office or department it is for.")],
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    language: Annotated[str, typer.Option(help="vi or en")] = "vi",
) -> None:
    """Add an account; the password is asked for, or read from standard input."""
    from hub.accounts.service import create_account

    password = _ask_password()
    in_database(
        lambda session: create_account(
            session, username, name or username, password, [(role, unit)], language
        )
    )
    print(f"{username} is {role} of {unit}.")


@users.command("password")
def set_user_password(username: str) -> None:
    """Set an account's password and end its sessions."""
    from hub.accounts.service import set_password

    password = _ask_password()
    if not in_database(lambda session: set_password(session, username, password)):
        print(f"There is no account {username}.", file=sys.stderr)
        raise typer.Exit(1)


@tokens.command("api")
def api_token(
    name: str,
    role: Annotated[str, typer.Option(help="What it may do, as a role.")],
    unit: Annotated[str, typer.Option(help="Code of the unit it is for.")],
    days: Annotated[int, typer.Option(min=1, help="Days until it ends.")] = 365,
) -> None:
    """Create a token for a program; it is shown once."""
    from hub.accounts.service import create_token

    now_ms = clock.now_ms()
    end_ms = now_ms + days * 86_400_000
    print(
        in_database(
            lambda session: create_token(
                session, "api", name, now_ms, role=role, unit_code=unit, expires_ms=end_ms
            )
        )
    )


@tokens.command("wall")
def wall_token(name: str, unit: Annotated[str, typer.Option(help="Code of the unit it shows.")]) -> None:
    """Create a view-only token for a wall screen; it is shown once."""
    from hub.accounts.service import create_wall_token

    now_ms = clock.now_ms()
    print(in_database(lambda session: create_wall_token(session, name, unit, now_ms)))


def _ask_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
