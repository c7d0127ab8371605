"""Lists as people like to see them: filters and order under a name, each person's own."""
