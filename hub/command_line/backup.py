"""`hub backup` and `hub restore`."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.command_line.configured import configured

if TYPE_CHECKING:
    from hub.backup.manifest import Manifest
    from hub.settings import Settings

_SHOW_EVERY_S = 0.2


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for it, best on another machine's disk.")],
    secrets: Annotated[
        bool,
        typer.Option("--secrets", help="Also keys: certificates of the own authority, of second factors."),
    ] = False,
) -> None:
    """Copy everything the hub keeps into a folder, while it runs."""
    from hub import clock
    from hub.backup.making import make
    from hub.backup.manifest import BackupTrouble

    settings = configured()
    show = _Progress()
    try:
        manifest, digest = make(settings, folder, clock.now_ms(), show.tell, secrets=secrets)
    except BackupTrouble as trouble:
        show.end()
        print(f"error: {trouble}", file=sys.stderr)
        raise typer.Exit(1) from None
    show.end()
    print(
        f"{folder}: {len(manifest.parts)} parts, {manifest.size_bytes / 1e6:.1f} MB, schema {manifest.schema}"
    )
    print(f"SHA-256 of its manifest: {digest}")
    if not secrets:
        print("Without keys (--secrets): copy certificates and accounts.key of the data directory apart.")
    if manifest.telemetry == "elsewhere":
        print("Without measured values: they are in an engine that has backups of its own.")


def restore(
    folder: Annotated[Path, typer.Argument(help="What `hub backup` made.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Where something is already: move that aside.")
    ] = False,
) -> None:
    """Put a backup in place, with the hub stopped; its digests and its schema are checked first."""
    from hub import clock
    from hub.backup.manifest import BackupTrouble
    from hub.backup.restoring import restore as put_back

    settings = configured()
    show = _Progress()
    try:
        restored = put_back(settings, folder, clock.now_ms(), show.tell, replace=replace)
    except BackupTrouble as trouble:
        show.end()
        print(f"error: {trouble}", file=sys.stderr)
        raise typer.Exit(1) from None
    show.end()
    manifest = restored.manifest
    asyncio.run(_note(settings, manifest))
    print(f"The hub is as it was on {_moment(manifest.made_ms)}. Start it: systemctl start hub.target")
    if restored.aside:
        print(f"What was there before is kept: {restored.aside}. Remove it when all is well.")
    if not manifest.secrets and not (settings.data_dir / "accounts.key").exists():
        print(
            "The backup has no keys: put certificates and accounts.key into the data directory,"
            " or the hub makes new ones."
        )


class _Progress:
    """Says how far it is: one line that changes on a terminal, else one line a part."""

    def __init__(self) -> None:
        self._what, self._shown_s = "", 0.0
        self._live = sys.stderr.isatty()

    def tell(self, what: str, done: int, of: int) -> None:
        if not self._live:
            if what != self._what:
                print(what, file=sys.stderr)
        elif what != self._what or time.monotonic() - self._shown_s > _SHOW_EVERY_S:
            share = f"{100 * done // of} %" if of else f"{done / 1e6:.0f} MB" if done else ""
            print(f"\r\x1b[K{what} {share}", end="", file=sys.stderr, flush=True)
            self._shown_s = time.monotonic()
        self._what = what

    def end(self) -> None:
        if self._live and self._what:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


async def _note(settings: Settings, manifest: Manifest) -> None:
    """Brings what was restored up to date, and writes into its own log that it was."""
    from hub.audit.trail import by_command, record
    from hub.database import Database, migrate

    await migrate(settings.database_url)
    database = Database(settings.database_url)
    try:
        async with database.write() as session:
            after = {"made_ms": manifest.made_ms, "version": manifest.version, "schema": manifest.schema}
            await record(session, by_command("backup.restore", "hub", after=after))
    finally:
        await database.close()


def _moment(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ms / 1000))
