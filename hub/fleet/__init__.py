"""The agents of the schools: what each should be, staged roll-outs, packages, and requests to them."""
