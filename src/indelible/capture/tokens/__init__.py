"""Whether a token is what it says: keys of its issuer, or its issuer's answer."""
