"""The demonstration: a real Prosody, the gateway, and two users on loopback who see each other and write to each other.

``scene`` starts the servers and the users, ``play`` says what they do one after another and what the other one then has
to see, ``eyes`` reads that from what really arrived, ``programme`` performs it and keeps the times, and ``show`` puts it on
the terminal.  The users share no code with the gateway.
"""
