"""SNMP v2c and v3: interfaces of switches, gateways and lines."""
