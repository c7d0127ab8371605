"""Copies of everything the hub keeps, made while it runs, and the way back."""
