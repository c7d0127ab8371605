"""What nodes and devices exist, who claimed them, when they were present, and what could not be read."""
