"""
What differs between two documents, by what it means to our operations.

``comparison`` pairs the operations and collects; ``operations``, ``parameters``, ``security`` and ``schemas`` find
kinds of change; ``kinds`` is the one table that says how bad each kind is.
"""

from codegen.changes.comparison import Change, compare

__all__ = ["Change", "compare"]
