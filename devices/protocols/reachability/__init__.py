"""Whether a device is there at all, how late and how lossy, by ICMP or TCP."""
