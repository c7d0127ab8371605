"""Imports as the database knows them; never commits."""
