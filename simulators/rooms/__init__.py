"""A whole room of devices that speak their real protocols, for agents that cannot tell it from a real one."""
