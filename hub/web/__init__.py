"""What all HTTP features share: who may do what, problem documents, paging, health, headers."""
