"""Dovecot and Postfix judge our sign-in to mail: servers that nobody here wrote."""
