"""Spreadsheets and bundles brought in and given out: read, checked row by row, then taken whole or not at all."""
