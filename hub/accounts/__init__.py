"""People, their roles and scopes, and the tokens by which requests prove who they are."""
