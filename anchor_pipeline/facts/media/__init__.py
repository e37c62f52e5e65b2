"""What is measured of images, sounds and table rows: perceptual hashes, fingerprints, windows; and what lies near."""
