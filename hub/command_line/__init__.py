"""The long subcommands of `hub`; each imports what it works with when it runs."""
