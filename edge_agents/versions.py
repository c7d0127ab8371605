"""Versions of the agent's software side by side, and which of them is run.

`versions/<version>` is an environment with what the package of that version brought; behind it comes what the
agent was installed with. `versions/current` points to the one in use; without it the installed one is. The
installed agent always starts first and hands over: it also counts the starts of a version on trial and takes
it back when it does not stay up, whatever that version is able to do itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from devices.packages import Manifest, PackageError, unpack
from edge_agents.probation import TrialFile, verdict

log = logging.getLogger(__name__)

FOLDER, CURRENT = "versions", "current"
RUNNING = "SMART_AGENT_VERSION"
"""Set in a version that was handed over to; its software knows by it what it is."""
BASE, LIBRARY = "SMART_AGENT_BASE", "SMART_AGENT_LIBRARY"
_CHECK_S = 120
_MODULE = ("-P", "-m", "edge_agents.main")  # -P: what lies in the folder it is started in is not the software


class Versions:
    """The folder of versions beside an outbox."""

    def __init__(self, data: Path) -> None:
        self.folder = data / FOLDER
        self.trial = TrialFile(self.folder)

    @property
    def current(self) -> str:
        """The version in use; "" is the installed one."""
        link = self.folder / CURRENT
        try:
            name = str(link.readlink())
        except OSError:
            return ""
        return name if (self.folder / name / "bin" / "python").exists() else ""

    def point_to(self, version: str) -> None:
        """Use a version from the next start on; "" is the installed one. Raises OSError."""
        link = self.folder / CURRENT
        if not version:
            link.unlink(missing_ok=True)
            return
        new = self.folder / f".{CURRENT}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(version)
        new.replace(link)

    def install(self, package: Path, check: Sequence[str]) -> Manifest:
        """Make the environment of a package and try it: `python -m edge_agents.main` with `check`.

        Nothing is left behind if that fails. Raises PackageError, OSError.
        """
        work = self.folder / ".new"
        shutil.rmtree(work, ignore_errors=True)
        try:
            (work / "wheels").mkdir(parents=True)
            manifest = unpack(package, work / "wheels")
            _environment(work)
            library = next(work.glob("lib/python*/site-packages"))
            for name in manifest.wheels:
                _install_wheel(work / "wheels" / name, library)
            shutil.rmtree(work / "wheels")
            lines = [f"import site; site.addsitedir({path!r})\n" for path in _library()]
            (library / "installed.pth").write_text("".join(lines), encoding="utf-8")
            _try(work, manifest.version, check)
            target = self.folder / manifest.version
            shutil.rmtree(target, ignore_errors=True)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return manifest

    def clean(self, keep: set[str]) -> None:
        """Remove versions that nobody needs."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.is_dir() and not path.is_symlink() and path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)


def hand_over(data: Path, argv: Sequence[str]) -> None:
    """Become the version in use, if that is another than the installed one; returns where it is not."""
    if RUNNING in os.environ:
        return
    versions = Versions(data)
    _count_start(versions)
    version = versions.current
    if not version:
        return
    python = versions.folder / version / "bin" / "python"
    environment = {
        **_plain_environment(),
        RUNNING: version,
        BASE: sys.executable,
        LIBRARY: os.pathsep.join(_library()),
    }
    try:
        os.execve(python, [str(python), *_MODULE, *argv], environment)  # noqa: S606 — no shell
    except OSError as error:
        log.error("version %s cannot be started (%s): the installed one goes on", version, error)


def start_anew(argv: Sequence[str]) -> None:
    """Begin the process again with the installed agent, which hands over to the version in use."""
    base = os.environ.pop(BASE, sys.executable)
    for name in (RUNNING, LIBRARY):
        os.environ.pop(name, None)
    os.execv(base, [base, *_MODULE, *argv])  # noqa: S606 — no shell


def _count_start(versions: Versions) -> None:
    trial = versions.trial.read()
    if trial is None or trial.over:
        return
    trial = replace(trial, starts=trial.starts + 1)
    try:
        if verdict(trial, contact=False) == "roll_back":
            versions.point_to(trial.previous)
            trial = replace(trial, over=True)
        versions.trial.write(trial)
    except OSError as error:
        log.error("a version on trial cannot be followed: %s", error)


def _environment(folder: Path) -> None:
    # without pip: wheels are archives that are unpacked, and nothing of a package runs while it is installed
    base = os.environ.get(BASE, sys.executable)
    made = subprocess.run(
        [base, "-m", "venv", "--without-pip", "--symlinks", str(folder)],
        capture_output=True, text=True, timeout=_CHECK_S, check=False,
    )  # fmt: skip
    if made.returncode:
        raise PackageError(f"no environment can be made for it: {_last_line(made.stderr or made.stdout)}")


def _install_wheel(wheel: Path, library: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                path = PurePosixPath(info.filename)
                if path.is_absolute() or ".." in path.parts or "\\" in info.filename:
                    raise PackageError(f"{wheel.name} holds {info.filename!r}, which leads out of it")
                parts = path.parts
                if parts and parts[0].endswith(".data"):
                    if len(parts) < 3 or parts[1] not in {"purelib", "platlib"}:
                        continue  # scripts, headers, documents: the agent has no use for them
                    parts = parts[2:]
                target = library.joinpath(*parts)
                if info.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise PackageError(f"{wheel.name} is no wheel ({error})") from None


def _try(folder: Path, version: str, check: Sequence[str]) -> None:
    python = folder / "bin" / "python"
    environment = {**_plain_environment(), RUNNING: version}
    try:
        tried = subprocess.run(
            [str(python), *_MODULE, *check],
            capture_output=True, text=True, timeout=_CHECK_S, check=False, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PackageError("it does not end when it should only check the settings") from None
    if tried.returncode:
        said = _last_line(tried.stderr or tried.stdout)
        raise PackageError(f"it cannot be started here: {said}")


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}


def _library() -> list[str]:
    if LIBRARY in os.environ:
        return os.environ[LIBRARY].split(os.pathsep)
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    with contextlib.suppress(IndexError):
        return lines[-1][:500]
    return "it said nothing"
