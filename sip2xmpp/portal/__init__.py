"""HTTP: health today, pages and an API later."""
