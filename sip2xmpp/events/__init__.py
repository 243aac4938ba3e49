"""The SIP edge: event packages, notifier, subscriber, publication compositor, registrar."""
