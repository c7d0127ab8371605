"""How edge agents come to a certificate, and what the broker is told about them."""
