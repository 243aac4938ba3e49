"""The files in etc/beside, run as they are by the servers that they are for."""
