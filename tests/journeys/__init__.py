"""Readable scripts: real servers, the gateway as an operator runs it, and clients that share no code with it."""
