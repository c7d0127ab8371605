"""The vocabulary every process shares: the wire, the kinds of devices and the list of schools."""
