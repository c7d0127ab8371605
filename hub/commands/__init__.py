"""Commands to devices: their life, groups, scenes, and what is wanted beside what is observed."""
