"""XCAP over HTTP: documents of users that clients keep on the server, and edit there."""
