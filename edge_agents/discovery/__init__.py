"""What stands in a room and is not configured yet: searched for by several methods, told as proposals."""
