"""Users, documents and watchers of other servers: read from their databases, and made into ours."""
