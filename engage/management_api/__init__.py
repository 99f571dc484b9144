"""The management API under /api/v1/: segments, traits and users, for servers with a secret key."""
