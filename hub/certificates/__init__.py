"""The hub's own certificate authority, and how the hub is served over HTTPS."""
