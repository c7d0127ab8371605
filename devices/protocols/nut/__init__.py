"""NUT, Network UPS Tools (port 3493): whatever UPS its upsd has a driver for."""
