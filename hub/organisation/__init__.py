"""The province's units, effective-dated, and the rooms of its schools."""
