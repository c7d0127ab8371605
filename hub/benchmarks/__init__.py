"""Speeds that matter, measured on the real thing: `hub bench`."""
