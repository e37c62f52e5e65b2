"""Outside anchors of heads: others saw the ledger as it was, at a time that its owner does not decide.

Bitcoin through OpenTimestamps, within hours, for ever; an RFC 3161 authority, within seconds, as long as its keys hold.
What is stamped is the SHA-256 of a head's text. Extra: anchor-pipeline[stamps].
"""
