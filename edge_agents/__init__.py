"""The edge agent: polls a school's devices, keeps what they say on disk, tells the hub over Sparkplug B."""
