"""Modbus TCP (port 502): meters, air conditioners, relays, whatever has registers."""
