"""The command line: what an operator and a script say to the gateway and to its store."""
