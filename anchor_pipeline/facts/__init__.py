"""What is measured of documents, once, and combined per cycle."""
