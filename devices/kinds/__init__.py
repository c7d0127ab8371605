"""One file a kind of device, found by being there: each sets `KIND`."""
