"""The equipment register: what there is, where, since when, in what state, and what it is known by."""
