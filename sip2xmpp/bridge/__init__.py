"""The XMPP edge: addressing, mapping, authorizations, JIDs as watchers and presentities, messages."""
