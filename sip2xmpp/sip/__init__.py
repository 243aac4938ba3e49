"""A SIP user agent and forwarding proxy without INVITE; knows nothing of presence."""
