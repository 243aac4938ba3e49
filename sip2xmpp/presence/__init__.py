"""The seam, the presence agent, composition and the directory; imports neither sip nor xmpp."""
