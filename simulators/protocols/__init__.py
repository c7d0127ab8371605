"""Simulated devices that speak the real protocols over real sockets, one file a protocol."""
