"""Spreadsheets and bundles brought in and given out: checked row by row, taken whole or not at all."""
