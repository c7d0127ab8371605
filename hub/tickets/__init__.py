"""Faults that somebody has to mend: who has them, by when, and who hears of it if not."""
