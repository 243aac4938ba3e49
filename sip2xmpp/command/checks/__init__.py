"""What ``sip2xmpp check`` looks at, a module for each part of the neighbourhood.

Each has a function ``look`` that takes a ``Scene`` and gives findings; it changes nothing and ends by itself in seconds.
"""
