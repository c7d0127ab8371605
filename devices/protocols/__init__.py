"""How devices are spoken to, one folder a protocol; a library is loaded by the first device that needs it."""
