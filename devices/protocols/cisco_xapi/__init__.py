"""Conference codecs by Cisco xAPI: JSON-RPC over a WebSocket."""
