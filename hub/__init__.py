"""The hub: what runs at the department and keeps, judges and shows what the schools report."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("smart-classroom-hub")
except PackageNotFoundError:  # a checkout that was never installed: only its own tests see this
    __version__ = "0+unknown"
