"""Devices that talk JSON over their room's broker: Zigbee2MQTT, Tasmota, Shelly, and a convention of ours."""
