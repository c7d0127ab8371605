"""What agents find on their networks, and how it becomes devices of theirs."""
