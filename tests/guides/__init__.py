"""What the guides in etc/doc tell people to write and to type."""
