"""The build a web role runs, so that screens that stay open for months notice a new one."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def build_id(version: str, folders: Iterable[Path]) -> str:
    """Gives the version with a digest of the code and files in the folders: the same on every machine."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(folder)).encode())
                digest.update(path.read_bytes())
    return f"{version}+{digest.hexdigest()[:12]}"
