"""From the vendor's guide to a delivered mail, through the command line: the whole chain and its two ways back."""

from __future__ import annotations
