"""Event → record: secrets and personal data are removed before anything is written or hashed."""
