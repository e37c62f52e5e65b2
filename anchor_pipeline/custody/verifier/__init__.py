"""The browser verifier: one HTML file, made of the modules in this folder, that checks a release and trusts nobody."""
