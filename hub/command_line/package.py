"""`hub package`: make and sign packages of the agent's software."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from devices.packages import PackageError, build, digest_of, is_signed, new_key, read_manifest, sign

packages = typer.Typer(no_args_is_help=True, help="Make and sign packages of the agent's software.")

_PackageFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The package.")]


@packages.command("key")
def make_key(
    output: Annotated[Path, typer.Option(help="Where the private key goes; keep it off the hub.")],
) -> None:
    """Make a pair of keys: the private one into a file, the public one for hub and agents printed."""
    private, public = new_key()
    try:
        number = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise _failed(f"{output} cannot be made ({error.strerror}); name a new file") from None
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write(private + "\n")
    print(public)


@packages.command("build")
def make_package(
    version: Annotated[str, typer.Option(help="Numbers such as 1.4.0, higher than what agents have.")],
    output: Annotated[Path, typer.Option(help="The package, ….tar.gz.")],
    wheel: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="A wheel to put in; without any, one of --source."),
    ] = None,
    source: Annotated[Path, typer.Option(help="The project's folder, if no wheel is given.")] = Path(),
) -> None:
    """Make a package of wheels; what they need and it does not hold has to be on the agents already."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            wheels = wheel or _wheel_of(source, Path(folder))
            manifest = build(output, version, wheels)
    except (PackageError, OSError) as error:
        output.unlink(missing_ok=True)
        raise _failed(str(error)) from None
    print(f"{output}: version {manifest.version}, {', '.join(manifest.wheels)}")


@packages.command("sign")
def sign_package(
    package: _PackageFile,
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The private key's file.")],
) -> None:
    """Print the signature of a package."""
    try:
        manifest = read_manifest(package)
        print(sign(key.read_text(encoding="ascii"), digest_of(package)))
    except (PackageError, OSError, UnicodeDecodeError) as error:
        raise _failed(str(error)) from None
    print(f"signed: version {manifest.version}", file=sys.stderr)


@packages.command("check")
def check_package(
    package: _PackageFile,
    public_key: Annotated[str, typer.Option(help="The public key.")],
    signature: Annotated[str, typer.Option(help="What `hub package sign` printed.")],
) -> None:
    """Say whether this key signed this very file."""
    try:
        manifest = read_manifest(package)
    except PackageError as error:
        raise _failed(str(error)) from None
    if not is_signed([public_key], digest_of(package), signature):
        raise _failed("this key did not sign this file")
    print(f"version {manifest.version}, signed by this key")


def _wheel_of(source: Path, folder: Path) -> list[Path]:
    # of a copy: a build leaves files in its folder, and takes up those that an earlier one left
    copy = folder / "source"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns(".*", "build", "data", "*.egg-info", "tests"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), "."]
    made = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    if made.returncode:
        raise PackageError(f"{source.resolve()} gives no wheel: {made.stderr.strip()[-500:]}")
    return list(folder.glob("*.whl"))


def _failed(text: str) -> typer.Exit:
    print(text, file=sys.stderr)
    return typer.Exit(1)
