"""Bands: between which values a statistic of a bucket of human text lies, calibrated on anchors."""
