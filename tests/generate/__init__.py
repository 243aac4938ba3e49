"""What is generated from the code and kept beside it: ``python -m tests.generate`` writes it, a test says when it is stale."""
