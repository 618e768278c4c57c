"""The pipeline from X's OpenAPI document to ``generated/xchat_client``; never shipped in the wheel."""
