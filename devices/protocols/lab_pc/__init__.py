"""PCs: presence by the network, waking by a magic packet, the rest over SSH."""
