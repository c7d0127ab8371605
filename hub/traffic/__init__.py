"""Live Sparkplug traffic, decoded: for `hub tail` and for technicians' pages. Looks, and never answers."""
