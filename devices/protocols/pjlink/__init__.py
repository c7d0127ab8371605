"""PJLink, classes 1 and 2: what projectors of most makes speak over TCP (JBMIA, port 4352)."""
