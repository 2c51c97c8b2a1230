"""Entra sign-in: discovery, the token endpoint and the ways a person signs in."""
