"""Which texts our own model wrote: a linear detector over hashed n-grams, trained on recorded outputs."""
