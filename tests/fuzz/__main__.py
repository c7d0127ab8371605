"""Runs every fuzz target in a process of its own for a bounded time; `python -m tests.fuzz --seconds 120`.

Ends with exit code 1 and names the input when a target finds something. An input is tried again with
`python -m tests.fuzz.codec FILE`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.fuzz import seeds

ROOT = Path(__file__).parents[2]
TARGETS: dict[str, Callable[[Path], None]] = {
    "codec": seeds.write_codec,
    "topics": seeds.write_topics,
    "ingest": seeds.write_ingest,
}
_ONE_INPUT_S = 20
_MEMORY_MB = 2_000


def fuzz(target: str, seconds: int, found: Path) -> tuple[str, list[Path]]:
    """Run one target; returns its last figures, and the inputs that it could not bear."""
    before = set(found.glob(f"{target}-*"))
    with tempfile.TemporaryDirectory(prefix="hub-corpus-") as folder:
        TARGETS[target](Path(folder))
        command = [
            sys.executable, "-m", f"tests.fuzz.{target}", folder, f"-max_total_time={seconds}",
            "-max_len=65536", f"-timeout={_ONE_INPUT_S}", f"-rss_limit_mb={_MEMORY_MB}",
            f"-artifact_prefix={found}/{target}-", "-print_final_stats=1",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    new = sorted(set(found.glob(f"{target}-*")) - before)
    if done.returncode != 0:
        (found / f"{target}.log").write_text(done.stdout + done.stderr)
        return f"exit code {done.returncode}, see {found / target}.log", new or [found / f"{target}.log"]
    figures = dict(
        line.removeprefix("stat::").split(":", 1)
        for line in done.stderr.splitlines()
        if line.startswith("stat::")
    )
    return f"{figures.get('number_of_executed_units', '?').strip()} inputs", new


def main() -> int:
    """Run the targets one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="for each target")
    parser.add_argument("--found", type=Path, default=Path("data/fuzz"), help="where bad inputs are kept")
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="|".join(TARGETS))
    options = parser.parse_args()
    options.found.mkdir(parents=True, exist_ok=True)
    bad = 0
    for target in options.targets:
        figures, inputs = fuzz(target, options.seconds, options.found.resolve())
        bad += len(inputs)
        print(f"{target:8} {figures}", *(f"\n         {path}" for path in inputs), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
