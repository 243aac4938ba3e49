"""HTTP: health, and the API for programs and operators."""
