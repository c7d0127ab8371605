"""What is said to a PC and what its answers mean. Names of people never leave the PC."""

from __future__ import annotations

from collections.abc import Mapping

# counted on the PC itself: what comes back over the line is a number
STATUS: Mapping[str, str] = {
    "linux": "who | wc -l; nproc; cat /proc/loadavg | cut -d' ' -f1; "
    "awk '/MemTotal/{t=$2}/MemAvailable/{a=$2}END{print 100*(t-a)/t}' /proc/meminfo; "
    "df -P / | awk 'NR==2{print $5+0}'",
    "windows": "powershell -NoProfile -NonInteractive -Command "
    '"$o=Get-CimInstance Win32_OperatingSystem; '
    "$d=Get-CimInstance Win32_LogicalDisk -Filter \\\"DeviceID='C:'\\\"; "
    "@(Get-Process explorer -ErrorAction SilentlyContinue).Count; 100; "
    "(Get-CimInstance Win32_Processor | Measure-Object LoadPercentage -Average).Average; "
    '100*(1-$o.FreePhysicalMemory/$o.TotalVisibleMemorySize); 100*(1-$d.FreeSpace/$d.Size)"',
}
"""Prints five lines: sessions, what makes the load 100 %, the load, memory in use (%), disk in use (%)."""

SHUT_DOWN: Mapping[str, str] = {"linux": "sudo -n systemctl poweroff", "windows": "shutdown /s /t 60 /f"}
"""On Windows with a minute in which somebody can still save."""


def status_of(text: str) -> dict[str, object]:
    """Values by metric from what the status command printed. Raises ValueError."""
    lines = text.split()
    if len(lines) != 5:
        raise ValueError(f"{len(lines)} lines instead of 5")
    sessions, whole, load, memory, disk = (float(line.replace(",", ".")) for line in lines)
    values: dict[str, object] = {"Logged In": sessions > 0}
    for name, value in (("CPU", 100 * load / whole if whole else -1), ("Memory", memory), ("Disk", disk)):
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} = {value:g}")
        values[name] = round(min(100.0, value), 1)
    return values
