"""How much redaction lets through and how much it takes too much, ours and others'.

`python -m bench.redaction --help`. What runs in the environment of the rivals (`gather`,
`rivals` and what they import) knows nothing of Indelible.
"""
