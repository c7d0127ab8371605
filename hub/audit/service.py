"""Who changed what, when and from where, in a chain that shows if somebody touched it."""
