"""A whole province of schools in one process: every school is an edge node that lives a school day."""
