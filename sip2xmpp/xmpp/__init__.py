"""The XMPP component link, stanzas in and out; the only importer of wokkel."""
