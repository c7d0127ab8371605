import subprocess
import sys
from pathlib import Path

import devices.wire


def test_the_generated_module_is_that_of_the_proto(tmp_path: Path) -> None:
    folder = Path(devices.wire.__file__).parent
    outputs = [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", *outputs, "devices/wire/sparkplug_b.proto"]
    subprocess.run(command, cwd=folder.parent.parent, check=True, timeout=60)
    for name in ("sparkplug_b_pb2.py", "sparkplug_b_pb2.pyi"):
        assert (tmp_path / "devices/wire" / name).read_text() == (folder / name).read_text()
