"""Probes: frozen models that say how surprising a text is, in bits."""
