"""How devices are spoken to, one file or folder a protocol. A library is loaded by the first device that needs it."""
